"""Score a training's model on English dev, and tell whether it is any better than guessing."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from stilts_xtreme.engine import batches, encoder, predict
from stilts_xtreme.models.heads import HEADS, Limits
from stilts_xtreme.models.heads.common import Tokenizer
from stilts_xtreme.stages.aggregate import headline
from stilts_xtreme.tasks import constant_baseline
from stilts_xtreme.tasks.catalogue import training
from stilts_xtreme.tasks.examples import Example, Question
from stilts_xtreme.tasks.task import Task
from stilts_xtreme.utils import ranks
from stilts_xtreme.utils.bounded_io import Record

if TYPE_CHECKING:
    import torch

Scores = Record  # of dev data: metrics by name, their headline mean `score`, `n` examples, and for span QA the `threshold`


@dataclass(frozen=True)
class Dev:
    """A task's English dev data: the dataset record of the split, the examples of it that are scored, those encoded."""

    facts: Record
    examples: Sequence[Example]
    features: Sequence[batches.Feature]


@dataclass
class DevScorer:
    """Scores a model on English dev; `latest` are the scores of the last scoring by name."""

    model: encoder.Model
    devs: Mapping[str, Dev]
    tokenizer: Tokenizer
    limits: Limits
    device: "torch.device"
    latest: dict[str, Scores] = field(default_factory=dict)

    def score(self, task: str) -> Scores:
        """Score the model as it is on the dev data of a task."""
        return dev_scores(self.model, task, self.devs[task], self.tokenizer, self.limits, self.device)

    def mean(self, tasks: Sequence[str]) -> float:
        """Score these tasks anew, and return the mean of their headline scores."""
        self.latest = {task: self.score(task) for task in tasks}
        return math.fsum(scores["score"] for scores in self.latest.values()) / len(self.latest)


def task_of(name: str) -> Task:
    """Return the task whose training data has this name."""
    return training(name)[0]


def dev_scores(
    model: encoder.Model, task: str, dev: Dev, tokenizer: Tokenizer, limits: Limits, device: "torch.device"
) -> Scores:
    """Score English dev: the metrics, their headline mean as `score`, and for span QA the no-answer threshold tuned on it."""
    kind = task_of(task).head
    if kind == "mlm":
        accuracy = predict.masked_accuracy(model, task, dev.features, tokenizer, device)
        return {"masked_accuracy": accuracy, "score": accuracy, "n": len(dev.examples)}
    outputs = predict.outputs(model, task, dev.features, tokenizer, device)
    # Only the first process has the outputs; all must get the same scores, since scores decide when a training stops.
    return ranks.broadcast(lambda: _score_outputs(model, task, dev, outputs, limits))


def _score_outputs(model: encoder.Model, task: str, dev: Dev, outputs: Sequence[np.ndarray], limits: Limits) -> Scores:
    kind = task_of(task).head
    head, threshold = HEADS[kind], dict[str, float | None]()
    if kind == "span_qa":
        unanswerable = any(not question.answers for question in cast(Sequence[Question], dev.examples))
        threshold["threshold"] = head.tune_threshold(outputs, dev.features, dev.examples, limits) if unanswerable else None
        answers = head.decode(
            outputs, dev.features, dev.examples, model.labels[task], limits, no_answer_threshold=threshold["threshold"]
        )
    else:
        answers = head.decode(outputs, dev.features, dev.examples, model.labels[task], limits)
    metrics = task_of(task).metric(answers, dev.examples, "en")
    return {**metrics, "score": headline(task, metrics), "n": len(dev.examples), **threshold}


def collapse(tasks: Sequence[str], final: Mapping[str, Scores], devs: Mapping[str, Dev], last: Record) -> dict[str, str]:
    """Return why each task counts as collapsed, if it does: a loss that is not finite, or English dev no better than guessing."""
    if last and not math.isfinite(last["loss"]):
        return {last["task"]: f"loss is {last['loss']} at step {last['step']}"}
    reasons = {}
    for task in tasks if final else ():
        scores, guess = final[task], guessing(task, devs[task])
        if scores["score"] <= constant_baseline.within_chance(guess, scores["n"]):
            reasons[task] = f"English dev score {scores['score']:.1f} is no better than guessing ({guess:.1f}, n {scores['n']})"
    return reasons


def guessing(task: str, dev: Dev) -> float:
    """Return the score (0 to 100) of the best constant answer (`tasks.constant_baseline`); in masked LM: a token."""
    if task_of(task).head == "mlm":
        tokens = Counter(token for feature in dev.features for row in feature["rows"] for token in row[1:-1])
        return 100.0 * max(tokens.values()) / tokens.total()
    return constant_baseline.chance(task_of(task), dev.examples, "en")
