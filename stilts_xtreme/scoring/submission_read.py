"""Read the files of a submission and of its labels; all functions raise UserError with file and line for an invalid layout."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from stilts_xtreme.scoring.placeholders import NO_TAG, constant_label
from stilts_xtreme.utils import bounded_io
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import visible

MAX_BYTES = 2**30  # of a file
LABELS = {
    "xnli": frozenset({"entailment", "neutral", "contradiction"}),
    "pawsx": frozenset({"0", "1"}),
    "xcopa": frozenset({"0", "1"}),
    # "_" marks a contracted word in some conversions of the treebanks.
    "udpos": frozenset("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X _".split()),
    "panx": frozenset("O B-LOC I-LOC B-ORG I-ORG B-PER I-PER".split()),
}
Pair = tuple[str, ...]  # foreign id, English id; ("",) for a blank line


def labels(task: str, path: Path) -> list[str | int]:
    """Read a label per line; XCOPA's keep their JSON type, since XTREME compares it too ("1" is not 1)."""
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
    """Read labels like `labels`; also refuse placeholders and empty files."""
    values = labels(task, path)
    if not values:
        fail(path, 1, "labels", "there are none; put the right labels here")
    if (label := constant_label(Counter(map(str, values)))) is not None:
        fail(
            path, 1, "labels", f"all {len(values):,} are {label!r}: placeholders of a file without labels; use the release's own"
        )
    return values


def sentences(task: str, path: Path) -> list[tuple[int, list[str]]]:
    """Read the (first line number, tags) of each sentence; sentences are separated by blank lines."""
    tagged: list[tuple[int, list[str]]] = []
    at_start = True
    for number, line in _lines(path):
        if not line:
            at_start = True
            continue
        if at_start:
            tagged.append((number, []))
        tagged[-1][1].append(_allowed(task, path, number, line))
        at_start = False
    return tagged


def gold_sentences(task: str, path: Path) -> list[tuple[int, list[str]]]:
    """Read sentences like `sentences`; also refuse placeholders."""
    tagged = sentences(task, path)
    counts = Counter(tag for _, tags in tagged for tag in tags)
    if (tag := constant_label(counts)) in NO_TAG:
        fail(path, 1, "tags", f"all {counts.total():,} are {tag!r}: placeholders of a file without tags; use the release's own")
    return tagged


def pairs(path: Path) -> set[Pair]:
    """Read two sentence ids per line; a blank line counts as a pair, as in XTREME's evaluate.py."""
    text = read_text(path)
    result: set[Pair] = set()
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], start=1):
        fields: Pair = tuple(line.strip().split("\t"))
        if fields != ("",) and (len(fields) != 2 or not all(fields)):
            fail(path, number, "pair", f"{line.strip()!r} is not two sentence ids divided by a tab")
        result.add(fields)
    return result


def gold_pairs(path: Path) -> set[Pair]:
    """Read pairs like `pairs`; also refuse a file without any."""
    result = pairs(path)
    if not result - {("",)}:
        fail(path, 1, "pairs", "there are none; put the right pairs here")
    return result


def answers(path: Path) -> dict[str, str]:
    """Read question id -> answer."""
    content = _json(path, read_text(path))
    if not isinstance(content, dict) or not content:
        fail(path, 1, "answers", "not an object with entries; expected {question id: answer}")
    for question, answer in content.items():
        if not isinstance(answer, str):
            fail(path, question, "answer", f'{answer!r} is not text; write "" for no answer')
    return content


def references(path: Path) -> dict[str, list[str]]:
    """Read question id -> gold answers from SQuAD's layout; every question must have an answer, as all of XTREME's do."""
    content = _json(path, read_text(path))
    by_question: dict[str, list[str]] = {}
    question_id = "data"
    try:
        for article in content["data"] if isinstance(content, dict) else content:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    question_id = _string(question["id"])
                    if question_id in by_question:
                        fail(path, question_id, "id", "stands here twice; give every question its own")
                    by_question[question_id] = [_string(answer["text"]) for answer in question["answers"]]
    except (KeyError, TypeError) as error:
        fail(path, question_id, "questions", f"not SQuAD's layout, at or after this place ({type(error).__name__}: {error})")
    if not by_question:
        fail(path, 1, "questions", "there are none; put the questions with their answers here")
    for question, texts in by_question.items():
        if not texts or not all(texts):
            problem = "empty text" if texts else "none"
            fail(path, question, "answers", f"{problem}: a copy whose answers were taken out; use the release's own")
    return by_question


def ranked(path: Path) -> dict[str, list[str]]:
    """Read query id -> ranked list of ids, best first."""
    content = _json(path, read_text(path))
    if not isinstance(content, dict) or not content:
        fail(path, 1, "ids", "not an object with entries; expected {id: list of ids}")
    for question, results in content.items():
        if not isinstance(results, list) or not all(isinstance(result, str) for result in results):
            fail(path, question, "ids", f"{results!r} is not a list of ids")
    return content


def relevant(task: str, path: Path) -> dict[str, list[str]]:
    """Read query id -> relevant ids; of Mewsli-X the first only, without white space around it, as in XTREME's evaluate.py."""
    by_query = ranked(path)
    if task == "mewslix":
        by_query = {query: [ids[0].strip()] if ids else [] for query, ids in by_query.items()}
    for query, ids in by_query.items():
        if not ids or not all(ids):
            fail(path, query, "ids", "no right answer; every entry needs one")
    return by_query


def read_text(path: Path) -> str:
    """Read a UTF-8 file, remove a byte order mark and convert line ends to line feeds."""
    try:
        return bounded_io.content(path, MAX_BYTES).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        fail(path, line, "text", f"not UTF-8 ({error.reason}); store the file as UTF-8")
    except OSError as error:
        fail(path, 1, "file", f"cannot be read: {error.strerror}")


def fail(path: Path, location: int | str, field: str, problem: str) -> NoReturn:
    """Raise UserError for a line or id of a file."""
    raise UserError(visible(f"{path}:{location}: {field}: {problem}"))


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
    """Return (line number, stripped line) of each line, without blank lines at the end."""
    text = read_text(path).rstrip()
    return [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)] if text else []


def _json(path: Path, text: str, line: int = 1) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        fail(path, line + error.lineno - 1, "text", f"not JSON: {error.msg} (column {error.colno})")
    except RecursionError:
        fail(path, line, "text", "not JSON we read: nested too deeply")
    except ValueError as error:  # a number of thousands of digits
        fail(path, line, "text", f"not JSON we read: {error}")
