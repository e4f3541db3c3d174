import csv
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from stilts_xtreme.data import miniature
from stilts_xtreme.scoring.benchmarks import BENCHMARKS
from stilts_xtreme.tasks import hub_rows, metrics, readers, rows
from stilts_xtreme.tasks.catalogue import INTERMEDIATES, TARGETS, TASKS, trained_on
from stilts_xtreme.tasks.examples import Choices, Pair, Query, Question, Sentence, Tagged
from stilts_xtreme.tasks.task import Files, Hub, Task
from stilts_xtreme.utils import languages

ALL = pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)


def test_languages() -> None:
    assert len(languages.TABLE) == len(languages.LANGUAGES)
    assert list(languages.LANGUAGES) == sorted(languages.LANGUAGES)
    assert set(languages.XTREME) == {code for codes in BENCHMARKS["xtreme"].languages.values() for code in codes}
    assert [languages.iso3(code) for code in ("zh", "fa", "el", "sw", "xx")] == ["cmn", "pes", "ell", "swh", "xx"]
    assert [languages.LANGUAGES[code].resources for code in ("yo", "ka", "de")] == ["low", "mid", "high"]
    assert languages.codes("ar de el") == ("ar", "de", "el")
    for line in ("ar zz", "ar de ar"):
        with pytest.raises(KeyError):
            languages.codes(line)


def test_every_line_of_the_table_of_languages_is_whole() -> None:
    written = [row.flores for row in languages.TABLE if row.flores]
    assert len(set(written)) == len(written)
    single = Counter(row.iso1 for row in languages.TABLE)
    for row in languages.TABLE:
        assert re.fullmatch(r"[a-z]{2,3}|[a-z]{3}_[A-Z][a-z]{3}", row.code) and re.fullmatch(r"[a-z]{3}", row.iso3) and row.name
        assert row.code in (row.iso1, row.flores)
        if row.iso1 and single[row.iso1] == 1:
            assert row.code == row.iso1
        assert row.joshi in (None, *range(6)) and row.benchmark in ("", "xtreme", "xtreme-r") and set(row.tasks) <= set(TASKS)
        assert (row.cc100_gib is not None) == (row.xlmr is True) and (row.cc100_gib or 1) > 0
        if row.benchmark:  # their sources say all of these
            assert row.family and row.script and row.joshi is not None and row.xlmr is not None
    assert {"ht", "qu", "wo", "yo"} == languages.UNSEEN_BY_XLMR & set(languages.BENCHMARKS)  # arXiv 1911.02116, table 6


def test_codes_of_flores() -> None:
    pairs = {"swh_Latn": "sw", "arb_Arab": "ar", "arb_Latn": "arb_Latn", "zho_Hans": "zh", "xyz_Latn": "xyz_Latn"}
    for flores, code in pairs.items():
        assert languages.canonical(flores) == code and languages.flores(code) == flores
    assert languages.canonical("sw") == "sw" and languages.flores("xa") == "xa"
    assert languages.LANGUAGES["sw"].script_code == "Latn" and languages.LANGUAGES["acq_Arab"].resources == "unclassified"
    assert languages.fill("a/{flores}/{language}-{iso3}", "de") == "a/deu_Latn/de-deu"


@pytest.mark.parametrize(("column", "value"), [("joshi", "many"), ("xlmr", "perhaps"), ("cc100_gib", "1,3"), ("tasks", None)])
def test_a_wrong_value_in_the_table_is_said_with_its_line(tmp_path, column: str, value: str | None) -> None:
    path = tmp_path / "languages.csv"
    with Path(languages.__file__).with_name("languages.csv").open(encoding="utf-8", newline="") as file:
        header, first, second, *_ = csv.reader(file)
    second[header.index(column)] = value or ""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, first, second if value else second[:-1]])
    with pytest.raises(ValueError, match=r"languages\.csv:3"):
        languages.read_table(path)


