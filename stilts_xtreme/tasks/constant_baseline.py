"""The score of the best constant answer: the chance level that collapsed trainings and evaluations are compared with."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from stilts_xtreme.tasks.examples import Choices, Example, Pair, Query, Sentence, Tagged
from stilts_xtreme.tasks.metrics import RANKED, PredictedValue, bucc_f1, tag_accuracy, tatoeba_accuracy
from stilts_xtreme.tasks.task import Task

T = TypeVar("T")


def chance(task: Task, examples: Sequence[Example], language: str) -> float:
    """Return the score, 0 to 100, of the best constant answer to these examples.

    The commonest label or choice, the best tag for every token, no answer to any question, the sentence that is most often right,
    no pair at all. Of candidates the 20 that are most often right: with a query each, the mean reciprocal rank of a random order.
    ValueError for a head without a constant answer.
    """
    return max((headline(task, task.metric(answers, examples, language)) for answers in _constants(task, examples)), default=0.0)


def within_chance(chance: float, n: int) -> float:
    """Return the highest score (0 to 100) that `n` examples may well give by chance: two standard errors above it."""
    return chance + 2 * math.sqrt(chance * (100 - chance) / max(n, 1))


def headline(task: Task, metrics: Mapping[str, float]) -> float:
    """Return the task's score, 0 to 100: the mean of its headline metrics."""
    return math.fsum(metrics[name] for name in task.headline) / len(task.headline)


def _constants(task: Task, examples: Sequence[Example]) -> Iterable[Sequence[PredictedValue | None]]:
    """Return the constant answers that may be best; ValueError for a head without any."""
    match task.head:
        case "span_qa":
            return [[""] * len(examples)]
        case "tagging":
            sentences = [example.tags for example in examples if isinstance(example, Tagged)]
            counts = Counter(tag for tags in sentences for tag in tags)
            # The commonest tag has the best accuracy; F1 over chunks may be better for a rare tag.
            constants = [_commonest(counts)] if task.metric is tag_accuracy else sorted(counts)
            return ([(tag,) * len(tags) for tags in sentences] for tag in constants)
        case "dual_encoder":
            right = Counter(answer for example in examples if isinstance(example, Query) for answer in example.answers)
            return [[[answer for answer, _ in right.most_common(RANKED)]] * len(examples)]
        case "embedding" if task.metric is bucc_f1:
            return [[]]
        case "embedding" if task.metric is tatoeba_accuracy:
            sides = [example for example in examples if isinstance(example, Sentence) and example.side == "english"]
            return [[_commonest(Counter(sentence.match for sentence in sides))] * len(sides)]
        case "classification" | "multiple_choice":
            gold = Counter(example.label for example in examples if isinstance(example, Pair | Choices))
            return [[_commonest(gold)] * len(examples)]
    raise ValueError(f"{task.name}: no constant answer is known for the head {task.head}")


def _commonest(counts: Counter[T]) -> T:
    return counts.most_common(1)[0][0]
