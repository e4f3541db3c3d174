"""Student's t for a handful of values, one a seed."""

from collections.abc import Sequence


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of the mean, from what the values scatter by; None for fewer than two."""
    if len(values) < 2:
        return None
    import numpy as np  # not at the top: specs read what is beside this
    from scipy import stats

    array = np.asarray(values, dtype=np.float64)
    half = float(stats.t.isf(0.025, len(array) - 1) * array.std(ddof=1) / np.sqrt(len(array)))
    return float(array.mean()) - half, float(array.mean()) + half
