"""Metrics of tasks: functions that pair predictions with the gold side of the examples and hand both to `scoring`.

Each is a `Metric`. The scoring modules are imported inside: some load numpy, which a command line that only names tasks should
not wait for.
"""

from collections.abc import Callable, Sequence
from typing import Any

from stilts_xtreme.tasks.examples import Choices, Example, Pair, Query, Question, Sentence, Tagged, Text

Metrics = dict[str, float]  # scores of 0 to 100 by name
# metric(predictions, examples, language); each takes its head's predictions and its task's kind of examples.
Metric = Callable[[Sequence[Any], Sequence[Any], str], Metrics]
# A label or answer; an option's index; tags, ranked ids, or the two ids of a mined pair.
PredictedValue = str | int | Sequence[str]
RANKED = 20  # candidates a query, as XTREME-R scores


def label_accuracy(predictions: Sequence[str | int], examples: Sequence[Pair | Choices], language: str) -> Metrics:
    """Score the share of right labels (words) or choices (indices)."""
    from stilts_xtreme.scoring.accuracy import accuracy

    return {"accuracy": accuracy(predictions, [example.label for example in examples])}


def label_accuracy_and_macro_f1(predictions: Sequence[str], examples: Sequence[Pair], language: str) -> Metrics:
    """Score the share of right labels, and the mean of the F1 of all labels that are gold or predicted."""
    from stilts_xtreme.scoring.accuracy import macro_f1

    return {
        **label_accuracy(predictions, examples, language),
        "macro_f1": macro_f1(predictions, [example.label for example in examples]),
    }


def chunk_f1(predictions: Sequence[Sequence[str]], examples: Sequence[Tagged], language: str) -> Metrics:
    """XTREME's F1 over chunks, for entities and (as XTREME does) for parts of speech; also precision, recall, accuracy."""
    from stilts_xtreme.scoring.tags import xtreme_f1

    return xtreme_f1(predictions, [example.tags for example in examples])


def entity_f1(predictions: Sequence[Sequence[str]], examples: Sequence[Tagged], language: str) -> Metrics:
    """As `chunk_f1`, with the F1 of strict IOB2 as `f1_iob2` beside it."""
    from stilts_xtreme.scoring.tags import entity_f1

    return entity_f1(predictions, [example.tags for example in examples])


def tag_accuracy(predictions: Sequence[Sequence[str]], examples: Sequence[Tagged], language: str) -> Metrics:
    """Score the share of tokens with the right tag."""
    from stilts_xtreme.scoring.accuracy import accuracy

    flat = [tag for tags in predictions for tag in tags]
    return {"accuracy": accuracy(flat, [tag for example in examples for tag in example.tags])}


def exact_match_and_f1(predictions: Sequence[str], examples: Sequence[Question], language: str) -> Metrics:
    """Score SQuAD's exact match and word F1, with English normalisation for every language (as XTREME does)."""
    from stilts_xtreme.scoring.qa import squad_scores

    return squad_scores(*_by_id(predictions, examples))


def mlqa_exact_match_and_f1(predictions: Sequence[str], examples: Sequence[Question], language: str) -> Metrics:
    """Score MLQA's exact match and F1, normalised for the language of the context and its answers ("de" in "de-en")."""
    from stilts_xtreme.scoring.qa import mlqa_scores

    return mlqa_scores(*_by_id(predictions, examples), language.partition("-")[0])


