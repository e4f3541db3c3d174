"""Task.metric functions: they pair predictions with the gold side of the examples and hand both to `scoring`.

Every one is `metric(predictions, examples, language) -> {name: 0..100}`. The scoring modules are imported inside: some load
numpy, which a command line that only names tasks should not wait for.
"""

from collections.abc import Sequence
from typing import Any

from stilts_xtreme.tasks.examples import Choices, Pair, Query, Question, Sentence, Tagged, Text

Metrics = dict[str, float]
RANKED = 20  # candidates a query, as XTREME-R scores


def label_accuracy(predictions: Sequence[Any], examples: Sequence[Pair | Choices], language: str) -> Metrics:
    """Share of right labels (words) or choices (indices)."""
    from stilts_xtreme.scoring.accuracy import accuracy

    return {"accuracy": accuracy(predictions, [example.label for example in examples])}


def chunk_f1(predictions: Sequence[Sequence[str]], examples: Sequence[Tagged], language: str) -> Metrics:
    """XTREME's F1 over chunks, for entities and (as XTREME does) for parts of speech; also precision, recall, accuracy."""
    from stilts_xtreme.scoring.tags import xtreme_f1

    return xtreme_f1(predictions, [example.tags for example in examples])


def tag_accuracy(predictions: Sequence[Sequence[str]], examples: Sequence[Tagged], language: str) -> Metrics:
    """Share of tokens with the right tag."""
    from stilts_xtreme.scoring.accuracy import accuracy

    flat = [tag for tags in predictions for tag in tags]
    return {"accuracy": accuracy(flat, [tag for example in examples for tag in example.tags])}


def exact_match_and_f1(predictions: Sequence[str], examples: Sequence[Question], language: str) -> Metrics:
    """SQuAD's exact match and word F1, with English normalisation for every language (as XTREME does)."""
    from stilts_xtreme.scoring.qa import squad_scores

    return squad_scores(*_by_id(predictions, examples))


def mlqa_exact_match_and_f1(predictions: Sequence[str], examples: Sequence[Question], language: str) -> Metrics:
    """MLQA's exact match and F1, normalised for the language of the context, where the answers are from ("de" in "de-en")."""
    from stilts_xtreme.scoring.qa import mlqa_scores

    return mlqa_scores(*_by_id(predictions, examples), language.partition("-")[0])


def _by_id(predictions: Sequence[str], examples: Sequence[Question]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    found = {example.id: answer for example, answer in zip(examples, predictions, strict=True)}
    return found, {example.id: example.answers for example in examples}


def tatoeba_accuracy(predictions: Sequence[str], examples: Sequence[Sentence], language: str) -> Metrics:
    """Share of English sentences, in their order, whose predicted foreign id is the right one."""
    from stilts_xtreme.scoring.accuracy import accuracy

    return {"accuracy": accuracy(predictions, [example.match for example in examples if example.side == "english"])}


def gold_pairs(examples: Sequence[Sentence]) -> set[tuple[str, str]]:
    """(foreign id, english id) of every translation; either side may know of a pair the other does not (one to many)."""
    foreign = {(example.id, example.match) for example in examples if example.side == "foreign" and example.match}
    return foreign | {(example.match, example.id) for example in examples if example.side == "english" and example.match}


def bucc_f1(predictions: Sequence[tuple[str, str]], examples: Sequence[Sentence], language: str) -> Metrics:
    """F1, precision and recall of the mined (foreign id, english id) pairs."""
    from stilts_xtreme.scoring.retrieval import pair_f1

    return pair_f1([tuple(pair) for pair in predictions], sorted(gold_pairs(examples)))


def map_at_20(predictions: Sequence[Sequence[str]], examples: Sequence[Query], language: str) -> Metrics:
    """Mean average precision of the ranked candidate ids, 20 a query at most."""
    from stilts_xtreme.scoring.retrieval import mean_average_precision

    return {"map@20": mean_average_precision(predictions, [example.answers for example in examples], RANKED)}


def unscored(predictions: Sequence[Any], examples: Sequence[Text], language: str) -> Metrics:
    """Text has no score: it is trained on, never evaluated."""
    return {}
