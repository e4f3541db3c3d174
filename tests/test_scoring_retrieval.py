from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stilts_xtreme.engine.similarity_kernels import Brief
from stilts_xtreme.scoring import nearest_neighbors, retrieval

SEEDS = st.integers(0, 2**32 - 1)


BLOCKS = [(1, 1, 64, 16), (3, 2, 1, 0), (3, 2, 64, 0), (4, 5, 64, 1), (1024, 2048, 64, 0), (1024, 2048, 64, 16)]


@pytest.fixture(params=BLOCKS, ids=str)
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and columns of a block, and when it is too full: the result must not depend on them."""
    for name, value in zip(("ROWS", "COLUMNS", "DENSE", "MAX_EXACT_PER_NEIGHBOR"), request.param, strict=True):
        monkeypatch.setattr(nearest_neighbors, name, value)


products = pytest.mark.parametrize("product", [nearest_neighbors.Float32Kernel, Brief])


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors with many ties (small whole numbers, zero vectors, repeats) or with none."""
    random = np.random.default_rng(seed)
    dimensions = int(random.integers(1, 6))
    shapes = [(int(count), dimensions) for count in random.integers(1, 12, 2)]
    if seed % 2:
        return tuple(random.integers(-1, 3, shape).astype(np.float32) for shape in shapes)
    return tuple(random.normal(size=shape).astype(np.float32) for shape in shapes)


def cosine(left: np.ndarray, right: np.ndarray) -> float:
    """Products and their sum without rounding; then 12 decimals."""
    dot, own, other = (sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(x, y, strict=True))
                       for x, y in ((left, right), (left, left), (right, right)))  # fmt: skip
    return round(float(dot) / float(own) ** 0.5 / float(other) ** 0.5, 12) + 0.0 if own and other else 0.0


def slow_mine(foreign: np.ndarray, english: np.ndarray, k: int) -> list[tuple[int, int, float]]:
    table = [[cosine(x, y) for y in english] for x in foreign]
    turned = [list(column) for column in zip(*table, strict=True)]

    def neighbors(row: list[float]) -> list[int]:
        return sorted(sorted(range(len(row)), key=lambda at: (-row[at], at))[:k])

    def mean(row: list[float]) -> float:
        return sum(sorted(row)[-k:]) / len(sorted(row)[-k:])

    def score(i: int, j: int) -> float:
        middle = (mean(table[i]) + mean(turned[j])) / 2
        return round(table[i][j] / middle, 9) if middle > 1e-12 else 0.0

    proposed = {(i, max(neighbors(row), key=lambda j: score(i, j))) for i, row in enumerate(table)}
    proposed |= {(max(neighbors(row), key=lambda i: score(i, j)), j) for j, row in enumerate(turned)}
    accepted: list[tuple[int, int, float]] = []
    for i, j in sorted(proposed, key=lambda pair: (-score(*pair), pair)):
        if all(i != a and j != b for a, b, _ in accepted):
            accepted.append((i, j, score(i, j)))
    return accepted


@pytest.mark.usefixtures("blocks")
@given(SEEDS)
@settings(deadline=None, max_examples=60)
def test_nearest_is_exact(seed: int) -> None:
    queries, candidates = draw(seed)
    expected = [max(range(len(candidates)), key=lambda at: cosine(query, candidates[at])) for query in queries]
    assert retrieval.nearest(queries, candidates).tolist() == expected


@products
@pytest.mark.usefixtures("blocks")
@given(SEEDS, st.integers(1, 14), st.integers(1, 12))
@settings(deadline=None, max_examples=60)
def test_the_k_nearest_are_exact_however_the_candidates_come(
    product: nearest_neighbors.KernelFactory, seed: int, k: int, size: int
) -> None:
    queries, candidates = draw(seed)
    chunks = (candidates[begin : begin + size] for begin in range(0, len(candidates), size))
    found = retrieval.nearest_k(queries, chunks, k, product)
    for query, row in zip(queries, found.tolist(), strict=True):
        order = sorted(range(len(candidates)), key=lambda at: (-cosine(query, candidates[at]), at))[:k]
        assert row == order + [-1] * (k - len(order))


def test_no_candidates_at_all() -> None:
    with pytest.raises(ValueError, match="no candidates"):
        retrieval.nearest_k(np.ones((2, 2)), [], 3)


