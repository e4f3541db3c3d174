"""Predictions as text: TSV with a header (tags: a token a line), or JSON lines."""

import json
from collections.abc import Iterator, Sequence

from stilts_xtreme.tasks.predictions import DIGITS, Prediction, Probability
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.sanitize import content

FORMATS = ("tsv", "jsonl")


def lines(predictions: Sequence[Prediction], head: str, form: str, probabilities: bool) -> Iterator[str]:
    """Yield the lines of a file with these predictions of a head, in `form` (tsv or jsonl), with `probabilities` if asked."""
    if form == "jsonl":
        for prediction in predictions:
            yield json.dumps(_record(prediction, head, probabilities), ensure_ascii=False)
    elif head == "tagging":
        yield from _tagged(predictions, probabilities)
    else:
        yield from _table(predictions, head, probabilities)


def _record(prediction: Prediction, head: str, probabilities: bool) -> Record:
    record: Record = {"id": prediction.id, "prediction": prediction.answer}
    if head == "tagging":
        record["tokens"] = list(prediction.tokens)
    elif head == "multiple_choice":
        record["text"] = prediction.text
    elif head == "span_qa":
        record["start"] = prediction.start
    if probabilities:
        record |= prediction.record()
    return record


def _tagged(predictions: Sequence[Prediction], probabilities: bool) -> Iterator[str]:
    """Yield token and tag, and the tag's probability, divided by tabs; a blank line after each sentence."""
    for prediction in predictions:
        tags, shares = prediction.answer, prediction.probability
        assert isinstance(tags, list) and isinstance(shares, list)  # of a tagging head
        for token, tag, share in zip(prediction.tokens, tags, shares, strict=True):
            yield "\t".join([_cell(token), tag, *([_share(share)] if probabilities else [])])
        yield ""


def _table(predictions: Sequence[Prediction], head: str, probabilities: bool) -> Iterator[str]:
    """Yield a header, then a line per prediction: id, prediction, text or start, probabilities (also of every label)."""
    beside = {"multiple_choice": ["text"], "span_qa": ["start"]}.get(head, [])
    labels = list(predictions[0].probabilities) if head == "classification" and predictions else []
    heads = ["id", "prediction", *beside, *(["probability", *(f"p({label})" for label in labels)] if probabilities else [])]
    yield "\t".join(map(_cell, heads))
    for prediction in predictions:
        fields = [prediction.id, str(prediction.answer)]
        if head == "multiple_choice":
            fields.append(prediction.text)
        elif head == "span_qa":
            fields.append("" if prediction.start is None else str(prediction.start))
        if probabilities:
            assert isinstance(prediction.probability, float)  # of any head but a tagging head
            fields += map(_share, [prediction.probability, *(prediction.probabilities[label] for label in labels)])
        yield "\t".join(map(_cell, fields))


def _share(value: Probability) -> str:
    assert isinstance(value, float)  # of one answer
    return f"{value:.{DIGITS}f}"


def _cell(text: str) -> str:
    """Return the text on a single line, without tabs and control characters."""
    return content(" ".join(text.split()))
