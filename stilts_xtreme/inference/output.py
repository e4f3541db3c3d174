"""Predictions as text: TSV with a header (tags: a token a line), or JSON lines."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stilts_xtreme.utils.sanitize import content

FORMATS = ("tsv", "jsonl")
DIGITS = 6  # of a probability


@dataclass(frozen=True)
class Prediction:
    """The answer to one example, by its head: a label, the number of a choice (from 0), tags, or a span of the context.

    `text`: of the choice. `start`: where the span begins, in characters; None where there is no answer. `tokens`: those tagged.
    `probability` (0 to 1) is that of the answer; of tags one each. `probabilities`: of every label or choice, by name or number.
    """

    id: str
    answer: Any
    probability: Any
    probabilities: Mapping[str, float] = field(default_factory=dict)
    text: str = ""
    start: int | None = None
    tokens: tuple[str, ...] = ()


def lines(predictions: Sequence[Prediction], head: str, form: str, probabilities: bool) -> Iterator[str]:
    """The lines of a file with these predictions of a head, in `form` (tsv or jsonl), with their probabilities where asked."""
    if form == "jsonl":
        yield from (json.dumps(_record(one, head, probabilities), ensure_ascii=False) for one in predictions)
    elif head == "tagging":
        yield from _tagged(predictions, probabilities)
    else:
        yield from _table(predictions, head, probabilities)


def _record(one: Prediction, head: str, probabilities: bool) -> dict[str, Any]:
    record: dict[str, Any] = {"id": one.id, "prediction": one.answer}
    if head == "tagging":
        record["tokens"] = list(one.tokens)
    elif head == "multiple_choice":
        record["text"] = one.text
    elif head == "span_qa":
        record["start"] = one.start
    if probabilities:
        of_tags = isinstance(one.probability, list)
        record["probability"] = [round(share, DIGITS) for share in one.probability] if of_tags else round(one.probability, DIGITS)
        if one.probabilities:
            record["probabilities"] = {name: round(share, DIGITS) for name, share in one.probabilities.items()}
    return record


def _tagged(predictions: Sequence[Prediction], probabilities: bool) -> Iterator[str]:
    """Token and tag, and the tag's probability, divided by tabs; a blank line after each sentence."""
    for one in predictions:
        for token, tag, share in zip(one.tokens, one.answer, one.probability, strict=True):
            yield "\t".join([_cell(token), tag, *([_share(share)] if probabilities else [])])
        yield ""


def _table(predictions: Sequence[Prediction], head: str, probabilities: bool) -> Iterator[str]:
    """A header, then a line for each: id, prediction, what belongs to it, probabilities (of every label)."""
    beside = {"multiple_choice": ["text"], "span_qa": ["start"]}.get(head, [])
    labels = list(predictions[0].probabilities) if head == "classification" and predictions else []
    heads = ["id", "prediction", *beside, *(["probability", *(f"p({label})" for label in labels)] if probabilities else [])]
    yield "\t".join(map(_cell, heads))
    for one in predictions:
        fields = [one.id, str(one.answer), *(["" if one.start is None else str(one.start)] if head == "span_qa" else [])]
        fields += [one.text] if head == "multiple_choice" else []
        if probabilities:
            fields += [_share(one.probability), *(_share(one.probabilities[label]) for label in labels)]
        yield "\t".join(map(_cell, fields))


def _share(value: float) -> str:
    return f"{value:.{DIGITS}f}"


def _cell(text: str) -> str:
    """The text on one line, without tabs and control characters."""
    return content(" ".join(text.split()))