def test_catalogue() -> None:
    assert list(TASKS) == [task.name for task in TASKS.values()]
    studied = {"anli", "mnli", "qqp", "squad", "squad_v2", "hellaswag", "ccg", "cosmosqa", "commonsenseqa"}  # arXiv 2005.13013
    assert studied <= set(INTERMEDIATES) and len(set(INTERMEDIATES)) == len(INTERMEDIATES)
    assert {task for benchmark in BENCHMARKS.values() for task in benchmark.tasks} <= set(TARGETS)
    helpers = set(TASKS) - {*INTERMEDIATES, *TARGETS, "text"}
    used = {name for task in TASKS.values() for name in (*task.joins, task.trains_on, task.after)}
    assert helpers <= used and set(TARGETS) <= set(TASKS) >= set(INTERMEDIATES)
    assert all(TASKS[name].languages == ("en",) for name in (*INTERMEDIATES, *helpers))
    plain = [code for code in TASKS["mlqa"].languages if "-" not in code]
    assert len(TASKS["mlqa"].languages) == len(plain) ** 2  # and pairs of two
    # The benchmarks' own lists; how many there are, test_scoring_benchmarks.py holds against the papers.
    assert set(languages.XTREME) - set(TASKS["udpos"].languages) == set("bn jv ka ml ms my sw".split())
    assert set(languages.XTREME) - set(TASKS["tatoeba"].languages) == set("en ms my yo".split())


@ALL
def test_a_task_is_whole(task: Task) -> None:
    assert task.head in ("classification", "multiple_choice", "tagging", "span_qa", "embedding", "mlm", "dual_encoder")
    assert task.licence and task.about and task.version >= 1 and task.sources
    assert (task.head == "classification") == bool(task.labels and task.head != "tagging")
    assert task.trains_on is None or TASKS[task.trains_on].head == task.head
    assert all(TASKS[name].head == task.head and TASKS[name].labels == task.labels for name in task.joins)
    assert len(set(task.labels)) == len(task.labels)
    if task.labels and task.chance:
        assert task.chance == pytest.approx(100 / len(task.labels))
    for source in task.sources:
        several = isinstance(source, Files) and source.reader in readers.MULTILINGUAL
        patterns = [*source.train, *source.dev, *source.test]
        assert patterns and (isinstance(source, Files) or source.id.count("/") == 1)
        if len(task.languages) > 1 and isinstance(source, Files) and not several:
            assert all("{" in pattern for pattern in patterns if not pattern.startswith("paws_wiki"))
    # Only English data trains: no pattern leads to the machine-translated training files of XNLI and PAWS-X.
    if task.name == "xnli":
        assert not any(source.train for source in task.sources)


def test_the_order_of_trainings() -> None:
    wanted = {"xcopa": ("siqa", "copa"), "copa": ("siqa", "copa"), "siqa": ("siqa",), "xnli": ("mnli",), "tatoeba": ()}
    assert {name: trained_on(name) for name in wanted} == wanted
    assert all(TASKS[before].head == task.head for task in TASKS.values() for before in trained_on(task.name))


def test_no_hub_copy_that_is_known_to_be_wrong() -> None:
    ids = {name: [source.id for source in task.sources if isinstance(source, Hub)] for name, task in TASKS.items()}
    assert not ids["udpos"] and not ids["bucc2018"] and not ids["cosmosqa"] and "google/xtreme" not in ids["pawsx"] + ids["xnli"]
    assert "facebook/mlqa" not in ids["mlqa"] and "allenai/social_i_qa" not in ids["siqa"]


