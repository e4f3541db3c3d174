import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stilts_xtreme.scoring.accuracy import accuracy, macro_f1


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1))
@settings(deadline=None)
def test_share_of_equal_pairs(pairs: list[tuple[int, int]]) -> None:
    wrong = [pair for pair in pairs if pair[0] != pair[1]]
    assert accuracy([a for a, _ in pairs], [b for _, b in pairs]) == pytest.approx(100 - 100 * len(wrong) / len(pairs))


def test_not_rounded() -> None:
    assert accuracy(["a", "b", "b"], ["a", "b", "a"]) == 200 / 3


@pytest.mark.parametrize(("predictions", "references"), [(["a"], ["a", "b"]), ([], [])])
def test_faults(predictions: list[str], references: list[str]) -> None:
    with pytest.raises(ValueError):
        accuracy(predictions, references)


def slow(predictions: list[str], gold: list[str]) -> float:
    """Label by label: twice the hits, by how often it is predicted and how often it is gold."""
    scores = []
    for label in {*predictions, *gold}:
        hits = sum(one == two == label for one, two in zip(predictions, gold, strict=True))
        scores.append(200 * hits / (predictions.count(label) + gold.count(label)))
    return sum(scores) / len(scores)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=12))
@settings(deadline=None, max_examples=40)
def test_macro_f1_is_the_mean_over_labels(pairs: list[tuple[str, str]]) -> None:
    predictions, gold = [one for one, _ in pairs], [two for _, two in pairs]
    assert macro_f1(predictions, gold) == pytest.approx(slow(predictions, gold))


def test_a_rare_label_weighs_as_much_as_a_common_one() -> None:
    assert macro_f1(["a"] * 10, ["a"] * 9 + ["b"]) == pytest.approx(100 * (18 / 19) / 2)


@pytest.mark.parametrize(("predictions", "references"), [(["a"], ["a", "b"]), ([], [])])
def test_faults_of_macro_f1(predictions: list[str], references: list[str]) -> None:
    with pytest.raises(ValueError, match="predictions for"):
        macro_f1(predictions, references)
