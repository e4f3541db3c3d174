"""Read the SQuAD format: questions on a passage, answered by a span of it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stilts_xtreme.tasks.readers.lines import Location, Row, fail, lines, parse_json, text
from stilts_xtreme.tasks.readers.passages import sentence_spans
from stilts_xtreme.tasks.readers.skipped import NO_ANSWER, NOT_IN_CONTEXT, OFFSET_REPAIRED, Skipped, rows_of

MAX_SHIFT = 100  # characters by which a wrong offset may be corrected

_TYDI_LANGUAGES = {
    "arabic": "ar", "bengali": "bn", "english": "en", "finnish": "fi", "indonesian": "id",
    "korean": "ko", "russian": "ru", "swahili": "sw", "telugu": "te",
}  # fmt: skip


def tydiqa_language(name: str) -> str | None:
    """Return the language of a TyDi QA question by the prefix of its id ("english-..."); None without a known prefix."""
    return _TYDI_LANGUAGES.get(name.partition("-")[0])


def _list(path: Path, location: str, record: object, field: str) -> list[Row]:
    value = record.get(field) if isinstance(record, dict) else None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        fail(path, location or "data", field, "expected a list of objects (SQuAD JSON)")
    return value


def offset_of(context: str, answer: str, start: int) -> int | None:
    """Return the offset of the answer: `start` if correct, or the only match within `MAX_SHIFT` characters; else None."""
    if start >= 0 and context.startswith(answer, start):
        return start
    begin = min(max(start, 0), len(context))
    offset = context.find(answer, max(begin - MAX_SHIFT, 0))
    if offset < 0 or offset > begin + MAX_SHIFT:
        return None
    second = context.find(answer, offset + 1)
    return None if 0 <= second <= begin + MAX_SHIFT else offset


def aligned(row: Row) -> Row:
    """Return the SQuAD row with corrected answer offsets, -1 for an answer that is not in the context.

    `notes` lists the reasons (a tuple) if anything was corrected or is wrong.
    """
    answers, given = row["answers"]["text"], row["answers"]["answer_start"]
    starts = [offset_of(row["context"], answer, start) for answer, start in zip(answers, given, strict=True)]
    repaired = any(new not in (None, old) for new, old in zip(starts, given, strict=True))
    notes = (*((OFFSET_REPAIRED,) if repaired else ()), *((NOT_IN_CONTEXT,) if None in starts else ()))
    if not notes:
        return row
    offsets = [-1 if start is None else start for start in starts]
    return {**row, "answers": {"text": answers, "answer_start": offsets}, "notes": notes}


def _answers(path: Path, location: Location, record: Row) -> dict[str, list[Any]]:
    answers: dict[str, list[Any]] = {"text": [], "answer_start": []}
    for answer in _list(path, str(location), record, "answers"):
        span, start = text(path, location, answer, "text"), answer.get("answer_start")
        if not span:
            fail(
                path,
                location,
                "answers.text",
                "empty (XTREME blanks the answers of its test files); score the release's own file",
            )
        if not isinstance(start, int) or isinstance(start, bool):
            fail(path, location, "answers.answer_start", f"{start!r} is not a character offset into the context")
        answers["text"].append(span)
        answers["answer_start"].append(start)
    return answers


def _row(path: Path, location: Location, record: Row, context: str) -> Row:
    question = {
        "id": text(path, location, record, "id"),
        "context": context,
        "question": text(path, location, record, "question"),
        "answers": _answers(path, location, record),
    }
    return aligned(question)


def _paragraphs(path: Path) -> Iterator[tuple[str, Row]]:
    """Yield (location, paragraph) of a SQuAD file."""
    root = parse_json(path, 1, "\n".join(line for _, line in lines(path)))
    for a, article in enumerate(_list(path, "", root, "data")):
        for p, paragraph in enumerate(_list(path, f"data[{a}]", article, "paragraphs")):
            yield f"data[{a}].paragraphs[{p}]", paragraph


def _questions(path: Path) -> Iterator[tuple[str, tuple[Row, str]]]:
    """Yield (location, (question, context)) of a SQuAD file."""
    for location, paragraph in _paragraphs(path):
        context = text(path, location, paragraph, "context")
        for q, record in enumerate(_list(path, location, paragraph, "qas")):
            yield f"{location}.qas[{q}]", (record, context)


def squad_json(path: Path) -> Iterator[Row | Skipped]:
    """Read SQuAD 1.1 and 2.0, XQuAD, MLQA, TyDiQA-GoldP of a language; without answers a question is unanswerable.

    Answer offsets are those of `aligned`.
    """
    return rows_of(path, _questions(path), lambda location, question: _row(path, location, *question))


def squad_without_answers(path: Path) -> Iterator[Row | Skipped]:
    """Read questions and contexts of a SQuAD file, whether they have answers or not; a question without an id gets its place."""

    def row(location: Location, question: tuple[Row, str]) -> Row:
        record, context = question
        name = record.get("id")
        none: dict[str, list[Any]] = {"text": [], "answer_start": []}
        asked = text(path, location, record, "question")
        return {"id": str(location if name is None else name), "context": context, "question": asked, "answers": none}

    return rows_of(path, _questions(path), row)


def tydiqa_json(path: Path) -> Iterator[Row | Skipped]:
    """Read TyDiQA-GoldP's own file of nine languages; rows have `language`."""

    def row(location: Location, question_and_context: tuple[Row, str]) -> Row:
        question = _row(path, location, *question_and_context)
        if (language := tydiqa_language(question["id"])) is None:
            fail(path, question["id"], "id", f"does not start with a TyDi QA language ({', '.join(_TYDI_LANGUAGES)})")
        return {**question, "language": language}

    return rows_of(path, _questions(path), row)


