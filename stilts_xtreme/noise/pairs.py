"""Real errors from a file: lines of language, right word and wrong word, between tabs; UTF-8.

Such pairs are mined from the edit history of Wikipedia (Cooper Stickland et al. 2023, arXiv 2210.04782); a pair that is listed
several times is taken so much more often.
"""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from stilts_xtreme import files
from stilts_xtreme.errors import UserError

Pairs = Mapping[str, Mapping[str, tuple[str, ...]]]  # language -> right word -> its errors
COLUMNS = 3
LARGEST = 2**30  # bytes


def pairs(path: Path) -> Pairs:
    """All pairs of a file; UserError naming file and line for one that is none."""
    try:
        state = path.stat()
    except OSError as fault:
        raise UserError(f"{path}: cannot be read ({fault.strerror})") from None
    return _read(path, state.st_mtime_ns, state.st_size)


def errors_of(path: Path, language: str) -> Mapping[str, tuple[str, ...]]:
    """The errors of one language; UserError where the file has none, since its text would pass for noisy untouched."""
    found = pairs(path)
    if language not in found:
        raise UserError(f"{path}: no pairs of language {language}; it has {', '.join(sorted(found)) or 'none'}")
    return found[language]


def replaced(word: str, errors: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What the word may become: its errors, or those of its small letters with its capitals kept, punctuation left as it is."""
    start, end = core(word)
    right = word[start:end]
    wrong = errors.get(right) or tuple(_cased(one, right) for one in errors.get(right.lower(), ()))
    return tuple(word[:start] + one + word[end:] for one in wrong if one != right)


def core(word: str) -> tuple[int, int]:
    """Where the word begins and ends within the punctuation around it."""
    inside = [i for i, character in enumerate(word) if unicodedata.category(character)[0] in "LMN"]
    return (inside[0], inside[-1] + 1) if inside else (0, 0)


def _cased(wrong: str, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return wrong.upper()
    return wrong[0].upper() + wrong[1:] if like[0].isupper() else wrong


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, size: int) -> Pairs:
    try:
        text = files.content(path, LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = fault.object[: fault.start].count(b"\n") + 1
        raise UserError(f"{path}, line {line}: not UTF-8; save it as UTF-8") from None
    except OSError as fault:
        raise UserError(f"{path}: cannot be read ({fault.strerror})") from None
    found: dict[str, dict[str, list[str]]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            language, right, wrong = _pair(line.rstrip("\r"), f"{path}, line {number}")
            found.setdefault(language, {}).setdefault(right, []).append(wrong)
    return {code: {right: tuple(wrong) for right, wrong in words.items()} for code, words in found.items()}


def _pair(line: str, where: str) -> list[str]:
    columns = line.split("\t")
    if len(columns) != COLUMNS:
        raise UserError(f"{where}: {len(columns)} columns instead of language, right word and wrong word between tabs")
    for name, value in zip(("language", "right word", "wrong word"), columns):
        if not value or value.split() != [value]:
            raise UserError(f"{where}: the {name} is {value!r}; it is one word, not empty and without spaces")
    if columns[1] == columns[2]:
        raise UserError(f"{where}: right and wrong word are both {columns[1]!r}")
    return columns
