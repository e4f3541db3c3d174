"""The gain to expect of each candidate, with an interval over past targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stilts_xtreme.scoring.bootstrap import t_interval
from stilts_xtreme.transferability.methods import Library, Method, Query
from stilts_xtreme.transferability.past_gains import Past, PastTarget


@dataclass(frozen=True)
class Expected:
    """A candidate's `score` by the method, and the gain to expect of it, in points, with a 95 % interval (None: unknown).

    `gains`: the averaged gains, by past target; empty where a line was fitted.
    """

    task: str
    score: float
    gain: float
    interval: tuple[float, float] | None
    gains: Mapping[str, float]

    @property
    def helps(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.interval is not None and self.interval[0] > 0


def ranking(method: Method, query: Query, past: Past, library: Library, candidates: Sequence[str]) -> list[Expected]:
    """Rank the candidates, best first; those without a gain on the past targets that count are left out."""
    if method.chooses is not None:
        return sorted(averaged(method.chooses(query, past, library), candidates), key=lambda candidate: -candidate.gain)
    assert method.scores is not None
    scores = method.scores(query, past, library, candidates)
    return sorted(fitted(method, scores, past, library), key=lambda candidate: -candidate.score)


def averaged(targets: Sequence[PastTarget], candidates: Sequence[str]) -> list[Expected]:
    """Average gains over past targets, with Student's interval over them; a single target gives no interval."""
    expected = []
    for name in candidates:
        gains = {"+".join(target.names): target.gains[name] for target in targets if name in target.gains}
        if gains:
            mean = float(np.mean(list(gains.values())))
            expected.append(Expected(name, mean, mean, _t_interval(list(gains.values())), gains))
    return expected


def fitted(method: Method, scores: Mapping[str, float], past: Past, library: Library) -> list[Expected]:
    """Predict gains by a straight line through the past targets' gains against the method's scores for them.

    The interval comes from leaving out each past target in turn (jackknife), with Student's t over targets.
    """
    assert method.scores is not None
    points: list[tuple[np.ndarray, np.ndarray]] = []  # scores and gains of each past target
    for target in past.targets():
        name = target.names[0]
        query = library.query(name, past.languages[name])
        known = method.scores(query, past, library, sorted(target.gains))
        points.append((np.array(list(known.values())), np.array([target.gains[task] for task in known])))
    given = np.array(list(scores.values()))
    gains = _line(points, given)
    left_out = np.array([_line(points[:i] + points[i + 1 :], given) for i in range(len(points))])
    count = len(points)
    variances = (count - 1) / count * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0)
    parts = zip(gains.tolist(), variances.tolist(), strict=True)
    intervals = [t_interval(gain, [(variance, count - 1)])[0] for gain, variance in parts]
    rows = zip(scores.items(), gains.tolist(), intervals, strict=True)
    return [Expected(task, score, gain, interval, {}) for (task, score), gain, interval in rows]


def _line(points: Sequence[tuple[np.ndarray, np.ndarray]], at: np.ndarray) -> np.ndarray:
    """Return a least-squares line's values at `at`; the mean gain where all scores are the same."""
    scores, gains = (np.concatenate(side) for side in zip(*points, strict=True))
    spread = scores - scores.mean()
    slope = float(spread @ gains / (spread @ spread)) if np.ptp(scores) > 0 else 0.0
    return gains.mean() + slope * (at - scores.mean())


def _t_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return Student's 95 % interval of the mean; None for fewer than two values."""
    if len(values) < 2:
        return None
    return t_interval(float(np.mean(values)), [(float(np.var(values, ddof=1)) / len(values), len(values) - 1)])[0]