def _by_id(predictions: Sequence[str], examples: Sequence[Question]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    answers = {example.id: answer for example, answer in zip(examples, predictions, strict=True)}
    return answers, {example.id: example.answers for example in examples}


def tatoeba_accuracy(predictions: Sequence[str], examples: Sequence[Sentence], language: str) -> Metrics:
    """Score the share of English sentences, in their order, whose predicted foreign id is right."""
    from stilts_xtreme.scoring.accuracy import accuracy

    return {"accuracy": accuracy(predictions, [example.match for example in examples if example.side == "english"])}


def gold_pairs(examples: Sequence[Sentence]) -> set[tuple[str, str]]:
    """Collect (foreign id, English id) of every translation; of one to many, only the sides that name their match know of it."""
    foreign = {(example.id, example.match) for example in examples if example.side == "foreign" and example.match}
    return foreign | {(example.match, example.id) for example in examples if example.side == "english" and example.match}


def bucc_f1(predictions: Sequence[tuple[str, str]], examples: Sequence[Sentence], language: str) -> Metrics:
    """Score F1, precision and recall of the mined (foreign id, English id) pairs."""
    from stilts_xtreme.scoring.retrieval import pair_f1

    return pair_f1([tuple(pair) for pair in predictions], sorted(gold_pairs(examples)))


def map_at_20(predictions: Sequence[Sequence[str]], examples: Sequence[Query], language: str) -> Metrics:
    """Score the mean average precision of the ranked candidate ids, 20 a query at most."""
    from stilts_xtreme.scoring.retrieval import mean_average_precision

    return {"map@20": mean_average_precision(predictions, [example.answers for example in examples], RANKED)}


# What each example adds to the headline score: its id, and its parts of a numerator and of a denominator. The score is 100 times
# their quotient, so that examples can be resampled without predictions being scored again.
Parts = list[tuple[str, float, float]]


def _labels(predictions: Sequence[str | int], examples: Sequence[Pair | Choices], language: str) -> Parts:
    return [(example.id, float(answer == example.label), 1.0) for example, answer in zip(examples, predictions, strict=True)]


def _chunks(predictions: Sequence[Sequence[str]], examples: Sequence[Tagged], language: str) -> Parts:
    from stilts_xtreme.scoring.tags import xtreme_chunks

    parts = []
    for example, tags in zip(examples, predictions, strict=True):
        predicted, gold = set(xtreme_chunks(tags)), set(xtreme_chunks(example.tags))
        parts.append((example.id, 2.0 * len(predicted & gold), float(len(predicted) + len(gold))))
    return parts


def _tags(predictions: Sequence[Sequence[str]], examples: Sequence[Tagged], language: str) -> Parts:
    parts = []
    for example, tags in zip(examples, predictions, strict=True):
        right = sum(a == b for a, b in zip(example.tags, tags, strict=True))
        parts.append((example.id, float(right), float(len(tags))))
    return parts


def _each(metric: Metric, predictions: Sequence[PredictedValue], examples: Sequence[Example], language: str) -> Parts:
    """Score each example by itself, with a metric that is a mean over examples."""
    parts = []
    for example, answer in zip(examples, predictions, strict=True):
        scores = metric([answer], [example], language).values()
        parts.append((example.id, sum(scores) / len(scores) / 100, 1.0))
    return parts


def _matched(predictions: Sequence[str], examples: Sequence[Sentence], language: str) -> Parts:
    english = [example for example in examples if example.side == "english"]
    return [(example.id, float(answer == example.match), 1.0) for example, answer in zip(english, predictions, strict=True)]


def _mined(predictions: Sequence[tuple[str, str]], examples: Sequence[Sentence], language: str) -> Parts:
    """Count, by foreign sentence, the pairs that it stands in."""
    mined, gold = {(foreign, english) for foreign, english in predictions}, gold_pairs(examples)
    sums: dict[str, list[int]] = {}
    for pair in sorted(mined | gold):
        parts = sums.setdefault(pair[0], [0, 0])
        parts[0] += 2 * (pair in mined and pair in gold)
        parts[1] += (pair in mined) + (pair in gold)
    return [(name, float(numerator), float(denominator)) for name, (numerator, denominator) in sums.items()]


def parts(metric: Metric, predictions: Sequence[PredictedValue], examples: Sequence[Example], language: str) -> Parts:
    """List what each example adds to the mean of a metric's headline scores (see `Parts`)."""
    own: dict[Metric, Callable[[Sequence[Any], Sequence[Any], str], Parts]] = {
        label_accuracy: _labels,
        label_accuracy_and_macro_f1: _labels,
        chunk_f1: _chunks,
        entity_f1: _chunks,
        tag_accuracy: _tags,
        tatoeba_accuracy: _matched,
        bucc_f1: _mined,
    }
    if metric in own:
        return own[metric](predictions, examples, language)
    return _each(metric, predictions, examples, language)


def reading(metric: Metric) -> str:
    """Return by which reading of tags an F1 counts chunks; empty for a metric that tags are not read for."""
    from stilts_xtreme.scoring.tags import CHUNKING

    return CHUNKING if metric in (chunk_f1, entity_f1) else ""


def unscored(predictions: Sequence[PredictedValue], examples: Sequence[Text], language: str) -> Metrics:
    """Score nothing: text is trained on, never evaluated."""
    return {}
