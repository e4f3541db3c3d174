"""The SQuAD format: questions on a passage, answered by a stretch of it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stilts_xtreme.formats.lines import Place, fail, lines, parse_json, text
from stilts_xtreme.formats.passages import sentence_spans
from stilts_xtreme.formats.skipped import NO_ANSWER, NOT_IN_CONTEXT, OFFSET_REPAIRED, Skipped, rows_of

Row = dict[str, Any]

NEAR = 100  # characters that a wrong offset may be away from its answer

_TYDI_LANGUAGES = {
    "arabic": "ar", "bengali": "bn", "english": "en", "finnish": "fi", "indonesian": "id",
    "korean": "ko", "russian": "ru", "swahili": "sw", "telugu": "te",
}  # fmt: skip


def tydiqa_language(name: str) -> str | None:
    """Language of a TyDi QA question, from the front of its id ("english-..."); None where the id does not say."""
    return _TYDI_LANGUAGES.get(name.partition("-")[0])


def _list(path: Path, place: str, record: Any, field: str) -> list[dict[str, Any]]:
    value = record.get(field) if isinstance(record, dict) else None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        fail(path, place or "data", field, "expected a list of objects (SQuAD JSON)")
    return value


def offset_of(context: str, answer: str, start: int) -> int | None:
    """The answer's offset in the context: `start` if it stands there, else where it stands once near by; None if nowhere."""
    if start >= 0 and context.startswith(answer, start):
        return start
    begin = min(max(start, 0), len(context))
    offset = context.find(answer, max(begin - NEAR, 0))
    if offset < 0 or offset > begin + NEAR:
        return None
    again = context.find(answer, offset + 1)
    return None if 0 <= again <= begin + NEAR else offset


def aligned(row: Row) -> Row:
    """The SQuAD row with offsets at which its answers stand in the context, -1 for an answer that does not stand there.

    `notes` says what was changed or is wrong (a tuple of reasons), where anything is.
    """
    answers, given = row["answers"]["text"], row["answers"]["answer_start"]
    starts = [offset_of(row["context"], answer, start) for answer, start in zip(answers, given, strict=True)]
    notes = (OFFSET_REPAIRED,) if any(new not in (None, old) for new, old in zip(starts, given, strict=True)) else ()
    notes += (NOT_IN_CONTEXT,) if None in starts else ()
    if not notes:
        return row
    offsets = [-1 if start is None else start for start in starts]
    return {**row, "answers": {"text": answers, "answer_start": offsets}, "notes": notes}


def _answers(path: Path, place: Place, record: Row) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"text": [], "answer_start": []}
    for answer in _list(path, str(place), record, "answers"):
        words, start = text(path, place, answer, "text"), answer.get("answer_start")
        if not words:
            fail(path, place, "answers.text", "empty (XTREME blanks the answers of its test files); score the release's own file")
        if not isinstance(start, int) or isinstance(start, bool):
            fail(path, place, "answers.answer_start", f"{start!r} is not a character offset into the context")
        found["text"].append(words)
        found["answer_start"].append(start)
    return found


def _row(path: Path, place: Place, record: Row, context: str) -> Row:
    question = {
        "id": text(path, place, record, "id"),
        "context": context,
        "question": text(path, place, record, "question"),
        "answers": _answers(path, place, record),
    }
    return aligned(question)


def _paragraphs(path: Path) -> Iterator[tuple[str, Row]]:
    """Place and content of every paragraph of a SQuAD file."""
    root = parse_json(path, 1, "\n".join(line for _, line in lines(path)))
    for a, article in enumerate(_list(path, "", root, "data")):
        for p, paragraph in enumerate(_list(path, f"data[{a}]", article, "paragraphs")):
            yield f"data[{a}].paragraphs[{p}]", paragraph


def _questions(path: Path) -> Iterator[tuple[str, tuple[Row, str]]]:
    """Place of every question of a SQuAD file, the question, its context."""
    for place, paragraph in _paragraphs(path):
        context = text(path, place, paragraph, "context")
        for q, record in enumerate(_list(path, place, paragraph, "qas")):
            yield f"{place}.qas[{q}]", (record, context)


def squad_json(path: Path) -> Iterator[Row | Skipped]:
    """SQuAD 1.1 and 2.0, XQuAD, MLQA, TyDiQA-GoldP of one language; no answers means unanswerable (see also `aligned`)."""
    return rows_of(path, _questions(path), lambda place, found: _row(path, place, *found))


