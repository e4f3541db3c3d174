import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stilts_xtreme.scoring.accuracy import accuracy


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
