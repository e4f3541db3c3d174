"""Read releases of multiple-choice questions: HellaSwag, Cosmos QA, CommonsenseQA, Social IQa, COPA and XCOPA."""

import re
from collections.abc import Iterator
from pathlib import Path

from stilts_xtreme.tasks.readers.columns import csv_rows
from stilts_xtreme.tasks.readers.lines import (
    Location,
    Row,
    choice,
    fail,
    json_lines,
    lines,
    parse_json,
    text,
    texts,
    without_last_blanks,
)
from stilts_xtreme.tasks.readers.sentences import companion
from stilts_xtreme.tasks.readers.skipped import Skipped, json_rows, rows_of

FOUR = ("0", "1", "2", "3")
FIVE = ("A", "B", "C", "D", "E")
THREE = ("A", "B", "C")
ONE_TO_THREE = ("1", "2", "3")


def without_markers(line: str) -> str:
    """Remove [header] [title] [step] [substeps] from HellaSwag's WikiHow text; a title ends the sentence before it."""
    line = re.sub(r"(?<=[^\s.!?])\s*\[title\]", ".", line)
    line = re.sub(r"(?<!\s)(?:\s*\[(?:header|title|step|substeps)\])+\s*", " ", line)  # linear in the length of a run of spaces
    return re.sub(r" {2,}", " ", line).strip()


def hellaswag_jsonl(path: Path) -> Iterator[Row | Skipped]:
    """Read HellaSwag: JSON lines with ctx_a, ctx_b, four endings, label 0-3 (number or text); WikiHow markers are removed."""

    def row(number: Location, record: Row) -> Row:
        return {
            "id": str(record.get("ind", number)),
            "ctx_a": without_markers(text(path, number, record, "ctx_a")),
            "ctx_b": without_markers(text(path, number, record, "ctx_b")),
            "endings": [without_markers(ending) for ending in texts(path, number, record, "endings", 4)],
            "label": choice(path, number, record, "label", FOUR, "hellaswag_val.jsonl"),
        }

    return json_rows(path, row)


COSMOSQA = ("id", "context", "question", "answer0", "answer1", "answer2", "answer3", "label")


def cosmosqa_csv(path: Path) -> Iterator[Row | Skipped]:
    """Read Cosmos QA: csv with quoting and the header id,context,question,answer0..answer3,label."""

    def row(number: Location, fields: list[str]) -> Row:
        if len(fields) != len(COSMOSQA):
            fail(path, number, "columns", f"{len(fields)} instead of {len(COSMOSQA)}; is a quotation mark missing?")
        record = dict(zip(COSMOSQA, fields, strict=True))
        return {**record, "label": choice(path, number, record, "label", FOUR, "valid.csv")}

    return rows_of(path, _csv(path), row)


def _csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of its last line, fields) of each csv row below the header; UserError for invalid csv."""
    numbered = csv_rows(path)
    if (header := next(numbered, (1, list[str]()))[1]) != list(COSMOSQA):
        fail(path, 1, "header", f"expected {','.join(COSMOSQA)}" + ("" if header else "; the file is empty"))
    yield from numbered


def commonsenseqa_jsonl(path: Path) -> Iterator[Row | Skipped]:
    """Read CommonsenseQA: JSON lines with question.stem, question.choices (label, text) and answerKey A-E."""

    def row(number: Location, record: Row) -> Row:
        question = record.get("question")
        if not isinstance(question, dict):
            fail(path, number, "question", "expected an object with stem and choices")
        options = question.get("choices")
        if not isinstance(options, list) or len(options) != 5 or not all(isinstance(option, dict) for option in options):
            fail(path, number, "question.choices", "expected five objects with label and text")
        labels = [text(path, number, option, "label") for option in options]
        if sorted(labels) != list(FIVE):
            fail(path, number, "question.choices", f"labels {' '.join(labels)} instead of A B C D E")
        return {
            "id": text(path, number, record, "id"),
            "question": text(path, number, question, "stem"),
            "choices": {"label": labels, "text": [text(path, number, option, "text") for option in options]},
            "answerKey": choice(path, number, record, "answerKey", FIVE, "dev_rand_split.jsonl"),
        }

    return json_rows(path, row)


def _siqa(path: Path, number: Location, record: Row, label: str) -> Row:
    parts = {field: text(path, number, record, field) for field in ("context", "question", "answerA", "answerB", "answerC")}
    return {"id": str(number), **parts, "label": label}


def siqa_jsonl(path: Path) -> Iterator[Row | Skipped]:
    """Read Social IQa: JSON lines with context, question, answerA-C; labels 1-3 line by line in NAME-labels.lst beside it."""
    partner = companion(path, "-labels.lst")
    records, labels = list(json_lines(path)), list(without_last_blanks(lines(partner)))
    if len(records) != len(labels):
        fail(partner, len(labels), "lines", f"{len(labels)}, but {path.name} has {len(records)}; they must be aligned")

    def row(number: Location, line_and_label: tuple[str, str]) -> Row:
        line, label = line_and_label
        label = choice(partner, number, {"label": label.strip()}, "label", ONE_TO_THREE)
        return _siqa(path, number, parse_json(path, number, line), label)

    aligned = [(number, (line, label)) for (number, line), (_, label) in zip(records, labels, strict=True)]
    return rows_of(path, aligned, row)


def siqa_correct_jsonl(path: Path) -> Iterator[Row | Skipped]:
    """Read Social IQa 1.4, the version XTREME-R fetches: as `siqa_jsonl`, with the correct answer's letter in `correct`."""

    def row(number: Location, record: Row) -> Row:
        letter = choice(path, number, record, "correct", THREE)
        return _siqa(path, number, record, ONE_TO_THREE[THREE.index(letter)])

    return json_rows(path, row)


def copa_jsonl(path: Path) -> Iterator[Row | Skipped]:
    """Read COPA of SuperGLUE and XCOPA: JSON lines with premise, choice1, choice2, question (cause or effect), label 0 or 1."""

    def row(number: Location, record: Row) -> Row:
        parts = {field: text(path, number, record, field) for field in ("premise", "choice1", "choice2")}
        question = choice(path, number, record, "question", ("cause", "effect"))
        label = choice(path, number, record, "label", ("0", "1"))
        return {"id": str(record.get("idx", number)), **parts, "question": question, "label": label}

    return json_rows(path, row)
