"""Read releases of tagged sentences: Universal Dependencies, WikiANN, CCG supertags."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from stilts_xtreme.tasks.readers.lines import Location, Row, fail, lines, no_header
from stilts_xtreme.tasks.readers.skipped import Skipped, refuse, rows_of

Lines = list[tuple[int, str]]

# In the order of https://universaldependencies.org/u/pos/ (alphabetical, X last).
UPOS = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM",
    "PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X",
)  # fmt: skip
IOB2 = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
_INNER = re.compile(r"(?<=[^~])~(?=[^~])")  # PMB's mark for a space inside a token
# A language code before every token, as in WikiANN's files but not in XTREME's.
_PREFIX = re.compile(r"[a-z-]{2,12}:")
MIN_PREFIXED = 0.9  # share of a file's tokens with the same prefix from which on it is removed


def blocks(path: Path, comments: bool = False) -> Iterator[tuple[int, Lines]]:
    """Yield (number of its first line, numbered lines) of each sentence; sentences are separated by blank lines."""
    block: Lines = []
    for number, line in lines(path):
        if comments and re.match(r"#(?:[# ]|$)", line):  # "#1" is a token
            continue
        if line.strip(" "):
            block.append((number, line))
        elif block:
            yield block[0][0], block
            block = []
    if block:
        yield block[0][0], block


def _sentences(
    path: Path, columns: int, token: int, tag: int, allowed: tuple[str, ...] = (), comments: bool = False, labelled: str = ""
) -> Iterator[Row | Skipped]:
    """Read sentences with a token per line, separated by blank lines; columns `token` and `tag` (from 0) of `columns`.

    `labelled`: description of the files to use where tags were removed, for the message. A line with another number of columns
    breaks its sentence; an empty token or a tag that is not `allowed` makes the file unusable.
    """
    count = 0

    def row(_: Location, block: Lines) -> Row:
        nonlocal count
        count += 1
        tokens, tags = [], []
        for number, line in block:
            fields = line.split("\t")
            if number == 1:
                no_header(path, fields)
            if len(fields) != columns:
                hint = (
                    f" (XTREME blanks the tags of its test files{labelled and f': score {labelled}'})" if len(fields) == 1 else ""
                )
                fail(path, number, "columns", f"{len(fields)} instead of {columns}, divided by tabs{hint}")
            if not fields[token]:
                refuse(path, number, "token", "empty; remove the line or put the token in")
            if not fields[tag] or allowed and fields[tag] not in allowed:
                expected = " ".join(allowed) or "the tags: it is empty"
                refuse(path, number, "tag", f"{fields[tag]!r} is not one of {expected}")
            tokens.append(fields[token])
            tags.append(fields[tag])
        return {"id": str(count), "tokens": tokens, "tags": tags}

    return rows_of(path, blocks(path, comments), row)


def upos_tsv(path: Path) -> Iterator[Row | Skipped]:
    """Read universal POS as XTREME prepares it: token, tab, tag; blank line between sentences."""
    return _sentences(path, 2, 0, 1, UPOS, labelled="the treebanks' own *-ud-test.conllu")


def iob2_tsv(path: Path) -> Iterator[Row | Skipped]:
    """Read WikiANN (PAN-X): token, tab, IOB2 tag. A language prefix ("en:") that nearly all tokens have is removed.

    Raises UserError for a token that is nothing but the prefix.
    """
    rows = list(_sentences(path, 2, 0, 1, IOB2, labelled="WikiANN's own panx_dataset/*/test"))
    tokens = [token for row in rows if not isinstance(row, Skipped) for token in row["tokens"]]
    prefixes = Counter(match[0] for token in tokens if (match := _PREFIX.match(token)))
    prefix, number = prefixes.most_common(1)[0] if prefixes else ("", 0)
    if not number or number < MIN_PREFIXED * len(tokens):
        yield from rows
        return
    for row in rows:
        yield row if isinstance(row, Skipped) else {**row, "tokens": _without_prefix(path, row, prefix)}


def _without_prefix(path: Path, row: Row, prefix: str) -> list[str]:
    if prefix in row["tokens"]:
        line = int(row["at"]) + row["tokens"].index(prefix)
        refuse(path, line, "token", f"{prefix!r} is empty without its language prefix; remove the line or put the token in")
    return [token.removeprefix(prefix) for token in row["tokens"]]


def conllu(path: Path) -> Iterator[Row | Skipped]:
    """Read Universal Dependencies' CoNLL-U: FORM and UPOS of syntactic words, without ranges ("3-4") and empty nodes ("5.1")."""
    count = 0

    def row(_: Location, block: Lines) -> Row | None:
        nonlocal count
        name = ""
        tokens: list[str] = []
        tags: list[str] = []
        for number, line in block:
            if line.startswith("#"):
                key, _, value = line[1:].partition("=")
                name = value.strip() if key.strip() == "sent_id" else name
                continue
            fields = line.split("\t")
            if len(fields) != 10:
                fail(path, number, "columns", f"{len(fields)} instead of CoNLL-U's 10, divided by tabs")
            if re.fullmatch(r"\d+-\d+|\d+\.\d+", fields[0]):
                continue
            if fields[0] != str(len(tokens) + 1):
                fail(path, number, "ID", f"{fields[0]!r} where word {len(tokens) + 1} of the sentence is expected")
            if fields[3] not in UPOS:
                refuse(path, number, "UPOS", f"{fields[3]!r} is not one of {' '.join(UPOS)}")
            if not fields[1]:
                refuse(path, number, "FORM", "empty; CoNLL-U writes an underscore for a word without a form")
            tokens.append(fields[1])
            tags.append(fields[3])
        count += bool(tokens)
        return {"id": name or str(count), "tokens": tokens, "tags": tags} if tokens else None

    return rows_of(path, blocks(path), row)


def ccg_tsv(path: Path) -> Iterator[Row | Skipped]:
    """Read CCG supertags: token, tab, category; blank line between sentences."""
    return _sentences(path, 2, 0, 1)


def ccg_columns(path: Path) -> Iterator[Row | Skipped]:
    """Read the Parallel Meaning Bank: seven columns, the first is the token, the fifth the CCG category; # starts a comment.

    `~` means a space inside a token of several words ("at~all") and is replaced by a space.
    """
    for row in _sentences(path, 7, 0, 4, comments=True):
        yield row if isinstance(row, Skipped) else {**row, "tokens": [_INNER.sub(" ", token) for token in row["tokens"]]}
