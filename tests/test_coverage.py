"""Labels of test data that a head lacks (MasakhaNER's dates, trained on PAN-X) are said wherever scores are."""

from dataclasses import replace

import pytest
from test_inventory import put, run
from test_report import small

from stilts_xtreme.cli import listing
from stilts_xtreme.data import read as data
from stilts_xtreme.report import scores
from stilts_xtreme.report import study as page
from stilts_xtreme.report.summary import summarise
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.coverage import in_words, lacking
from stilts_xtreme.tasks.examples import Pair
from stilts_xtreme.tasks.readers import IOB2
from stilts_xtreme.tasks.task import Files


def reader(path):
    """The format of PAN-X with other tags, as the one who adds a task writes it."""
    for number, block in enumerate(path.read_text(encoding="utf-8").strip().split("\n\n")):
        tokens, tags = zip(*(line.split("\t") for line in block.split("\n")), strict=True)
        yield {"id": str(number), "tokens": list(tokens), "tags": list(tags)}


SENTENCES = "Bo\tB-PER\nran\tO\n\nMonday\tB-DATE\nnight\tI-DATE\n\nAnn\tB-PER\nLee\tI-PER\n"
DATES = replace(
    TASKS["panx"],
    name="dates",
    labels=(*IOB2, "B-DATE", "I-DATE"),
    trains_on="panx",
    languages=("de", "fr"),
    sources=(Files(reader, test=("dates/{language}.tsv",)),),
)
SAID = "the head has no B-DATE (1), I-DATE (1): the score can be 80.0 at most"  # 2 of 2 found, 2 of 3 wanted


@pytest.fixture
def where(tmp_path, monkeypatch):
    monkeypatch.setitem(TASKS, "dates", DATES)
    return put(tmp_path, {"dates/de.tsv": SENTENCES, "dates/fr.tsv": "Bo\tB-PER\n\n"})


def test_what_a_head_cannot_get_right(where) -> None:
    examples = data.read(DATES, "test", "de", where).examples
    gap = lacking(DATES, examples, IOB2, "de")
    assert gap == {"labels": {"B-DATE": 1, "I-DATE": 1}, "at_most": pytest.approx(80.0)} and in_words(**gap) == SAID
    assert lacking(DATES, data.read(DATES, "test", "fr", where).examples, IOB2, "fr") is None
    assert lacking(DATES, examples, DATES.labels, "de") is None
    assert lacking(TASKS["xquad"], [], IOB2, "de") is None
    pairs = [Pair(str(i), "a", "b", label) for i, label in enumerate(("yes", "yes", "maybe", "no"))]
    assert lacking(TASKS["xnli"], pairs, ("yes", "no"), "de") == {"labels": {"maybe": 1}, "at_most": 75.0}


def test_the_check_says_it(where) -> None:
    done = run("data", "check", "dates", "--data", str(where.path))
    assert f"dates test de: trained on panx, {SAID}" in done.stdout
    assert "dates test fr: trained on" not in done.stdout


def test_the_terminal_and_the_report_say_it(capsys) -> None:
    gap = {"labels": {"B-DATE": 1, "I-DATE": 1}, "at_most": 80.0}
    found = {"f1": 70.0, "f1_iob2": 69.8, "n": 3}
    listing.summary({
        "task": "dates", "languages": {"de": found}, "metrics": found, "collapse": {}, "lacking": {"de": gap},
        "reading": "chunks as XTREME reads tags (seqeval 0.0.12)", "chance": {"languages": {"de": 6.9}, "score": 6.9},
    })  # fmt: skip
    told = capsys.readouterr().err
    assert f"de: {SAID}" in told and "F1 (XTREME)" in told and "strict IOB2" not in told and "chance" in told
    study = small({"none": {"panx": [50.0]}})
    study["evaluations"][0]["lacking"] = {"de": gap}
    assert f"panx, de: {SAID}." in page.files(summarise(study))["report.md"]


def test_the_report_shows_strict_iob2_where_it_is_far() -> None:
    study = small({"none": {"panx": [50.0]}})
    study["tasks"]["panx"]["reading"] = "chunks as XTREME reads tags (seqeval 0.0.12)"
    for run_ in study["evaluations"]:
        for code, row in run_["languages"].items():
            row |= {"f1": 54.8, "f1_iob2": 44.1 if code == "sw" else 54.5}
    assert "farthest apart in sw: 54.8 and 44.1." in page.files(summarise(study))["report.md"]
    for run_ in study["evaluations"]:
        run_["languages"]["sw"]["f1_iob2"] = 54.5
    notes = " ".join(scores.targets(summarise(study)).notes)
    assert "farthest" not in notes and "F1 (XTREME)" in page.files(summarise(study))["report.md"]
