"""The sizes of the releases, and what may refuse a run: only what is certain, and only where the whole release should be."""

import dataclasses
import json
from pathlib import Path

import pytest

from stilts_xtreme.data import expected
from stilts_xtreme.data.expected import Expected, number, verify
from stilts_xtreme.data.read import Folder, HubCache, Miniature, Reading, read
from stilts_xtreme.models.heads import Limits
from stilts_xtreme.scoring.benchmarks import BENCHMARKS
from stilts_xtreme.stages.events import SilentProgress
from stilts_xtreme.stages.feature_cache import FeatureCache
from stilts_xtreme.stages.lineage import dataset_record, read_checked
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Choices, Pair, Question, Sentence, Tagged
from stilts_xtreme.utils.errors import UserError

MNLI, XNLI, XQUAD, ANLI = (TASKS[name] for name in ("mnli", "xnli", "xquad", "anli"))
DEV = "mnli/multinli_1.0_dev_matched.jsonl"


def nli(count: int) -> str:
    labels = ("entailment", "neutral", "contradiction")
    rows = [{"gold_label": labels[i % 3], "sentence1": f"Hen {i}.", "sentence2": "Cow."} for i in range(count)]
    return "".join(json.dumps(row) + "\n" for row in rows)


def put(folder: Path, files: dict[str, str]) -> Folder:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return Folder(folder)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str, str], Expected]:
    """Expectations small enough to be met."""
    made: dict[tuple[str, str, str], Expected] = {}
    monkeypatch.setattr(expected, "_table", lambda: made)
    return made


def test_the_table_is_of_tasks_and_languages_there_are() -> None:
    sizes = expected._table()
    assert len(sizes) > 300
    for (name, split, language), one in sizes.items():
        task = TASKS[name]
        there = any(getattr(source, split) for source in task.sources)
        assert language in task.languages and there, (name, split, language)
        assert one.number > 0 and (not one.labels or one.counted == "rows" and sum(one.labels.values()) == one.number)
        assert (one.counted == "pairs") == (task.head == "embedding")
        if task.labels and one.labels:
            assert set(one.labels) == set(task.labels)
    scored = BENCHMARKS["xtreme-r"].languages | BENCHMARKS["xtreme"].languages
    for name, codes in scored.items():  # every scored file of XTREME has a size, where one is known, and so have XCOPA and LAReQA
        missing = [code for code in codes if (name, "test", code) not in sizes]
        assert missing == {"udpos": ["fr", "ru", "zh"], "mewslix": list(codes)}.get(name, [])


def test_what_is_not_certain_refuses_nothing() -> None:
    uncertain = {name for (name, _, _), one in expected._table().items() if not one.confirmed}
    assert uncertain == {"qqp", "udpos"}  # the hub's UD-POS mixes in old languages, and UD releases differ
    assert number(TASKS["udpos"], "test", "en", Folder(Path())) is None is number(TASKS["qqp"], "dev", "en", HubCache())


@pytest.mark.parametrize(
    ("task", "split", "language", "size"),
    [
        ("mnli", "train", "en", 392_702), ("mnli", "dev", "en", 9_815), ("anli", "dev", "en", 3_200),
        ("anli", "train", "en", 162_865 + 392_702 + 550_152), ("pawsx", "train", "en", 49_401), ("pawsx", "test", "ko", 2_000),
        ("xnli", "test", "sw", 5_010), ("panx", "test", "yo", 100), ("tydiqa", "test", "en", 440), ("mlqa", "test", "de", 4_517),
        ("bucc2018", "test", "zh", 1_899), ("tatoeba", "test", "te", 234), ("ccg", "train", "en", None),
        ("text", "train", "en", None), ("pawsx", "train", "de", None), ("xnli", "train", "en", None),
    ],
)  # fmt: skip
def test_sizes(task: str, split: str, language: str, size: int | None) -> None:
    assert number(TASKS[task], split, language, HubCache()) == number(TASKS[task], split, language, Folder(Path())) == size
    assert number(TASKS[task], split, language, Folder(Path(), cut=True)) is None
    assert number(TASKS[task], split, language, Miniature(0)) is None


