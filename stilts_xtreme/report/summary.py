"""A study's scores by intermediate, target and seed; means, gains paired by seed, and their spread."""

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stilts_xtreme.errors import UserError
from stilts_xtreme.report import agreement, comparisons
from stilts_xtreme.report.comparisons import AVERAGE, Comparisons
from stilts_xtreme.results import rows
from stilts_xtreme.results.rows import Row
from stilts_xtreme.scoring.benchmarks import mean
from stilts_xtreme.scoring.language_groups import transfer_gap
from stilts_xtreme.tasks.constant import within_chance

FIELDS = ("name", "question", "rows", "targets", "seeds", "tasks", "evaluations", "trainings")


@dataclass(frozen=True)
class Mean:
    """Values of one quantity, one per seed; `seeds` is how many the study has."""

    values: tuple[float, ...]
    seeds: int

    @property
    def mean(self) -> float:
        return math.fsum(self.values) / len(self.values)

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation (n - 1); None for a single value."""
        if len(self.values) < 2:
            return None
        return math.sqrt(math.fsum((value - self.mean) ** 2 for value in self.values) / (len(self.values) - 1))

    @property
    def partial(self) -> bool:
        return len(self.values) < self.seeds

    @property
    def clear(self) -> bool | None:
        """Is the mean two standard errors or more from zero? None with fewer than three values."""
        if len(self.values) < 3 or self.deviation is None:
            return None
        return self.mean != 0 and abs(self.mean) >= 2 * self.deviation / math.sqrt(len(self.values))


@dataclass(frozen=True)
class Summary:
    """A checked study: its rows by their labels, its evaluations by (label, target) and seed, its tested gains."""

    study: Mapping[str, Any]
    rows: Mapping[str, Row]
    cells: Mapping[tuple[str, str], Mapping[int, Mapping[str, Any]]]
    comparisons: Comparisons = field(default_factory=dict)

    @property
    def targets(self) -> list[str]:
        return list(self.study["targets"])

    @property
    def seeds(self) -> list[int]:
        return list(self.study["seeds"])

    @property
    def columns(self) -> list[str]:
        """The targets, and the average where there are several."""
        return [*self.targets, *([AVERAGE] if len(self.targets) > 1 else [])]

    @property
    def has_baseline(self) -> bool:
        """Has every row to be compared a baseline of its own training languages?"""
        return {self.baseline(name) for name in self.compared or self.rows} <= set(self.rows)

    @property
    def compared(self) -> list[str]:
        """The rows that are neither a control nor a baseline."""
        return [name for name, row in self.rows.items() if not (row.is_control or row.is_baseline)]

    def baseline(self, name: str) -> str:
        """The row without intermediate training that a row is compared with: "none (en+de)" for "squad (en+de)"."""
        return self.rows[name].baseline.name

    def by_seed(self, intermediate: str, column: str) -> dict[int, float]:
        """Scores by seed; an average only for seeds in which every target has a score, so that averages compare."""
        if column != AVERAGE:
            return {seed: found["score"] for seed, found in self.cells.get((intermediate, column), {}).items()}
        rows = [self.by_seed(intermediate, target) for target in self.targets]
        return {seed: math.fsum(row[seed] for row in rows) / len(rows) for seed in self.seeds if all(seed in row for row in rows)}

    def score(self, intermediate: str, column: str) -> Mean | None:
        return self._mean(self.by_seed(intermediate, column))

    def gain(self, intermediate: str, column: str) -> Mean | None:
        """Score minus the baseline's of the same seed; None where no seed has both."""
        own, base = self.by_seed(intermediate, column), self.by_seed(self.baseline(intermediate), column)
        return self._mean({seed: own[seed] - base[seed] for seed in self.seeds if seed in own and seed in base})

    def gains(self, column: str) -> dict[str, Mean]:
        """Gain by intermediate, absent ones left out."""
        return {name: gain for name in self.compared if (gain := self.gain(name, column)) is not None}

    def best(self, column: str) -> str | None:
        """The intermediate with the largest gain, or without a baseline the largest score; the first of equals."""
        found = (
            self.gains(column) if self.has_baseline else {n: s for n in self.compared if (s := self.score(n, column)) is not None}
        )
        return max(found, key=lambda name: found[name].mean, default=None)

    def chance(self, target: str) -> float | None:
        return self.study["tasks"][target].get("chance")

    def guessed(self, target: str) -> float:
        """Chance plus two standard errors of the smallest language's test set: what guessing may well reach."""
        chance = self.chance(target) or 0.0
        sizes = [n for code in self.languages(target) for n in self.examples(target, code)]
        return within_chance(chance, min(sizes, default=1))

    def retrieval(self) -> list[str]:
        """Targets for which nothing is trained."""
        tasks = self.study["tasks"]
        return [name for name in self.targets if tasks[name].get("head") == "embedding" and not tasks[name].get("trains_on")]

    def languages(self, target: str) -> list[str]:
        """Every language scored for the target: English first, then by code."""
        found = {
            code
            for (_, name), seeds in self.cells.items()
            if name == target
            for run in seeds.values()
            for code in run["languages"]
        }
        return sorted(found, key=lambda code: (code != "en", code))

    def language(self, intermediate: str, target: str, codes: Sequence[str]) -> Mean | None:
        """Mean over `codes` and the headline metrics, by seed; only seeds in which each of the languages is scored."""
        return self._mean(self._language(intermediate, target, codes))

    def language_gain(self, intermediate: str, target: str, code: str) -> Mean | None:
        return self._mean(self.gains_by_seed(intermediate, target, [code]))

    def gains_by_seed(self, intermediate: str, target: str, codes: Sequence[str]) -> dict[int, float]:
        """The mean gain over `codes` of each seed in which both sides are scored in all of them."""
        own, base = self._language(intermediate, target, codes), self._language(self.baseline(intermediate), target, codes)
        return {seed: own[seed] - base[seed] for seed in self.seeds if seed in own and seed in base}

    def macro(self, intermediate: str, target: str, groups: Sequence[Sequence[str]]) -> Mean | None:
        """Mean over groups of languages, each weighing the same however many languages it has; by seed as `language`."""
        rows = [self._language(intermediate, target, codes) for codes in groups]
        return self._mean({seed: mean([row[seed] for row in rows]) for seed in self.seeds if all(seed in row for row in rows)})

    def transfer_gap(self, intermediate: str, target: str) -> Mean | None:
        """English score minus the mean of the target's other languages, by seed as `language`; None without either."""
        scores = {code: self._language(intermediate, target, [code]) for code in self.languages(target)}
        whole = [seed for seed in self.seeds if all(seed in found for found in scores.values())]
        gaps = {seed: transfer_gap({code: found[seed] for code, found in scores.items()}) for seed in whole}
        return self._mean({seed: gap for seed, gap in gaps.items() if gap is not None})

    def examples(self, target: str, code: str) -> tuple[int, ...]:
        """The numbers of test examples met in the runs, ascending; one number where all runs agree."""
        runs = (run for (_, name), seeds in self.cells.items() if name == target for run in seeds.values())
        return tuple(sorted({run["languages"][code]["n"] for run in runs if "n" in run["languages"].get(code, {})}))

    def collapsed(self, intermediate: str, target: str) -> bool:
        """Is an evaluation of the two, with any seed, built on a collapsed training?"""
        return any(run.get("collapsed") for run in self.cells.get((intermediate, target), {}).values())

    def missing(self) -> dict[tuple[str, int], list[str]]:
        """Targets by intermediate and seed of the evaluations that the study names and does not hold."""
        return {
            (name, seed): targets
            for name in self.rows
            for seed in self.seeds
            if (targets := [target for target in self.targets if seed not in self.cells.get((name, target), {})])
        }

    def _language(self, intermediate: str, target: str, codes: Sequence[str]) -> dict[int, float]:
        names = self.study["tasks"][target]["headline"]
        found = {}
        for seed, run in self.cells.get((intermediate, target), {}).items():
            scores = [run["languages"].get(code, {}).get(name) for code in codes for name in names]
            if scores and None not in scores:
                found[seed] = math.fsum(scores) / len(scores)
        return found

    def _mean(self, found: Mapping[int, float]) -> Mean | None:
        values = tuple(found[seed] for seed in self.seeds if seed in found)
        return Mean(values, len(self.seeds)) if values else None


