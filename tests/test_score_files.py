"""Single files of a submission: scored as XTREME's own script scores them, or refused where that would be wrong in silence."""

import json
from pathlib import Path

import pytest

from stilts_xtreme.scoring.submission import score_files
from stilts_xtreme.utils.errors import UserError

# Small files, scored by google-research/xtreme's evaluate.py (838c13b, Python 3.11, seqeval 0.0.12): these are its figures.
EDGES = [
    ("tatoeba", "07\n1\n", "7\n1\n", {"accuracy": 50.0}),
    ("xcopa", '{"label": "1"}\n{"label": 0}\n', '{"label": 1}\n{"label": 0}\n', {"accuracy": 50.0}),
    ("mewslix", '{"q": ["e2", "e1"]}', '{"q": ["e1", "e2"]}', {"map@20": 50.0}),
    ("mewslix", '{"q": ["e1"]}', '{"q": [" e1 "]}', {"map@20": 100.0}),
    ("bucc2018", "de-1\ten-1\n\n", "de-1\ten-1\nde-2\ten-2\n", {"f1": 50.0, "precision": 50.0, "recall": 50.0}),
    ("bucc2018", "de-1\ten-1\n\n", "de-1\ten-1\n\nde-2\ten-2\n", {"f1": 80.0, "precision": 100.0, "recall": 200 / 3}),
    ("bucc2018", "", "de-1\ten-1\n", {"f1": 0.0, "precision": 0.0, "recall": 0.0}),
    ("bucc2018", "de-9\ten-9\n", "de-1\ten-1\n", {"f1": 0.0, "precision": 0.0, "recall": 0.0}),
    ("xnli", "neutral\r\nneutral\r\n", "neutral\nentailment\n", {"accuracy": 50.0}),
]


@pytest.mark.parametrize(("task", "predicted", "gold", "scores"), EDGES)
def test_edges_score_as_the_official_script_does(tmp_path: Path, task: str, predicted: str, gold: str, scores: dict) -> None:
    (tmp_path / "predicted").write_text(predicted, encoding="utf-8", newline="")
    (tmp_path / "gold").write_text(gold, encoding="utf-8", newline="")
    assert score_files(task, "de", tmp_path / "predicted", tmp_path / "gold") == pytest.approx(scores, abs=1e-9)


BLANKED = json.dumps({"data": [{"paragraphs": [{"qas": [{"id": "1", "answers": [{"text": ""}]}]}]}]})
NONE = json.dumps({"data": [{"paragraphs": [{"qas": [{"id": "1", "answers": []}]}]}]})
REFUSED = [  # the official script scores these, or ends in an error
    ("xquad", '{"1": "a"}', BLANKED, "gold:1: answers: empty text: a copy whose answers were taken out"),
    ("mlqa", '{"1": ""}', BLANKED, "gold:1: answers: empty text"),
    ("tydiqa", '{"1": ""}', NONE, "gold:1: answers: none: a copy whose answers were taken out"),
    ("xquad", "{}", BLANKED.replace('""', '"a"'), "predicted:1: answers: not an object with entries"),
    ("mewslix", "{}", '{"q": ["e"]}', "predicted:1: ids: not an object with entries"),
    ("lareqa", '{"q": ["e"]}', '{"q": [""]}', "gold:q: ids: no right answer"),
    ("pawsx", "0\n" * 50, "0\n" * 50, "gold:1: labels: all 50 are '0': placeholders of a file without labels"),
    ("xcopa", '{"label": 0}\n' * 50, '{"label": 0}\n' * 50, "gold:1: labels: all 50 are '0'"),
    ("tatoeba", "0\n" * 50, "0\n" * 50, "gold:1: labels: all 50 are '0'"),
    ("panx", "O\n" * 50, "O\n" * 50, "gold:1: tags: all 50 are 'O': placeholders of a file without tags"),
    ("bucc2018", "en-1\tde-2\nen-3\tde-3\n", "de-1\ten-1\n", "predicted:en-1: id: neither this nor any other id of column 1"),
    ("bucc2018", "1\t2\n", "2\t1\n", "predicted:1: id: neither this nor any other id of column 1"),
    ("bucc2018", "fr-1\ten-1\n", "de-1\ten-1\n", "predicted:fr-1: id: neither this nor any other id of column 1"),
]


@pytest.mark.parametrize(("task", "predicted", "gold", "message"), REFUSED)
def test_what_would_score_wrong_without_a_word_is_refused(
    tmp_path: Path, task: str, predicted: str, gold: str, message: str
) -> None:
    (tmp_path / "predicted").write_text(predicted, encoding="utf-8")
    (tmp_path / "gold").write_text(gold, encoding="utf-8")
    with pytest.raises(UserError) as fault:
        score_files(task, "de", tmp_path / "predicted", tmp_path / "gold")
    assert str(fault.value).startswith(f"{tmp_path}/{message}")
    assert task != "bucc2018" or ("foreign id first" in str(fault.value)) == ("fr" not in predicted)


@pytest.mark.parametrize("task", ["pawsx", "panx"])
def test_few_gold_labels_may_be_all_the_same(tmp_path: Path, task: str) -> None:
    label = "0" if task == "pawsx" else "O"
    (tmp_path / "gold").write_text(f"{label}\n" * 49, encoding="utf-8")
    assert score_files(task, "de", tmp_path / "gold", tmp_path / "gold")["accuracy"] == 100
