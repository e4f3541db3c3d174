"""Accuracy: the share of predictions that equal their reference."""

from collections.abc import Sequence
from typing import Any


def accuracy(predictions: Sequence[Any], references: Sequence[Any]) -> float:
    """Share of equal pairs, 0 to 100; ValueError if the lengths differ or there is nothing to score."""
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions for {len(references)} references")
    if not references:
        raise ValueError("nothing to score: no references")
    right = sum(predicted == wanted for predicted, wanted in zip(predictions, references, strict=True))
    return 100.0 * right / len(references)
