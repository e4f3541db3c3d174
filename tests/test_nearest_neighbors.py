"""The kernels that find neighbors: what they say of their own error, and that the result does not depend on them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stilts_xtreme.engine.similarity_kernels import Brief
from stilts_xtreme.scoring import nearest_neighbors, retrieval

PRODUCTS = [nearest_neighbors.Float32Kernel, Brief]
SEEDS = st.integers(0, 2**32 - 1)


def draw(seed: int, most: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """Two sides that lie around one direction, loosely to very closely, with zero vectors, repeats and nearly equal vectors."""
    random = np.random.default_rng(seed)
    dimensions = int(random.integers(1, 70))
    centre = random.normal(size=dimensions) * random.choice([0, 1, 10])
    spread = random.choice([1, 1e-2, 1e-5])
    sides = []
    for count in random.integers(1, most, 2):
        side = centre + spread * random.normal(size=(count, dimensions)) + random.choice([0, 1]) * random.normal(size=dimensions)
        side[random.random(count) < 0.05] = 0
        again = random.integers(0, count, count // 4)
        side[random.permutation(count)[: len(again)]] = side[again]
        close = random.integers(0, count, count // 4)
        side[random.permutation(count)[: len(close)]] = side[close] * (1 + 1e-6 * random.normal(size=(len(close), dimensions)))
        sides.append(side.astype(np.float32))
    common = min(map(len, sides)) // 3
    sides[1][:common] = 3 * sides[0][:common]
    return sides[0], sides[1]


def single(side: nearest_neighbors.VectorSet) -> np.ndarray:
    return side.float32_units(slice(0, len(side.vectors)))


@pytest.mark.parametrize("make", PRODUCTS)
@given(seed=SEEDS)
@settings(deadline=None, max_examples=200)
def test_the_true_cosine_lies_within_what_a_product_says(make: nearest_neighbors.KernelFactory, seed: int) -> None:
    left, right = (nearest_neighbors.VectorSet(vectors) for vectors in draw(seed))
    product = make(left.vectors, right.vectors)
    keys, slack = product.block(product.side(single(left), True), product.side(single(right), False))
    true = left.units(slice(None)) @ right.units(slice(None)).T
    low, high = product.bounds(np.ascontiguousarray(keys))
    assert keys.shape == true.shape
    assert (low - slack <= true).all() and (true <= high + slack).all()
    assert slack < 0.02  # and what it says is of use
    for line in np.quantile(true, [0, 0.3, 0.9, 1]):  # a true cosine of at least the line passes the line's key
        assert (keys >= product.keys(np.array([line - slack])))[true >= line].all()


@given(SEEDS, st.integers(1, 6), st.sampled_from([(7, 5), (16, 32), (1024, 2048)]), st.sampled_from([0, 2, 16]))
@settings(deadline=None, max_examples=150)
def test_pairs_and_scores_are_the_same_to_the_last_bit(seed: int, k: int, shape: tuple[int, int], few: int) -> None:
    foreign, english = draw(seed)
    with pytest.MonkeyPatch.context() as patch:
        expected = retrieval.mine(foreign, english, k)
        for name, value in zip(("ROWS", "COLUMNS", "MAX_EXACT_PER_NEIGHBOR"), (*shape, few), strict=True):
            patch.setattr(nearest_neighbors, name, value)
        for make in PRODUCTS:
            assert retrieval.mine(foreign, english, k, make) == expected


@pytest.mark.parametrize("make", PRODUCTS)
@given(seed=SEEDS, k=st.integers(1, 100))
@settings(deadline=None, max_examples=100)
def test_neighbours_are_those_of_rounded_double_precision(make: nearest_neighbors.KernelFactory, seed: int, k: int) -> None:
    foreign, english = draw(seed)
    left, right = nearest_neighbors.VectorSet(foreign).units(slice(None)), nearest_neighbors.VectorSet(english).units(slice(None))
    table = np.round([[np.einsum("pd,pd->p", x[None], y[None])[0] for y in right] for x in left], nearest_neighbors.DECIMALS)
    expected = np.argsort(-table, axis=1, kind="stable")[:, :k]
    found = retrieval.nearest_k(foreign, [english], k, make)
    assert found[:, : expected.shape[1]].tolist() == expected.tolist()
    assert (found[:, expected.shape[1] :] == -1).all()


def test_a_product_that_does_not_pay_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where bfloat16 leaves most pairs of a block in doubt, single precision takes over for good."""
    used = []

    class Counted(Brief):
        def block(self, left, right):
            used.append(len(used))
            return super().block(left, right)

    monkeypatch.setattr(nearest_neighbors, "ROWS", 8)
    monkeypatch.setattr(nearest_neighbors, "MAX_EXACT_PER_NEIGHBOR", 2)
    random = np.random.default_rng(0)
    one = random.normal(size=16)
    near = [(one + 1e-5 * random.normal(size=(160, 16))).astype(np.float32) for _ in range(2)]
    near[0][0], near[1][0] = -one, -one  # so that the mean does not take everything off
    assert retrieval.mine(*near, kernel=Counted) == retrieval.mine(*near)
    assert 1 <= len(used) < 20