def test_importing_the_catalogue_is_light() -> None:
    code = (
        "import sys, stilts_xtreme.tasks.catalogue, stilts_xtreme.data.read\n"
        "print(*sorted({'numpy', 'torch', 'transformers', 'datasets', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


def test_rows_without_a_gold_label_are_skipped() -> None:
    nli = {"id": "1", "premise": "a", "hypothesis": "b", "label": "-"}
    assert rows.nli_pair(nli) is None
    assert rows.nli_pair({**nli, "label": "neutral"}) == Pair("1", "a", "b", "neutral")
    paws = {"id": "1", "sentence1": "NSA", "sentence2": "b", "label": "0"}
    assert rows.pawsx_pair(paws) == Pair("1", "NSA", "b", "0")
    for untranslated in ({**paws, "sentence2": "NS "}, {**paws, "sentence1": "NS"}):  # scored by XTREME, trained on by nobody
        assert TASKS["pawsx"].to_example("train")(untranslated) is None and TASKS["pawsx"].to_example("dev")(untranslated) is None
        assert TASKS["pawsx"].to_example("test")(untranslated) == Pair("1", *list(untranslated.values())[1:])
    assert rows.pawsx_test_pair({**paws, "label": "-"}) is None
    assert rows.tagged_sentence({"id": "1", "tokens": ["_", "_"], "tags": ["NOUN", "X"]}) is None
    assert rows.tagged_sentence({"id": "1", "tokens": ["_", "a"], "tags": ["X", "X"]}) == Tagged("1", ("_", "a"), ("X", "X"))


def test_hub_rows() -> None:
    nli = {"premise": "a", "hypothesis": "b", "label": "neutral"}
    assert hub_rows.nli({**nli, "idx": 5, "row": 0})["id"] == "5"
    assert hub_rows.nli({**nli, "uid": "u", "row": 0, "reason": ""}) == {"id": "u", **nli}
    assert hub_rows.nli({**nli, "row": 3})["id"] == "3"
    assert hub_rows.qqp({"idx": 1, "question1": "a", "question2": "b", "label": "-", "row": 0}) is None
    assert hub_rows.qqp({"idx": 1, "question1": "a", "question2": "b", "label": "duplicate", "row": 0})["is_duplicate"] == "1"
    swag = {"ind": 3, "ctx_a": "[header] A", "ctx_b": "", "endings": ["[step] b"] * 4, "label": "", "row": 0}
    assert hub_rows.hellaswag(swag) is None
    assert hub_rows.hellaswag({**swag, "label": "2"})["endings"] == ["b"] * 4
    assert hub_rows.commonsenseqa({"id": "1", "question": "q", "choices": {}, "answerKey": "", "row": 0}) is None
    nothing = {"text": [], "answer_start": []}
    squad = {"id": "korean-3-0", "title": "t", "context": "c", "question": "q", "answers": nothing, "row": 0}
    assert hub_rows.tydiqa(squad)["language"] == "ko" and set(hub_rows.squad(squad)) == {"id", "context", "question", "answers"}
    pair = {"source_sentence": "Ja.\n", "target_sentence": "Yes.\n", "source_lang": "deu", "target_lang": "eng", "row": 4}
    assert [row["text"] for row in hub_rows.tatoeba(pair)] == ["Ja.", "Yes."]
    siqa = {"context": "c", "question": "q", "answerA": "a", "answerB": "b", "answerC": "c", "label": "3"}
    assert hub_rows.siqa({**siqa, "row": 6}) == {"id": "6", **siqa}
    copa = {"premise": "p", "choice1": "a", "choice2": "b", "question": "cause"}
    assert hub_rows.copa({**copa, "idx": 5, "label": "choice2", "row": 0}) == {"id": "5", **copa, "label": "1"}
    assert hub_rows.copa({**copa, "idx": 5, "label": 0, "changed": True, "row": 0}) == {"id": "5", **copa, "label": "0"}
    assert hub_rows.copa({**copa, "idx": 5, "label": "-", "row": 0}) is None
    ends = ("foreign-4", "english-4")
    assert [(row["id"], row["match"]) for row in hub_rows.tatoeba(pair)] == [ends, ends[::-1]]


QUESTIONS = (
    Question("a", "Who?", "The hen ran.", ("The hen", "hen"), (0, 4)),
    Question("b", "Why?", "The hen ran.", (), ()),
)
BITEXT = (
    Sentence("f0", "x", "foreign", "e1"),
    Sentence("f1", "y", "foreign", "e1"),
    Sentence("f2", "z", "foreign", None),
    Sentence("e0", "u", "english", "f0"),
    Sentence("e1", "v", "english", "f1"),
)


def test_metrics() -> None:
    pairs = [Pair(str(i), "a", "b", label) for i, label in enumerate(["yes", "no", "no", "no"])]
    assert metrics.label_accuracy(["yes", "no", "no", "yes"], pairs, "de") == {"accuracy": 75.0}
    choices = [Choices("1", "a", ("b", "c"), 1), Choices("2", "a", ("b", "c"), 1)]
    assert metrics.label_accuracy([1, 0], choices, "en") == {"accuracy": 50.0}
    tagged = [Tagged("1", ("Bo", "Ray", "ran"), ("B-PER", "I-PER", "O")), Tagged("2", ("x",), ("O",))]
    assert metrics.tag_accuracy([("B-PER", "O", "O"), ("O",)], tagged, "en") == {"accuracy": 75.0}
    perfect = metrics.chunk_f1([example.tags for example in tagged], tagged, "en")
    assert perfect["f1"] == perfect["accuracy"] == 100.0
    assert metrics.chunk_f1([("B-PER", "O", "O"), ("O",)], tagged, "en")["f1"] == 0.0
    assert metrics.exact_match_and_f1(["hen", ""], QUESTIONS, "en") == {"exact_match": 100.0, "f1": 100.0}
    assert metrics.mlqa_exact_match_and_f1(["hen", ""], QUESTIONS, "en") == {"exact_match": 100.0, "f1": 100.0}
    assert metrics.exact_match_and_f1(["cow", "hen"], QUESTIONS, "en") == {"exact_match": 0.0, "f1": 0.0}
    with pytest.raises(ValueError):
        metrics.exact_match_and_f1(["hen"], QUESTIONS, "en")
    assert metrics.tatoeba_accuracy(["f0", "f0"], BITEXT, "de") == {"accuracy": 50.0}
    assert metrics.gold_pairs(BITEXT) == {("f0", "e1"), ("f1", "e1"), ("f0", "e0")}
    found = metrics.bucc_f1([["f0", "e1"], ["f2", "e0"]], BITEXT, "de")
    assert found["precision"] == 50.0 and found["recall"] == pytest.approx(100 / 3) and found["f1"] == pytest.approx(40.0)
    assert metrics.unscored([], [], "de") == {}


@ALL
def test_headlines_are_among_the_metrics(task: Task) -> None:
    examples = {
        "classification": [Pair("1", "a", "b", task.labels[0] if task.labels else "")],
        "multiple_choice": [Choices("1", "a", ("b", "c"), 1)],
        "tagging": [Tagged("1", ("Bo",), ("X" if task.name == "udpos" else "B-PER",))],
        "span_qa": QUESTIONS[:1],
        "embedding": BITEXT[2:4],
        "dual_encoder": [Query("1", "who?", ("a",))],
        "mlm": [],
    }[task.head]
    gold = {
        "classification": lambda: [example.label for example in examples],
        "multiple_choice": lambda: [1],
        "tagging": lambda: [example.tags for example in examples],
        "span_qa": lambda: ["hen"],
        "embedding": lambda: ["f0"] if task.name == "tatoeba" else [("f0", "e0")],
        "dual_encoder": lambda: [["a", "b"]],
        "mlm": lambda: [],
    }[task.head]()
    found = task.metric(gold, examples, task.languages[0])
    assert {name: found[name] for name in task.headline} == dict.fromkeys(task.headline, 100.0)


def test_every_task_of_the_miniature_world_has_a_golden_reading() -> None:
    folder = Path(__file__).parent / "cases" / "readings"
    cases = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    assert set(miniature.NAMES) <= {case["task"] for case in cases} <= set(TASKS)
    assert all(case["version"] == TASKS[case["task"]].version for case in cases)
    assert {task for benchmark in BENCHMARKS.values() for task in benchmark.tasks} <= set(miniature.NAMES)
