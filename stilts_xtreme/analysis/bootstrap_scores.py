"""Scores of finished evaluations by language, as they are and on resampled test examples."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stilts_xtreme.analysis.example_scores import ExampleScorer, ExampleScores, TestData, test_data
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.results.rows import Row
from stilts_xtreme.scoring import bootstrap
from stilts_xtreme.store import Store

Weights = Mapping[str, float]  # by language
Stages = Mapping[int, plan.Predict]  # evaluations of a row on a target, by seed
Evaluations = Mapping[tuple[Row, str], Stages]  # by row and target


class Estimate(NamedTuple):
    """A score or a difference of scores, and the same on every resampled test set [resamples]."""

    value: float
    resampled: NDArray[np.float64]

    def __sub__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.value - other.value, self.resampled - other.resampled)


@dataclass(frozen=True)
class Scored:
    """A prediction's scores, or a difference of such: `values` [languages], and `resampled` [resamples, languages].

    `examples` is how many there are in all languages.
    """

    languages: tuple[str, ...]
    values: NDArray[np.float64]
    resampled: NDArray[np.float64]
    examples: int = 0

    def __sub__(self, other: "Scored") -> "Scored":
        assert self.languages == other.languages
        return Scored(self.languages, self.values - other.values, self.resampled - other.resampled, self.examples)

    def weighted(self, weights: Weights | None = None) -> Estimate:
        """Return the weighted sum over languages; None: their mean. A language without a weight counts nothing."""
        weights = uniform_weights(self.languages) if weights is None else weights
        chosen = np.array([weights.get(code, 0.0) for code in self.languages])
        return Estimate(float(self.values @ chosen), self.resampled @ chosen)


class BootstrapScores:
    """Scores of resampled examples: the same examples for all predictions of a task, so that differences are paired.

    An id that several languages have is one example (XNLI, XQuAD): it is drawn in all of them together.
    """

    def __init__(self, store: Store, times: int = bootstrap.RESAMPLES):
        self._scorer, self.times = ExampleScorer(store), times
        self._counts: dict[TestData, tuple[NDArray[np.uint8], dict[str, int]]] = {}  # with the column of each id
        self._examples: dict[str, dict[str, ExampleScores]] = {}
        self._scored: dict[str, Scored] = {}

    def examples(self, stage: plan.Predict) -> dict[str, ExampleScores]:
        """Return the example scores of the finished evaluation, by language."""
        address = plan.address(stage)
        if address not in self._examples:
            self._examples[address] = self._scorer.scores(stage)
        return self._examples[address]

    def scored(self, stage: plan.Predict) -> Scored:
        """Return the finished evaluation's scores."""
        address = plan.address(stage)
        if address not in self._scored:
            examples = self.examples(stage)
            values, resampled = [], []
            for part in examples.values():
                total = float(part.denominators.sum())
                values.append(100 * float(part.numerators.sum()) / total if total else 0.0)
                counts = self._counts_of(stage, examples, part.ids)
                resampled.append(bootstrap.resampled_scores(counts, part.numerators[:, None], part.denominators[:, None])[:, 0])
            count = sum(len(part.ids) for part in examples.values())
            self._scored[address] = Scored(tuple(examples), np.array(values), np.stack(resampled, axis=1), count)
        return self._scored[address]

    def _counts_of(self, stage: plan.Predict, examples: Mapping[str, ExampleScores], ids: Sequence[str]) -> NDArray[np.uint8]:
        """Return how often each id is drawn [resamples, ids]; mined pairs may hold sentences that no earlier prediction had."""
        key = test_data(stage)
        if key not in self._counts:
            known = dict.fromkeys(name for part in examples.values() for name in part.ids)
            seed = zlib.crc32(stage.task.encode())
            counts = bootstrap.bootstrap_counts(len(known), seed, self.times)
            self._counts[key] = counts, {name: column for column, name in enumerate(known)}
        counts, columns = self._counts[key]
        if absent := [name for name in ids if name not in columns]:
            more = bootstrap.bootstrap_counts(len(absent), len(columns), self.times)
            columns |= {name: len(columns) + number for number, name in enumerate(absent)}
            self._counts[key] = counts, columns = np.concatenate([counts, more], axis=1), columns
        return counts[:, [columns[name] for name in ids]]


def uniform_weights(codes: Iterable[str]) -> dict[str, float]:
    """Return the weights of a mean over these languages."""
    codes = tuple(codes)
    return dict.fromkeys(codes, 1 / len(codes))


def slope_weights(positions: Mapping[str, float]) -> dict[str, float] | None:
    """Return weights that give the slope of the least-squares line through languages at `positions`; None where all are equal."""
    mean = sum(positions.values()) / len(positions)
    square = sum((position - mean) ** 2 for position in positions.values())
    return {code: (position - mean) / square for code, position in positions.items()} if square > 0 else None


def mean_scored(scores: Sequence[Scored]) -> Scored:
    """Return the mean of scores, or of differences, on the same examples."""
    values, resampled = (np.mean([getattr(scored, part) for scored in scores], axis=0) for part in ("values", "resampled"))
    return Scored(scores[0].languages, values, resampled, scores[0].examples)


def mean_estimate(estimates: Sequence[Estimate]) -> Estimate:
    """Return the mean of estimates, of every resampled test set too."""
    values = [estimate.value for estimate in estimates]
    return Estimate(sum(values) / len(values), np.mean([estimate.resampled for estimate in estimates], axis=0))


def by_row(cells: Iterable[grid.Cell]) -> dict[tuple[Row, str], dict[int, plan.Predict]]:
    """Return the evaluations on clean inputs, by row and target and then by seed."""
    stages: dict[tuple[Row, str], dict[int, plan.Predict]] = {}
    for cell in cells:
        if not cell.noise:
            stages.setdefault((cell.row, cell.target), {})[cell.seed] = cell.stage
    return stages


def paired_differences(own: Stages, other: Stages, scores: BootstrapScores) -> dict[int, Scored]:
    """Return `own` minus `other` in each seed that both have."""
    return {seed: scores.scored(stage) - scores.scored(other[seed]) for seed, stage in own.items() if seed in other}
