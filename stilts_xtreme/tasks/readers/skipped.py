"""Handle broken rows of a release file: a few are skipped and reported, too many raise UserError for the file."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from stilts_xtreme.tasks.readers.lines import Location, Row, fail, json_lines, open_bytes, parse_json
from stilts_xtreme.utils.errors import UserError

T = TypeVar("T")

MAX_SHARE = 0.005  # of a file's rows that may be broken
MIN_BROKEN = 2  # broken rows that a file of any size may have: a row cut in two
MIN_VALID = 3  # valid rows there must be for each broken row
SHOWN = 3  # broken rows that the error names

BROKEN = "broken row"
NO_TEXT = "no text"
NO_LABEL = "no gold label"
NO_ANSWER = "no answer"
NOT_IN_CONTEXT = "answer not in the context"
OFFSET_REPAIRED = "answer offset repaired"


@dataclass(frozen=True)
class Skipped:
    """A row that a reader skipped: the reason, and its location (a line number or a path inside JSON)."""

    reason: str
    at: str


class WrongFile(UserError):
    """An error that makes the whole file unusable, not only a row."""


def refuse(path: Path, location: Location, field: str, problem: str) -> NoReturn:
    """Raise WrongFile like `fail`, for an error that makes the file unusable even in a single row."""
    try:
        fail(path, location, field, problem)
    except UserError as error:
        raise WrongFile(*error.args) from None


def rows_of(
    path: Path, records: Iterable[tuple[Location, T]], make: Callable[[Location, T], Row | list[Row] | Skipped | None]
) -> Iterator[Row | Skipped]:
    """Yield the rows that `make` returns for each (location, record), with their location as `at`; None gives no row.

    A record for which `make` raises UserError is broken and skipped. Raises UserError at the end of the file if more than
    `MAX_SHARE` of the rows (and more than `MIN_BROKEN`), or more than 1 in `MIN_VALID` + 1, are broken, or the file ends inside a
    row.
    """
    problems: list[str] = []
    total = broken = 0
    last_is_broken = False
    for location, record in records:
        total += 1
        try:
            result = make(location, record)
            last_is_broken = False
        except WrongFile:
            raise
        except UserError as error:
            broken, last_is_broken = broken + 1, True
            problems = [*problems, str(error)][:SHOWN]
            result = Skipped(BROKEN, str(location))
        for row in result if isinstance(result, list) else [result]:
            if row is not None:
                yield row if isinstance(row, Skipped) else {"at": str(location), **row}
    if broken > max(MIN_BROKEN, MAX_SHARE * total) or total - broken < MIN_VALID * broken:
        raise UserError(_too_many(path, problems, broken, total))
    if last_is_broken and not _ends_with_newline(path):
        raise UserError(f"{problems[-1]}; the file ends inside this row: fetch it again")


def json_rows(path: Path, make: Callable[[Location, Row], Row | list[Row] | Skipped | None]) -> Iterator[Row | Skipped]:
    """Apply `rows_of` to a file with a JSON object per line; any other line is broken."""
    return rows_of(path, json_lines(path), lambda number, line: make(number, parse_json(path, number, line)))


def _too_many(path: Path, problems: list[str], broken: int, total: int) -> str:
    if broken == 1:
        return problems[0]
    others = ", ".join(problem.removeprefix(f"{path}:").partition(":")[0] for problem in problems[1:])
    more = " ..." if broken > SHOWN else ""
    return f"{problems[0]}; {broken:,} of {total:,} rows are broken (also {others}{more}), and at most {MAX_SHARE:.1%} may be"


def _ends_with_newline(path: Path) -> bool:
    last = b""
    with open_bytes(path) as file:
        while chunk := file.read(1 << 20):
            last = chunk
    return last.endswith(b"\n")