def summarise(study: Mapping[str, Any]) -> Summary:
    """Check a study and index its scores; UserError where a field is missing or an evaluation fits nowhere."""
    where = f"study {study.get('name', '?')}"
    absent = [name for name in FIELDS if name not in study]
    if absent:
        raise UserError(f"{where}: {absent[0]}: missing; gather the study again with `stilts study`")
    try:
        known = rows.read(study["rows"])
    except ValueError as error:
        raise UserError(f"{where}: {error}; gather the study again with `stilts study`") from None
    if contradiction := agreement.of_study(study, known):
        raise UserError(f"{where}: {contradiction}; gather the study again with `stilts study`")
    cells: dict[tuple[str, str], dict[int, Mapping[str, Any]]] = {}
    for number, run in enumerate(study["evaluations"]):
        fault = _fault(run, {"row": known, "target": study["targets"], "seed": study["seeds"]}, cells)
        if fault:
            raise UserError(f"{where}: evaluations[{number}]: {fault}; gather the study again with `stilts study`")
        cells.setdefault((run["row"], run["target"]), {})[run["seed"]] = run
    try:
        tested = comparisons.read(study, {name: row.baseline.name for name, row in known.items()})
    except ValueError as error:
        raise UserError(f"{where}: {error}; gather the study again with `stilts study`") from None
    return Summary(study, known, cells, tested)


def _fault(
    run: Mapping[str, Any], axes: Mapping[str, Container[Any]], cells: Mapping[tuple[str, str], Mapping[int, Any]]
) -> str | None:
    for name in ("row", "target", "seed", "score", "languages"):
        if name not in run:
            return f"{name}: missing"
    for name, known in axes.items():
        if run[name] not in known:
            return f"{name}: {run[name]} is not one of the study's {name}s"
    score = run["score"]
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 100:
        return f"score: {score} is not a number from 0 to 100"
    if run["seed"] in cells.get((run["row"], run["target"]), {}):
        return f"{run['row']} on {run['target']} with seed {run['seed']} stands there twice"
    return None


def above(value: float, level: float = 0.0) -> bool:
    """Is it above the level at the one decimal that pages show? So nothing written as 0.0 counts as a gain."""
    return round(value - level, 9) >= 0.05


def beyond_two(seeds: int) -> float:
    """Chance in 100 that a mean of `seeds` (3 or more) normal values around zero lies two standard errors or more from it.

    Student's t with seeds - 1 degrees of freedom (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4).
    """
    freedom = seeds - 1
    angle = math.atan(2 / math.sqrt(freedom))
    odd = freedom % 2
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for number in range(1, (freedom - odd) // 2 + 1):
        total += term
        term *= (2 * number if odd else 2 * number - 1) / (2 * number + 1 if odd else 2 * number) * math.cos(angle) ** 2
    inside = 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total
    return 100 * (1 - inside)
