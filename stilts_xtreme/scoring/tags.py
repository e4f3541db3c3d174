"""F1 over chunks of tags: as XTREME computes it, and strictly as IOB2 defines it."""

from collections.abc import Callable, Collection, Mapping, Sequence

# What the metrics of tagging are called where they are printed: F1 alone does not say which chunks are counted.
NAMES = {"f1": "F1 (XTREME)", "f1_iob2": "F1 (strict IOB2)"}
READING = "chunks as XTREME reads tags (seqeval 0.0.12)"
FAR = 0.5  # points by which both F1 have to differ for the strict one to be worth a place

Chunk = tuple[str, int, int]  # type, first token, last token
Tags = Sequence[str]


def shown(rows: Collection[Mapping[str, float]]) -> dict[str, str]:
    """The metrics of these scores of tagging that are shown, with the names they are printed under: strict IOB2 where it is more
    than `FAR` points from XTREME's F1 in any of them."""
    names = sorted({name for row in rows for name in row} - {"n"})
    far = any(abs(row["f1"] - row["f1_iob2"]) > FAR for row in rows if "f1_iob2" in row)
    return {name: NAMES.get(name, name) for name in names if far or name != "f1_iob2"}


def xtreme_f1(predictions: Sequence[Tags], references: Sequence[Tags]) -> dict[str, float]:
    """Chunk F1 with seqeval 0.0.12's reading of tags, which XTREME used for entities and for parts of speech.

    `predictions` and `references`: one sequence of tags per sentence. Returns f1, precision, recall (over chunks, all sentences
    together) and accuracy (over tokens), 0 to 100. Where a side has no chunk its share is 0, as in seqeval. ValueError if
    sentences or their tokens do not line up, or there are none.
    """
    return _score(predictions, references, xtreme_chunks)


def entity_f1(predictions: Sequence[Tags], references: Sequence[Tags]) -> dict[str, float]:
    """As `xtreme_f1`, with `f1_iob2` beside it: the f1 of `strict_iob2_f1`."""
    strict = strict_iob2_f1(predictions, references)["f1"]
    return {**xtreme_f1(predictions, references), "f1_iob2": strict}


def strict_iob2_f1(predictions: Sequence[Tags], references: Sequence[Tags]) -> dict[str, float]:
    """Chunk F1 where only `B-` opens a chunk: an `I-` that continues nothing belongs to none. Otherwise as `xtreme_f1`."""
    return _score(predictions, references, iob2_chunks)


def xtreme_chunks(tags: Tags) -> list[Chunk]:
    """The chunks of a sequence of tags in seqeval 0.0.12's reading.

    A tag's first letter is its mark and what follows the last "-" its type, so a tag without "-" is its own type (CCONJ is not
    SCONJ) and a run of it is one chunk; but a first letter B, E or S marks a border all the same: each SCONJ or SYM is a chunk.
    """
    chunks = []
    mark, kind, first = "O", "", 0
    for position, tag in enumerate([*tags, "O"]):
        next_mark, next_kind = tag[:1], tag.rpartition("-")[2]
        changed = kind != next_kind
        # Not each other's opposite: a mark seqeval does not know may be followed by a start without an end, and the reverse.
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
    """The chunks of a sequence of tags: a `B-` tag and the `I-` tags of its type directly after it."""
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
    right = tokens = 0
    for number, (predicted, reference) in enumerate(zip(predictions, references, strict=True)):
        if len(predicted) != len(reference):
            raise ValueError(f"sentence {number}: {len(predicted)} tags for {len(reference)} tokens")
        tokens += len(reference)
        right += sum(mine == theirs for mine, theirs in zip(predicted, reference, strict=True))
    if not tokens:
        raise ValueError("nothing to score: no tagged tokens")
    found, wanted = set(chunks(_joined(predictions))), set(chunks(_joined(references)))
    both = len(found & wanted)
    return {
        "f1": 200.0 * both / (len(found) + len(wanted)) if found or wanted else 0.0,
        "precision": 100.0 * both / len(found) if found else 0.0,
        "recall": 100.0 * both / len(wanted) if wanted else 0.0,
        "accuracy": 100.0 * right / tokens,
    }


def _joined(sentences: Sequence[Tags]) -> list[str]:
    """All tags in one row, an O after each sentence: no chunk crosses it."""
    return [tag for sentence in sentences for tag in (*sentence, "O")]