@products
@pytest.mark.usefixtures("blocks")
@given(SEEDS, st.integers(1, 5))
@example(344, 3)
@settings(deadline=None, max_examples=60)
def test_mining_by_brute_force(product: nearest_neighbors.KernelFactory, seed: int, k: int) -> None:
    foreign, english = draw(seed)
    mined = retrieval.mine(foreign, english, k, product)
    expected = slow_mine(foreign, english, k)
    assert [pair[:2] for pair in mined] == [pair[:2] for pair in expected]
    assert [pair[2] for pair in mined] == pytest.approx([pair[2] for pair in expected], abs=1e-8)


@pytest.mark.usefixtures("blocks")
@given(SEEDS, st.integers(1, 5))
@settings(deadline=None, max_examples=60)
def test_mined_pairs_are_one_to_one_and_sorted(seed: int, k: int) -> None:
    foreign, english = draw(seed)
    mined = retrieval.mine(foreign, english, k)
    assert len({i for i, _, _ in mined}) == len({j for _, j, _ in mined}) == len(mined) > 0
    assert [score for *_, score in mined] == sorted((score for *_, score in mined), reverse=True)


@pytest.mark.usefixtures("blocks")
def test_ties_go_to_the_lowest_index() -> None:
    one, other = [1.0, 0.0], [0.0, 1.0]
    vectors = np.array([other, one, one, other, one, [0.0, 0.0], [3.0, 0.0]], dtype=np.float32)
    assert retrieval.nearest(vectors, vectors).tolist() == [0, 1, 1, 0, 1, 0, 1]
    assert [pair[:2] for pair in retrieval.mine(np.array([one] * 3), np.array([one] * 2))] == [(0, 0)]


@pytest.mark.usefixtures("blocks")
def test_equal_embeddings_pair_up_in_full() -> None:
    vectors = np.random.default_rng(5).normal(size=(40, 8)).astype(np.float32)
    mined = retrieval.mine(vectors, 7 * vectors)
    assert sorted(pair[:2] for pair in mined) == [(i, i) for i in range(40)]
    assert all(score > 1 for *_, score in mined)


@pytest.mark.parametrize("shapes", [((0, 2), (3, 2)), ((3, 2), (0, 2)), ((3, 2), (3, 3)), ((3,), (3, 3))])
def test_shapes_that_cannot_be_compared(shapes: tuple) -> None:
    for search in (retrieval.nearest, retrieval.mine):
        with pytest.raises(ValueError):
            search(*(np.ones(shape, dtype=np.float32) for shape in shapes))


def test_numbers_that_are_not_finite() -> None:
    with pytest.raises(ValueError, match="not finite"):
        retrieval.nearest(np.array([[1.0, np.nan]]), np.ones((2, 2)))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([0.5, 0.75, 1.0, 1.25])), min_size=1, max_size=9),
       st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=6))  # fmt: skip
@settings(deadline=None)
def test_no_threshold_is_better(pairs: list[tuple[int, int, float]], gold: set[tuple[int, int]]) -> None:
    def f1(line: float) -> float:
        return retrieval.pair_f1([pair[:2] for pair in pairs if pair[2] >= line], gold)["f1"]

    threshold = retrieval.best_threshold(pairs, gold)
    assert f1(threshold) == max(f1(line) for *_, line in pairs)
    scores = {score for *_, score in pairs}
    assert threshold == min(scores) or threshold in {(a + b) / 2 for a, b in combinations(scores, 2)}
    lowest_kept = min(score for score in scores if score >= threshold)
    assert all(f1(line) < f1(threshold) for line in scores if line > lowest_kept)  # of equals the highest


@pytest.mark.parametrize(
    ("pairs", "gold", "expected"),
    [
        ([("a", "A", 1.5), ("b", "B", 1.25), ("c", "C", 1.0)], {("a", "A"), ("b", "B")}, 1.125),
        ([("a", "A", 1.5), ("b", "B", 1.25)], {("a", "A"), ("b", "B")}, 1.25),  # all kept: nothing lies below
        ([("a", "A", 1.5), ("b", "X", 1.25), ("c", "C", 1.25), ("d", "D", 1.0)], {("a", "A"), ("c", "C")}, 1.125),
        ([("a", "X", 1.5), ("b", "Y", 1.25)], {("a", "A")}, 1.375),  # none right: as few as can be
        ([("a", "A", np.nextafter(1.0, 2.0)), ("b", "X", 1.0)], {("a", "A")}, np.nextafter(1.0, 2.0)),  # no float lies between
    ],
)
def test_thresholds(pairs: list, gold: set, expected: float) -> None:
    assert retrieval.best_threshold(pairs, gold) == expected


