"""Which letters lie beside a letter on the keyboard of a language, from keyboards.json."""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stilts_xtreme.noise.layouts import CONVERTED, DUBEOLSIK, ELSEWHERE, LAYOUTS, ROWS, TOUCHING, US

GAP = " "  # a level on which a key types no letter


@dataclass(frozen=True)
class Keyboard:
    """What a language is typed on; `beside` has every letter and mark that is a key of its own, and the keys it touches."""

    layouts: tuple[str, ...]  # the language's own first
    beside: Mapping[str, tuple[str, ...]]
    jamo: bool = False  # Hangul: keys are jamo, which form syllables

    def neighbours(self, unit: str) -> tuple[str, ...]:
        """What a slip beside the letter's key types, at the same shift level; empty for a letter on no layout.

        A capital without a place of its own is typed by its small letter's key, and a marked letter (which comes from dead keys
        or from several ones) by that of its base letter: the slip loses the marks.
        """
        if found := self.beside.get(unit):
            return found
        base = unicodedata.normalize("NFD", unit)[0]
        for one in (unit.lower(), base, base.lower()):
            if one != unit and (found := self.beside.get(one)):
                return _capitals(found) if unit[0].isupper() and one.islower() else found
        return ()


def _capitals(letters: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one.upper() for one in letters if len(one.upper()) == 1)


@cache
def keyboard(language: str) -> Keyboard:
    """A language's own layout; letters that it lacks are looked for on the US one, and, in a language outside the table, on
    the Russian and the Greek one. Chinese and Japanese have the US layout for their Latin letters only."""
    own = (LAYOUTS[language],) if language in LAYOUTS else () if language in CONVERTED else ELSEWHERE
    names = tuple(dict.fromkeys((*own, US)))
    beside: dict[str, tuple[str, ...]] = {}
    for name in names:
        beside = {**neighbours(name), **beside}
    return Keyboard(names, beside, DUBEOLSIK in names)


@cache
def neighbours(layout: str) -> dict[str, tuple[str, ...]]:
    """Every letter of a layout and the letters on the keys that its key touches, at its own shift level.

    A letter counts at the lowest level that has it, and only there, so that neighbours are always mutual. AltGr levels mix
    capitals and small letters: those are no neighbours.
    """
    levels, places = {}, dict[str, list[tuple[str, int]]]()
    for key, letters in keys(layout).items():
        for level, letter in enumerate(letters):
            if letter != GAP:
                levels[letter] = min(level, levels.get(letter, level))
                places.setdefault(letter, []).append((key, level))
    found = {}
    for letter, where in places.items():
        level = levels[letter]
        touched = [keys(layout)[other] for key, at in where if at == level for other in TOUCHING[key]]
        typed = dict.fromkeys(letters[level] for letters in touched if level < len(letters))
        fits = (one for one in typed if one not in (GAP, letter) and levels[one] == level)
        found[letter] = tuple(one for one in fits if one.isupper() == letter.isupper())
    return found


@cache
def keys(layout: str) -> dict[str, str]:
    """The letters of each key, one a level; a key without letters has ""."""
    rows = table()["layouts"][layout]["rows"]
    typed = {name: dict(zip(names, rows.get(name, ()))) for name, (_, names) in ROWS.items()}
    return {key: typed[name].get(key, "") for name, (_, names) in ROWS.items() for key in names}


@cache
def table() -> dict:
    """The file's content: `source` is the package and version that the layouts were read from."""
    return json.loads(Path(__file__).with_name("keyboards.json").read_text(encoding="utf-8"))
