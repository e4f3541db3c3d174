"""Significance of a paired difference of scores: bootstrap over test examples, Student's t over seeds.

Seeds are few: bootstrap intervals from three seeds cover as little as 86 % in place of 95 %, by simulation. So only examples
are resampled; the variance over seeds is estimated from their spread, and both parts are combined as in Graybill and Wang 1980:
the squares of their half-widths add up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
LEVEL = 0.95

Resampled = NDArray[np.float64]  # scores of resampled test sets


@dataclass(frozen=True)
class PairedEffect:
    """A mean difference over seeds with its 95 % interval and two-sided p-value.

    `interval` and `p` generalise to other seeds and other test examples; with a single seed, to other test examples only.
    """

    mean: float
    interval: tuple[float, float]
    p: float


def bootstrap_counts(examples: int, seed: int, times: int = RESAMPLES) -> NDArray[np.uint8]:
    """Draw `examples` examples with replacement, `times` times; return how often each is drawn [times, examples]."""
    random = np.random.default_rng(seed)
    counts = np.zeros((times, examples), np.uint8)
    for row in counts:
        row[:] = np.minimum(np.bincount(random.integers(0, examples, examples), minlength=examples), 255)
    return counts


def resampled_scores(counts: NDArray[np.uint8], numerators: NDArray, denominators: NDArray) -> Resampled:
    """Return scores 0 to 100 [times, columns]: resampled sums of `numerators` over those of `denominators`.

    `counts`: [times, examples] as from `bootstrap_counts`; numerators and denominators: [examples, columns]. The score is 0 where
    the denominator's sum is 0.
    """
    weights = counts.astype(np.float32)
    over, under = weights @ numerators.astype(np.float32), weights @ denominators.astype(np.float32)
    return 100 * np.divide(over, under, out=np.zeros_like(over), where=under > 0).astype(np.float64)


def paired_effect(differences: Sequence[float], resampled: Resampled) -> PairedEffect:
    """Return the effect behind `differences`, a value per seed, given the same on resampled examples [seeds, times]."""
    mean = math.fsum(differences) / len(differences)
    by_seeds, by_examples = variance_parts(differences, resampled)
    interval, p = t_interval(mean, [(by_seeds, len(differences) - 1), (by_examples, math.inf)])
    return PairedEffect(mean, interval, p)


def variance_parts(differences: Sequence[float], resampled: Resampled) -> tuple[float, float]:
    """Return the variance of the mean difference due to seeds, and due to examples beyond what the spread of seeds contains.

    Arguments as in `paired_effect`.
    """
    count = len(differences)
    by_examples = float(resampled.mean(axis=0).var(ddof=1))
    if count == 1:
        return 0.0, by_examples
    # A seed's variance: the part that all seeds share, and the part that each has of its own.
    within = float(resampled.var(axis=1, ddof=1).mean())
    own = max(0.0, (within - by_examples) / (count - 1))
    return float(np.var(differences, ddof=1)) / count, max(0.0, by_examples - own)


def t_interval(mean: float, parts: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], float]:
    """Return the interval of LEVEL around a mean, and its two-sided p-value: the level at which the interval would end at 0.

    `parts`: (variance, degrees of freedom of its estimate) of each independent part of the variance; infinite degrees of freedom
    for a variance taken as known.
    """
    from scipy import optimize, stats

    positive = [(variance, degrees_of_freedom) for variance, degrees_of_freedom in parts if variance > 0]

    def half_width(alpha: float) -> float:
        return math.sqrt(sum(stats.t.isf(alpha / 2, freedom) ** 2 * variance for variance, freedom in positive))

    width = half_width(1 - LEVEL)
    if width == 0.0 or mean == 0.0:
        p = 1.0 if mean == 0.0 else 0.0
    else:
        smallest = 1e-12
        if half_width(smallest) < abs(mean):
            p = smallest
        else:
            p = float(optimize.brentq(lambda alpha: half_width(alpha) - abs(mean), smallest, 1.0))
    return (mean - width, mean + width), p


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return a q-value per p-value: the smallest false discovery rate at which it is significant (Benjamini, Hochberg 1995)."""
    from scipy import stats

    return [float(q) for q in stats.false_discovery_control(p_values)] if len(p_values) else []
