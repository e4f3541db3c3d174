"""Accuracy, the share of predictions that equal their reference, and F1 averaged over labels."""

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


def macro_f1(predictions: Sequence[str], references: Sequence[str]) -> float:
    """Return the mean F1 of the labels among predictions and references, 0 to 100, as scikit-learn's macro average.

    A label that is only predicted, or never, has an F1 of 0. Raises ValueError if the lengths differ or there are no references.
    """
    from sklearn.metrics import f1_score

    if len(predictions) != len(references) or not references:
        raise ValueError(f"{len(predictions)} predictions for {len(references)} references")
    return 100.0 * float(f1_score(list(references), list(predictions), average="macro", zero_division=0))
