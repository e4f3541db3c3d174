"""Gold labels that are placeholders, as in a file whose labels were taken out."""

from collections.abc import Mapping

FEW = 50  # gold labels below which all may be the same by chance
NO_TAG = ("O", "X")  # what is written where there is no tag


def only_label(counts: Mapping[str, int]) -> str | None:
    """The label that every one of at least `FEW` gold labels has; None where labels differ or are few."""
    return next(iter(counts)) if len(counts) == 1 and sum(counts.values()) >= FEW else None
