import dataclasses
import gzip
import json
from pathlib import Path

import pytest
import yaml

from stilts_xtreme.data import hub, miniature
from stilts_xtreme.data.read import Folder, HubCache, Miniature, Reading, digest, languages, read, scored_split
from stilts_xtreme.tasks.catalogue import TARGETS, TASKS
from stilts_xtreme.utils.errors import UserError

CASES = sorted((Path(__file__).parent / "cases" / "readings").glob("*.json"))


def put(folder: Path, files: dict[str, str], packed: bool = False) -> Folder:
    for name, content in files.items():
        path = folder / (f"{name}.gz" if packed else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    return Folder(folder)


def plain(reading: Reading) -> list[dict]:
    examples = [{"kind": type(example).__name__, **dataclasses.asdict(example)} for example in reading.examples]
    return json.loads(json.dumps(examples))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_golden_reading(path: Path, tmp_path: Path) -> None:
    """The raw files become just these examples, plain or packed. If this fails on purpose, raise the task's version."""
    case = json.loads(path.read_text(encoding="utf-8"))
    task, split, language = TASKS[case["task"]], case["split"], case["language"]
    files = {name: "\n".join(lines) for name, lines in case["files"].items()}
    readings = []
    for packed in (False, True):
        where = put(tmp_path / str(packed), files, packed)
        reading = read(task, split, language, where)
        assert plain(reading) == case["examples"]
        assert {key: getattr(reading, key) for key in ("source", "rows", "dropped", "labels")} == {
            key: case[key] for key in ("source", "rows", "dropped", "labels")
        }
        assert reading.digest == digest(task, split, language, where)
        readings.append(reading)
    assert readings[0] == readings[1]
    assert task.version == case["version"]


def nli(count: int, start: int = 0) -> str:
    """Made-up rows; three in a row share their premise."""
    pairs = [(f"Hen {i // 3}.", f"Cow {i}.") for i in range(start, start + count)]
    return "".join(json.dumps({"gold_label": "neutral", "sentence1": a, "sentence2": b}) + "\n" for a, b in pairs)


MNLI, PANX, TATOEBA = TASKS["mnli"], TASKS["panx"], TASKS["tatoeba"]
TRAIN, DEV = "mnli/multinli_1.0_train.jsonl", "mnli/multinli_1.0_dev_matched.jsonl"


def test_a_cut_divides_groups_and_loses_nothing(tmp_path: Path) -> None:
    where = dataclasses.replace(put(tmp_path, {DEV: nli(900)}), cut=True)
    train, dev = read(MNLI, "train", "en", where), read(MNLI, "dev", "en", where)
    assert sorted(example.id for example in train.examples + dev.examples) == sorted(str(i) for i in range(1, 901))
    assert not {example.first for example in train.examples} & {example.first for example in dev.examples}
    assert 40 < len(dev.examples) < 150 and train.rows == dev.rows == 900
    assert train.digest != dev.digest
    # The same half from the same text, wherever it stands: here as the training file.
    other = dataclasses.replace(put(tmp_path / "other", {TRAIN: nli(900)}), cut=True)
    assert read(MNLI, "dev", "en", other).examples == dev.examples


@pytest.mark.parametrize("name", ["squad", "hellaswag", "ccg", "text"])
def test_a_cut_groups_by_what_is_shared(name: str, tmp_path: Path) -> None:
    def paragraph(i: int) -> dict:
        qas = [{"id": f"{i}-{q}", "question": "Who?", "answers": [{"text": "Bo", "answer_start": 0}]} for q in range(3)]
        return {"context": f"Bo ran {i}.", "qas": qas}

    content = {
        "squad": json.dumps({"data": [{"paragraphs": [paragraph(i) for i in range(80)]}]}),
        "hellaswag": "".join(
            json.dumps({"ind": i, "ctx_a": f"Bo ran {i % 80}.", "ctx_b": "he", "endings": list("abcd"), "label": 0}) + "\n"
            for i in range(240)
        ),
        "ccg": "".join(f"Bo\tN\nran\tS\n{i % 80}\tN\n\n" for i in range(240)),
        "text": "".join(f"Bo ran {i % 80}.\n" for i in range(240)),
    }[name]
    task = TASKS[name]
    where = dataclasses.replace(put(tmp_path, {task.sources[0].train[0].replace("{language}", "en"): content}), cut=True)
    groups = []
    for split in ("train", "dev"):
        examples = read(task, split, "en", where).examples
        assert len(examples) % 3 == 0  # every group has three members, and none is torn
        shared = {"squad": "context", "hellaswag": "first", "ccg": "tokens", "text": "text"}[name]
        groups.append({getattr(example, shared) for example in examples})
    assert not groups[0] & groups[1] and len(groups[0] | groups[1]) == 80


def test_no_cut_where_both_splits_are_there(tmp_path: Path) -> None:
    where = put(tmp_path, {TRAIN: nli(30), DEV: nli(12, 500)})
    for folder in (where, dataclasses.replace(where, cut=True)):
        assert [len(read(MNLI, split, "en", folder).examples) for split in ("train", "dev")] == [30, 12]


def sentence(*names: str) -> str:
    return "".join(f"{name}\tB-PER\n\n" for name in names)


def test_dev_is_not_the_scored_file_where_train_can_be_cut(tmp_path: Path) -> None:
    many = sentence(*[f"T{i}" for i in range(60)])
    where = put(tmp_path, {"panx/train-en.tsv": many, "panx/dev-en.tsv": sentence("D"), "panx/dev-de.tsv": sentence("X")})
    cut = dataclasses.replace(where, cut=True)
    assert read(PANX, "test", "en", cut).source == "files:panx/dev-en.tsv"
    assert read(PANX, "dev", "en", cut).source == "files:panx/train-en.tsv (dev half)"
    assert len(read(PANX, "dev", "en", cut).examples) + len(read(PANX, "train", "en", cut).examples) == 60
    assert read(PANX, "dev", "en", where).source == "files:panx/dev-en.tsv"  # without a cut nothing else is there
    assert read(PANX, "dev", "de", cut).source == "files:panx/dev-de.tsv"  # nor in a language without training data
    put(tmp_path, {"panx/test-en.tsv": sentence("E")})
    assert read(PANX, "test", "en", cut).source == "files:panx/test-en.tsv"
    assert read(PANX, "dev", "en", cut).source == "files:panx/dev-en.tsv"


def test_one_layout_for_all_languages(tmp_path: Path) -> None:
    conllu = "1\tBo\t_\tPROPN\t_\t_\t_\t_\t_\t_\n\n"
    where = put(tmp_path, {"udpos/xtreme/test-fi.tsv": "Bo\tX\n", "udpos/ud/UD_German-GSD/de_gsd-ud-test.conllu": conllu})
    udpos = TASKS["udpos"]
    assert languages(udpos, where) == ("fi",)
    with pytest.raises(UserError, match="udpos/xtreme/test-de.tsv") as caught:
        read(udpos, "test", "de", where)
    assert "conllu" not in str(caught.value)
    (tmp_path / "udpos/xtreme/test-fi.tsv").unlink()
    assert languages(udpos, where) == ("de",)


def test_missing_files_say_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read(TATOEBA, "test", "zh", Folder(tmp_path))
    message = str(caught.value)
    assert "tatoeba: no test data in 'zh' below" in message and str(tmp_path) in message and "\n" not in message
    assert "tatoeba/v1/tatoeba.cmn-eng.cmn" in message and "LASER" in message
    with pytest.raises(UserError, match="does not exist"):
        read(TATOEBA, "test", "zh", Folder(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="no labelled train files"):
        read(TASKS["bucc2018"], "train", "de", Folder(tmp_path))
    where = put(tmp_path, {DEV: nli(9)})
    with pytest.raises(UserError, match="there is a dev split, which `cut: true` divides in two"):
        read(MNLI, "train", "en", where)
    for language in ("../en", "*", ""):
        with pytest.raises(UserError, match="is not a language code"):
            read(PANX, "test", language, where)


def test_english_files_are_not_read_for_another_language(tmp_path: Path) -> None:
    where = put(tmp_path, {TRAIN: nli(9), "paws_wiki/train.tsv": "1\ta\tb\t0\n"})
    for task in (MNLI, TASKS["pawsx"]):
        assert len(read(task, "train", "en", where).examples) > 0
        with pytest.raises(UserError, match=f"{task.name}: no train data in 'de'"):
            read(task, "train", "de", where)


def test_a_split_without_examples_is_a_fault(tmp_path: Path) -> None:
    dropped = nli(3).replace("neutral", "-")
    where = put(tmp_path, {TRAIN: dropped, DEV: "", "XNLI-1.0/xnli.test.tsv": "language\tgold_label\tsentence1\tsentence2\n"})
    for task, split in ((MNLI, "train"), (MNLI, "dev"), (TASKS["xnli"], "test")):
        with pytest.raises(UserError, match=f"{task.name}: no {split} examples"):
            read(task, split, "en", where)


def test_languages_are_those_present_and_declared(tmp_path: Path) -> None:
    files = {f"panx/dev-{code}.tsv": sentence("A") for code in ("zh", "af", "pl")}
    files |= {f"mono/{code}.txt": "a\n" for code in ("zh", "sv", "en", "ro")}
    where = put(tmp_path, files, packed=True)
    assert languages(PANX, where) == ("af", "pl", "zh")
    assert languages(TASKS["text"], where) == ("en", "ro", "zh", "sv")
    assert read(TASKS["text"], "train", "sv", where).rows == 1
    assert languages(TATOEBA, where) == () == languages(TASKS["text"], Folder(tmp_path / "nowhere"))


def test_the_digest_follows_names_contents_and_cut(tmp_path: Path) -> None:
    where = put(tmp_path, {DEV: nli(9), "tatoeba/v1/tatoeba.deu-eng.deu": "Ja.\n", "tatoeba/v1/tatoeba.deu-eng.eng": "Yes.\n"})
    seen = {digest(MNLI, "dev", "en", where), digest(MNLI, "dev", "en", dataclasses.replace(where, cut=True))}
    put(tmp_path, {DEV: nli(10)})
    seen.add(digest(MNLI, "dev", "en", where))
    before = digest(TATOEBA, "test", "de", where)
    put(tmp_path, {"tatoeba/v1/tatoeba.deu-eng.eng": "Oh yes.\n"})  # the file beside the one that is named
    assert len(seen) == 3 and digest(TATOEBA, "test", "de", where) != before
    moved = put(tmp_path / "elsewhere", {DEV: nli(10)})
    assert digest(MNLI, "dev", "en", moved) in seen  # where the folder stands does not matter


def test_labels_beside_are_part_of_the_digest(tmp_path: Path) -> None:
    row = {"context": "Bo ran.", "question": "Why?", "answerA": "a", "answerB": "b", "answerC": "c"}
    labels = "socialiqa/dev-labels.lst"
    where = put(tmp_path, {"socialiqa/dev.jsonl": json.dumps(row) + "\n", labels: "1\n"})
    before = digest(TASKS["siqa"], "dev", "en", where)
    put(tmp_path, {labels: "2\n"})
    assert digest(TASKS["siqa"], "dev", "en", where) != before


def test_joined_tasks_are_part_of_the_digest(tmp_path: Path) -> None:
    anli = json.dumps({"uid": "1", "context": "Bo ran.", "hypothesis": "Bo sat.", "label": "c"}) + "\n"
    where = put(tmp_path, {"anli_v1.0/R1/train.jsonl": anli, TRAIN: nli(6), "snli/snli_1.0_train.jsonl": nli(3)})
    before = read(TASKS["anli"], "train", "en", where)
    assert len(before.examples) == 10 and len({example.id for example in before.examples}) == 10
    put(tmp_path, {"snli/snli_1.0_train.jsonl": nli(3, 3)})
    assert digest(TASKS["anli"], "train", "en", where) != before.digest
    (tmp_path / TRAIN).unlink()
    with pytest.raises(UserError, match="mnli: no train data"):
        read(TASKS["anli"], "train", "en", where)


def test_an_unknown_label_is_a_fault(tmp_path: Path) -> None:
    task = dataclasses.replace(MNLI, labels=("entailment", "contradiction"))
    with pytest.raises(UserError, match="files:mnli/.*: 1: label: 'neutral' is not one of entailment contradiction"):
        read(task, "train", "en", put(tmp_path, {TRAIN: nli(1)}))


@pytest.mark.parametrize("name", miniature.NAMES)
def test_miniature(name: str) -> None:
    task, where = TASKS[name], Miniature(7)
    present = languages(task, where)
    english = name not in ("bucc2018", "tatoeba")
    plain = [code for code in present if "-" not in code]
    assert ("en" in present) == english and set(plain) <= set(miniature.LANGUAGES)
    assert len(plain) == (len(miniature.LANGUAGES) - (not english) if len(task.languages) > 1 else 1)
    assert len(present) == len(plain) ** (2 if name == "mlqa" else 1)
    split = "dev" if name == "text" else scored_split(task)
    reading = read(task, split, present[-1], where)
    assert reading.examples and reading == read(task, split, present[-1], where)
    assert len({example.id for example in reading.examples}) == len(reading.examples)
    assert reading.digest == digest(task, split, present[-1], where) != digest(task, split, present[-1], Miniature(8))


def test_the_miniature_digest_is_cheap_and_versioned(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(TASKS["anli"], "train", "en", Miniature(7))
    monkeypatch.setattr(miniature, "rows", None)
    assert digest(TASKS["anli"], "train", "en", Miniature(7)) == before
    monkeypatch.setattr(miniature, "VERSION", miniature.VERSION + 1)
    assert digest(TASKS["anli"], "train", "en", Miniature(7)) != before


# ---- the hub: through the real `datasets.load_dataset`, on parquet folders that stand in for it; nothing here goes online ----


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """put(id, config, split, rows, features): a local data set that is loaded in place of a hub id."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    load, configs = datasets.load_dataset, {}

    def put_rows(name: str, config: str, split: str, rows: list[dict], features: dict) -> None:
        folder = tmp_path / name.replace("/", "--")
        file = f"{config}/{split}.parquet"
        (folder / config).mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_list(rows, features=datasets.Features(features)).to_parquet(str(folder / file))
        configs.setdefault(name, {}).setdefault(config, []).append({"split": split, "path": file})
        head = {"configs": [{"config_name": key, "data_files": value} for key, value in configs[name].items()]}
        (folder / "README.md").write_text(f"---\n{yaml.safe_dump(head)}---\n")

    def local(name: str, config: str, *, split: str, revision: str | None):
        return load(str(tmp_path / name.replace("/", "--")), config, split=split, cache_dir=str(tmp_path / "cache"))

    monkeypatch.setattr(datasets, "load_dataset", local)
    return put_rows


def test_hub_labels_go_by_name(stand_in) -> None:
    from datasets import ClassLabel, List, Value

    text = Value("string")
    # Class names in an order of their own: an index would give the wrong label.
    features = {"premise": text, "hypothesis": text, "label": ClassLabel(names=["contradiction", "entailment", "neutral"])}
    rows = [{"premise": f"P{i}", "hypothesis": "H", "label": label} for i, label in enumerate([2, -1, 0])]
    stand_in("stanfordnlp/snli", "plain_text", "validation", rows, features)
    reading = read(TASKS["snli"], "dev", "en", HubCache())
    assert [(example.id, example.label) for example in reading.examples] == [("0", "neutral"), ("2", "contradiction")]
    assert (reading.rows, reading.dropped, reading.source) == (3, 1, "hub:stanfordnlp/snli/plain_text@main:validation")

    names = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
    features = {"tokens": List(text), "ner_tags": List(ClassLabel(names=names)), "langs": List(text)}
    stand_in("google/xtreme", "PAN-X.sw", "test", [{"tokens": ["Bo", "ni"], "ner_tags": [1, 0], "langs": ["sw"] * 2}], features)
    (example,) = read(PANX, "test", "sw", HubCache()).examples
    assert (example.tokens, example.tags) == (("Bo", "ni"), ("B-PER", "O"))


def test_hub_rounds_languages_and_sides(stand_in) -> None:
    from datasets import ClassLabel, List, Value

    text = Value("string")
    label = ClassLabel(names=["entailment", "neutral", "contradiction"])
    features = {"uid": text, "premise": text, "hypothesis": text, "label": label}
    for number in (1, 2, 3):
        rows = [{"uid": f"u{number}", "premise": "P", "hypothesis": "H", "label": number - 1}]
        stand_in("facebook/anli", "plain_text", f"dev_r{number}", rows, features)
    labels = [example.label for example in read(TASKS["anli"], "dev", "en", HubCache()).examples]
    assert labels == ["entailment", "neutral", "contradiction"]

    answers = {"text": List(text), "answer_start": List(Value("int32"))}
    features = {"id": text, "title": text, "context": text, "question": text, "answers": answers}
    row = {"title": "t", "context": "Bo ran.", "question": "Who?", "answers": {"text": ["Bo"], "answer_start": [0]}}
    rows = [{"id": f"{language}-1", **row} for language in ("finnish", "english", "finnish")]
    stand_in("google-research-datasets/tydiqa", "secondary_task", "validation", rows, features)
    assert [example.id for example in read(TASKS["tydiqa"], "test", "fi", HubCache()).examples] == ["finnish-1", "finnish-1-2"]

    features = dict.fromkeys(("source_sentence", "target_sentence", "source_lang", "target_lang"), text)
    sides = {"source_lang": "x", "target_lang": "eng"}
    rows = [{"source_sentence": f"S{i}\n", "target_sentence": f"T{i}\n", **sides} for i in (0, 1)]
    stand_in("google/xtreme", "tatoeba.cmn", "validation", rows, features)
    found = read(TATOEBA, "test", "zh", HubCache()).examples
    assert [(example.text, example.match) for example in found] == [
        ("S0", "english-0"), ("T0", "foreign-0"), ("S1", "english-1"), ("T1", "foreign-1")
    ]  # fmt: skip


def test_hub_causes_and_effects(stand_in) -> None:
    from datasets import ClassLabel, Value

    text, number = Value("string"), Value("int32")
    parts = ("context", "question", "answerA", "answerB", "answerC", "label")
    row = {"context": "Bo ran.", "question": "Why?", "answerA": "a", "answerB": "b", "answerC": "c"}
    rows = [{**row, "label": label} for label in ("1", "3")]
    stand_in("lighteval/siqa", "default", "train", rows, dict.fromkeys(parts, text))
    found = read(TASKS["siqa"], "train", "en", HubCache()).examples
    assert [(example.id, example.first, example.label) for example in found] == [
        ("0", "Bo ran. Why?", 0),
        ("1", "Bo ran. Why?", 2),
    ]

    features = dict.fromkeys(("premise", "choice1", "choice2", "question"), text) | {"idx": number}
    row = {"premise": "P.", "choice1": "a", "choice2": "b", "question": "effect"}
    rows = [{**row, "idx": i + 4, "label": label} for i, label in enumerate((1, -1, 0))]
    stand_in("aps/super_glue", "copa", "validation", rows, {**features, "label": ClassLabel(names=["choice1", "choice2"])})
    reading = read(TASKS["copa"], "dev", "en", HubCache())
    assert [(example.id, example.label) for example in reading.examples] == [("4", 1), ("6", 0)]
    with pytest.raises(UserError, match="copa: its public test set has no labels; the split that counts is dev"):
        read(TASKS["copa"], "test", "en", HubCache())

    rows = [{**row, "idx": 0, "label": 1, "changed": False}]
    stand_in("cambridgeltl/xcopa", "qu", "test", rows, {**features, "label": number, "changed": Value("bool")})
    (example,) = read(TASKS["xcopa"], "test", "qu", HubCache()).examples
    assert (example.first, example.options, example.label) == ("P. What was the effect?", ("a", "b"), 1)


def test_hub_faults_are_one_clear_line(stand_in) -> None:
    for task, split, language, words in (
        (TASKS["squad"], "dev", "en", "rajpurkar/squad (plain_text, validation): cannot be loaded"),
        (TASKS["udpos"], "test", "de", "udpos: cannot be read from the hub; put its files below a data folder"),
        (TASKS["xnli"], "train", "de", "facebook/xnli has no labelled train split"),
    ):
        with pytest.raises(UserError) as caught:
            read(task, split, language, HubCache())
        assert words in str(caught.value) and "\n" not in str(caught.value)


def test_offline_without_a_cache_is_a_user_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    with pytest.raises(UserError, match=r"nyu-mll/glue \(qqp, train\): cannot be loaded .*use a data folder"):
        read(TASKS["qqp"], "train", "en", HubCache())


def test_hub_digests_and_languages() -> None:
    seen = {digest(TASKS["tydiqa"], split, code, HubCache()) for split in ("train", "dev") for code in ("en", "fi")}
    assert len(seen) == 4
    other = dataclasses.replace(hub.entry(TASKS["xquad"]), revision="0" * 40)
    moved = dataclasses.replace(TASKS["xquad"], sources=(other,))
    assert digest(moved, "test", "de", HubCache()) != digest(TASKS["xquad"], "test", "de", HubCache())
    assert set(TASKS["xquad"].languages) - set(languages(TASKS["xquad"], HubCache())) == {"ro"}
    assert languages(TASKS["udpos"], HubCache()) == ()


# ---- real data, where there is a folder of it ----


@pytest.fixture(scope="module")
def published(real_data: Path) -> dict[str, dict]:
    """What the folder's manifest says of each file, by its name without .gz."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    manifest = yaml.load((real_data / "MANIFEST.yaml").read_text(encoding="utf-8"), Loader=loader)
    return {file["path"].removesuffix(".gz"): file for dataset in manifest["datasets"] for file in dataset["files"]}


@pytest.mark.parametrize("name", [name for name in TASKS if name not in ("qqp", "text", "mewslix")])
def test_real_data(name: str, real_data: Path, published: dict[str, dict]) -> None:
    """Every split there is, in every language: as many rows as the manifest counts, and nothing lost on the way."""
    task, where = TASKS[name], Folder(real_data, cut=True)
    present = languages(task, where)
    assert present
    wanted = [(scored_split(task), code) for code in present]
    if task.head != "embedding" and task.trains_on is None:
        wanted += [(split, "en") for split in ("train", "dev")]
    for split, code in wanted:
        alone = dataclasses.replace(task, joins=())
        reading = read(alone, split, code, where)
        files = reading.source.removeprefix("files:").split(" (")[0].split("+")
        if name != "bucc2018":  # its manifest counts lines of single files
            sides = 2 if name == "tatoeba" else 1
            assert reading.rows == sides * sum(published[file]["examples"] for file in files), (split, code)
        assert len({example.id for example in reading.examples}) == len(reading.examples)
        if "half)" not in reading.source:
            assert len(reading.examples) + reading.dropped == reading.rows
        assert reading.dropped == 0 or name in ("pawsx", "snli", "mnli")
        if task.head == "span_qa":
            pairs = [(e.context, a, s) for e in reading.examples for a, s in zip(e.answers, e.starts, strict=True)]
            assert all(context.startswith(answer, start) for context, answer, start in pairs)


def test_real_bucc(real_data: Path) -> None:
    reading = read(TASKS["bucc2018"], "test", "zh", Folder(real_data))
    sides = {"english matched": 257, "english unmatched": 13332, "foreign matched": 257, "foreign unmatched": 8367}
    assert reading.labels == sides
    with pytest.raises(UserError, match="bucc2018: no dev data in 'de'"):
        read(TASKS["bucc2018"], "dev", "de", Folder(real_data))


def test_real_xcopa(real_data: Path, published: dict[str, dict]) -> None:
    task, where = TASKS["xcopa"], Folder(real_data)
    assert languages(task, where) == task.languages
    for code in task.languages:
        for split, part in (("dev", "val"), ("test", "test")):
            reading = read(task, split, code, where)
            assert reading.rows == len(reading.examples) == published[f"xcopa/{code}/{part}.{code}.jsonl"]["examples"]
            assert set(reading.labels) == {"0", "1"}


def test_real_text(real_data: Path, published: dict[str, dict]) -> None:
    task, where = TASKS["text"], Folder(real_data)
    present = languages(task, where)
    assert len(present) == sum(path.startswith("mono/") for path in published)
    for code in present[:3]:
        assert read(task, "train", code, where).rows == published[f"mono/{code}.txt"]["examples"]


def test_real_languages_are_the_declared_ones(real_data: Path) -> None:
    for name in TARGETS:
        assert set(languages(TASKS[name], Folder(real_data))) <= set(TASKS[name].languages)
