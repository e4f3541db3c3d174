"""What noise takes from a model: points by language, and the share of its clean score."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stilts_xtreme.analysis import effects
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
    codes = next(iter(points.values())).languages
    shares = {seed: found.share for seed, found in by_seed.items() if found.share is not None}
    found = effects.effect(points, effects.even(codes))
    if len(shares) < len(points):
        return found
    return found | {"relative": effects.told(shares, np.stack([found.shares for found in by_seed.values()]))}
