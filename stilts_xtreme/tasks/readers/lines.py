"""Open release files, plain or .gz, and raise UserError with the location of what is not valid."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from stilts_xtreme.utils.bounded_io import Record, bounded
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import visible

MAX_LINE = 2**28  # characters; a whole SQuAD file is a single line
Location = int | str  # of a row: line number, or a path inside JSON
Row = Record  # of a release file, or the canonical row made from it
# Names of columns in headers of files from other sources.
_COLUMNS = frozenset(
    "id idx index guid uid pairid premise hypothesis hypo sentence sentence1 sentence2 question question1 question2 text label "
    "labels gold_label is_duplicate category language token tokens word words form tag tags pos upos ner ner_tags".split()
)


def fail(path: Path, location: Location, field: str, problem: str) -> NoReturn:
    """Raise UserError "path:location: field: problem"; `problem` should say what is wrong and what to do."""
    raise UserError(visible(f"{path}:{location}: {field}: {problem}"))


def open_text(path: Path) -> io.TextIOBase:
    """Open as UTF-8 text without byte-order mark; lines end at "\\n" only, since U+2028 and U+0085 occur inside texts."""
    return io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", newline="\n")


def open_bytes(path: Path) -> BinaryIO:
    """Open as bytes, decompressing a .gz; `path` may be a member of an archive that behaves like a path."""
    if path.suffix != ".gz":
        return path.open("rb")
    return bounded(gzip.open(path.open("rb")), path.stat().st_size)


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end); UserError for a file that is not UTF-8 or a damaged .gz."""
    number = 0
    try:
        with open_text(path) as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), ""), 1):
                if len(line) > MAX_LINE:
                    fail(path, number, "line", f"has more than {MAX_LINE:,} characters; is this the release's own file?")
                yield number, line.removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].count(b"\n")  # text is decoded in blocks of many lines
        fail(path, number + 1 + before, "text", f"not UTF-8 ({error.reason}); store the file as UTF-8")
    except (OSError, EOFError, zlib.error) as error:
        fail(path, number + 1, "file", f"cannot be read ({error}); fetch it again")


def tsv(path: Path, header: tuple[str, ...] = ()) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, fields) without blank lines at the end and without a first line that begins with `header`.

    There is no csv quoting: a quotation mark is text. (XTREME's preparation script writes some PAWS-X fields quoted; its own
    reader takes those marks as text too.) Raises UserError if the first line is another header.
    """
    for number, line in without_last_blanks(lines(path)):
        fields = line.split("\t")
        if number == 1 and header and tuple(fields[: len(header)]) == header:
            continue
        if number == 1:
            no_header(path, fields)
        yield number, fields


def columns(path: Path, number: Location, fields: list[str], *counts: int) -> list[str]:
    """Return the fields; UserError unless their number is among `counts`."""
    if len(fields) not in counts:
        expected = " or ".join(str(count) for count in counts)
        fail(path, number, "columns", f"{len(fields)} instead of {expected}, divided by tabs; put the line right or remove it")
    return fields


def no_header(path: Path, fields: list[str]) -> None:
    """Raise UserError if the fields of a file's first line are names of columns."""
    if len(fields) > 1 and all(field.strip().casefold() in _COLUMNS for field in fields):
        fail(path, 1, "header", f"{' '.join(fields)}: files of this layout have no header; remove the line")


def without_last_blanks(numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines without blank lines at the end of the file."""
    blank = []
    for number, line in numbered:
        if not line.strip(" "):
            blank.append((number, line))
            continue
        yield from blank
        blank.clear()
        yield number, line


def parse_json(path: Path, number: Location, content: str) -> Row:
    """Parse the JSON object in `content`, which starts at line `number`; UserError for anything else."""
    try:
        record = json.loads(content)
        if "\\u" in content:  # half of an escaped surrogate pair is not a character, and would fail only later
            json.dumps(record, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        location = int(number) + getattr(error, "lineno", 1) - 1
        fail(path, location, "JSON", f"cannot be read ({getattr(error, 'msg', None) or error}); fetch the file again")
    if not isinstance(record, dict):
        fail(path, number, "JSON", f"{type(record).__name__} instead of an object; is this the release's own file?")
    return record


def json_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number, text) of a file with a JSON object per line, without blank lines at the end."""
    return without_last_blanks(lines(path))


def text(path: Path, location: Location, record: Row, field: str) -> str:
    """Return a required string field; UserError if it is missing or no string."""
    if field not in record:
        fail(path, location, field, f"missing (there are: {', '.join(record) or 'none'}); is this the release's own file?")
    if not isinstance(record[field], str):
        fail(path, location, field, f"{type(record[field]).__name__} instead of text")
    return record[field]


def texts(path: Path, location: Location, record: Row, field: str, count: int) -> list[str]:
    """Return a required field with a list of `count` strings; UserError for anything else."""
    value = record.get(field)
    if not isinstance(value, list) or len(value) != count or not all(isinstance(item, str) for item in value):
        fail(path, location, field, f"expected {count} texts")
    return value


def choice(
    path: Path,
    location: Location,
    record: Row,
    field: str,
    allowed: tuple[str, ...],
    labelled: str = "the split that has them",
) -> str:
    """Return a label (text or whole number) that must be among `allowed`; UserError otherwise.

    `labelled`: description of the file to use instead, for the message.
    """
    value = record.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or value not in allowed:
        hint = f" (a test file without labels? take {labelled})" if value in (None, "", "-1", "hidden") else ""
        fail(path, location, field, f"{value!r} is not one of {', '.join(allowed)}{hint}")
    return value
