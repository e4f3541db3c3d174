"""95 % confidence intervals from Student's t distribution: of a mean, and of a least-squares slope.

numpy and scipy are imported inside the functions, because specs import constants from modules that import this one.
"""

import math
from collections.abc import Sequence


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean from the sample standard deviation; None for fewer than two values."""
    if len(values) < 2:
        return None
    import numpy as np
    from scipy import stats

    array = np.asarray(values, dtype=np.float64)
    half_width = float(stats.t.isf(0.025, len(array) - 1) * array.std(ddof=1) / np.sqrt(len(array)))
    return float(array.mean()) - half_width, float(array.mean()) + half_width


def slope_interval(x: Sequence[float], y: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Return the interval of the least-squares slope of `y` on `x`, with two degrees of freedom fewer than points.

    None for fewer than three points, or where all `x` are equal.
    """
    import numpy as np
    from scipy import stats

    across, up = np.asarray(x, float), np.asarray(y, float)
    across = across - across.mean()
    square = float(across @ across)
    if len(across) < 3 or square == 0:
        return None
    slope = float(across @ up) / square
    residuals = up - up.mean() - slope * across
    degrees_of_freedom = len(across) - 2
    quantile = float(stats.t.isf((1 - level) / 2, degrees_of_freedom))
    half_width = quantile * math.sqrt(float(residuals @ residuals) / degrees_of_freedom / square)
    return slope - half_width, slope + half_width
