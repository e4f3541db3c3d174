"""Predictions for one language, before they are scored."""

from collections.abc import Sequence
from dataclasses import dataclass

from stilts_xtreme.tasks.examples import Example
from stilts_xtreme.tasks.metrics import PredictedValue
from stilts_xtreme.utils.bounded_io import Record


@dataclass(frozen=True)
class LanguagePredictions:
    """A language's predictions with the examples they are scored on.

    `records` are the lines of the file of predictions, with probabilities where the stage asks for them; `splits` the dataset
    records of the data they come from; `labels` those of the head, if it has any.
    """

    language: str
    predictions: Sequence[PredictedValue]
    records: Sequence[Record]
    examples: Sequence[Example]
    splits: Sequence[Record]
    labels: tuple[str, ...] = ()


def records_by_id(examples: Sequence[Example], predictions: Sequence[PredictedValue]) -> list[Record]:
    """Return {id, prediction} for each example, in order; ValueError if there are more of either."""
    return [{"id": example.id, "prediction": prediction} for example, prediction in zip(examples, predictions, strict=True)]
