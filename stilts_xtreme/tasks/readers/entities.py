"""Read Mewsli-X: mentions of entities in news and Wikipedia text, and the entities' descriptions."""

from collections.abc import Iterator
from pathlib import Path

from stilts_xtreme.tasks.readers.lines import Location, Row, fail, text
from stilts_xtreme.tasks.readers.skipped import Skipped, json_rows


def _part(path: Path, line: Location, record: Row, field: str) -> Row:
    if not isinstance(value := record.get(field), dict):
        fail(path, line, field, "expected an object; is this a file of Mewsli-X?")
    return value


def _span(path: Path, line: Location, field: str, span: object, whole: str) -> tuple[int, int]:
    start, end = (span.get("start"), span.get("end")) if isinstance(span, dict) else (None, None)
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(whole):
        fail(path, line, field, f"{span!r} is not a stretch of the text")
    return start, end


def _one_line(*parts: str) -> str:
    """Join texts and collapse white space."""
    return " ".join(" ".join(parts).split())


def _mention(path: Path, line: Location, context: Row, mention: Row) -> Row:
    """Return the query: the mention, then the sentence that contains it in braces. So truncation cannot remove the mention."""
    whole, language = text(path, line, context, "text"), text(path, line, context, "language")
    if not whole:
        fail(path, line, "context.text", "empty: the archive leaves the articles out; the release's get-mewsli-x.sh puts them in")
    span = _part(path, line, mention, "mention_span")
    start, end = _span(path, line, "mention_span", span, whole)
    if whole[start:end] != (name := text(path, line, span, "text")):
        fail(path, line, "mention_span.text", f"{name!r} is not what stands there in the context")
    if not isinstance(spans := context.get("sentence_spans"), list):
        fail(path, line, "sentence_spans", "expected a list")
    sentences = [_span(path, line, "sentence_spans", sentence, whole) for sentence in spans]
    sentence = next(((a, b) for a, b in sentences if a <= start and end <= b), None)
    if sentence is None:
        fail(path, line, "sentence_spans", f"no sentence holds the mention {name!r}")
    before, after = (_without_braces(whole[a:b]) for a, b in ((sentence[0], start), (end, sentence[1])))
    answer = text(path, line, mention, "entity_id")
    query = _one_line(f"{name}:", before, "{", name, "}", after)
    return {"id": text(path, line, mention, "example_id"), "language": language, "query": query, "answers": [answer]}


def _without_braces(sentence: str) -> str:
    return sentence.replace("{", "(").replace("}", ")")


def _entity(path: Path, line: Location, record: Row) -> Row:
    description = _one_line(text(path, line, record, "description"))
    if not description:
        fail(path, line, "description", "empty")
    return {"id": text(path, line, record, "entity_id"), "text": description, "second": ""}


def mewslix_mentions_jsonl(path: Path) -> Iterator[Row | Skipped]:
    """Read mentions: WikiNews articles with several each (evaluation), Wikipedia pairs of mention and entity (training)."""

    def rows(number: Location, record: Row) -> list[Row]:
        if "contextual_mention" in record:
            whole = _part(path, number, record, "contextual_mention")
            query = _mention(path, number, _part(path, number, whole, "context"), _part(path, number, whole, "mention"))
            entity = _entity(path, number, _part(path, number, record, "entity"))
            if query["answers"] != [entity["id"]]:
                fail(path, number, "entity.entity_id", f"{entity['id']!r}, but the mention is of {query['answers'][0]!r}")
            return [{**query, "candidate": entity}]
        mentions = record.get("mentions")
        if not isinstance(mentions, list) or not all(isinstance(mention, dict) for mention in mentions):
            fail(path, number, "mentions", "expected a list of objects; is this a file of Mewsli-X?")
        return [_mention(path, number, _part(path, number, record, "context"), mention) for mention in mentions]

    return json_rows(path, rows)


def mewslix_entities_jsonl(path: Path) -> Iterator[Row | Skipped]:
    """Read entities: a description each, in many languages."""
    return json_rows(path, lambda number, record: _entity(path, number, record))
