"""Accuracy: the share of predictions that equal their reference."""

from collections.abc import Sequence


def accuracy(predictions: Sequence[object], references: Sequence[object]) -> float:
    """Return the share of equal pairs, 0 to 100.

    Raises ValueError if the lengths differ or there are no references.
    """
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions for {len(references)} references")
    if not references:
        raise ValueError("nothing to score: no references")
    correct = sum(prediction == reference for prediction, reference in zip(predictions, references, strict=True))
    return 100.0 * correct / len(references)
