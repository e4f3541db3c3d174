"""What calls' times say: percentiles, and ratios with intervals from turns that were taken side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from stilts_xtreme.scoring import student

PERCENTILES = (50, 90, 95, 99)
FEW = 8  # rounds; drawn from fewer, intervals are too narrow
DRAWS = 2000  # of the bootstrap
MARGIN = 0.02  # times that differ by less count as the same


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds: `p50`, `p90`, `p95`, `p99` (linear between neighbours) and `mean`."""
    import numpy as np  # not at the top: specs take a number from here

    times = 1e3 * np.asarray(seconds, dtype=np.float64)
    found = np.percentile(times, PERCENTILES)
    return {f"p{share}": float(value) for share, value in zip(PERCENTILES, found, strict=True)} | {"mean": float(times.mean())}


def ratio(ours: Sequence[Sequence[float]], base: Sequence[Sequence[float]]) -> dict[str, Any]:
    """How many times `base` ours takes: [rounds][parts], each pair timed in the same turn; the geometric mean over all.

    `low` and `high` hold 95 in 100 of the means of rounds drawn anew; absent with fewer than `FEW`, which say too little of it.
    """
    import numpy as np

    logs = np.log(np.asarray(ours, dtype=np.float64) / np.asarray(base, dtype=np.float64)).mean(axis=1)
    told = {"ratio": float(np.exp(logs.mean())), "rounds": len(logs)}
    if len(logs) < FEW:
        return told
    drawn = np.random.default_rng(0).integers(len(logs), size=(DRAWS, len(logs)))
    low, high = np.exp(np.percentile(logs[drawn].mean(axis=1), (2.5, 97.5)))
    return {**told, "low": float(low), "high": float(high)}


def over_seeds(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One seed's ratio as it is; of several their geometric mean, `deviation` (sample standard deviation) and Student's interval.

    A seed's own interval, over turns, says nothing of what one measurement and the next differ by; this one does.
    """
    if len(found) == 1:
        return dict(found[0])
    import numpy as np

    ratios = np.asarray([one["ratio"] for one in found], dtype=np.float64)
    low, high = np.exp(student.interval(np.log(ratios).tolist()))
    told = {"ratio": float(np.exp(np.log(ratios).mean())), "deviation": float(ratios.std(ddof=1)), "seeds": len(found)}
    return {**told, "low": float(low), "high": float(high)}


def verdict(found: dict[str, Any], margin: float = MARGIN) -> str:
    """equal: the whole interval lies within `margin` of 1; differs: all of it beyond; open: neither."""
    low, high = found.get("low", 0.0), found.get("high", float("inf"))
    if 1 - margin <= low and high <= 1 + margin:
        return "equal"
    return "differs" if low > 1 + margin or high < 1 - margin else "open"