@pytest.mark.parametrize(("pairs", "gold"), [([], {("a", "A")}), ([("a", "A", 1.0)], set())])
def test_no_threshold(pairs: list, gold: set) -> None:
    with pytest.raises(ValueError):
        retrieval.best_threshold(pairs, gold)


def test_pair_f1() -> None:
    gold = [("a", "A"), ("b", "B"), ("c", "C"), ("d", "D")]
    found = [("a", "A"), ("a", "A"), ("b", "X"), ("c", "C")]
    assert retrieval.pair_f1(found, gold) == pytest.approx({"precision": 200 / 3, "recall": 50, "f1": 400 / 7})
    assert retrieval.pair_f1([], gold) == {"precision": 0, "recall": 0, "f1": 0}
    with pytest.raises(ValueError):
        retrieval.pair_f1(found, [])


PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=9)


@given(PAIRS, PAIRS.filter(bool))
@settings(deadline=None)
def test_pair_f1_by_counting(found: list[tuple[int, int]], gold: list[tuple[int, int]]) -> None:
    every = [(i, j) for i in range(4) for j in range(4)]
    right = sum(pair in found and pair in gold for pair in every)
    precision = right / n if (n := sum(pair in found for pair in every)) else 0
    recall = right / sum(pair in gold for pair in every)
    f1 = 2 * precision * recall / (precision + recall) if right else 0
    told = retrieval.pair_f1(found, gold)
    assert told == pytest.approx({"f1": 100 * f1, "precision": 100 * precision, "recall": 100 * recall})


RANKED = st.lists(st.integers(0, 8), max_size=12)


@given(st.lists(st.tuples(RANKED, st.sets(st.integers(0, 8), min_size=1)), min_size=1, max_size=4), st.integers(1, 9))
@settings(deadline=None)
def test_mean_average_precision_by_its_definition(queries: list[tuple[list[int], set[int]]], depth: int) -> None:
    """Precision at k, summed over the places k that hold a right answer for the first time, by the most that could be found."""
    total = Fraction(0)
    for results, wanted in queries:
        seen = [set(results[:k]) & wanted for k in range(depth + 1)]
        hits = [k for k in range(1, depth + 1) if len(seen[k]) > len(seen[k - 1])]
        total += sum(Fraction(len(seen[k]), k) for k in hits) / min(len(wanted), depth)
    found = retrieval.mean_average_precision([results for results, _ in queries], [wanted for _, wanted in queries], depth)
    assert found == pytest.approx(float(100 * total / len(queries)))


@pytest.mark.parametrize(
    ("ranked", "relevant", "depth", "expected"),
    [
        ([["x", "a"]], [["a"]], 20, 50),
        ([["a"], []], [["a"], ["b"]], 20, 50),
        ([["a", "x", "b"]], [["a", "b"]], 20, 100 * (1 + 2 / 3) / 2),
        ([["a", "a", "b"]], [["a", "b"]], 20, 100 * (1 + 2 / 3) / 2),  # a repeated result takes a place, and counts once
        ([["x", "x", "a"]], [["a"]], 2, 0),
        ([["a", "b", "c"]], [["a", "b", "c"]], 2, 100),  # two places can hold two of three
    ],
)
def test_mean_average_precision(ranked: list, relevant: list, depth: int, expected: float) -> None:
    assert retrieval.mean_average_precision(ranked, relevant, depth) == pytest.approx(expected)


@pytest.mark.parametrize(("ranked", "relevant"), [([["a"]], []), ([], []), ([["a"]], [[]])])
def test_mean_average_precision_faults(ranked: list, relevant: list) -> None:
    with pytest.raises(ValueError):
        retrieval.mean_average_precision(ranked, relevant)


@pytest.mark.parametrize("dense", [1, 10**9], ids=["pair by pair", "whole blocks"])
def test_nearly_equal_vectors_are_told_apart(dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Float32Kernel precision cannot: cosines between these differ from 1 by less than 1e-9."""
    monkeypatch.setattr(nearest_neighbors, "DENSE", dense)
    monkeypatch.setattr(nearest_neighbors, "MAX_EXACT_PER_NEIGHBOR", 0)
    monkeypatch.setattr(nearest_neighbors, "PAIRS", 7)
    vectors = (1 + 1e-5 * np.random.default_rng(0).normal(size=(30, 16))).astype(np.float32)
    assert retrieval.nearest(vectors, vectors[::-1]).tolist() == list(range(29, -1, -1))
