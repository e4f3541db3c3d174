"""Which rows of a study of noise are set against one another, beside each against the plain baseline."""

from collections.abc import Sequence

from stilts_xtreme import axes
from stilts_xtreme.axes import Row

ENGLISH = ["en"]


def contrasts(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Names of (row, row it is set against): rows that differ in one way of training, and several languages against an
    intermediate. The plain baseline is left out: every row is set against it elsewhere.
    """
    usual = [row for row in rows if axes.kind(row.name) != axes.CONTROL]
    pairs = [(row, other) for row in usual for other in usual if row.recipe == other.recipe and other.name != axes.BASELINE]
    return [(row.name, other.name) for row, other in pairs if _adds_one(row, other) or _instead(row, other)]


def _adds_one(row: Row, other: Row) -> bool:
    added = [
        (row.intermediate != other.intermediate, other.intermediate == axes.BASELINE),
        (list(row.languages) != list(other.languages), list(other.languages) == ENGLISH),
        (row.noise != other.noise, other.noise == 0.0),
    ]
    return sum(differs for differs, _ in added) == 1 and all(plain for differs, plain in added if differs)


def _instead(row: Row, other: Row) -> bool:
    """Several languages of fine-tuning in place of an intermediate, the same noise in training."""
    several = row.intermediate == axes.BASELINE and list(row.languages) != ENGLISH
    return several and other.intermediate != axes.BASELINE and list(other.languages) == ENGLISH and row.noise == other.noise
