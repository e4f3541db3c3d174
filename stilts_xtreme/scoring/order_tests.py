"""Does task order matter? Variance components and permutation tests on scores [orders, seeds].

The permutation tests compare with random order: within every seed, scores are permuted among the orders (see `permutations`).
All permutations are enumerated where there are EXACT or fewer, otherwise SAMPLES random ones are taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stilts_xtreme.scoring.intervals import mean_interval
from stilts_xtreme.scoring.permutations import PermutationSet, all_permutations

EXACT = SAMPLES = 10_000
TOLERANCE = 1e-9  # sums of the same values in another order differ by rounding alone

Values = NDArray[np.float64]  # [orders, seeds]


@dataclass(frozen=True)
class VarianceComponent:
    """One source of variance: sum of squares, degrees of freedom, and the estimated component, which may be negative."""

    sum_of_squares: float
    degrees_of_freedom: int
    estimate: float

    @property
    def component(self) -> float:
        """The estimate; 0 where that is negative."""
        return max(0.0, self.estimate)


@dataclass(frozen=True)
class VarianceComponents:
    """The variance of single scores by source; `rest` is the residual: noise, and interaction of order and seed."""

    order: VarianceComponent
    seed: VarianceComponent
    rest: VarianceComponent


@dataclass(frozen=True)
class PermutationTest:
    """p-value from `n_permutations` permutations, all of them where `exact`; `smallest_p`: the smallest p this test can give."""

    p: float
    n_permutations: int
    exact: bool
    smallest_p: float


@dataclass(frozen=True)
class BestOrder:
    """The best order's mean minus the mean of all orders: observed, expected without an effect of order, and its test.

    `order`: index of the best order. `held_out`: the same difference where each seed's best order is chosen by the other seeds.
    """

    order: int
    observed: float
    expected: float
    held_out: float
    test: PermutationTest


@dataclass(frozen=True)
class CurriculumEffect:
    """Orders chosen beforehand: mean rank (1 is the best), and their mean minus that of all orders, by seed and over seeds.

    `interval` is Student's t over seeds; None with a single seed.
    """

    rank: float
    by_seed: tuple[float, ...]
    difference: float
    interval: tuple[float, float] | None
    test: PermutationTest


def variance_components(values: Values) -> VarianceComponents | None:
    """Split the variance by order and seed, both random effects, a value per cell; None with fewer than two orders or seeds."""
    orders, seeds = values.shape
    if orders < 2 or seeds < 2:
        return None
    mean = values.mean()
    by_order, by_seed = values.mean(axis=1), values.mean(axis=0)
    sums = seeds * ((by_order - mean) ** 2).sum(), orders * ((by_seed - mean) ** 2).sum()
    rest = ((values - by_order[:, None] - by_seed[None, :] + mean) ** 2).sum()
    freedom = orders - 1, seeds - 1, (orders - 1) * (seeds - 1)
    noise = rest / freedom[2]
    return VarianceComponents(
        VarianceComponent(float(sums[0]), freedom[0], float((sums[0] / freedom[0] - noise) / seeds)),
        VarianceComponent(float(sums[1]), freedom[1], float((sums[1] / freedom[1] - noise) / orders)),
        VarianceComponent(float(rest), freedom[2], float(noise)),
    )


def omnibus_test(
    values: Values, permutations: PermutationSet | None = None, seed: int = 0, exact: int = EXACT
) -> PermutationTest | None:
    """Test whether the orders differ at all, by the sum of squares between them; None with fewer than two orders or seeds."""
    if min(values.shape) < 2:
        return None
    permuted, complete = _permuted_means(values, permutations or all_permutations(len(values)), seed, exact)
    return _test((_centred_means(values) ** 2).sum(), (permuted**2).sum(axis=1), complete)


def best_of_orders(
    values: Values, permutations: PermutationSet | None = None, seed: int = 0, exact: int = EXACT
) -> BestOrder | None:
    """Test how far the best order lies above the mean of all; None with fewer than two orders or seeds."""
    if min(values.shape) < 2:
        return None
    means, centred = _centred_means(values), values - values.mean(axis=0)
    permuted, complete = _permuted_means(values, permutations or all_permutations(len(values)), seed, exact)
    others = [int(np.delete(centred, here, axis=1).mean(axis=1).argmax()) for here in range(values.shape[1])]
    held_out = float(np.mean([centred[order, here] for here, order in enumerate(others)]))
    highest = permuted.max(axis=1)
    test = _test(means.max(), highest, complete)
    return BestOrder(int(means.argmax()), float(means.max()), float(highest.mean()), held_out, test)


def curriculum_test(
    values: Values, chosen: Sequence[int], permutations: PermutationSet | None = None, seed: int = 0, exact: int = EXACT
) -> CurriculumEffect:
    """Compare the `chosen` orders (indices) with as many random ones in each seed, two-sided."""
    centred = values - values.mean(axis=0)
    own = centred[list(chosen)].mean(axis=0)
    permuted, complete = _permuted_choice(centred, chosen, permutations or all_permutations(len(values)), seed, exact)
    ranks = (values[:, None] < values[None]).sum(axis=1) + ((values[:, None] == values[None]).sum(axis=1) + 1) / 2
    by_seed = tuple(float(value) for value in own)
    test = _test(abs(own.mean()), np.abs(permuted), complete)
    return CurriculumEffect(float(ranks[list(chosen)].mean()), by_seed, float(own.mean()), mean_interval(own.tolist()), test)


def _centred_means(values: Values) -> Values:
    """Return every order's mean minus that of all [orders]."""
    return values.mean(axis=1) - values.mean()


