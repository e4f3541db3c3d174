"""Scores of predictions: metrics by language, their means over languages, the headline score."""

import math
from collections.abc import Mapping, Sequence
from typing import cast

from stilts_xtreme.tasks import constant_baseline
from stilts_xtreme.tasks.catalogue import TASKS, training
from stilts_xtreme.tasks.examples import Example, Sentence
from stilts_xtreme.tasks.metrics import PredictedValue, gold_pairs
from stilts_xtreme.tasks.task import Task
from stilts_xtreme.utils.bounded_io import Record


def language(task: str, predictions: Sequence[PredictedValue], examples: Sequence[Example], code: str) -> dict[str, float]:
    """Return a language's metrics by name (0 to 100), and as `n` how many examples or pairs they are of."""
    return {**TASKS[task].metric(predictions, examples, code), "n": count(TASKS[task], examples)}


def together(task: str, languages: Mapping[str, Mapping[str, float]]) -> Record:
    """Return the fields of a result {languages: {code: metrics}, metrics: {name: mean over languages}, score}."""
    names = sorted({name for scores in languages.values() for name in scores} - {"n"})
    metrics = {name: math.fsum(scores[name] for scores in languages.values()) / len(languages) for name in names}
    return {"languages": dict(languages), "metrics": metrics, "score": headline(task, metrics)}


def count(task: Task, examples: Sequence[Example]) -> int:
    """Count what is scored: examples, or the gold pairs of a bitext."""
    return len(gold_pairs(cast(Sequence[Sentence], examples))) if task.head == "embedding" else len(examples)


def headline(task: str, metrics: Mapping[str, float]) -> float:
    """Return the mean of the headline metrics of a task, given by its name or that of its training data."""
    return constant_baseline.headline(training(task)[0], metrics)


def chance(languages: Mapping[str, float]) -> Record:
    """Return {languages: score of the best constant answer in each (`tasks.constant_baseline`), score: their mean}."""
    return {"languages": dict(languages), "score": math.fsum(languages.values()) / len(languages)}
