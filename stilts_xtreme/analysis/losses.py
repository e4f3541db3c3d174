"""What noise takes from a model: points by language, and percent of its clean score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stilts_xtreme.analysis import effects
from stilts_xtreme.analysis.bootstrap_scores import Estimate, Scored, mean_estimate
from stilts_xtreme.utils.bounded_io import Record


@dataclass(frozen=True)
class Loss:
    """Clean minus noisy score of a model, or a difference of two models' losses.

    `share` is in percent of the clean score, all languages alike; None where there is no clean score to lose from.
    """

    points: Scored
    share: Estimate | None

    def __sub__(self, other: "Loss") -> "Loss":
        share = None if self.share is None or other.share is None else self.share - other.share
        return Loss(self.points - other.points, share)


Losses = Mapping[int, Loss]  # by seed


def loss(clean: Scored, noisy: Scored) -> Loss:
    """Return what the model loses from the clean to the noisy evaluation."""
    points = clean - noisy
    whole, lost = clean.weighted(), points.weighted()
    if whole.value <= 0:
        return Loss(points, None)
    shares = np.divide(lost.resampled, whole.resampled, out=np.zeros_like(lost.resampled), where=whole.resampled > 0)
    return Loss(points, Estimate(100 * lost.value / whole.value, 100 * shares))


def effect(by_seed: Losses) -> Record:
    """Return the record of the effect in points, with `relative`, in percent of the clean score, where every seed has it."""
    return effects.effect(_points(by_seed)) | _relative([by_seed])


def average_effect(columns: Sequence[Losses]) -> Record | None:
    """Return the same of the mean over columns (targets), as `effects.average_effect`."""
    average = effects.average_effect([_points(by_seed) for by_seed in columns])
    return None if average is None else average | _relative(columns)


def _points(by_seed: Losses) -> dict[int, Scored]:
    return {seed: lost.points for seed, lost in by_seed.items()}


def _relative(columns: Sequence[Losses]) -> Record:
    estimates = {}
    for seed in effects.shared_seeds(columns):
        shares = [column[seed].share for column in columns]
        known = [share for share in shares if share is not None]
        if len(known) < len(shares):
            return {}
        estimates[seed] = mean_estimate(known)
    return {"relative": effects.effect_record(estimates)}
