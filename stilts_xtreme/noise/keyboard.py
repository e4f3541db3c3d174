"""The letters on neighboring keys of each language's keyboard, from keyboards.json."""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stilts_xtreme.noise.layouts import ADJACENT_KEYS, CONVERTED, DUBEOLSIK, LAYOUTS, OTHER_LAYOUTS, ROWS, US
from stilts_xtreme.utils.bounded_io import Record

GAP = " "  # a level on which a key types no letter


@dataclass(frozen=True)
class Keyboard:
    """A language's layouts; `adjacent`: letter or mark with a key of its own -> the letters on adjacent keys."""

    layouts: tuple[str, ...]  # the language's own first
    adjacent: Mapping[str, tuple[str, ...]]
    jamo: bool = False  # Hangul: keys are jamo, which form syllables

    def neighbors(self, unit: str) -> tuple[str, ...]:
        """Return the letters on adjacent keys, at the same shift level; empty for a letter on no layout.

        A capital without a key of its own is typed by its small letter's key, and a marked letter (typed by dead keys or by
        several keys) by that of its base letter: the error loses the marks.
        """
        if letters := self.adjacent.get(unit):
            return letters
        base = unicodedata.normalize("NFD", unit)[0]
        for key in (unit.lower(), base, base.lower()):
            if key != unit and (letters := self.adjacent.get(key)):
                return _capitals(letters) if unit[0].isupper() and key.islower() else letters
        return ()


def _capitals(letters: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(letter.upper() for letter in letters if len(letter.upper()) == 1)


@cache
def keyboard(language: str) -> Keyboard:
    """Return the keyboard of a language: its own layout, then the US layout for missing letters.

    Languages outside the table have the Russian and Greek layouts too; Chinese and Japanese have the US layout only, for Latin
    letters.
    """
    own = (LAYOUTS[language],) if language in LAYOUTS else () if language in CONVERTED else OTHER_LAYOUTS
    names = tuple(dict.fromkeys((*own, US)))
    adjacent: dict[str, tuple[str, ...]] = {}
    for name in names:
        adjacent = {**neighbors(name), **adjacent}
    return Keyboard(names, adjacent, DUBEOLSIK in names)


@cache
def neighbors(layout: str) -> dict[str, tuple[str, ...]]:
    """Return every letter of a layout -> the letters on adjacent keys, at its own shift level.

    A letter counts only at the lowest level that has it, so that neighbors are always mutual. AltGr levels mix capitals and small
    letters: those are no neighbors.
    """
    levels, positions = dict[str, int](), dict[str, list[tuple[str, int]]]()
    for key, letters in keys(layout).items():
        for level, letter in enumerate(letters):
            if letter != GAP:
                levels[letter] = min(level, levels.get(letter, level))
                positions.setdefault(letter, []).append((key, level))
    adjacent = {}
    for letter, where in positions.items():
        level = levels[letter]
        touched = [keys(layout)[other] for key, at in where if at == level for other in ADJACENT_KEYS[key]]
        typed = dict.fromkeys(letters[level] for letters in touched if level < len(letters))
        candidates = (other for other in typed if other not in (GAP, letter) and levels[other] == level)
        adjacent[letter] = tuple(other for other in candidates if other.isupper() == letter.isupper())
    return adjacent


@cache
def keys(layout: str) -> dict[str, str]:
    """Return key -> its letters, by level; "" for a key without letters."""
    rows = table()["layouts"][layout]["rows"]
    typed = {name: dict(zip(names, rows.get(name, ()))) for name, (_, names) in ROWS.items()}
    return {key: typed[name].get(key, "") for name, (_, names) in ROWS.items() for key in names}


@cache
def table() -> Record:
    """Return the content of keyboards.json; `source` is the package and version that the layouts were read from."""
    return json.loads(Path(__file__).with_name("keyboards.json").read_text(encoding="utf-8"))
