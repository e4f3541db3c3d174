"""Gains with their intervals: differences of finished predictions, drawn again over test examples and judged over seeds."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stilts_xtreme import plan
from stilts_xtreme.analysis.example_scores import ExampleScorer, ExampleScores
from stilts_xtreme.scoring import bootstrap
from stilts_xtreme.store import Store

Weights = Mapping[str, float]  # by language


@dataclass(frozen=True)
class Scored:
    """A prediction's score, or a difference of such, by language: as it is, and of drawn examples [draws, languages].

    `examples` is how many there are in all languages.
    """

    languages: tuple[str, ...]
    values: NDArray[np.float64]
    drawn: NDArray[np.float64]
    examples: int = 0

    def __sub__(self, other: "Scored") -> "Scored":
        assert self.languages == other.languages
        return Scored(self.languages, self.values - other.values, self.drawn - other.drawn, self.examples)

    def weighed(self, weights: Weights) -> tuple[float, NDArray[np.float64]]:
        """The sum over languages, each as it weighs: the value, and that of every draw."""
        chosen = np.array([weights.get(code, 0.0) for code in self.languages])
        return float(self.values @ chosen), self.drawn @ chosen


class Drawing:
    """Scores of drawn examples: the same draws for all predictions of a task, so that differences are paired.

    An id that stands in several languages is one example there (XNLI, XQuAD): it is drawn in all of them together.
    """

    def __init__(self, store: Store, times: int = bootstrap.RESAMPLES):
        self._scorer, self.times = ExampleScorer(store), times
        self._draws: dict[Any, tuple[NDArray[np.uint8], dict[str, int]]] = {}
        self._examples: dict[str, dict[str, ExampleScores]] = {}
        self._scored: dict[str, Scored] = {}

    def examples(self, stage: plan.Predict) -> dict[str, ExampleScores]:
        """The example scores of the finished evaluation, by language."""
        address = plan.address(stage)
        if address not in self._examples:
            self._examples[address] = self._scorer.scores(stage)
        return self._examples[address]

    def scored(self, stage: plan.Predict) -> Scored:
        """The finished prediction's scores."""
        address = plan.address(stage)
        if address not in self._scored:
            examples = self.examples(stage)
            values, drawn = [], []
            for part in examples.values():
                total = float(part.denominators.sum())
                values.append(100 * float(part.numerators.sum()) / total if total else 0.0)
                draws = self._of(stage, examples, part.ids)
                drawn.append(bootstrap.resampled_scores(draws, part.numerators[:, None], part.denominators[:, None])[:, 0])
            count = sum(len(part.ids) for part in examples.values())
            self._scored[address] = Scored(tuple(examples), np.array(values), np.stack(drawn, axis=1), count)
        return self._scored[address]

    def _of(self, stage: plan.Predict, examples: Mapping[str, ExampleScores], ids: Sequence[str]) -> NDArray[np.uint8]:
        """The draws of these ids; mined pairs may bring up sentences that no prediction before them had."""
        key = stage.task, stage.languages, stage.test_examples, stage.where
        if key not in self._draws:
            known = dict.fromkeys(name for part in examples.values() for name in part.ids)
            seed = zlib.crc32(stage.task.encode())
            self._draws[key] = (
                bootstrap.bootstrap_counts(len(known), seed, self.times),
                {name: at for at, name in enumerate(known)},
            )
        draws, places = self._draws[key]
        if absent := [name for name in ids if name not in places]:
            more = bootstrap.bootstrap_counts(len(absent), len(places), self.times)
            places |= {name: len(places) + at for at, name in enumerate(absent)}
            self._draws[key] = draws, places = np.concatenate([draws, more], axis=1), places
        return draws[:, [places[name] for name in ids]]


def even(codes: Iterable[str]) -> Weights:
    """Every language weighs the same."""
    codes = tuple(codes)
    return dict.fromkeys(codes, 1 / len(codes))


def mean(scored: Sequence[Scored]) -> Scored:
    """The mean of scores (or differences) on the same examples."""
    values, drawn = (np.mean([getattr(one, part) for one in scored], axis=0) for part in ("values", "drawn"))
    return Scored(scored[0].languages, values, drawn, scored[0].examples)


def slope(places: Mapping[str, float]) -> Weights | None:
    """Weights that give the slope of the least-squares line through languages at these places; None where they are all one."""
    mean = sum(places.values()) / len(places)
    square = sum((place - mean) ** 2 for place in places.values())
    return {code: (place - mean) / square for code, place in places.items()} if square > 0 else None


def effect(differences: Mapping[int, Scored], weights: Weights) -> dict[str, Any]:
    """What differences by seed come to when languages are weighed: as a result tells it."""
    pairs = {seed: found.weighed(weights) for seed, found in differences.items()}
    return told({seed: value for seed, (value, _) in pairs.items()}, np.stack([drawn for _, drawn in pairs.values()]))


def told(values: Mapping[int, float], drawn: NDArray[np.float64]) -> dict[str, Any]:
    """A difference as a result tells it: mean, values by seed, 95 % interval, chance of one as large without any effect.

    `deviation`: the mean's standard error by seeds, by examples beyond that, and by all there is in drawing examples.
    """
    found = bootstrap.paired_effect(list(values.values()), drawn)
    seeds, examples = bootstrap.variance_parts(list(values.values()), drawn)
    return {
        "gain": found.mean,
        "values": {str(seed): value for seed, value in values.items()},
        "interval": list(found.interval),
        "p": found.p,
        "deviation": {"seeds": seeds**0.5, "examples": examples**0.5, "drawn": float(drawn.mean(axis=0).std(ddof=1))},
        "seeds": len(values),
    }
