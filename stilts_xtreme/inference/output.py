"""Predictions as text: TSV with a header (tags: a token a line), or JSON lines."""

import json
from collections.abc import Iterator, Sequence

from stilts_xtreme.tasks.predictions import DIGITS, Prediction, Probability
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.sanitize import content

FORMATS = ("tsv", "jsonl")


def lines(predictions: Sequence[Prediction], head: str, form: str, probabilities: bool) -> Iterator[str]:
    """The lines of a file with these predictions of a head, in `form` (tsv or jsonl), with their probabilities where asked."""
    if form == "jsonl":
        yield from (json.dumps(_record(one, head, probabilities), ensure_ascii=False) for one in predictions)
    elif head == "tagging":
        yield from _tagged(predictions, probabilities)
    else:
        yield from _table(predictions, head, probabilities)


def _record(one: Prediction, head: str, probabilities: bool) -> Record:
    record: Record = {"id": one.id, "prediction": one.answer}
    if head == "tagging":
        record["tokens"] = list(one.tokens)
    elif head == "multiple_choice":
        record["text"] = one.text
    elif head == "span_qa":
        record["start"] = one.start
    if probabilities:
        record |= one.record()
        if head == "tagging":  # those of the tags that are given will do
            record.pop("probabilities", None)
    return record


def _tagged(predictions: Sequence[Prediction], probabilities: bool) -> Iterator[str]:
    """Token and tag, and the tag's probability, divided by tabs; a blank line after each sentence."""
    for one in predictions:
        assert isinstance(one.answer, list) and isinstance(one.probability, list)
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


def _share(value: Probability) -> str:
    assert isinstance(value, float)  # of one answer
    return f"{value:.{DIGITS}f}"


def _cell(text: str) -> str:
    """The text on one line, without tabs and control characters."""
    return content(" ".join(text.split()))
