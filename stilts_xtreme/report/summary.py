"""A study's scores by row, target and seed; means, gains paired by seed, their spread, and what was tested about them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

from stilts_xtreme.results import rows as records
from stilts_xtreme.results.effects import Effect, effects
from stilts_xtreme.results.rows import Row
from stilts_xtreme.scoring.benchmarks import mean
from stilts_xtreme.scoring.language_groups import transfer_gap
from stilts_xtreme.tasks.constant_baseline import within_chance

if TYPE_CHECKING:
    from stilts_xtreme.results.schemas.parts import LanguageGain
    from stilts_xtreme.results.schemas.sections import NoisyEvaluation
    from stilts_xtreme.results.schemas.study import Comparison, Evaluation, Reading, Study, Training

AVERAGE = "average"  # of all targets
Key = TypeVar("Key", int, str)  # a seed, or its key in JSON


@dataclass(frozen=True)
class Mean:
    """Values of a quantity, each of a seed; `seeds` is how many the study has."""

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
    """A study: its rows by their labels, its evaluations by (label, target) and seed."""

    study: "Study"
    rows: Mapping[str, Row]
    cells: Mapping[tuple[str, str], Mapping[int, "Evaluation"]]

    @cached_property
    def effects(self) -> list[Effect]:
        """All that was tested."""
        return effects(self.study)

    def tested(self, question: str, **fields: object) -> list[Effect]:
        """Return the effects of a question whose fields have these values."""
        effects = [effect for effect in self.effects if effect.question == question]
        return [effect for effect in effects if all(getattr(effect, name) == value for name, value in fields.items())]

    @cached_property
    def tests(self) -> dict[tuple[str, str, str | None], Effect]:
        """Tested gains of rows over their own baselines, by row, column and language; None: all languages together."""
        own = {name: row.baseline.name for name, row in self.rows.items()}
        gains = [effect for effect in self.tested("gain") if effect.row and own.get(effect.row) == effect.reference]
        return {(str(effect.row), effect.target, effect.language): effect for effect in gains}

    @cached_property
    def comparisons(self) -> dict[tuple[str, str], "Comparison"]:
        """The records behind `tests`, by row and column: they hold standard errors over test examples, too."""
        return {
            (comparison["row"], comparison["target"]): comparison
            for comparison in self.study.get("comparisons") or ()
            if comparison["baseline"] == self.rows[comparison["row"]].baseline.name
        }

    def comparison_in(self, row: str, target: str, code: str) -> "LanguageGain | None":
        """Return a language's tested gain, with its standard error over test examples; None where there is none."""
        comparison = self.comparisons.get((row, target))
        return (comparison.get("languages") or {}).get(code) if comparison else None

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
        """Name the row without intermediate training that a row is compared with: "none (en+de)" for "squad (en+de)"."""
        return self.rows[name].baseline.name

    def by_seed(self, row: str, column: str, codes: Sequence[str] = ()) -> dict[int, float]:
        """Return scores by seed: over all languages of a target, or over these, where all of them are scored.

        An average only for seeds in which every target has a score, so that averages compare.
        """
        if column == AVERAGE:
            return averaged([self.by_seed(row, target) for target in self.targets])
        runs, names = self.cells.get((row, column), {}), self.study["tasks"][column]["headline"]
        if not codes:
            return {seed: run["score"] for seed, run in runs.items()}
        scores = {seed: [metrics(run, code).get(name) for code in codes for name in names] for seed, run in runs.items()}
        known = {seed: [score for score in values if score is not None] for seed, values in scores.items()}
        return {seed: mean(values) for seed, values in known.items() if len(values) == len(scores[seed])}

    def over_seeds(self, values: Mapping[int, float] | Mapping[str, float]) -> Mean | None:
        """Average values by seed, or by the seed's key in JSON; None where there is none."""
        values = {int(seed): value for seed, value in values.items()}
        known = tuple(values[seed] for seed in self.seeds if seed in values)
        return Mean(known, len(self.seeds)) if known else None

    def score(self, row: str, column: str, codes: Sequence[str] = ()) -> Mean | None:
        return self.over_seeds(self.by_seed(row, column, codes))

    def gains_by_seed(self, row: str, column: str, codes: Sequence[str] = ()) -> dict[int, float]:
        """Return scores minus the baseline's of the same seed, as `by_seed`, for seeds that have both."""
        own, base = self.by_seed(row, column, codes), self.by_seed(self.baseline(row), column, codes)
        return {seed: own[seed] - base[seed] for seed in self.seeds if seed in own and seed in base}

    def gain(self, row: str, column: str, codes: Sequence[str] = ()) -> Mean | None:
        """Average `gains_by_seed`; None where no seed has both scores."""
        return self.over_seeds(self.gains_by_seed(row, column, codes))

    def gains(self, column: str) -> dict[str, Mean]:
        """Return the gains by row, absent ones left out."""
        return {name: gain for name in self.compared if (gain := self.gain(name, column)) is not None}

    def best(self, column: str) -> str | None:
        """Return the row with the largest gain, or without a baseline the largest score; the first of equals."""
        scores = {name: score for name in self.compared if (score := self.score(name, column)) is not None}
        known = self.gains(column) if self.has_baseline else scores
        return max(known, key=lambda name: known[name].mean, default=None)

    def chance(self, target: str) -> float | None:
        return self.study["tasks"][target].get("chance")

    def guessed(self, target: str) -> float:
        """Return chance plus two standard errors of the smallest language's test set: what guessing may well reach."""
        sizes = [n for code in self.languages(target) for n in self.examples(target, code)]
        return within_chance(self.chance(target) or 0.0, min(sizes, default=1))

    @cached_property
    def trainings(self) -> dict[str, "Training"]:
        """By address."""
        return {training["address"]: training for training in self.study["trainings"]}

    @property
    def readings(self) -> "Mapping[str, Reading] | None":
        """What was read, by `task/split/language`; None in older results, which do not say it."""
        return (self.study.get("data") or {}).get("readings")

    def retrieval(self) -> list[str]:
        """Return the targets for which nothing is trained."""
        tasks = self.study["tasks"]
        return [name for name in self.targets if tasks[name].get("head") == "embedding" and not tasks[name].get("trains_on")]

    def runs(self, target: str) -> list["Evaluation"]:
        """Return all evaluations on the target."""
        return [run for (_, name), seeds in self.cells.items() if name == target for run in seeds.values()]

    def languages(self, target: str) -> list[str]:
        """Return every language scored for the target: English first, then by code."""
        return sorted({code for run in self.runs(target) for code in run["languages"]}, key=lambda code: (code != "en", code))

    def macro(self, row: str, target: str, groups: Sequence[Sequence[str]]) -> Mean | None:
        """Average over groups of languages, each weighing the same however many languages it has."""
        return self.over_seeds(averaged([self.by_seed(row, target, codes) for codes in groups]))

    def transfer_gap(self, row: str, target: str) -> Mean | None:
        """Return the English score minus the mean of the target's other languages, by seed; None without either."""
        scores = {code: self.by_seed(row, target, [code]) for code in self.languages(target)}
        whole = [seed for seed in self.seeds if all(seed in by_seed for by_seed in scores.values())]
        gaps = {seed: transfer_gap({code: by_seed[seed] for code, by_seed in scores.items()}) for seed in whole}
        return self.over_seeds({seed: gap for seed, gap in gaps.items() if gap is not None})

    def examples(self, target: str, code: str) -> tuple[int, ...]:
        """Return the numbers of test examples in the runs, ascending; a single number where all runs agree."""
        languages = [run["languages"][code] for run in self.runs(target) if code in run["languages"]]
        return tuple(sorted({scores["n"] for scores in languages if "n" in scores}))

    def collapsed(self, row: str, target: str) -> bool:
        """Is an evaluation of the two, with any seed, built on a collapsed training?"""
        return any(run.get("collapsed") for run in self.cells.get((row, target), {}).values())

    def missing(self) -> dict[tuple[str, int], list[str]]:
        """Return, by row and seed, the targets of evaluations that the study names and does not hold."""
        return {
            (name, seed): targets
            for name in self.rows
            for seed in self.seeds
            if (targets := [target for target in self.targets if seed not in self.cells.get((name, target), {})])
        }


def metrics(run: "Evaluation | NoisyEvaluation", code: str) -> Mapping[str, float]:
    """Return the metrics of a language by name, `n` among them; empty where it is not scored."""
    return cast("Mapping[str, float]", run["languages"].get(code, {}))


def summarise(content: Mapping[str, object]) -> Summary:
    """Index the scores of a study as `results.read` gives it."""
    study, cells = cast("Study", content), dict[tuple[str, str], dict[int, "Evaluation"]]()
    for run in study["evaluations"]:
        cells.setdefault((run["row"], run["target"]), {})[run["seed"]] = run
    return Summary(study, records.read(study["rows"]), cells)


def averaged(parts: Sequence[Mapping[Key, float]]) -> dict[Key, float]:
    """Average the parts' values, for keys that all of them have."""
    shared = [key for key in parts[0] if all(key in part for part in parts)] if parts else []
    return {key: mean([part[key] for part in parts]) for key in shared}


def raised(gains: Mapping[str, Mean]) -> int:
    """Count the gains above zero."""
    return sum(above(gain.mean) for gain in gains.values())


def above(value: float) -> bool:
    """Is it above zero at the decimal that pages show? So nothing written as 0.0 counts as a gain."""
    return round(value, 9) >= 0.05
