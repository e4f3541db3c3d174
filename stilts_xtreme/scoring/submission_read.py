"""Reading the files of a submission, and of its labels; UserError with file and line for what is not as the layout says."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from stilts_xtreme import files
from stilts_xtreme.errors import UserError
from stilts_xtreme.scoring.placeholders import NO_TAG, only_label
from stilts_xtreme.shown import visible

LARGEST = 2**30  # bytes of one file
LABELS = {
    "xnli": frozenset({"entailment", "neutral", "contradiction"}),
    "pawsx": frozenset({"0", "1"}),
    "xcopa": frozenset({"0", "1"}),
    # "_" is the mark of a contracted word, left in by some conversions of the treebanks.
    "udpos": frozenset("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X _".split()),
    "panx": frozenset("O B-LOC I-LOC B-ORG I-ORG B-PER I-PER".split()),
}
Pair = tuple[str, ...]  # foreign id, English id; ("",) for a blank line


def labels(task: str, path: Path) -> list[str | int]:
    """One label a line; in XCOPA with the type that it has in JSON, since XTREME compares with it ("1" is not 1)."""
    values: list[str | int] = []
    for number, line in _lines(path):
        if task == "tatoeba":
            if not (line.isascii() and line.isdigit() and len(line) < 10):
                fail(path, number, "sentence", f"{line!r} is not a number; write the index (from 0) of the foreign sentence")
            values.append(line)
            continue
        value = _xcopa_label(path, number, line) if task == "xcopa" else line
        _allowed(task, path, number, str(value))
        values.append(value)
    return values


def gold_labels(task: str, path: Path) -> list[str | int]:
    """As `labels`; placeholders are refused."""
    values = labels(task, path)
    if not values:
        fail(path, 1, "labels", "there are none; put the right labels here")
    if (label := only_label(Counter(map(str, values)))) is not None:
        fail(
            path, 1, "labels", f"all {len(values):,} are {label!r}: placeholders of a file without labels; use the release's own"
        )
    return values


def sentences(task: str, path: Path) -> list[tuple[int, list[str]]]:
    """First line and tags of each sentence; one or more blank lines lie between two."""
    tagged: list[tuple[int, list[str]]] = []
    fresh = True
    for number, line in _lines(path):
        if not line:
            fresh = True
            continue
        if fresh:
            tagged.append((number, []))
        tagged[-1][1].append(_allowed(task, path, number, line))
        fresh = False
    return tagged


def gold_sentences(task: str, path: Path) -> list[tuple[int, list[str]]]:
    """As `sentences`; placeholders are refused."""
    tagged = sentences(task, path)
    counts = Counter(tag for _, tags in tagged for tag in tags)
    if (tag := only_label(counts)) in NO_TAG:
        fail(path, 1, "tags", f"all {counts.total():,} are {tag!r}: placeholders of a file without tags; use the release's own")
    return tagged


def pairs(path: Path) -> set[Pair]:
    """Two sentence ids a line. A blank line counts as a pair, as in XTREME's evaluate.py."""
    text = read_text(path)
    result = set()
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], start=1):
        fields = tuple(line.strip().split("\t"))
        if fields != ("",) and (len(fields) != 2 or not all(fields)):
            fail(path, number, "pair", f"{line.strip()!r} is not two sentence ids divided by a tab")
        result.add(fields)
    return result


def gold_pairs(path: Path) -> set[Pair]:
    """As `pairs`; at least one."""
    result = pairs(path)
    if not result - {("",)}:
        fail(path, 1, "pairs", "there are none; put the right pairs here")
    return result


def answers(path: Path) -> dict[str, str]:
    """The answers to questions, by question id."""
    content = _json(path, read_text(path))
    if not isinstance(content, dict) or not content:
        fail(path, 1, "answers", "not an object with entries; expected {question id: answer}")
    for question, answer in content.items():
        if not isinstance(answer, str):
            fail(path, question, "answer", f'{answer!r} is not text; write "" for no answer')
    return content


def references(path: Path) -> dict[str, list[str]]:
    """The right answers, by question id; every question has one, since each of XTREME's does."""
    content = _json(path, read_text(path))
    by_question: dict[str, list[str]] = {}
    place = "data"
    try:
        for article in content["data"] if isinstance(content, dict) else content:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    place = _string(question["id"])
                    if place in by_question:
                        fail(path, place, "id", "stands here twice; give every question its own")
                    by_question[place] = [_string(answer["text"]) for answer in question["answers"]]
    except (KeyError, TypeError) as fault:
        fail(path, place, "questions", f"not SQuAD's layout, at or after this place ({type(fault).__name__}: {fault})")
    if not by_question:
        fail(path, 1, "questions", "there are none; put the questions with their answers here")
    for question, texts in by_question.items():
        if not texts or not all(texts):
            what = "empty text" if texts else "none"
            fail(path, question, "answers", f"{what}: a copy whose answers were taken out; use the release's own")
    return by_question


def ranked(path: Path) -> dict[str, list[str]]:
    """Lists of ids, best first, by id of the query."""
    content = _json(path, read_text(path))
    if not isinstance(content, dict) or not content:
        fail(path, 1, "ids", "not an object with entries; expected {id: list of ids}")
    for question, results in content.items():
        if not isinstance(results, list) or not all(isinstance(result, str) for result in results):
            fail(path, question, "ids", f"{results!r} is not a list of ids")
    return content


def relevant(task: str, path: Path) -> dict[str, list[str]]:
    """The right ids of each query. Of Mewsli-X the first one without white space around it, as in XTREME's evaluate.py."""
    by_query = ranked(path)
    if task == "mewslix":
        by_query = {query: [ids[0].strip()] if ids else [] for query, ids in by_query.items()}
    for query, ids in by_query.items():
        if not ids or not all(ids):
            fail(path, query, "ids", "no right answer; every entry needs one")
    return by_query


def read_text(path: Path) -> str:
    """The text of a UTF-8 file without a byte order mark; lines end in a line feed."""
    try:
        return files.content(path, LARGEST).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as fault:
        line = fault.object[: fault.start].count(b"\n") + 1
        fail(path, line, "text", f"not UTF-8 ({fault.reason}); store the file as UTF-8")
    except OSError as fault:
        fail(path, 1, "file", f"cannot be read: {fault.strerror}")


def fail(path: Path, place: int | str, field: str, wrong: str) -> NoReturn:
    """Raise the UserError for a place in a file."""
    raise UserError(visible(f"{path}:{place}: {field}: {wrong}"))


def _xcopa_label(path: Path, number: int, line: str) -> Any:
    record = _json(path, line, number)
    if not isinstance(record, dict) or "label" not in record:
        fail(path, number, "label", 'missing; expected an object with a "label" of 0 or 1')
    return record["label"]


def _allowed(task: str, path: Path, number: int, label: str) -> str:
    if label not in LABELS[task]:
        fail(path, number, "label", f"{label!r} is not one of {', '.join(sorted(LABELS[task]))}")
    return label


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _lines(path: Path) -> list[tuple[int, str]]:
    """Line number and line without white space around it; blank lines at the end are left out."""
    text = read_text(path).rstrip()
    return [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)] if text else []


def _json(path: Path, text: str, line: int = 1) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as fault:
        fail(path, line + fault.lineno - 1, "text", f"not JSON: {fault.msg} (column {fault.colno})")
    except RecursionError:
        fail(path, line, "text", "not JSON we read: nested too deeply")
    except ValueError as fault:  # a number of thousands of digits
        fail(path, line, "text", f"not JSON we read: {fault}")
