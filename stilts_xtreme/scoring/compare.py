"""Is a gain more than chance? Paired bootstrap over test examples, Student's t over seeds.

Seeds are few: a bootstrap of three of them gives intervals that hold 95 % in name and as little as 86 % in fact, by simulation.
So only examples are drawn again; what seeds add is judged by their own spread, and both parts are joined as in Graybill and
Wang 1980: the squares of their half widths add up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
LEVEL = 0.95

Drawn = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """A mean difference over seeds, its interval, and the chance of one as large either way where there is none.

    `interval` and `p` speak of other seeds and other test examples; with one seed of other test examples only.
    """

    mean: float
    interval: tuple[float, float]
    p: float


def draws(examples: int, seed: int, times: int = DRAWS) -> NDArray[np.uint8]:
    """How often each example is drawn, `times` times [times, examples]: as many as there are, with replacement."""
    random = np.random.default_rng(seed)
    counts = np.zeros((times, examples), np.uint8)
    for row in counts:
        row[:] = np.minimum(np.bincount(random.integers(0, examples, examples), minlength=examples), 255)
    return counts


def ratios(drawn: NDArray[np.uint8], tops: NDArray, bottoms: NDArray) -> Drawn:
    """Scores (0 to 100) of the drawn examples [times, columns]: the sums of `tops` by those of `bottoms` [examples, columns].

    Where nothing was drawn that counts the score is 0.
    """
    weights = drawn.astype(np.float32)
    over, under = weights @ tops.astype(np.float32), weights @ bottoms.astype(np.float32)
    return 100 * np.divide(over, under, out=np.zeros_like(over), where=under > 0).astype(np.float64)


def effect(values: Sequence[float], drawn: Drawn) -> Effect:
    """The effect behind differences `values`, one a seed, and the same from drawn examples [seeds, times]."""
    mean = math.fsum(values) / len(values)
    seeds, examples = variances(values, drawn)
    return Effect(mean, *judged(mean, [(seeds, len(values) - 1), (examples, math.inf)]))


def variances(values: Sequence[float], drawn: Drawn) -> tuple[float, float]:
    """Variance of the mean difference: by seeds, and by examples beyond what the seeds' spread already holds."""
    count = len(values)
    examples = float(drawn.mean(axis=0).var(ddof=1))
    if count == 1:
        return 0.0, examples
    within = float(drawn.var(axis=1, ddof=1).mean())  # of one seed: what seeds share, and what each has of its own
    own = max(0.0, (within - examples) / (count - 1))
    return float(np.var(values, ddof=1)) / count, max(0.0, examples - own)


def judged(mean: float, parts: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], float]:
    """The interval of LEVEL around a mean, and the level at which one would end at 0.

    `parts` are the variances that add up, each with the degrees of freedom of its estimate (infinite: as good as known).
    """
    from scipy import optimize, stats

    felt = [(variance, freedom) for variance, freedom in parts if variance > 0]

    def half(alpha: float) -> float:
        return math.sqrt(sum(stats.t.isf(alpha / 2, freedom) ** 2 * variance for variance, freedom in felt))

    width = half(1 - LEVEL)
    if width == 0.0 or mean == 0.0:
        p = 1.0 if mean == 0.0 else 0.0
    else:
        least = 1e-12
        p = least if half(least) < abs(mean) else float(optimize.brentq(lambda alpha: half(alpha) - abs(mean), least, 1.0))
    return (mean - width, mean + width), p


def adjusted(chances: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg 1995: for each of several comparisons the least false discovery rate at which it stands out."""
    from scipy import stats

    return [float(q) for q in stats.false_discovery_control(chances)] if len(chances) else []
