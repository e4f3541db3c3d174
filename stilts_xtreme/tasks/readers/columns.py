"""Read a user's own files: which column or field holds what stands in the user's description of them.

A layout names the field of each part of an example (`text`, `label`, ...), by name or by number from 1. Every row has to be as it
says: unlike releases, which nobody here can mend, a user's own files are refused with all their faults.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from stilts_xtreme.tasks.readers.lines import (
    Location,
    Row,
    choice,
    columns,
    fail,
    json_lines,
    lines,
    parse_json,
    text,
    without_last_blanks,
)
from stilts_xtreme.tasks.readers.questions import aligned, squad_json, squad_without_answers
from stilts_xtreme.tasks.readers.skipped import Skipped, WrongFile, refuse
from stilts_xtreme.tasks.readers.tagged import blocks
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

Column = str | int
Make = Callable[[Location, Any], Row]
LABELLED = ("text", "label")  # the header of `labelled_tsv`
NO_TAG = "_"  # of a token that is to be tagged
SHOWN = 20  # faults of a file that its error lists


@dataclass(frozen=True)
class Layout:
    """What stands where in a file; a reader of such files.

    `kind` (of examples): text, pair, choices, tags or question. `form`: tsv, csv, jsonl, conll or squad. `parts`: the field of
    each part of an example; several for choices that stand in several. Numbers mean that there is no header. `labels`: those
    allowed (of choices their names, in order); empty: any. Without `gold` no label, answer or tag is looked for: rows have the
    first label, no answer, `NO_TAG`.
    """

    kind: str
    form: str
    parts: tuple[tuple[str, Column | tuple[Column, ...]], ...] = ()
    labels: tuple[str, ...] = ()
    gold: bool = True

    def __call__(self, path: Path) -> Iterator[Row | Skipped]:
        """Yield the rows of the file; UserError with a line for each fault."""
        if self.form == "squad":
            return squad_json(path) if self.gold else squad_without_answers(path)
        if self.form == "conll":
            return _strictly(path, blocks(path), lambda _, block: self._sentence(path, block))
        if self.form == "jsonl":
            return _strictly(path, json_lines(path), lambda at, line: self._row(path, at, parse_json(path, int(at), line)))
        return self._table(path)

    def of(self, part: str) -> Any:
        """The field of a part; None where the layout has none."""
        return dict(self.parts).get(part)

    def fields(self, *without: str) -> list[Column]:
        """The fields of all parts but these."""
        named = [field for part, field in self.parts if part not in without]
        return [column for field in named for column in (field if isinstance(field, tuple) else (field,))]

    def _row(self, path: Path, at: Location, record: Record) -> Row:
        name = record.get(str(self.of("id")))
        return {"id": str(at) if name is None else str(name), **_ROWS[self.kind](self, path, at, record)}

    def _table(self, path: Path) -> Iterator[Row | Skipped]:
        """Yield the rows of a file with columns; UserError where the header lacks a column."""
        rows: Iterable[tuple[int, list[str]]] = csv_rows(path) if self.form == "csv" else tsv_rows(path)
        numbered, header = iter(rows), list[str]()
        needed = self.fields("id", "offset", *(() if self.gold else ("label", "answer", "tag")))
        if any(isinstance(field, str) for field in self.fields()):
            first, header = next(numbered, (1, []))
            if missing := [field for field in needed if field not in header]:
                there = ", ".join(header) or "none: the file is empty"
                refuse(path, first, "header", f"no column {str(missing[0])!r} (there are: {there}); name the right one")
        width = len(header) or max((int(field) for field in needed), default=0)

        def row(number: Location, fields: list[str]) -> Row:
            if len(fields) < width or header and len(fields) > width:
                divided = "commas" if self.form == "csv" else "tabs"
                least = "" if header else "at least "
                fail(path, number, "columns", f"{len(fields)} instead of {least}{width}, divided by {divided}: mend the line")
            names = header or [str(i) for i in range(1, len(fields) + 1)]
            return self._row(path, number, dict(zip(names, fields, strict=True)))

        return _strictly(path, numbered, row)

    def _sentence(self, path: Path, block: list[tuple[int, str]]) -> Row:
        """A sentence of a CoNLL-like file: a token a line, columns divided by tabs (by spaces where there is no tab)."""
        token, tag = (int(self.of(part) or 0) for part in ("token", "tag"))
        need = max(token, tag) if self.gold else token
        tokens, tags = [], []
        for number, line in block:
            fields = line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))  # other spaces belong to tokens
            if len(fields) < need:
                fail(path, number, "columns", f"{len(fields)}, and column {need} is named; put the line right, or name another")
            tokens.append(_word(path, number, fields[token - 1]))
            tags.append(self.tag(path, number, fields[tag - 1]) if self.gold else NO_TAG)
        return {"id": str(block[0][0]), "tokens": tokens, "tags": tags}

    def tag(self, path: Path, at: Location, tag: Any) -> str:
        """A tag, which must be among the labels where there are any; UserError for another."""
        if not isinstance(tag, str) or not tag or self.labels and tag not in self.labels:
            known = f"is not one of {' '.join(self.labels)}" if self.labels else "is no tag"
            fail(path, at, "tag", f"{tag!r} {known}; mend it, or add it to the labels")
        return tag

    def label(self, path: Path, at: Location, record: Record) -> str:
        """The label of a record, or the first of all where none is looked for; UserError for an unknown label."""
        return choice(path, at, record, str(self.of("label")), self.labels) if self.gold else next(iter(self.labels), "")


def labelled_tsv(path: Path) -> list[tuple[int, str, str]]:
    """Return (line number, text, label) of each row below the header `text TAB label`, which may come in either order.

    UserError with file and line for another header, a row of another number of columns, an empty text or label, and for
    fewer than two labels.
    """
    numbered = tsv_rows(path)
    first, header = next(numbered, (1, [*LABELLED]))
    if sorted(header) != sorted(LABELLED):
        fail(path, first, "header", f"the first line has to be {' TAB '.join(LABELLED)}, divided by a tab")
    rows: list[tuple[int, str, str]] = []
    for number, fields in numbered:
        record = dict(zip(header, columns(path, number, fields, len(header)), strict=True))
        for name in LABELLED:
            if not record[name].strip():
                fail(path, number, name, f"is empty; write a {name}, or remove the line")
        rows.append((number, record["text"], record["label"]))
    if len({label for _, _, label in rows}) < 2:
        fail(path, 1, "label", f"{len(rows)} rows with fewer than two labels: nothing can be learnt from them")
    return rows


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of its last line, fields) of each csv row, blank lines left out; UserError for what is not csv."""
    reader = csv.reader((line + "\n" for _, line in lines(path)), strict=True)
    try:
        for fields in reader:
            if fields:
                yield reader.line_num, fields
    except csv.Error as error:
        fail(path, reader.line_num, "line", f"not csv ({error})")


