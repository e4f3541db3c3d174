"""The noisy evaluations of a study, and what was tested about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stilts_xtreme.report import short_names
from stilts_xtreme.report.summary import AVERAGE, Mean, Summary
from stilts_xtreme.results.rows import BASELINE, Row

Key = tuple[str, str, float]  # row, target, rate


@dataclass(frozen=True)
class Noisy:
    """A study's noisy evaluations and what was tested about them, by row, target and rate; `between` by both rows and target.
    Differences of drops are also told of the `AVERAGE` of targets.
    """

    summary: Summary
    rows: list[Row]
    names: Mapping[str, str]
    rates: Sequence[float]
    runs: Mapping[Key, Mapping[int, Mapping[str, Any]]]
    drops: Mapping[Key, Mapping[str, Any]]
    spared: Mapping[Key, Mapping[str, Any]]
    between: Mapping[tuple[str, str, str], Mapping[str, Any]] = field(default_factory=dict)

    @property
    def highest(self) -> float:
        return max(self.rates)

    def score(self, row: str, target: str, rate: float) -> Mean | None:
        """The mean score at that rate over the seeds that have one; at 0 the clean score."""
        if not rate:
            return self.summary.score(row, target)
        return self._mean({seed: run["score"] for seed, run in self.runs.get((row, target, rate), {}).items()})

    def flips(self, row: str, target: str, code: str = "") -> Mean | None:
        """Percent of examples whose prediction changes at the highest rate: of a language, or the mean over languages."""
        found = {}
        for seed, run in self.runs.get((row, target, self.highest), {}).items():
            shares = [told["flips"] for name, told in run["languages"].items() if code in ("", name)]
            if shares:
                found[seed] = sum(shares) / len(shares)
        return self._mean(found)

    def drop(self, row: str, target: str) -> Mapping[str, Any] | None:
        """At the highest rate."""
        return self.drops.get((row, target, self.highest))

    def effect(self, row: str, against: str, target: str) -> Mapping[str, Any] | None:
        """How much less the row loses than the other at the highest rate."""
        return self.spared.get((row, target, self.highest)) if against == BASELINE else self.between.get((row, against, target))

    @property
    def columns(self) -> list[str]:
        """Targets, and their average where it was tested."""
        tested = any(AVERAGE in key for key in (*self.spared, *self.between))
        return [*self.summary.targets, *([AVERAGE] if tested else [])]

    def tested(self, average: bool) -> tuple[int, int]:
        """How many comparisons with the baseline, and how many others, on targets or on their average."""
        found = [sum((AVERAGE in key) == average for key in keys) for keys in (self.spared, self.between)]
        return found[0], found[1]

    def guessing(self, row: str, target: str) -> bool:
        """Is the clean score no better than guessing? Of the average: that of any target?"""
        if target == AVERAGE:
            return any(self.guessing(row, one) for one in self.summary.targets)
        score = self.summary.score(row, target)
        return score is not None and score.mean <= max(self.summary.guessed(target), 0.0)

    def _mean(self, found: Mapping[int, float]) -> Mean | None:
        values = tuple(found[seed] for seed in self.summary.seeds if seed in found)
        return Mean(values, len(self.summary.seeds)) if values else None


def read(summary: Summary, told: Mapping[str, Any]) -> Noisy:
    runs: dict[Key, dict[int, Mapping[str, Any]]] = {}
    for run in told["evaluations"]:
        runs.setdefault((run["row"], run["target"], run["rate"]), {})[run["seed"]] = run
    rows = [row for name, row in summary.rows.items() if any(name == other for other, _, _ in runs)]
    by_key = [{(one["row"], one["target"], one["rate"]): one for one in told[name]} for name in ("drops", "spared")]
    between = {(one["row"], one["against"], one["target"]): one for one in told.get("between", ())}
    return Noisy(summary, rows, short_names.names(rows), sorted(told["rates"]), runs, *by_key, between)
