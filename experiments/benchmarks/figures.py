"""Ratios with their uncertainty, from seconds a step of two sides that did the same steps side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np

DRAWS = 2000


def compared(ours: Sequence[float], stock: Sequence[float]) -> dict[str, Any]:
    """How many times as fast ours is.

    `ratio`: real tokens a second over all steps, ours by stock's; both sides have the same tokens, so the totals of seconds
    say it. `interval`: 95 % of ratios when steps are drawn again with replacement. `median`, `quartiles`: of the steps' ratios.
    """
    mine, theirs = np.asarray(ours, dtype=float), np.asarray(stock, dtype=float)
    drawn = np.random.default_rng(0).integers(len(mine), size=(DRAWS, len(mine)))
    low, high = np.percentile(theirs[drawn].sum(1) / mine[drawn].sum(1), [2.5, 97.5])
    first, middle, third = np.percentile(theirs / mine, [25, 50, 75])
    return {
        "ratio": float(theirs.sum() / mine.sum()),
        "interval": [float(low), float(high)],
        "median": float(middle),
        "quartiles": [float(first), float(third)],
    }


def share(operations: Sequence[int], seconds: Sequence[float], peak: Sequence[float]) -> dict[str, Any]:
    """Share of the peak that was reached: all operations over all seconds, by the median rate of bare products."""
    done, took, rates = (np.asarray(values, dtype=float) for values in (operations, seconds, peak))
    drawn = np.random.default_rng(0).integers(len(done), size=(DRAWS, len(done)))
    low, high = np.percentile(done[drawn].sum(1) / took[drawn].sum(1) / np.median(rates[drawn], axis=1), [2.5, 97.5])
    return {"ratio": float(done.sum() / took.sum() / np.median(rates)), "interval": [float(low), float(high)]}
