"""What noise takes from a model: points by language, and the share of its clean score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stilts_xtreme.analysis import comparisons, effects
from stilts_xtreme.analysis.effects import Scored


@dataclass(frozen=True)
class Loss:
    """Clean minus noisy score of one model, or a difference of two models' losses.

    `share` is in percent of the clean score, all languages alike; None where there is no clean score to lose from.
    """

    points: Scored
    share: float | None
    shares: NDArray[np.float64]  # of drawn examples

    def __sub__(self, other: "Loss") -> "Loss":
        share = None if self.share is None or other.share is None else self.share - other.share
        return Loss(self.points - other.points, share, self.shares - other.shares)


def loss(clean: Scored, noisy: Scored) -> Loss:
    points = clean - noisy
    alike = effects.even(clean.languages)
    (whole, wholes), (lost, losts) = clean.weighed(alike), points.weighed(alike)
    shares = 100 * np.divide(losts, wholes, out=np.zeros_like(losts), where=wholes > 0)
    return Loss(points, 100 * lost / whole if whole > 0 else None, shares)


def told(by_seed: Mapping[int, Loss]) -> dict[str, Any]:
    """The effect in points, and `relative`, in percent of the clean score, where every seed has one."""
    points = {seed: found.points for seed, found in by_seed.items()}
    found = effects.effect(points, effects.even(next(iter(points.values())).languages))
    return found | _relative([by_seed])


def averaged(columns: Sequence[Mapping[int, Loss]]) -> dict[str, Any] | None:
    """The same of the mean over targets, of the seeds that all of them have; None where there is none, or one target only."""
    found = comparisons.averaged([{seed: lost.points for seed, lost in by_seed.items()} for by_seed in columns])
    return None if found is None else found | _relative(columns)


def _relative(columns: Sequence[Mapping[int, Loss]]) -> dict[str, Any]:
    seeds = [seed for seed in columns[0] if all(seed in column for column in columns)]
    found = [[column[seed] for column in columns] for seed in seeds]
    if any(lost.share is None for each in found for lost in each):
        return {}
    shares = {seed: float(np.mean([lost.share for lost in each])) for seed, each in zip(seeds, found, strict=True)}
    return {"relative": effects.told(shares, np.stack([np.mean([lost.shares for lost in each], axis=0) for each in found]))}