def sentence_search(row: Row, location: str = "") -> Row | Skipped:
    """Convert a SQuAD row to retrieval: the query is the question, the candidate the sentence in which its first answer starts,
    with the paragraph as second text.

    Returns Skipped for a row without an answer in the context.
    """
    if not row["answers"]["text"]:
        return Skipped(NO_ANSWER, location)
    start = next((start for start in row["answers"]["answer_start"] if start >= 0), None)
    if start is None:
        return Skipped(NOT_IN_CONTEXT, location)
    context = row["context"]
    spans = sentence_spans(context)
    begin, end = next((span for span in reversed(spans) if span[0] <= start), spans[0] if spans else (0, len(context)))
    paragraph = hashlib.sha256(context.encode()).hexdigest()[:12]
    candidate = {"id": f"{paragraph}-{begin}", "text": context[begin:end], "second": context}
    query = {"id": row["id"], "query": row["question"], "answers": [candidate["id"]], "candidate": candidate}
    return {**query, "notes": row["notes"]} if "notes" in row else query


def squad_sentences_json(path: Path) -> Iterator[Row | Skipped]:
    """Read SQuAD 1.1 as retrieval of the sentence with the answer; a question without an answer is skipped."""

    def row(location: Location, question_and_context: tuple[Row, str]) -> Row | Skipped:
        return sentence_search(_row(path, location, *question_and_context), str(location))

    return rows_of(path, _questions(path), row)


def _xquad_r(path: Path) -> Iterator[tuple[int, str, Row, str, list[list[int]]]]:
    """Yield (number from 1, location, paragraph, context, sentence spans) of each paragraph."""
    for number, (location, paragraph) in enumerate(_paragraphs(path), 1):
        context, spans = text(path, location, paragraph, "context"), paragraph.get("sentence_breaks")
        if not isinstance(spans, list) or not all(_is_span(span, context) for span in spans):
            fail(path, location, "sentence_breaks", "expected [start, end] of every sentence; is this LAReQA's XQuAD-R?")
        yield number, location, paragraph, context, spans


def _is_span(span: object, context: str) -> bool:
    if not isinstance(span, list) or len(span) != 2 or not all(type(at) is int for at in span):
        return False
    return 0 <= span[0] < span[1] <= len(context)


def xquad_r_questions_json(path: Path) -> Iterator[Row | Skipped]:
    """Read questions of LAReQA's XQuAD-R; the answer is the id ("paragraph-sentence") of the sentence in which it starts.

    A question whose answer is not in the context is skipped.
    """

    def records() -> Iterator[tuple[str, tuple[Row, str, int, list[list[int]]]]]:
        for number, location, paragraph, context, spans in _xquad_r(path):
            for q, record in enumerate(_list(path, location, paragraph, "qas")):
                yield f"{location}.qas[{q}]", (record, context, number, spans)

    def row(location: Location, parts: tuple[Row, str, int, list[list[int]]]) -> Row | Skipped:
        record, context, number, spans = parts
        question = _row(path, location, record, context)
        start = next(iter(question["answers"]["answer_start"]), None)
        if start == -1:
            return Skipped(NOT_IN_CONTEXT, str(location))
        sentence = next((s for s, (begin, end) in enumerate(spans) if start is not None and begin <= start < end), None)
        if sentence is None:
            fail(path, location, "answers", "no sentence holds the answer's first character; fetch the file again")
        query = {"id": question["id"], "query": question["question"], "answers": [f"{number}-{sentence}"]}
        return {**query, "notes": question["notes"]} if "notes" in question else query

    return rows_of(path, records(), row)


def xquad_r_sentences_json(path: Path) -> Iterator[Row]:
    """Read every sentence of every paragraph of LAReQA's XQuAD-R, with the paragraph as second text."""
    for number, location, _, context, spans in _xquad_r(path):
        for s, (begin, end) in enumerate(spans):
            yield {"at": location, "id": f"{number}-{s}", "text": context[begin:end], "second": context}
