"""Opening a release's file, plain or .gz, and telling where it is not what it should be."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from stilts_xtreme.errors import UserError
from stilts_xtreme.files import bounded
from stilts_xtreme.shown import visible

LONGEST = 2**28  # characters of a line; a whole SQuAD file is one
Place = int | str  # of a row: its line's number, or a path inside JSON
# Names that files from elsewhere give their columns.
_COLUMNS = frozenset(
    "id idx index guid uid pairid premise hypothesis hypo sentence sentence1 sentence2 question question1 question2 text label "
    "labels gold_label is_duplicate category language token tokens word words form tag tags pos upos ner ner_tags".split()
)


def fail(path: Path, place: Place, field: str, wrong: str) -> NoReturn:
    """Raise UserError "path:place: field: what is wrong, what to do"; a place is a line number or a path inside JSON."""
    raise UserError(visible(f"{path}:{place}: {field}: {wrong}"))


def open_text(path: Path) -> io.TextIOBase:
    """The file as UTF-8 text (a byte-order mark is ignored), lines ending at "\\n" only: U+2028 and U+0085 occur inside texts."""
    return io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", newline="\n")


def open_bytes(path: Path) -> BinaryIO:
    """The file's bytes, those of a .gz unpacked; it is a path, or a member of an archive like one."""
    if path.suffix != ".gz":
        return path.open("rb")
    return bounded(gzip.open(path.open("rb")), path.stat().st_size)


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line number (from 1) and line without its end; UserError for a file that is not UTF-8 or a damaged .gz."""
    number = 0
    try:
        with open_text(path) as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST + 1), ""), 1):
                if len(line) > LONGEST:
                    fail(path, number, "line", f"has more than {LONGEST:,} characters; is this the release's own file?")
                yield number, line.removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].count(b"\n")  # text is decoded in blocks of many lines
        fail(path, number + 1 + before, "text", f"not UTF-8 ({error.reason}); store the file as UTF-8")
    except (OSError, EOFError, zlib.error) as error:
        fail(path, number + 1, "file", f"cannot be read ({error}); fetch it again")


def tsv(path: Path, header: tuple[str, ...] = ()) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields; blank lines at the end are left out, and so is a first line that begins with this `header`.

    There is no csv quoting: a quotation mark is text. (XTREME's preparation script writes some PAWS-X fields quoted; its own
    reader takes those marks as text too.) UserError where the first line is another header.
    """
    for number, line in without_last_blanks(lines(path)):
        fields = line.split("\t")
        if number == 1 and header and tuple(fields[: len(header)]) == header:
            continue
        if number == 1:
            no_header(path, fields)
        yield number, fields


def columns(path: Path, number: Place, fields: list[str], *counts: int) -> list[str]:
    """The fields; UserError unless their number is one of `counts`."""
    if len(fields) not in counts:
        wanted = " or ".join(str(count) for count in counts)
        fail(path, number, "columns", f"{len(fields)} instead of {wanted}, divided by tabs; put the line right or remove it")
    return fields


def no_header(path: Path, fields: list[str]) -> None:
    """UserError where the fields of a file's first line are names of columns."""
    if len(fields) > 1 and all(field.strip().casefold() in _COLUMNS for field in fields):
        fail(path, 1, "header", f"{' '.join(fields)}: files of this layout have no header; remove the line")


def without_last_blanks(numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Numbered lines without the blank ones at the end of the file."""
    blank = []
    for number, line in numbered:
        if not line.strip(" "):
            blank.append((number, line))
            continue
        yield from blank
        blank.clear()
        yield number, line


def parse_json(path: Path, number: Place, content: str) -> dict[str, Any]:
    """The JSON object in `content`, which starts at line `number`."""
    try:
        found = json.loads(content)
        if "\\u" in content:  # half of an escaped surrogate pair is not a character, and would fail far from here
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        place = int(number) + getattr(error, "lineno", 1) - 1
        fail(path, place, "JSON", f"cannot be read ({getattr(error, 'msg', None) or error}); fetch the file again")
    if not isinstance(found, dict):
        fail(path, number, "JSON", f"{type(found).__name__} instead of an object; is this the release's own file?")
    return found


def json_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line number and text of a file with one JSON object a line; blank lines at the end are left out."""
    return without_last_blanks(lines(path))


def text(path: Path, place: Place, record: dict[str, Any], field: str) -> str:
    """A string field that has to be there."""
    if field not in record:
        fail(path, place, field, f"missing (there are: {', '.join(record) or 'none'}); is this the release's own file?")
    if not isinstance(record[field], str):
        fail(path, place, field, f"{type(record[field]).__name__} instead of text")
    return record[field]


def texts(path: Path, place: Place, record: dict[str, Any], field: str, count: int) -> list[str]:
    """A field that has to be a list of `count` strings."""
    value = record.get(field)
    if not isinstance(value, list) or len(value) != count or not all(isinstance(item, str) for item in value):
        fail(path, place, field, f"expected {count} texts")
    return value


def choice(
    path: Path,
    place: Place,
    record: dict[str, Any],
    field: str,
    allowed: tuple[str, ...],
    counts: str = "the split that has them",
) -> str:
    """A label (text or whole number) that has to be one of `allowed`; `counts` names the labelled file to take instead."""
    value = record.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or value not in allowed:
        hint = f" (a test file without labels? take {counts})" if value in (None, "", "-1", "hidden") else ""
        fail(path, place, field, f"{value!r} is not one of {', '.join(allowed)}{hint}")
    return value