def test_tydiqa_adds_up() -> None:
    assert sum(expected.expected("tydiqa", "test", code).number for code in TASKS["tydiqa"].languages) == 5_077


def test_a_part_is_refused_unless_the_folder_is_said_to_hold_parts(tmp_path: Path) -> None:
    where = put(tmp_path, {DEV: nli(60)})
    with pytest.raises(UserError) as caught:
        read_checked("mnli", "dev", "en", where)
    message = str(caught.value)
    assert (
        message.startswith(f"mnli dev en (files:{DEV}): 60 examples instead of the full release's 9,815") and "\n" not in message
    )
    assert "`cut: true`" in message
    assert len(read_checked("mnli", "dev", "en", dataclasses.replace(where, cut=True)).examples) < 60
    with pytest.raises(UserError, match="60 examples instead"):  # the folder beside the hub holds whole releases, too
        read_checked("mnli", "dev", "en", HubCache(tmp_path))
    reading = dataclasses.replace(read(MNLI, "dev", "en", where), source="hub:nyu-mll/glue")
    with pytest.raises(UserError, match="60 examples instead") as caught:
        verify(MNLI, "dev", "en", reading, HubCache())
    assert "cut" not in str(caught.value)


def test_every_stage_reads_through_the_check(tmp_path: Path) -> None:
    files = {DEV: nli(60), "mnli/multinli_1.0_train.jsonl": nli(70), "xnli/test-de.tsv": "a\tb\tneutral\nc\td\tentailment\n"}
    desk = FeatureCache(Store(tmp_path / "store"), put(tmp_path / "data", files), None, Limits(64), SilentProgress())
    for asked, fault in (
        (("mnli", "train", "en"), "70 rows instead of the full release's 392,702"),
        (("mnli", "dev", "en"), "60 examples instead of the full release's 9,815"),
        (("xnli", "test", "de"), "2 rows instead of the full release's 5,010"),
    ):
        with pytest.raises(UserError, match=fault):
            desk.encoded(*asked, head="classification", labels=(), training=False)
        with pytest.raises(UserError, match=fault):  # nothing of it was kept
            desk.facts(*asked)


def test_what_agrees_is_recorded(table, tmp_path: Path) -> None:
    where = put(tmp_path, {DEV: nli(60)})
    reading = read(MNLI, "dev", "en", where)
    assert "expected" not in dataset_record("mnli", "dev", "en", reading, where)
    table["mnli", "dev", "en"] = Expected("examples", 60, {}, True)
    verify(MNLI, "dev", "en", reading, where)
    told = dataset_record("mnli", "dev", "en", reading, where)
    assert told["expected"] == 60 == told["examples"]
    without = {key: value for key, value in told.items() if key != "expected"}
    assert dataset_record("mnli", "dev", "en", reading, Miniature(0)) == without  # as results of the miniature world were
    table["mnli", "dev", "en"] = Expected("examples", 61, {}, False)
    verify(MNLI, "dev", "en", reading, where)
    assert dataset_record("mnli", "dev", "en", reading, where) == without


def test_labels_that_differ_are_told(table, tmp_path: Path) -> None:
    where = put(tmp_path, {DEV: nli(60)})
    table["mnli", "dev", "en"] = Expected("rows", 60, {"contradiction": 20, "entailment": 19, "neutral": 21}, True)
    with pytest.raises(
        UserError, match="labels contradiction=20 entailment=20 neutral=20 instead of .* entailment=19 neutral=21"
    ):
        read_checked("mnli", "dev", "en", where)


def test_joined_tasks_count_together(table, tmp_path: Path) -> None:
    anli = json.dumps({"uid": "1", "context": "Bo ran.", "hypothesis": "Bo sat.", "label": "c"}) + "\n"
    files = {"anli_v1.0/R1/train.jsonl": anli, "mnli/multinli_1.0_train.jsonl": nli(6), "snli/snli_1.0_train.jsonl": nli(3)}
    where = put(tmp_path, files)
    for name, size in (("anli", 1), ("mnli", 6), ("snli", 4)):
        assert number(ANLI, "train", "en", where) is None  # as long as one of them is not known
        table[name, "train", "en"] = Expected("rows", size, {}, True)
    with pytest.raises(UserError, match="10 rows instead of the full release's 11"):
        read_checked("anli", "train", "en", where)
    table["snli", "train", "en"] = Expected("rows", 3, {}, True)
    assert read_checked("anli", "train", "en", where).rows == 10


