"""Releases of tagged sentences: Universal Dependencies, WikiANN, CCG supertags."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stilts_xtreme.formats.lines import fail, lines

Row = dict[str, Any]

# In the order of https://universaldependencies.org/u/pos/ (alphabetical, X last).
UPOS = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM",
    "PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X",
)  # fmt: skip
IOB2 = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")


def _sentences(
    path: Path, columns: int, token: int, tag: int, allowed: tuple[str, ...] = (), comments: bool = False, counts: str = ""
) -> Iterator[Row]:
    """Sentences of one token a line with a blank line between; columns `token` and `tag` (from 0) of `columns`.

    `counts` names the labelled files to take where the tags were taken out.
    """
    count = 0
    tokens: list[str] = []
    tags: list[str] = []
    for number, line in lines(path):
        if comments and re.match(r"#(?:[# ]|$)", line):  # "#1" is a token
            continue
        if not line.strip(" "):
            if tokens:
                count += 1
                yield {"id": str(count), "tokens": tokens, "tags": tags}
                tokens, tags = [], []
            continue
        fields = line.split("\t")
        if len(fields) != columns:
            hint = f" (XTREME blanks the tags of its test files{counts and f': score {counts}'})" if len(fields) == 1 else ""
            fail(path, number, "columns", f"{len(fields)} instead of {columns}, divided by tabs{hint}")
        if not fields[token]:
            fail(path, number, "token", "empty; remove the line or put the token in")
        if not fields[tag] or allowed and fields[tag] not in allowed:
            fail(path, number, "tag", f"{fields[tag]!r} is not one of {' '.join(allowed) or 'the tags: it is empty'}")
        tokens.append(fields[token])
        tags.append(fields[tag])
    if tokens:
        yield {"id": str(count + 1), "tokens": tokens, "tags": tags}


def upos_tsv(path: Path) -> Iterator[Row]:
    """Universal POS as XTREME prepares it: token, tab, tag; blank line between sentences."""
    return _sentences(path, 2, 0, 1, UPOS, counts="the treebanks' own *-ud-test.conllu")


def iob2_tsv(path: Path) -> Iterator[Row]:
    """WikiANN (PAN-X): token, tab, IOB2 tag. A language prefix ("en:") is taken off where every token of the file has it."""
    rows = list(_sentences(path, 2, 0, 1, IOB2, counts="WikiANN's own panx_dataset/*/test"))
    prefix = re.match(r"[a-z-]{2,12}:", rows[0]["tokens"][0]) if rows else None
    if prefix and all(len(token) > prefix.end() and token.startswith(prefix[0]) for row in rows for token in row["tokens"]):
        rows = [{**row, "tokens": [token[prefix.end() :] for token in row["tokens"]]} for row in rows]
    yield from rows


def conllu(path: Path) -> Iterator[Row]:
    """Universal Dependencies' CoNLL-U: FORM and UPOS of syntactic words; ranges ("3-4") and empty nodes ("5.1") are not words."""
    count, name = 0, ""
    tokens: list[str] = []
    tags: list[str] = []
    for number, line in [*lines(path), (0, "")]:
        if not line:
            if tokens:
                count += 1
                yield {"id": name or str(count), "tokens": tokens, "tags": tags}
            name, tokens, tags = "", [], []
        elif line.startswith("#"):
            key, _, value = line[1:].partition("=")
            name = value.strip() if key.strip() == "sent_id" else name
        else:
            fields = line.split("\t")
            if len(fields) != 10:
                fail(path, number, "columns", f"{len(fields)} instead of CoNLL-U's 10, divided by tabs")
            if re.fullmatch(r"\d+-\d+|\d+\.\d+", fields[0]):
                continue
            if fields[0] != str(len(tokens) + 1):
                fail(path, number, "ID", f"{fields[0]!r} where word {len(tokens) + 1} of the sentence is expected")
            if fields[3] not in UPOS:
                fail(path, number, "UPOS", f"{fields[3]!r} is not one of {' '.join(UPOS)}")
            if not fields[1]:
                fail(path, number, "FORM", "empty; CoNLL-U writes an underscore for a word without a form")
            tokens.append(fields[1])
            tags.append(fields[3])


def ccg_tsv(path: Path) -> Iterator[Row]:
    """CCG supertags: token, tab, category; blank line between sentences."""
    return _sentences(path, 2, 0, 1)


def ccg_columns(path: Path) -> Iterator[Row]:
    """Parallel Meaning Bank: seven columns, the token in the first and the CCG category in the fifth; # starts a comment."""
    return _sentences(path, 7, 0, 4, comments=True)
