"""Does it matter in which order? Scores by order and seed, one value a cell: what varies, and what chance alone would give.

The permutation tests compare with random order: within every seed, scores change places among the orders (see `arrangements`).
All arrangements are gone through where there are EXACT or fewer, else DRAWS are drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stilts_xtreme.scoring import student
from stilts_xtreme.scoring.arrangements import Ways, free

EXACT = DRAWS = 10_000
NEAR = 1e-9  # sums of the same values in another order differ by rounding alone

Values = NDArray[np.float64]  # [orders, seeds]


@dataclass(frozen=True)
class Part:
    """One source of variance: sum of squares, degrees of freedom, and its component as estimated, which may be negative."""

    squares: float
    freedom: int
    estimate: float

    @property
    def component(self) -> float:
        """The estimate; 0 where that is negative."""
        return max(0.0, self.estimate)


@dataclass(frozen=True)
class Split:
    """The variance of single scores, by where it comes from; `rest`: chance, and what orders do in one seed and not another."""

    order: Part
    seed: Part
    rest: Part


@dataclass(frozen=True)
class Test:
    """`p` among `times` arrangements, all of them where `exact`; `least`: no scores whatever could give a smaller one."""

    p: float
    times: int
    exact: bool
    least: float


@dataclass(frozen=True)
class Best:
    """The best order's mean minus that of all: as found, as expected where order has no effect, and the test of the first.

    `elsewhere`: the same where each seed's best order is picked by the other seeds.
    """

    order: int
    above: float
    expected: float
    elsewhere: float
    test: Test


@dataclass(frozen=True)
class Named:
    """What orders chosen beforehand give: mean rank (1 is the best), and their mean minus that of all orders, by seed.

    `interval` is Student's t over seeds; None with one seed.
    """

    rank: float
    values: tuple[float, ...]
    difference: float
    interval: tuple[float, float] | None
    test: Test


def split(values: Values) -> Split | None:
    """Order x seed, one value a cell, both at random; None with one order or one seed, where nothing can be split."""
    orders, seeds = values.shape
    if orders < 2 or seeds < 2:
        return None
    mean = values.mean()
    by_order, by_seed = values.mean(axis=1), values.mean(axis=0)
    sums = seeds * ((by_order - mean) ** 2).sum(), orders * ((by_seed - mean) ** 2).sum()
    rest = ((values - by_order[:, None] - by_seed[None, :] + mean) ** 2).sum()
    free = orders - 1, seeds - 1, (orders - 1) * (seeds - 1)
    noise = rest / free[2]
    return Split(
        Part(float(sums[0]), free[0], float((sums[0] / free[0] - noise) / seeds)),
        Part(float(sums[1]), free[1], float((sums[1] / free[1] - noise) / orders)),
        Part(float(rest), free[2], float(noise)),
    )


def differ(values: Values, ways: Ways | None = None, seed: int = 0, exact: int = EXACT) -> Test | None:
    """Do the orders differ at all, by the sum of squares between them? None with one order or one seed."""
    if min(values.shape) < 2:
        return None
    chance, whole = _shuffled(values, ways or free(len(values)), seed, exact)
    return _test((_means(values) ** 2).sum(), (chance**2).sum(axis=1), whole)


def best(values: Values, ways: Ways | None = None, seed: int = 0, exact: int = EXACT) -> Best | None:
    """How far the best order lies above the mean of all; None with one order or one seed."""
    if min(values.shape) < 2:
        return None
    means, centred = _means(values), values - values.mean(axis=0)
    chance, whole = _shuffled(values, ways or free(len(values)), seed, exact)
    others = [int(np.delete(centred, here, axis=1).mean(axis=1).argmax()) for here in range(values.shape[1])]
    elsewhere = float(np.mean([centred[order, here] for here, order in enumerate(others)]))
    highest = chance.max(axis=1)
    return Best(int(means.argmax()), float(means.max()), float(highest.mean()), elsewhere, _test(means.max(), highest, whole))


def named(values: Values, chosen: Sequence[int], ways: Ways | None = None, seed: int = 0, exact: int = EXACT) -> Named:
    """What the `chosen` orders give, against as many at random in each seed."""
    centred = values - values.mean(axis=0)
    own = centred[list(chosen)].mean(axis=0)
    chance, whole = _picked(centred, chosen, ways or free(len(values)), seed, exact)
    ranks = (values[:, None] < values[None]).sum(axis=1) + ((values[:, None] == values[None]).sum(axis=1) + 1) / 2
    told = tuple(float(value) for value in own)
    test = _test(abs(own.mean()), np.abs(chance), whole)
    return Named(float(ranks[list(chosen)].mean()), told, float(own.mean()), student.interval(own.tolist()), test)


def _means(values: Values) -> Values:
    """Every order's mean, less that of all."""
    return values.mean(axis=1) - values.mean()


def _shuffled(values: Values, ways: Ways, seed: int, exact: int) -> tuple[Values, bool]:
    """The orders' means [arrangements, orders], less that of all, with scores moved among orders within seeds; are these all?

    The first seed's stay in place: moving all seeds' alike changes neither spread nor maximum.
    """
    centred = values - values.mean(axis=0)
    orders, seeds = values.shape
    sums = centred[None, :, 0]
    if ways.whole and ways.size ** (seeds - 1) <= exact:
        for column in centred.T[1:]:
            sums = (sums[:, None] + column[ways.table][None]).reshape(-1, orders)
        return sums / seeds, True
    chance = np.random.default_rng(seed)
    for column in centred.T[1:]:
        sums = sums + column[ways.table[chance.integers(0, len(ways.table), DRAWS)]]
    return sums / seeds, False


def _picked(centred: Values, chosen: Sequence[int], ways: Ways, seed: int, exact: int) -> tuple[Values, bool]:
    """The mean over seeds of what the chosen places hold, with scores moved anew in every seed; are these all?"""
    seeds = centred.shape[1]
    places = np.sort(ways.table[:, list(chosen)], axis=1)
    different = np.unique(places, axis=0)  # each comes about in equally many ways
    if ways.whole and len(different) ** seeds <= exact:
        sums = np.zeros(1)
        for column in centred.T:
            sums = (sums[:, None] + column[different].mean(axis=1)[None]).reshape(-1)
        return sums / seeds, True
    chance = np.random.default_rng(seed)
    drawn = [column[places[chance.integers(0, len(places), DRAWS)]].mean(axis=1) for column in centred.T]
    return np.mean(drawn, axis=0), False


def _test(found: float, chance: Values, whole: bool) -> Test:
    """How often chance gives as much: what was found is one of the arrangements where all are gone through, else one more."""
    hits, times = int((chance >= found - NEAR * (1 + abs(found))).sum()), len(chance)
    return Test(hits / times, times, True, 1 / times) if whole else Test((1 + hits) / (1 + times), times, False, 1 / (1 + times))
