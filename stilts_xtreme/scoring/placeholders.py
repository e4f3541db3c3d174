"""Recognise gold labels that are placeholders, as in a file whose labels were removed."""

from collections.abc import Mapping

MIN_LABELS = 50  # with fewer gold labels, all may be equal by chance
NO_TAG = ("O", "X")  # written where a token has no tag


def constant_label(counts: Mapping[str, int]) -> str | None:
    """Return the label that all of at least `MIN_LABELS` gold labels have; None where labels differ or are fewer.

    `counts`: label -> number of gold labels.
    """
    return next(iter(counts)) if len(counts) == 1 and sum(counts.values()) >= MIN_LABELS else None
