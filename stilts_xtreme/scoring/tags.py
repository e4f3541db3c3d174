"""Chunk F1 of tag sequences: as XTREME computes it, and strict IOB2."""

from collections.abc import Callable, Collection, Mapping, Sequence

# Names under which the metrics are printed: "F1" alone does not say which chunks are counted.
NAMES = {"f1": "F1 (XTREME)", "f1_iob2": "F1 (strict IOB2)"}
CHUNKING = "chunks as XTREME reads tags (seqeval 0.0.12)"
MIN_DIFFERENCE = 0.5  # points between both F1 from which the strict one is displayed too

Chunk = tuple[str, int, int]  # type, first token, last token
Tags = Sequence[str]


def displayed_metrics(rows: Collection[Mapping[str, float]]) -> dict[str, str]:
    """Return metric -> printed name for scores of tagging (each metric -> 0 to 100).

    Strict IOB2 F1 is included where it differs by more than `MIN_DIFFERENCE` points from XTREME's F1 in any row.
    """
    names = sorted({name for row in rows for name in row} - {"n"})
    differs = any(abs(row["f1"] - row["f1_iob2"]) > MIN_DIFFERENCE for row in rows if "f1_iob2" in row)
    return {name: NAMES.get(name, name) for name in names if differs or name != "f1_iob2"}


def xtreme_f1(predictions: Sequence[Tags], references: Sequence[Tags]) -> dict[str, float]:
    """Score chunks as extracted by seqeval 0.0.12, which XTREME used for entities and for parts of speech.

    `predictions` and `references`: a sequence of tags per sentence. Returns f1, precision, recall (over chunks, micro-averaged
    over sentences) and accuracy (over tokens), 0 to 100. Precision (recall) is 0 without predicted (gold) chunks, as there.
    Raises ValueError if the numbers of sentences or of tokens differ, or there are no tokens.
    """
    return _score(predictions, references, xtreme_chunks)


def entity_f1(predictions: Sequence[Tags], references: Sequence[Tags]) -> dict[str, float]:
    """Score like `xtreme_f1` and add `f1_iob2`, the f1 of `strict_iob2_f1`."""
    strict = strict_iob2_f1(predictions, references)["f1"]
    return {**xtreme_f1(predictions, references), "f1_iob2": strict}


def strict_iob2_f1(predictions: Sequence[Tags], references: Sequence[Tags]) -> dict[str, float]:
    """Score like `xtreme_f1`, but only `B-` opens a chunk: an `I-` without an open chunk of its type is ignored."""
    return _score(predictions, references, iob2_chunks)


def xtreme_chunks(tags: Tags) -> list[Chunk]:
    """Return the chunks of a tag sequence as seqeval 0.0.12 extracts them.

    A tag's first letter is its mark and what follows the last "-" its type, so a tag without "-" is its own type (CCONJ is not
    SCONJ) and a run of it is a single chunk; but a first letter B, E or S marks a boundary nevertheless: each SCONJ or SYM is a
    chunk.
    """
    chunks = []
    mark, kind, first = "O", "", 0
    for position, tag in enumerate([*tags, "O"]):
        next_mark, next_kind = tag[:1], tag.rpartition("-")[2]
        changed = kind != next_kind
        # The two conditions are no opposites: around a mark unknown to seqeval a chunk may start without an end, or end only.
        if mark in ("E", "S") or (mark in ("B", "I") and next_mark in ("B", "S", "O")) or (changed and mark not in ("O", ".")):
            chunks.append((kind, first, position - 1))
        if (
            next_mark in ("B", "S")
            or (mark in ("E", "S", "O") and next_mark in ("E", "I"))
            or (changed and next_mark not in ("O", "."))
        ):
            first = position
        mark, kind = next_mark, next_kind
    return chunks


def iob2_chunks(tags: Tags) -> list[Chunk]:
    """Return the strict IOB2 chunks of a tag sequence: a `B-` tag and the `I-` tags of its type directly after it."""
    chunks: list[Chunk] = []
    for position, tag in enumerate(tags):
        mark, _, kind = tag.partition("-")
        if mark == "B":
            chunks.append((kind, position, position))
        elif mark == "I" and chunks and chunks[-1][0] == kind and chunks[-1][2] == position - 1:
            chunks[-1] = (kind, chunks[-1][1], position)
    return chunks


def _score(predictions: Sequence[Tags], references: Sequence[Tags], chunks: Callable[[Tags], list[Chunk]]) -> dict[str, float]:
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} tagged sentences for {len(references)} references")
    correct = tokens = 0
    for number, (predicted, reference) in enumerate(zip(predictions, references, strict=True)):
        if len(predicted) != len(reference):
            raise ValueError(f"sentence {number}: {len(predicted)} tags for {len(reference)} tokens")
        tokens += len(reference)
        correct += sum(tag == gold_tag for tag, gold_tag in zip(predicted, reference, strict=True))
    if not tokens:
        raise ValueError("nothing to score: no tagged tokens")
    ours, gold = set(chunks(_concatenate(predictions))), set(chunks(_concatenate(references)))
    common = len(ours & gold)
    return {
        "f1": 200.0 * common / (len(ours) + len(gold)) if ours or gold else 0.0,
        "precision": 100.0 * common / len(ours) if ours else 0.0,
        "recall": 100.0 * common / len(gold) if gold else 0.0,
        "accuracy": 100.0 * correct / tokens,
    }


def _concatenate(sentences: Sequence[Tags]) -> list[str]:
    """Concatenate all tags with an O after each sentence, which no chunk crosses."""
    return [tag for sentence in sentences for tag in (*sentence, "O")]
