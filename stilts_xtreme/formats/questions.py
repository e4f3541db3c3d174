"""The SQuAD format: questions on a passage, answered by a stretch of it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stilts_xtreme.formats.lines import fail, lines, parse_json, text
from stilts_xtreme.formats.passages import sentence_spans

Row = dict[str, Any]

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


def _answers(path: Path, place: str, record: Row, context: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"text": [], "answer_start": []}
    for answer in _list(path, place, record, "answers"):
        words, start = text(path, place, answer, "text"), answer.get("answer_start")
        if not words:
            fail(path, place, "answers.text", "empty (XTREME blanks the answers of its test files); score the release's own file")
        if not isinstance(start, int) or isinstance(start, bool) or not 0 <= start < len(context):
            fail(path, place, "answers.answer_start", f"{start!r} is not a character offset into the context")
        found["text"].append(words)
        found["answer_start"].append(start)
    return found


def squad_json(path: Path) -> Iterator[Row]:
    """SQuAD 1.1 and 2.0, XQuAD, MLQA, TyDiQA-GoldP of one language; no answers means unanswerable."""
    root = parse_json(path, 1, "\n".join(line for _, line in lines(path)))
    for a, article in enumerate(_list(path, "", root, "data")):
        for p, paragraph in enumerate(_list(path, f"data[{a}]", article, "paragraphs")):
            place = f"data[{a}].paragraphs[{p}]"
            context = text(path, place, paragraph, "context")
            for q, record in enumerate(_list(path, place, paragraph, "qas")):
                here = f"{place}.qas[{q}]"
                yield {
                    "id": text(path, here, record, "id"),
                    "context": context,
                    "question": text(path, here, record, "question"),
                    "answers": _answers(path, here, record, context),
                }


def tydiqa_json(path: Path) -> Iterator[Row]:
    """TyDiQA-GoldP's own file of nine languages; rows carry `language`, for the reading to choose from."""
    for row in squad_json(path):
        if (language := tydiqa_language(row["id"])) is None:
            fail(path, row["id"], "id", f"does not start with a TyDi QA language ({', '.join(_TYDI_LANGUAGES)})")
        yield {**row, "language": language}


def sentence_search(row: Row) -> Row:
    """A SQuAD row as a search: the question, and the sentence its first answer begins in, with the paragraph as second text."""
    start = row["answers"]["answer_start"][0]
    context = row["context"]
    spans = sentence_spans(context)
    begin, end = next((span for span in reversed(spans) if span[0] <= start), spans[0] if spans else (0, len(context)))
    paragraph = hashlib.sha256(context.encode()).hexdigest()[:12]
    candidate = {"id": f"{paragraph}-{begin}", "text": context[begin:end], "second": context}
    return {"id": row["id"], "query": row["question"], "answers": [candidate["id"]], "candidate": candidate}


def squad_sentences_json(path: Path) -> Iterator[Row]:
    """SQuAD 1.1 as a search for the sentence that holds the answer; UserError for a question without an answer."""
    for row in squad_json(path):
        if not row["answers"]["text"]:
            fail(path, row["id"], "answers", "none, and so no sentence to be found; is this SQuAD 1.1?")
        yield sentence_search(row)


def _xquad_r(path: Path) -> Iterator[tuple[int, str, dict[str, Any], str, list[list[int]]]]:
    """Number (from 1) of each paragraph in the file, where it stands, the paragraph, its context, its sentences' spans."""
    root, number = parse_json(path, 1, "\n".join(line for _, line in lines(path))), 0
    for a, article in enumerate(_list(path, "", root, "data")):
        for p, paragraph in enumerate(_list(path, f"data[{a}]", article, "paragraphs")):
            number, place = number + 1, f"data[{a}].paragraphs[{p}]"
            context, spans = text(path, place, paragraph, "context"), paragraph.get("sentence_breaks")
            if not isinstance(spans, list) or not all(_is_span(span, context) for span in spans):
                fail(path, place, "sentence_breaks", "expected [start, end] of every sentence; is this LAReQA's XQuAD-R?")
            yield number, place, paragraph, context, spans


def _is_span(span: Any, context: str) -> bool:
    whole = isinstance(span, list) and len(span) == 2 and all(type(at) is int for at in span)
    return whole and 0 <= span[0] < span[1] <= len(context)


def xquad_r_questions_json(path: Path) -> Iterator[Row]:
    """LAReQA's XQuAD-R: questions; the answer is the sentence ("paragraph-sentence") that its first character is in."""
    for number, place, paragraph, context, spans in _xquad_r(path):
        for q, record in enumerate(_list(path, place, paragraph, "qas")):
            here = f"{place}.qas[{q}]"
            starts = _answers(path, here, record, context)["answer_start"]
            found = [s for s, (begin, end) in enumerate(spans) if starts and begin <= starts[0] < end][:1]
            if not found:
                fail(path, here, "answers", "no sentence holds the answer's first character; fetch the file again")
            name = text(path, here, record, "id")
            yield {"id": name, "query": text(path, here, record, "question"), "answers": [f"{number}-{found[0]}"]}


def xquad_r_sentences_json(path: Path) -> Iterator[Row]:
    """LAReQA's XQuAD-R: every sentence of every paragraph, with the paragraph as second text."""
    for number, _, _, context, spans in _xquad_r(path):
        for s, (begin, end) in enumerate(spans):
            yield {"id": f"{number}-{s}", "text": context[begin:end], "second": context}
