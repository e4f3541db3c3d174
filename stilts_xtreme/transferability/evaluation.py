"""How good a ranking of intermediate tasks is, once their gains are known."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Rankings = Mapping[str, Mapping[str, float]]  # scores, or gains, by target and intermediate task
CUTS = (1, 3)  # so many of the first are trained


def spearman(scores: Mapping[str, float], gains: Mapping[str, float]) -> float:
    """Return Spearman's rank correlation of scores and gains over the tasks that both have; NaN where either is constant."""
    from scipy.stats import spearmanr

    names = [name for name in gains if name in scores]
    first, second = [scores[name] for name in names], [gains[name] for name in names]
    if len(set(first)) < 2 or len(set(second)) < 2:
        return float("nan")
    return float(spearmanr(first, second).statistic)


def ndcg(scores: Mapping[str, float], gains: Mapping[str, float]) -> float:
    """Return the normalised discounted cumulative gain of the ranking by `scores`; relevance: gain above the smallest gain."""
    from sklearn.metrics import ndcg_score

    names = [name for name in gains if name in scores]
    relevance = np.array([gains[name] for name in names])
    return float(ndcg_score([relevance - relevance.min()], [[scores[name] for name in names]]))


def regret(scores: Mapping[str, float], gains: Mapping[str, float], k: int) -> float:
    """Return the points that the best of the k highest-ranked tasks loses against the best of all; ties in `gains`' order."""
    names = [name for name in gains if name in scores]
    ranked = sorted(names, key=lambda name: -scores[name])
    return max(gains[name] for name in names) - max(gains[name] for name in ranked[:k])


def expected_regret(gains: Mapping[str, float], k: int) -> float:
    """Return the regret of k tasks drawn at random without replacement, on average over all draws."""
    ordered = np.sort(np.array(list(gains.values())))[::-1]
    count, missed, expected = len(ordered), 1.0, 0.0
    for rank, gain in enumerate(ordered):
        left = count - rank
        hit = min(1.0, k / left)
        probability = missed * hit  # that the best task drawn is at this rank
        expected += probability * float(ordered[0] - gain)
        missed *= 1 - hit
    return expected


def interval_of(values: Sequence[float], draws: int = 10_000, seed: int = 0) -> dict[str, float]:
    """Return the `mean` of a value per target, with the ends `low` and `high` of its 95 % bootstrap interval over targets."""
    array: NDArray[np.float64] = np.asarray(values, np.float64)
    indices = np.random.default_rng(seed).integers(0, len(array), size=(draws, len(array)))
    low, high = np.percentile(array[indices].mean(axis=1), [2.5, 97.5])
    return {"mean": float(array.mean()), "low": float(low), "high": float(high), "targets": len(array)}


def quality(scores: Rankings, gains: Rankings) -> dict[str, dict[str, float]]:
    """Return Spearman's correlation, NDCG and regret of the rankings by `scores`, with intervals over the targets ranked.

    Both arguments: by target, by intermediate task. Targets whose scores are all the same have no correlation and do not count.
    """
    targets = [target for target in gains if target in scores]
    values = {
        "spearman": [spearman(scores[target], gains[target]) for target in targets],
        "ndcg": [ndcg(scores[target], gains[target]) for target in targets],
    } | {f"regret@{k}": list(regrets(scores, gains, k).values()) for k in CUTS}
    numbers = {name: [value for value in row if not math.isnan(value)] for name, row in values.items()}
    return {name: interval_of(row) for name, row in numbers.items() if row}


def regrets(scores: Rankings, gains: Rankings, k: int) -> dict[str, float]:
    """Return the regret of the first k tasks, by target."""
    return {target: regret(scores[target], gains[target], k) for target in gains if target in scores}


def random_regrets(gains: Rankings, k: int) -> dict[str, float]:
    """Return the expected regret of k tasks drawn at random, by target."""
    return {target: expected_regret(column, k) for target, column in gains.items()}


def less(regrets: Mapping[str, float], baseline: Mapping[str, float]) -> dict[str, float]:
    """Return the points by which regrets are below a baseline's, paired by target, with interval: above zero is better."""
    return interval_of([baseline[target] - regrets[target] for target in regrets if target in baseline])
