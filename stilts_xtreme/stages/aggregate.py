"""What a prediction's answers come to: metrics by language, their means, the score."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from stilts_xtreme.tasks import constant
from stilts_xtreme.tasks.catalogue import TASKS, training
from stilts_xtreme.tasks.metrics import gold_pairs


def language(task: str, predictions: Sequence[Any], examples: Sequence[Any], code: str) -> dict[str, float]:
    """A language's metrics, and how many things are scored."""
    return {**TASKS[task].metric(predictions, examples, code), "n": count(TASKS[task], examples)}


def together(task: str, languages: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """The languages' metrics, their means over languages, and the score, as a result tells them."""
    names = sorted({name for scores in languages.values() for name in scores} - {"n"})
    metrics = {name: math.fsum(scores[name] for scores in languages.values()) / len(languages) for name in names}
    return {"languages": dict(languages), "metrics": metrics, "score": headline(task, metrics)}


def count(task: Any, examples: Sequence[Any]) -> int:
    """How many things are scored: examples, or the gold pairs of a bitext."""
    return len(gold_pairs(examples)) if task.head == "embedding" else len(examples)


def headline(task: str, metrics: Mapping[str, float]) -> float:
    """The score of a task, or of the one whose training data goes by this name: the mean of its headline metrics."""
    return constant.headline(training(task)[0], metrics)


def chance(languages: Mapping[str, float]) -> dict[str, Any]:
    """What the best constant answer scores in each language (see `tasks.constant`), and the mean over languages."""
    return {"languages": dict(languages), "score": math.fsum(languages.values()) / len(languages)}
