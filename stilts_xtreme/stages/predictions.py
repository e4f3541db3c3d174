"""Predictions for one language, before they are scored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LanguagePredictions:
    """A language's predictions with the examples they are scored on.

    `records` are the lines of the file of predictions; `splits` the dataset records of the data they come from; `labels` those of
    the head, if it has any.
    """

    language: str
    predictions: Sequence[Any]
    records: Sequence[Any]
    examples: Sequence[Any]
    splits: Sequence[dict[str, Any]]
    labels: tuple[str, ...] = ()


def records_by_id(examples: Sequence[Any], predictions: Sequence[Any]) -> list[dict[str, Any]]:
    """Make the records of predictions, one for each example in the same order; ValueError if the lengths differ."""
    return [{"id": example.id, "prediction": prediction} for example, prediction in zip(examples, predictions, strict=True)]
