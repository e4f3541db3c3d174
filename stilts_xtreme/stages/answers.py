"""What a prediction gives for one language, before it is scored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """A language's predictions with the examples they are scored on.

    `records` are what is kept of them, line by line; `told` the facts of the readings they come from; `labels` those of the head,
    where it has any.
    """

    language: str
    predictions: Sequence[Any]
    records: Sequence[Any]
    examples: Sequence[Any]
    told: Sequence[dict[str, Any]]
    labels: tuple[str, ...] = ()


def by_id(examples: Sequence[Any], predictions: Sequence[Any]) -> list[dict[str, Any]]:
    """The records of predictions of which there is one for each example."""
    return [{"id": example.id, "prediction": found} for example, found in zip(examples, predictions, strict=True)]
