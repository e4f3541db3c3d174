"""The SQuAD format: questions on a passage, answered by a stretch of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stilts_xtreme.formats.lines import fail, lines, parse_json, text

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
