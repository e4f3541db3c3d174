"""Mewsli-X: mentions of entities in news and Wikipedia text, and the entities' descriptions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stilts_xtreme.formats.lines import Place, fail, text
from stilts_xtreme.formats.skipped import Skipped, json_rows

Row = dict[str, Any]


def _part(path: Path, line: Place, record: Row, field: str) -> Row:
    if not isinstance(value := record.get(field), dict):
        fail(path, line, field, "expected an object; is this a file of Mewsli-X?")
    return value


def _span(path: Path, line: Place, field: str, span: Any, whole: str) -> tuple[int, int]:
    start, end = (span.get("start"), span.get("end")) if isinstance(span, dict) else (None, None)
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(whole):
        fail(path, line, field, f"{span!r} is not a stretch of the text")
    return start, end


def _plain(*parts: str) -> str:
    return " ".join(" ".join(parts).split())


def _mention(path: Path, line: Place, context: Row, mention: Row) -> Row:
    """The one sentence with the mention, marked by braces, and before it the mention again: no cut at a length can lose it."""
    whole, language = text(path, line, context, "text"), text(path, line, context, "language")
    if not whole:
        fail(path, line, "context.text", "empty: the archive leaves the articles out; the release's get-mewsli-x.sh puts them in")
    named = _part(path, line, mention, "mention_span")
    start, end = _span(path, line, "mention_span", named, whole)
    if whole[start:end] != text(path, line, named, "text"):
        fail(path, line, "mention_span.text", f"{named['text']!r} is not what stands there in the context")
    if not isinstance(spans := context.get("sentence_spans"), list):
        fail(path, line, "sentence_spans", "expected a list")
    around = [_span(path, line, "sentence_spans", span, whole) for span in spans]
    held = next(((a, b) for a, b in around if a <= start and end <= b), None)
    if held is None:
        fail(path, line, "sentence_spans", f"no sentence holds the mention {named['text']!r}")
    before, after = (_unmarked(whole[a:b]) for a, b in ((held[0], start), (end, held[1])))
    answer = text(path, line, mention, "entity_id")
    query = _plain(f"{named['text']}:", before, "{", named["text"], "}", after)
    return {"id": text(path, line, mention, "example_id"), "language": language, "query": query, "answers": [answer]}


def _unmarked(words: str) -> str:
    return words.replace("{", "(").replace("}", ")")


def _entity(path: Path, line: Place, record: Row) -> Row:
    description = _plain(text(path, line, record, "description"))
    if not description:
        fail(path, line, "description", "empty")
    return {"id": text(path, line, record, "entity_id"), "text": description, "second": ""}


def mewslix_mentions_jsonl(path: Path) -> Iterator[Row | Skipped]:
    """Mewsli-X mentions: WikiNews articles with several each (evaluation), Wikipedia pairs of mention and entity (training)."""

    def rows(number: Place, record: Row) -> list[Row]:
        if "contextual_mention" in record:
            whole = _part(path, number, record, "contextual_mention")
            found = _mention(path, number, _part(path, number, whole, "context"), _part(path, number, whole, "mention"))
            entity = _entity(path, number, _part(path, number, record, "entity"))
            if found["answers"] != [entity["id"]]:
                fail(path, number, "entity.entity_id", f"{entity['id']!r}, but the mention is of {found['answers'][0]!r}")
            return [{**found, "candidate": entity}]
        mentions = record.get("mentions")
        if not isinstance(mentions, list) or not all(isinstance(mention, dict) for mention in mentions):
            fail(path, number, "mentions", "expected a list of objects; is this a file of Mewsli-X?")
        return [_mention(path, number, _part(path, number, record, "context"), mention) for mention in mentions]

    return json_rows(path, rows)


def mewslix_entities_jsonl(path: Path) -> Iterator[Row | Skipped]:
    """Mewsli-X entities: descriptions in many languages, one each."""
    return json_rows(path, lambda number, record: _entity(path, number, record))