def _permuted_means(values: Values, permutations: PermutationSet, seed: int, exact: int) -> tuple[Values, bool]:
    """Return the orders' centred means [permutations, orders] with scores permuted within seeds, and whether these are all.

    The first seed's scores stay in place: permuting all seeds alike changes neither spread nor maximum.
    """
    centred = values - values.mean(axis=0)
    orders, seeds = values.shape
    sums = centred[None, :, 0]
    if permutations.complete and permutations.size ** (seeds - 1) <= exact:
        for column in centred.T[1:]:
            sums = (sums[:, None] + column[permutations.table][None]).reshape(-1, orders)
        return sums / seeds, True
    random = np.random.default_rng(seed)
    for column in centred.T[1:]:
        sums = sums + column[permutations.table[random.integers(0, len(permutations.table), SAMPLES)]]
    return sums / seeds, False


def _permuted_choice(
    centred: Values, chosen: Sequence[int], permutations: PermutationSet, seed: int, exact: int
) -> tuple[Values, bool]:
    """Return the mean over seeds at the chosen indices [permutations], each seed permuted anew, and whether these are all."""
    seeds = centred.shape[1]
    indices = np.sort(permutations.table[:, list(chosen)], axis=1)
    different = np.unique(indices, axis=0)  # each arises from about equally many permutations
    if permutations.complete and len(different) ** seeds <= exact:
        sums = np.zeros(1)
        for column in centred.T:
            sums = (sums[:, None] + column[different].mean(axis=1)[None]).reshape(-1)
        return sums / seeds, True
    random = np.random.default_rng(seed)
    samples = [column[indices[random.integers(0, len(indices), SAMPLES)]].mean(axis=1) for column in centred.T]
    return np.mean(samples, axis=0), False


def _test(observed: float, permuted: Values, complete: bool) -> PermutationTest:
    """Return how often a permutation gives at least the observed value.

    The observed arrangement is among them where all are enumerated; otherwise it is added to them.
    """
    hits, count = int((permuted >= observed - TOLERANCE * (1 + abs(observed))).sum()), len(permuted)
    if complete:
        return PermutationTest(hits / count, count, True, 1 / count)
    return PermutationTest((1 + hits) / (1 + count), count, False, 1 / (1 + count))