def test_pairs_and_dropped_rows(table) -> None:
    sides = [Sentence(f"{side}-{i}", "a", side, f"{other}-{i}" if i < 2 else None) for i in range(5) for side, other in
             (("foreign", "english"), ("english", "foreign"))]  # fmt: skip
    reading = Reading(tuple(sides), "", "", 10, 0, {})
    assert [expected.count(reading, counted) for counted in ("rows", "examples", "pairs")] == [10, 10, 2]
    reading = Reading((Pair("1", "a", "b", "0"),), "", "", 5, 2, {})
    assert [expected.count(reading, counted) for counted in ("rows", "examples")] == [5, 3]


PLACEHOLDERS = [
    (XNLI, [Pair(str(i), "a", "b", "neutral") for i in range(60)], {"neutral": 60}, "all 60 labels are 'neutral'"),
    (TASKS["hellaswag"], [Choices(str(i), "a", ("b", "c"), 0) for i in range(60)], {"0": 60}, "all 60 labels are '0'"),
    (TASKS["panx"], [Tagged("1", ("a",) * 60, ("O",) * 60)], {"O": 60}, "all 60 labels are 'O'"),
    (XQUAD, [Question(str(i), "a", "b", (), ()) for i in range(60)], {"unanswerable": 60}, "none of 60 questions has an answer"),
]


@pytest.mark.parametrize(("task", "examples", "labels", "words"), PLACEHOLDERS, ids=lambda value: getattr(value, "name", ""))
def test_placeholders_are_not_scored(task, examples, labels, words) -> None:
    reading = Reading(tuple(examples), "files:test", "", 60, 0, labels)
    split = "dev" if task.name == "hellaswag" else "test"
    for where in (Folder(Path(), cut=True), HubCache()):
        with pytest.raises(
            UserError, match=f"{task.name} {split} de .files:test.: {words}.*scored on its labelled {split} split"
        ):
            verify(task, split, "de", reading, where)
    verify(task, split, "de", reading, Miniature(0))
    verify(task, "train", "de", reading, Folder(Path(), cut=True))
    varied = dataclasses.replace(reading, labels={**labels, "another": 1})
    verify(task, split, "de", varied, Folder(Path(), cut=True))


def test_all_answerable_and_few_alike_are_no_placeholders() -> None:
    answered = Reading((Question("1", "a", "b", ("b",), (0,)),), "", "", 60, 0, {"answerable": 60})
    verify(XQUAD, "test", "de", answered, Folder(Path(), cut=True))
    names = Reading((Tagged("1", ("a",) * 60, ("B-PER",) * 60),), "", "", 1, 0, {"B-PER": 60})
    verify(TASKS["panx"], "test", "de", names, Folder(Path(), cut=True))
    few = Reading((Pair("1", "a", "b", "neutral"),), "", "", 9, 0, {"neutral": 9})
    verify(XNLI, "test", "de", few, Folder(Path(), cut=True))


def test_a_task_without_labelled_test_set_names_the_split_that_counts(tmp_path: Path) -> None:
    for name in ("mnli", "commonsenseqa", "qqp", "hellaswag"):
        for where in (Folder(tmp_path), HubCache()):
            with pytest.raises(UserError, match=f"{name}: its public test set has no labels; the split that counts is dev"):
                read(TASKS[name], "test", "en", where)


@pytest.mark.parametrize("answers", [{"text": [""], "answer_start": [0]}, {"text": ["Bo", ""], "answer_start": [0, 0]}])
def test_answers_taken_out_of_a_hub_copy(answers: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"id": "1", "context": "Bo ran.", "question": "Who?", "answers": answers}
    data = type("Data", (), {"features": dict.fromkeys(row), "__iter__": lambda self: iter([row])})()
    monkeypatch.setattr("stilts_xtreme.data.hub.load", lambda *_: data)
    with pytest.raises(UserError, match="hub:google/xtreme/XQuAD.de.*: 1: answers: empty text"):
        read(XQUAD, "test", "de", HubCache())
