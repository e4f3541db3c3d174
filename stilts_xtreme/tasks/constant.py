"""What always giving the same answer scores: chance, for a training's collapse and for an evaluation's scores alike."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stilts_xtreme.tasks.metrics import RANKED, bucc_f1, tag_accuracy, tatoeba_accuracy
from stilts_xtreme.tasks.task import Task


def chance(task: Task, examples: Sequence[Any], language: str) -> float:
    """The score, 0 to 100, of the best constant answer to these examples: the commonest label or choice, the tag that scores most
    for every token, no answer to any question, the sentence that is most often right, no pair at all.

    Of candidates, the 20 that are most often right: with one query each, the mean reciprocal rank of a random order.
    """
    return max((headline(task, task.metric(answers, examples, language)) for answers in _constants(task, examples)), default=0.0)


def within_chance(chance: float, n: int) -> float:
    """Return the highest score (0 to 100) that `n` examples may well give by chance: two standard errors above it."""
    return chance + 2 * math.sqrt(chance * (100 - chance) / max(n, 1))


def headline(task: Task, metrics: Mapping[str, float]) -> float:
    """Return the task's score, 0 to 100: the mean of its headline metrics."""
    return math.fsum(metrics[name] for name in task.headline) / len(task.headline)


def _constants(task: Task, examples: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Return the constant answers that may be best; ValueError for a head without any."""
    match task.head:
        case "span_qa":
            return [[""] * len(examples)]
        case "tagging":
            counts = Counter(tag for example in examples for tag in example.tags)
            # The commonest tag has the best accuracy; F1 over chunks may be better for a rare one.
            tags = [_commonest(counts)] if task.metric is tag_accuracy else sorted(counts)
            return ([(tag,) * len(example.tags) for example in examples] for tag in tags)
        case "dual_encoder":
            right = Counter(answer for example in examples for answer in example.answers)
            return [[[answer for answer, _ in right.most_common(RANKED)]] * len(examples)]
        case "embedding" if task.metric is bucc_f1:
            return [[]]
        case "embedding" if task.metric is tatoeba_accuracy:
            english = [example.match for example in examples if example.side == "english"]
            return [[_commonest(Counter(english))] * len(english)]
        case "classification" | "multiple_choice":
            return [[_commonest(Counter(example.label for example in examples))] * len(examples)]
    raise ValueError(f"{task.name}: no constant answer is known for the head {task.head}")


def _commonest(counts: Counter[Any]) -> Any:
    return counts.most_common(1)[0][0]
