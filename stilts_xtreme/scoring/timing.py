"""Statistics of call times: percentiles, and ratios with intervals from rounds timed in turns.

numpy is imported inside the functions, because specs import MIN_ROUNDS from here.
"""

from collections.abc import Mapping, Sequence

from stilts_xtreme.scoring.intervals import mean_interval

PERCENTILES = (50, 90, 95, 99)
MIN_ROUNDS = 8  # intervals resampled from fewer rounds are too narrow
RESAMPLES = 2000  # of the bootstrap
MARGIN = 0.02  # relative difference below which times count as equal


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return `p50`, `p90`, `p95`, `p99` (linear interpolation) and `mean` in milliseconds."""
    import numpy as np

    times = 1e3 * np.asarray(seconds, dtype=np.float64)
    values = np.percentile(times, PERCENTILES)
    return {f"p{share}": float(value) for share, value in zip(PERCENTILES, values, strict=True)} | {"mean": float(times.mean())}


def ratio(ours: Sequence[Sequence[float]], base: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return the geometric mean of `ours` / `base`, both seconds [rounds][parts]; each pair is timed in the same round.

    Returns {"ratio", "rounds", "low", "high"}: the last two are the 95 % bootstrap interval over rounds, absent with fewer than
    `MIN_ROUNDS` rounds.
    """
    import numpy as np

    logs = np.log(np.asarray(ours, dtype=np.float64) / np.asarray(base, dtype=np.float64)).mean(axis=1)
    record = {"ratio": float(np.exp(logs.mean())), "rounds": len(logs)}
    if len(logs) < MIN_ROUNDS:
        return record
    indices = np.random.default_rng(0).integers(len(logs), size=(RESAMPLES, len(logs)))
    low, high = np.exp(np.percentile(logs[indices].mean(axis=1), (2.5, 97.5)))
    return {**record, "low": float(low), "high": float(high)}


def over_seeds(ratios: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Combine the results of `ratio` of several seeds; that of a single seed is returned as it is.

    Returns {"ratio": geometric mean, "deviation": sample standard deviation, "seeds", "low", "high": Student's t interval}. The
    interval within a seed, over rounds, does not cover the variation between measurements; the interval over seeds does.
    """
    if len(ratios) == 1:
        return dict(ratios[0])
    import numpy as np

    values = np.asarray([record["ratio"] for record in ratios], dtype=np.float64)
    interval = mean_interval(np.log(values).tolist())
    if interval is None:
        raise ValueError("no ratios to combine")
    low, high = np.exp(interval)
    record = {"ratio": float(np.exp(np.log(values).mean())), "deviation": float(values.std(ddof=1)), "seeds": len(ratios)}
    return {**record, "low": float(low), "high": float(high)}


def verdict(record: Mapping[str, float], margin: float = MARGIN) -> str:
    """Judge a record of `ratio`: "equal" if its interval lies within `margin` of 1, "differs" if outside, otherwise "open"."""
    low, high = record.get("low", 0.0), record.get("high", float("inf"))
    if 1 - margin <= low and high <= 1 + margin:
        return "equal"
    return "differs" if low > 1 + margin or high < 1 - margin else "open"
