import json
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stilts_xtreme.scoring.tags import iob2_chunks, strict_iob2_f1, xtreme_chunks, xtreme_f1
from stilts_xtreme.tasks.examples import Tagged
from stilts_xtreme.tasks.metrics import tag_accuracy

CASES = json.loads((Path(__file__).parent / "cases" / "scoring_tags.json").read_text(encoding="utf-8"))["cases"]
METRICS = ("f1", "precision", "recall", "accuracy")
IOB2 = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
UPOS = st.sampled_from(["NOUN", "VERB", "CCONJ", "SCONJ", "INTJ", "SYM", "X"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_as_seqeval_0_0_12(case: dict) -> None:
    found = xtreme_f1([line.split() for line in case["predictions"]], [line.split() for line in case["references"]])
    assert found == pytest.approx({name: case[name] for name in METRICS}, abs=1e-9)


def brute_xtreme_iob(tags: list[str]) -> set[tuple[str, int, int]]:
    """Every stretch of one type that opens rightly, never opens again, and cannot be made longer."""

    def opens(i: int) -> bool:
        return tags[i] != "O" and (i == 0 or tags[i][0] == "B" or tags[i - 1] == "O" or tags[i - 1][2:] != tags[i][2:])

    return {
        (tags[i][2:], i, j)
        for i in range(len(tags))
        for j in range(i, len(tags))
        if opens(i)
        and not any(tags[at] == "O" or opens(at) for at in range(i + 1, j + 1))
        and (j + 1 == len(tags) or tags[j + 1] == "O" or opens(j + 1))
    }


@given(st.lists(IOB2, max_size=9))
@settings(deadline=None)
def test_entity_chunks_by_brute_force(tags: list[str]) -> None:
    chunks = xtreme_chunks(tags)
    assert set(chunks) == brute_xtreme_iob(tags) and len(set(chunks)) == len(chunks)


@given(st.lists(UPOS, max_size=9))
@settings(deadline=None)
def test_part_of_speech_chunks_are_runs(tags: list[str]) -> None:
    expected = []
    for tag, run in groupby(enumerate(tags), key=lambda pair: pair[1]):
        places = [place for place, _ in run]
        expected += [(tag, at, at) for at in places] if tag[0] == "S" else [(tag, places[0], places[-1])]
    assert xtreme_chunks(tags) == expected


@given(st.lists(IOB2, max_size=9))
@settings(deadline=None)
def test_strict_chunks_by_brute_force(tags: list[str]) -> None:
    expected = [
        (tags[i][2:], i, j)
        for i in range(len(tags))
        for j in range(i, len(tags))
        if tags[i][0] == "B"
        and all(tags[at] == f"I-{tags[i][2:]}" for at in range(i + 1, j + 1))
        and tags[j + 1 : j + 2] != [f"I-{tags[i][2:]}"]
    ]
    assert iob2_chunks(tags) == expected


@given(st.lists(st.lists(st.tuples(IOB2, IOB2), max_size=6), min_size=1, max_size=4))
@settings(deadline=None)
def test_score_counts_chunks_of_all_sentences(sentences: list[list[tuple[str, str]]]) -> None:
    ours, gold = [[a for a, _ in s] for s in sentences], [[b for _, b in s] for s in sentences]
    if not any(gold):
        with pytest.raises(ValueError):
            xtreme_f1(ours, gold)
        return
    for score, chunks in ((xtreme_f1, brute_xtreme_iob), (strict_iob2_f1, lambda tags: set(iob2_chunks(tags)))):
        found = {(n, *chunk) for n, tags in enumerate(ours) for chunk in chunks(tags)}
        wanted = {(n, *chunk) for n, tags in enumerate(gold) for chunk in chunks(tags)}
        precision = len(found & wanted) / len(found) if found else 0
        recall = len(found & wanted) / len(wanted) if wanted else 0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
        result = score(ours, gold)
        assert [result[name] for name in METRICS[:3]] == pytest.approx([100 * f1, 100 * precision, 100 * recall])
        tokens = [pair for sentence in sentences for pair in sentence]
        assert result["accuracy"] == pytest.approx(100 * len([1 for a, b in tokens if a == b]) / len(tokens))
    assert tag_accuracy(ours, [Tagged("1", tuple(tags), tuple(tags)) for tags in gold], "en") == {"accuracy": result["accuracy"]}


def test_strict_differs_where_nothing_opens_a_chunk() -> None:
    assert xtreme_f1([["I-PER", "O"]], [["B-PER", "O"]])["f1"] == 100
    assert strict_iob2_f1([["I-PER", "O"]], [["B-PER", "O"]])["f1"] == 0


@pytest.mark.parametrize(
    ("predictions", "references"), [([["O"]], [["O"], ["O"]]), ([["O"], ["O", "O"]], [["O", "O"], ["O"]]), ([], []), ([[]], [[]])]
)
def test_faults(predictions: list, references: list) -> None:
    with pytest.raises(ValueError):
        xtreme_f1(predictions, references)
