"""Real errors from a UTF-8 file with lines of language, right word and wrong word, separated by tabs.

Such pairs are mined from the edit history of Wikipedia (Cooper Stickland et al. 2023, arXiv 2210.04782); a repeated pair is
sampled more often in proportion.
"""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from stilts_xtreme.utils import bounded_io
from stilts_xtreme.utils.errors import UserError

Pairs = Mapping[str, Mapping[str, tuple[str, ...]]]  # language -> right word -> its errors
COLUMNS = 3
MAX_BYTES = 2**30


def read_pairs(path: Path) -> Pairs:
    """Read all pairs of a file; UserError with file and line for an invalid line."""
    try:
        state = path.stat()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    return _read(path, state.st_mtime_ns, state.st_size)


def errors_of(path: Path, language: str) -> Mapping[str, tuple[str, ...]]:
    """Return right word -> errors of a language.

    Raises UserError where the file has no pairs of the language: its text would count as noisy but be unchanged.
    """
    pairs = read_pairs(path)
    if language not in pairs:
        raise UserError(f"{path}: no pairs of language {language}; it has {', '.join(sorted(pairs)) or 'none'}")
    return pairs[language]


def replacements(word: str, errors: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the errors of a word with its punctuation; a capitalized word without errors takes those of its lower case."""
    start, end = core(word)
    right = word[start:end]
    wrong = errors.get(right) or tuple(_match_case(error, right) for error in errors.get(right.lower(), ()))
    return tuple(word[:start] + error + word[end:] for error in wrong if error != right)


def core(word: str) -> tuple[int, int]:
    """Return start and end of the word without the punctuation around it; (0, 0) if there is nothing else."""
    inside = [i for i, character in enumerate(word) if unicodedata.category(character)[0] in "LMN"]
    return (inside[0], inside[-1] + 1) if inside else (0, 0)


def _match_case(error: str, right: str) -> str:
    if right.isupper() and len(right) > 1:
        return error.upper()
    return error[0].upper() + error[1:] if right[0].isupper() else error


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, size: int) -> Pairs:
    try:
        text = bounded_io.content(path, MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{path}, line {number}: not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    pairs: dict[str, dict[str, list[str]]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            language, right, wrong = _pair(line.rstrip("\r"), f"{path}, line {number}")
            pairs.setdefault(language, {}).setdefault(right, []).append(wrong)
    return {code: {right: tuple(wrong) for right, wrong in words.items()} for code, words in pairs.items()}


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
