"""Which rows of a study of noise are compared with each other, beside each with the plain baseline."""

from collections.abc import Sequence

from stilts_xtreme.results.rows import ENGLISH, Row


def contrasts(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return pairs of a row and its reference: rows that differ in a single axis, and several languages against an intermediate.

    The plain baseline is no reference here: `noise` compares every row with it.
    """
    trained = [row for row in rows if not row.is_control]
    pairs = [(row, other) for row in trained for other in trained if row.recipe == other.recipe and not other.is_plain]
    return [(row, other) for row, other in pairs if _adds_single_axis(row, other) or _replaces_intermediate(row, other)]


def _adds_single_axis(row: Row, other: Row) -> bool:
    """Whether the row has, beyond the other, an intermediate, several languages, or noise in training, and nothing else."""
    axes = [
        (row.intermediate != other.intermediate, other.is_baseline),
        (row.languages != other.languages, other.languages == ENGLISH),
        (row.noise != other.noise, other.noise == 0.0),
    ]
    return sum(differs for differs, _ in axes) == 1 and all(plain for differs, plain in axes if differs)


def _replaces_intermediate(row: Row, other: Row) -> bool:
    """Whether the row has several languages of fine-tuning in place of the other's intermediate, and the same training noise."""
    several = row.is_baseline and row.languages != ENGLISH
    return several and not other.is_baseline and other.languages == ENGLISH and row.noise == other.noise
