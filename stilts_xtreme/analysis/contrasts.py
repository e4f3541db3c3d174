"""Which rows of a study of noise are set against one another, beside each against the plain baseline."""

from collections.abc import Sequence

from stilts_xtreme.results.rows import ENGLISH, Row


def contrasts(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Pairs of (row, row it is set against): rows that differ in one way of training, and several languages against an
    intermediate. The plain baseline is left out: every row is set against it elsewhere.
    """
    usual = [row for row in rows if not row.is_control]
    pairs = [(row, other) for row in usual for other in usual if row.recipe == other.recipe and not other.is_plain]
    return [(row, other) for row, other in pairs if _adds_one(row, other) or _instead(row, other)]


def _adds_one(row: Row, other: Row) -> bool:
    added = [
        (row.intermediate != other.intermediate, other.is_baseline),
        (row.languages != other.languages, other.languages == ENGLISH),
        (row.noise != other.noise, other.noise == 0.0),
    ]
    return sum(differs for differs, _ in added) == 1 and all(plain for differs, plain in added if differs)


def _instead(row: Row, other: Row) -> bool:
    """Several languages of fine-tuning in place of an intermediate, the same noise in training."""
    several = row.is_baseline and row.languages != ENGLISH
    return several and not other.is_baseline and other.languages == ENGLISH and row.noise == other.noise
