"""A straight line through few points: its slope, and how far the points' own scatter lets that be known."""

import math
from collections.abc import Sequence

import numpy as np


def slope_interval(places: Sequence[float], values: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Interval of the least-squares slope from the scatter around the line (Student's t, two degrees fewer than points).

    None for fewer than three points, or where all stand at one place.
    """
    across, up = np.asarray(places, float), np.asarray(values, float)
    across = across - across.mean()
    square = float(across @ across)
    if len(across) < 3 or square == 0:
        return None
    from scipy import stats

    slope = float(across @ up) / square
    rest = up - up.mean() - slope * across
    freedom = len(across) - 2
    half = float(stats.t.isf((1 - level) / 2, freedom)) * math.sqrt(float(rest @ rest) / freedom / square)
    return slope - half, slope + half
