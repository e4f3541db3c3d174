"""What `stilts verify` finds: nothing in what is sound, and a line for each thing that is not."""

import json
import random
import re
import shutil
from pathlib import Path

import pytest
from test_end_to_end import EXPERIMENTS, stilts

from experiments.benchmarks.faults.damage import harms, missed
from stilts_xtreme import spec, verify
from stilts_xtreme.pipeline import grid
from stilts_xtreme.store import Checkpoints, Store
from stilts_xtreme.store.manifest import write
from stilts_xtreme.verify import zero_shot
from stilts_xtreme.verify.example_keys import fold

HENS = ("red", "old", "small", "brown", "clever", "quiet", "black", "tall")
HÜHNER = ("rote", "alte", "kleine", "braune", "kluge", "leise", "schwarze", "hohe")
LABELS = ("entailment", "neutral", "contradiction")


def english(i: int) -> tuple[str, str, str]:
    return f"The {HENS[i % 8]} hen saw {i} cows in the field.", f"There was a {HENS[i // 8 % 8]} hen number {i}.", LABELS[i % 3]


def german(i: int) -> tuple[str, str, str]:
    return (
        f"Die {HÜHNER[i % 8]} Henne sah {i} Kühe auf dem großen Feld.",
        f"Eine {HÜHNER[i // 8 % 8]} Henne war da, {i}.",
        LABELS[i % 3],
    )


