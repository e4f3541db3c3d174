"""Rows of a release file that cannot be used: a broken one is left out and reported, too many of them refuse the file."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from stilts_xtreme.errors import UserError
from stilts_xtreme.formats.lines import Place, fail, json_lines, open_bytes, parse_json

Row = dict[str, Any]
T = TypeVar("T")

SHARE = 0.005  # of a file's rows that may be broken
FEW = 2  # broken rows that a file of any size may have: one row cut in two
SOUND = 3  # sound rows there must be for each broken one
SHOWN = 3  # broken rows a refusal names

BROKEN = "broken row"
NO_TEXT = "no text"
NO_LABEL = "no gold label"
NO_ANSWER = "no answer"
NOT_IN_CONTEXT = "answer not in the context"
OFFSET_REPAIRED = "answer offset repaired"


@dataclass(frozen=True)
class Skipped:
    """A row that a reader left out: why, and where it stands (a line number or a path inside JSON)."""

    reason: str
    at: str


class WrongFile(UserError):
    """A fault that refuses the whole file, not only the row it was found in."""


def refuse(path: Path, place: Place, field: str, wrong: str) -> NoReturn:
    """As `fail`, for what makes the file unusable however few of its rows have it."""
    try:
        fail(path, place, field, wrong)
    except UserError as fault:
        raise WrongFile(*fault.args) from None


def rows_of(
    path: Path, records: Iterable[tuple[Place, T]], make: Callable[[Place, T], Row | list[Row] | Skipped | None]
) -> Iterator[Row | Skipped]:
    """The rows that `make` gives for each (place, record), with their place as `at`; None gives no row.

    A record for which `make` raises UserError is broken: it is skipped. UserError at the end of the file where more than
    `SHARE` of the rows (and more than `FEW`), or more than one in `SOUND` + 1, are broken, or where the file ends inside one.
    """
    faults: list[str] = []
    total = broken = 0
    last_is_broken = False
    for place, record in records:
        total += 1
        try:
            result = make(place, record)
            last_is_broken = False
        except WrongFile:
            raise
        except UserError as fault:
            broken, last_is_broken = broken + 1, True
            faults = [*faults, str(fault)][:SHOWN]
            result = Skipped(BROKEN, str(place))
        for row in result if isinstance(result, list) else [result]:
            if row is not None:
                yield row if isinstance(row, Skipped) else {"at": str(place), **row}
    if broken > max(FEW, SHARE * total) or total - broken < SOUND * broken:
        raise UserError(_refusal(path, faults, broken, total))
    if last_is_broken and not _ends_with_a_line(path):
        raise UserError(f"{faults[-1]}; the file ends inside this row: fetch it again")


def json_rows(path: Path, make: Callable[[Place, Row], Row | list[Row] | Skipped | None]) -> Iterator[Row | Skipped]:
    """`rows_of` a file with one JSON object a line; a line that holds none is broken."""
    return rows_of(path, json_lines(path), lambda number, line: make(number, parse_json(path, number, line)))


def _refusal(path: Path, faults: list[str], broken: int, total: int) -> str:
    if broken == 1:
        return faults[0]
    others = ", ".join(fault.removeprefix(f"{path}:").partition(":")[0] for fault in faults[1:])
    more = " ..." if broken > SHOWN else ""
    return f"{faults[0]}; {broken:,} of {total:,} rows are broken (also {others}{more}), and at most {SHARE:.1%} may be"


def _ends_with_a_line(path: Path) -> bool:
    last = b""
    with open_bytes(path) as file:
        while chunk := file.read(1 << 20):
            last = chunk
    return last.endswith(b"\n")