def tsv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, fields) without blank lines at the end; a quotation mark is text."""
    return ((number, line.split("\t")) for number, line in without_last_blanks(lines(path)))


def _strictly(path: Path, records: Iterable[tuple[Location, Any]], make: Make) -> Iterator[Row | Skipped]:
    """Yield the row that `make` makes of each record, with its location as `at`.

    Raises UserError at the end of the file with every fault that `make` raised, a line each, `SHOWN` at most.
    """
    faults: list[str] = []
    for location, record in records:
        try:
            yield {"at": str(location), **make(location, record)}
        except WrongFile:
            raise
        except UserError as fault:
            faults.append(str(fault))
    if faults:
        _all(path, faults)


def _all(path: Path, faults: list[str]) -> NoReturn:
    more = [f"{path}: ... and {len(faults) - SHOWN:,} more rows"] if len(faults) > SHOWN else []
    raise WrongFile("\n".join([*faults[:SHOWN], *more]))


def _word(path: Path, at: Location, token: Any) -> str:
    if not isinstance(token, str) or not token:
        fail(path, at, "token", f"{token!r} instead of a token; put it in, or remove it with its tag")
    return token


def _text_row(layout: Layout, path: Path, at: Location, record: Record) -> Row:
    return {"text": text(path, at, record, str(layout.of("text"))), "label": layout.label(path, at, record)}


def _pair_row(layout: Layout, path: Path, at: Location, record: Record) -> Row:
    texts = {part: text(path, at, record, str(layout.of(part))) for part in ("first", "second")}
    return {**texts, "label": layout.label(path, at, record)}


def _choices_row(layout: Layout, path: Path, at: Location, record: Record) -> Row:
    fields = layout.of("choices")
    options = [text(path, at, record, str(name)) for name in fields] if isinstance(fields, tuple) else record.get(str(fields))
    if not isinstance(options, list) or len(options) < 2 or not all(isinstance(option, str) for option in options):
        fail(path, at, str(fields), "expected a list of two texts or more, the choices")
    question = layout.of("question")
    names = (layout.labels or tuple(map(str, range(len(options)))))[: len(options)]
    if len(names) < len(options):
        fail(path, at, "choices", f"{len(options)}, and only {len(names)} labels are named; name one for each")
    label = choice(path, at, record, str(layout.of("label")), names) if layout.gold else names[0]
    return {
        "context": text(path, at, record, str(layout.of("context"))),
        "question": "" if question is None else text(path, at, record, str(question)),
        "options": options,
        "label": str(names.index(label)),
    }


def _tags_row(layout: Layout, path: Path, at: Location, record: Record) -> Row:
    tokens, tags = record.get(str(layout.of("token"))), record.get(str(layout.of("tag")))
    if not isinstance(tokens, list) or not tokens:
        fail(path, at, str(layout.of("token")), "expected a list of tokens")
    words = [_word(path, at, token) for token in tokens]
    if not layout.gold:
        return {"tokens": words, "tags": [NO_TAG] * len(words)}
    if not isinstance(tags, list) or len(tags) != len(words):
        fail(path, at, str(layout.of("tag")), f"expected a list of {len(words)} tags, one for each token")
    return {"tokens": words, "tags": [layout.tag(path, at, tag) for tag in tags]}


def _question_row(layout: Layout, path: Path, at: Location, record: Record) -> Row:
    """An answer without an offset is looked for in the context; an empty answer says that there is none."""
    question, context = (text(path, at, record, str(layout.of(part))) for part in ("question", "context"))
    answer = text(path, at, record, str(layout.of("answer"))) if layout.gold else ""
    start = record.get(str(layout.of("offset")), context.find(answer))
    if isinstance(start, str) and start.isdecimal():
        start = int(start)
    if not isinstance(start, int) or isinstance(start, bool):
        fail(path, at, str(layout.of("offset")), f"{start!r} is not a character offset into the context")
    answers: dict[str, list[Any]] = {"text": [answer], "answer_start": [start]} if answer else {"text": [], "answer_start": []}
    return aligned({"context": context, "question": question, "answers": answers})


_ROWS: dict[str, Callable[[Layout, Path, Location, Record], Row]] = {
    "text": _text_row,
    "pair": _pair_row,
    "choices": _choices_row,
    "tags": _tags_row,
    "question": _question_row,
}