def tydiqa_json(path: Path) -> Iterator[Row | Skipped]:
    """TyDiQA-GoldP's own file of nine languages; rows carry `language`, for the reading to choose from."""

    def row(place: Place, found: tuple[Row, str]) -> Row:
        question = _row(path, place, *found)
        if (language := tydiqa_language(question["id"])) is None:
            fail(path, question["id"], "id", f"does not start with a TyDi QA language ({', '.join(_TYDI_LANGUAGES)})")
        return {**question, "language": language}

    return rows_of(path, _questions(path), row)


def sentence_search(row: Row, place: str = "") -> Row | Skipped:
    """A SQuAD row as a search: the question, and the sentence its first answer begins in, with the paragraph as second text.

    Skipped where it has no answer, or none that stands in the context.
    """
    if not row["answers"]["text"]:
        return Skipped(NO_ANSWER, place)
    start = next((start for start in row["answers"]["answer_start"] if start >= 0), None)
    if start is None:
        return Skipped(NOT_IN_CONTEXT, place)
    context = row["context"]
    spans = sentence_spans(context)
    begin, end = next((span for span in reversed(spans) if span[0] <= start), spans[0] if spans else (0, len(context)))
    paragraph = hashlib.sha256(context.encode()).hexdigest()[:12]
    candidate = {"id": f"{paragraph}-{begin}", "text": context[begin:end], "second": context}
    query = {"id": row["id"], "query": row["question"], "answers": [candidate["id"]], "candidate": candidate}
    return {**query, "notes": row["notes"]} if "notes" in row else query


def squad_sentences_json(path: Path) -> Iterator[Row | Skipped]:
    """SQuAD 1.1 as a search for the sentence that holds the answer; a question without an answer is skipped."""
    return rows_of(path, _questions(path), lambda place, found: sentence_search(_row(path, place, *found), str(place)))


def _xquad_r(path: Path) -> Iterator[tuple[int, str, Row, str, list[list[int]]]]:
    """Number (from 1) of each paragraph in the file, where it stands, the paragraph, its context, its sentences' spans."""
    for number, (place, paragraph) in enumerate(_paragraphs(path), 1):
        context, spans = text(path, place, paragraph, "context"), paragraph.get("sentence_breaks")
        if not isinstance(spans, list) or not all(_is_span(span, context) for span in spans):
            fail(path, place, "sentence_breaks", "expected [start, end] of every sentence; is this LAReQA's XQuAD-R?")
        yield number, place, paragraph, context, spans


def _is_span(span: Any, context: str) -> bool:
    whole = isinstance(span, list) and len(span) == 2 and all(type(at) is int for at in span)
    return whole and 0 <= span[0] < span[1] <= len(context)


def xquad_r_questions_json(path: Path) -> Iterator[Row | Skipped]:
    """LAReQA's XQuAD-R: questions; the answer is the sentence ("paragraph-sentence") that its first character is in.

    A question whose answer does not stand in the context is skipped.
    """

    def records() -> Iterator[tuple[str, tuple[Row, str, int, list[list[int]]]]]:
        for number, place, paragraph, context, spans in _xquad_r(path):
            for q, record in enumerate(_list(path, place, paragraph, "qas")):
                yield f"{place}.qas[{q}]", (record, context, number, spans)

    def row(place: Place, found: tuple[Row, str, int, list[list[int]]]) -> Row | Skipped:
        record, context, number, spans = found
        question = _row(path, place, record, context)
        start = next(iter(question["answers"]["answer_start"]), None)
        if start == -1:
            return Skipped(NOT_IN_CONTEXT, str(place))
        held = [s for s, (begin, end) in enumerate(spans) if start is not None and begin <= start < end][:1]
        if not held:
            fail(path, place, "answers", "no sentence holds the answer's first character; fetch the file again")
        query = {"id": question["id"], "query": question["question"], "answers": [f"{number}-{held[0]}"]}
        return {**query, "notes": question["notes"]} if "notes" in question else query

    return rows_of(path, records(), row)


def xquad_r_sentences_json(path: Path) -> Iterator[Row]:
    """LAReQA's XQuAD-R: every sentence of every paragraph, with the paragraph as second text."""
    for number, place, _, context, spans in _xquad_r(path):
        for s, (begin, end) in enumerate(spans):
            yield {"at": place, "id": f"{number}-{s}", "text": context[begin:end], "second": context}