def xnli(rows: list[tuple[str, str, str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def mnli(rows: list[tuple[str, str, str]]) -> str:
    return "".join(json.dumps({"gold_label": label, "sentence1": a, "sentence2": b}) + "\n" for a, b, label in rows)


def panx(sentences: list[str]) -> str:
    return "".join("\n".join(f"{word}\tO" for word in sentence.split()) + "\nBerlin\tB-LOC\n\n" for sentence in sentences)


TRAIN = "mnli/multinli_1.0_train.jsonl"
FILES = {
    TRAIN: mnli([english(i) for i in range(64)]),
    "mnli/multinli_1.0_dev_matched.jsonl": mnli([english(i) for i in range(100, 124)]),
    "xnli/test-en.tsv": xnli([english(i) for i in range(200, 230)]),
    "xnli/test-de.tsv": xnli([german(i) for i in range(200, 230)]),
    "xnli/dev-de.tsv": xnli([german(i) for i in range(300, 330)]),
    "panx/train-en.tsv": panx([english(i)[0] for i in range(40)]),
    "panx/dev-en.tsv": panx([english(i)[0] for i in range(100, 124)]),
    "panx/test-en.tsv": panx([english(i)[0] for i in range(200, 220)]),
    "panx/test-de.tsv": panx([german(i)[0] for i in range(200, 220)] + ["Huhn"]),
    "mono/en.txt": "".join(f"{one} {other}\n" for one, other, _ in map(english, range(400, 600))),
    "mono/de.txt": "".join(f"{one} {other}\n" for one, other, _ in map(german, range(400, 600))),
}
SETUP = """
kind: setup
name: few
data: {files: {path: DATA, cut: true}}
encoder: {random: {hidden_size: 16, layers: 1, heads: 2, intermediate_size: 32, max_positions: 130, vocab_size: 200}}
pretraining: {recipe: {steps: 2}}
retrieval: {layer: 1, pooling: mean, max_length: 64}
recipes: {default: {steps: 2, batch_size: 8, max_length: 64}}
"""
STUDY = """
kind: study
name: few
setup: setup.yaml
intermediate: [none]
targets: [xnli, panx]
seeds: [1]
"""


def put(folder: Path, more: dict[str, str]) -> Path:
    """The study over the data, with `more` behind what the files hold; gives its spec."""
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content + more.get(name, ""), encoding="utf-8")
    (folder / "setup.yaml").write_text(SETUP.replace("DATA", str(folder)))
    (folder / "study.yaml").write_text(STUDY)
    return folder / "study.yaml"


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> tuple[Path, Path]:
    """A study's spec and the store that it was run in."""
    folder = tmp_path_factory.mktemp("few")
    study = put(folder / "data", {})
    stilts("study", study, "--store", folder / "runs", "--jobs", 1)
    return study, folder / "runs"


@pytest.fixture
def copy(few, tmp_path) -> tuple[Path, Path]:
    """The same, to be harmed."""
    shutil.copytree(few[1], tmp_path / "runs")
    return few[0], tmp_path / "runs"


def checked(study: Path, root: Path) -> verify.CheckReport:
    loaded = spec.load(study, [], {"study"})
    return verify.study(loaded, grid.study(loaded), Store(root), root / "study" / "few.json", lambda *_: None)


def predicted(root: Path, task: str) -> Path:
    (found,) = [path.parent for path in root.glob("predict/*/result.json") if json.loads(path.read_text())["task"] == task]
    return found


def test_a_sound_study_is_found_sound(few) -> None:
    study, root = few
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    done = stilts("verify", study, "--store", root)
    assert "5 stages" in done.stdout and "2 evaluations, " in done.stdout and "1 study results" in done.stdout
    assert "2 evaluations that claim zero-shot" in done.stdout and "text without labels in de" in done.stdout
    assert done.stdout.endswith("all of it is as it should be\n")
    assert "5 stages" in stilts("verify", "--store", root).stdout
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_the_miniature_world_shares_no_example_between_training_and_test(tmp_path) -> None:
    axes_ = ["intermediate=[none,mnli@xa]", "targets=[xnli,xquad,bucc2018,xcopa]", "benchmark=xtreme-r"]
    cells = grid.study(spec.load(EXPERIMENTS / "studies" / "main.yaml", axes_))
    found = zero_shot.check(cells, lambda *_: None)
    assert not found.errors and not any("were read for" in line for line in found.remarks)
    assert any("mnli@xa: trained on labels in xa" in line for line in found.remarks)
    assert found.counts["evaluations that claim zero-shot"] == 4 and found.counts["evaluated examples"] > 8000


@pytest.mark.parametrize("what", ["", "predict"])
def test_damage_is_told_in_a_line_with_what_to_do(copy, what) -> None:
    study, root = copy
    path = predicted(root, "xnli") / "test-de.jsonl" if what else sorted(root.glob("features/*/facts.json"))[0]
    path.write_bytes(path.read_bytes()[:-1])
    for words in ((), (study,)):
        done = stilts("verify", *words, "--store", root, code=2)
        first, *rest = done.stderr.strip().splitlines()
        assert first.startswith(f"{path.parent}: {path.name} is damaged; remove ")
        assert len(rest) == len(words) * bool(what) and all("not looked at" in line for line in rest)
        assert done.stdout.endswith(" faults\n")


def edit(path: Path, change) -> None:
    """Change a result and everything that would give it away but what it says."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    (path.parent / "manifest.json").unlink()
    write(path.parent)


def test_a_score_that_does_not_follow_from_the_predictions_is_told(copy) -> None:
    study, root = copy
    path = predicted(root, "xnli") / "result.json"
    edit(path, lambda result: result["languages"]["de"].update(accuracy=99.5))
    line, last = checked(study, root).errors
    assert line.startswith(f"{path}: languages.de.accuracy is 99.5 where the predictions give ") and "not looked at" in last


def test_predictions_that_were_changed_are_told(copy) -> None:
    study, root = copy
    folder = predicted(root, "xnli")
    lines = (folder / "test-de.jsonl").read_text().splitlines(keepends=True)
    (folder / "test-de.jsonl").write_text("".join(lines[:-1]))
    edit(folder / "result.json", lambda result: None)
    assert checked(study, root).errors[0].startswith(f"{folder}: predictions do not fit the test data")


def test_a_study_result_that_does_not_follow_from_its_stages_is_told(copy) -> None:
    study, root = copy
    path = root / "study" / "few.json"
    text = path.read_text()
    at = text.index('"score": ')
    path.write_text(re.sub(r'"score": [0-9.]+', '"score": 1.25', text, count=1))
    (line,) = checked(study, root).errors
    assert line.startswith(f'{path}:{text[:at].count(chr(10)) + 1}: "score": 1.25') and "stilts study " in line
    path.write_text(text.replace('"seconds": ', '"seconds": 1', 1))  # below `provenance`
    assert not checked(study, root).errors
    path.unlink()
    assert "cannot be read" in checked(study, root).errors[0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda result: result["data"][0].update(language="de"), "data: mnli train de was read"),
        (lambda result: result["data"].pop(), "data: mnli dev en is in the plan and was not read"),
        (lambda result: result["plan"].update(seed=2), "address and plan are those of another stage"),
        (lambda result: result["chain"][1]["read_for"]["selection"].clear(), "read_for is not what the plan holds"),
        (lambda result: result["chain"].pop(), "chain: not as long as the plan's"),
    ],
)
def test_a_result_that_says_it_read_what_is_not_planned_is_told(copy, change, told) -> None:
    study, root = copy
    (path,) = [one for one in root.glob("train/*/result.json") if json.loads(one.read_text())["plan"]["tasks"] == ["mnli"]]
    edit(path, change)
    first = checked(study, root).errors[0]
    assert first.startswith(f"{path}: ") and told in first


def test_results_from_before_readings_had_roles_are_sound(copy) -> None:
    study, root = copy
    for path in root.glob("*/*/result.json"):
        edit(path, lambda result: [link.pop("read_for") for link in result["chain"]])
    assert not checked(study, root).errors


def test_what_is_missing_or_does_not_belong_there_is_told(copy) -> None:
    study, root = copy
    (predicted(root, "panx") / "weights.pkl").write_text("")
    told = checked(study, root).errors
    assert len(told) == 2 and "weights.pkl is not among what was written" in told[0]
    folder = predicted(root, "xnli")
    folder.rename(folder.with_name("0" * 12))
    assert any(f"{folder}: xnli: not finished" in line for line in checked(study, root).errors)
    assert any("stage.json is of another stage" in line for line in verify.store(Store(root), lambda *_: None).errors)


def test_a_result_says_what_was_read_for_what(few) -> None:
    chain = json.loads((predicted(few[1], "panx") / "result.json").read_text())["chain"]
    told = [{role: [one.partition("@")[0] for one in found] for role, found in link["read_for"].items()} for link in chain]
    assert told == [
        {"text": ["text/train/de", "text/train/en"], "selection": ["text/dev/en"]},
        {"training": ["panx/train/en"], "selection": ["panx/dev/en"]},
        {"evaluation": ["panx/test/de", "panx/test/en"]},
    ]
    assert all(len(one.partition("@")[2]) == 64 for link in chain for found in link["read_for"].values() for one in found)


# in another case, with other spaces, without its full stop, with another label
SPOILED = german(207)[0].upper().replace(" ", "  "), german(207)[1].rstrip("."), "neutral"


@pytest.mark.parametrize(
    ("name", "more", "told"),
    [
        (TRAIN, mnli([SPOILED]), "files:xnli/test-de.tsv: 1 evaluated examples of xnli test de were read for training as mnli "
         "train en in files:mnli/multinli_1.0_train.jsonl"),
        (TRAIN, mnli([german(310), german(311)]), "2 labelled examples in de of xnli"),
        (TRAIN, mnli([english(205)]), "1 evaluated examples of xnli test en were read for training as mnli train en"),
        ("mnli/multinli_1.0_dev_matched.jsonl", mnli([german(205)]), "xnli test de were read for selection as mnli dev en"),
        ("panx/train-en.tsv", panx([german(207)[0]]), "1 evaluated examples of panx test de were read for training"),
    ],
)  # fmt: skip
def test_a_planted_leak_is_told_with_both_places(tmp_path, name, more, told) -> None:
    found = zero_shot.check(grid.study(spec.load(put(tmp_path, {name: more}))), lambda *_: None)
    (line,) = found.errors
    assert told in line and "take them out there" in line and name in line


@pytest.mark.parametrize(
    ("name", "more", "told"),
    [
        ("panx/train-en.tsv", panx(["Huhn", english(205)[0]]), ["panx test de", "panx test en"]),  # short; in its own language
        ("mono/de.txt", german(207)[0] + " Berlin\n", ["panx test de"]),
        (TRAIN, mnli([(german(205)[0], english(205)[1], "neutral")]), []),  # half of an example is none
    ],
)
def test_what_repeats_by_chance_or_has_no_labels_is_counted(tmp_path, name, more, told) -> None:
    found = zero_shot.check(grid.study(spec.load(put(tmp_path, {name: more}))), lambda *_: None)
    lines = [line for line in found.remarks if "were read for" in line]
    assert not found.errors and len(lines) == len(told) and all(one in line for one, line in zip(told, lines, strict=True))


def squad(i: int, language: str) -> str:
    question = {"id": f"q{i}", "question": f"{language} hen {i}?", "answers": [{"text": "red", "answer_start": 0}]}
    return json.dumps({"data": [{"title": "", "paragraphs": [{"context": f"red {language} hen {i}", "qas": [question]}]}]})


@pytest.mark.parametrize(("train", "dev", "faults"), [(1, 3, 0), (3, 2, 1), (4, 2, 1)])
def test_xquad_may_be_in_the_dev_data_of_squad_in_english_only(tmp_path, train, dev, faults) -> None:
    study = put(tmp_path, {})
    (tmp_path / "squad_v1").mkdir()
    (tmp_path / "xquad").mkdir()
    for name, i, language in (("train", train, "en"), ("dev", dev, "en")):
        (tmp_path / "squad_v1" / f"{name}-v1.1.json").write_text(squad(i, "de" if i == 4 else language))
    (tmp_path / "xquad" / "xquad.en.json").write_text(squad(3, "en"))
    (tmp_path / "xquad" / "xquad.de.json").write_text(squad(4, "de"))
    found = zero_shot.check(grid.study(spec.load(study, ["targets=[xquad]"])), lambda *_: None)
    assert len(found.errors) == faults
    assert any("XQuAD is a part of SQuAD's dev data" in line for line in found.remarks) == (dev == 3)


def test_a_file_that_the_study_does_not_read_may_be_broken(tmp_path) -> None:
    found = zero_shot.check(grid.study(spec.load(put(tmp_path, {"xnli/dev-de.tsv": "one column"}))), lambda *_: None)
    assert not found.errors and [line for line in found.remarks if line.startswith("xnli dev de is not held against")]


def test_a_leak_fails_the_study_that_was_run_with_it(tmp_path) -> None:
    study = put(tmp_path / "data", {TRAIN: mnli([german(207)])})
    stilts("study", study, "targets=[xnli]", "--store", tmp_path / "runs", "--jobs", 1)
    done = stilts("verify", study, "targets=[xnli]", "--store", tmp_path / "runs", code=2)
    assert done.stderr.count("\n") == 1 and "xnli/test-de.tsv" in done.stderr and TRAIN in done.stderr
    assert done.stdout.endswith("1 faults\n")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Don't STOP!", "dont stop", True),
        ("ﬁne １２", "Fine 12", True),
        ("straße", "STRASSE", True),
        ("\u200bab\u00ad\n", "a b", True),
        ("क ख", "क ी ख", False),
        ("1 + 2", "1 2", False),
    ],
)
def test_texts_that_are_the_same(one, other, same) -> None:
    assert (fold(one) == fold(other)) == same


@pytest.mark.parametrize("kind", ["train", "predict", "features", "checkpoint"])
def test_any_harm_to_any_file_is_noticed(few, tmp_path, kind) -> None:
    store = Store(shutil.copytree(few[1], tmp_path / "runs"))
    if kind == "checkpoint":
        saved = Checkpoints(store.root / "train" / ".0123456789ab.saved")
        saved.save(7, lambda folder: (folder / "state.safetensors").write_bytes(bytes(range(256))), 256)
    folder = next(folder for found, folder in store.folders() if found == kind)
    told = missed(kind, folder, truncations=4, flips=12)
    assert told["flipped"][0] >= 24 and {harm: unnoticed for harm, (_, unnoticed) in told.items()} == {
        "removed": 0, "truncated": 0, "flipped": 0,
    }  # fmt: skip


def test_harm_is_harm() -> None:
    content = bytes(range(200))
    kinds = [(kind, harmed) for kind, harmed in harms(content, 64, 256, random.Random(0))]
    assert [kind for kind, _ in kinds] == ["removed"] + ["truncated"] * 64 + ["flipped"] * 256
    assert len({harmed for _, harmed in kinds} - {content}) == 1 + 64 + 256
