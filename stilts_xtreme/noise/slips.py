"""The five operations of typing errors, each as all the ways in which it can change a word.

A word is a tuple of units: the characters of a single key press. A combining mark with a key of its own (a Devanagari matra) is a
unit, any other belongs to the letter before it.
"""

import unicodedata
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from stilts_xtreme.noise.keyboard import Keyboard
from stilts_xtreme.noise.words import has_valid_marks

Item = TypeVar("Item")
Units = tuple[str, ...]
Slip = tuple[int, int, Units]  # start, stop, replacement of the units between


def units(word: str, keyboard: Keyboard) -> Units:
    """Split a word into its key presses."""
    result: list[str] = []
    for character in word:
        if result and unicodedata.category(character)[0] == "M" and character not in keyboard.adjacent:
            result[-1] += character
        else:
            result.append(character)
    return tuple(result)


def is_letter(unit: str) -> bool:
    """Return whether a unit is a letter or a mark; nothing else is ever changed."""
    return unicodedata.category(unit[0])[0] in "LM"


def substitutions(word: Units, keyboard: Keyboard) -> list[Slip]:
    """Replace a key by an adjacent key."""
    return [(i, i + 1, (other,)) for i, unit in _letters(word) for other in keyboard.neighbors(unit)]


def insertions(word: Units, keyboard: Keyboard) -> list[Slip]:
    """Press an adjacent key along with the right key, before or after it."""
    slips = [(at, at, (other,)) for i, unit in _letters(word) for other in keyboard.neighbors(unit) for at in (i, i + 1)]
    return list(dict.fromkeys(slips))


def deletions(word: Units, keyboard: Keyboard) -> list[Slip]:
    """Leave out a key."""
    return [(i, i + 1, ()) for i, _ in _letters(word)] if len(word) > 1 else []


def doublings(word: Units, keyboard: Keyboard) -> list[Slip]:
    """Press a key twice."""
    return [(i, i, (unit,)) for i, unit in _letters(word)]


def transpositions(word: Units, keyboard: Keyboard) -> list[Slip]:
    """Swap two keys; never a capital and a small letter, since Shift is not held for both."""
    return [
        (i, i + 2, (after, before))
        for i, (before, after) in enumerate(zip(word, word[1:]))
        if before != after and is_letter(before) and is_letter(after) and before.isupper() == after.isupper()
    ]


OPERATIONS: dict[str, Callable[[Units, Keyboard], list[Slip]]] = {
    "substitution": substitutions,
    "deletion": deletions,
    "insertion": insertions,
    "transposition": transpositions,
    "doubling": doublings,
}


def random_slip(word: Units, keyboard: Keyboard, generator: Random) -> tuple[str, Units] | None:
    """Choose a random operation, then a random way to apply it; return its name and the changed word.

    Ways that leave a combining mark without a letter are skipped, and so are operations without any way. None if nothing applies.
    """
    names = list(OPERATIONS)
    while names:
        name = pop_random(names, generator)
        slips = OPERATIONS[name](word, keyboard)
        while slips:
            start, stop, typed = pop_random(slips, generator)
            changed = word[:start] + typed + word[stop:]
            if has_valid_marks("".join(changed)):
                return name, changed
    return None


def pop_random(items: list[Item], generator: Random) -> Item:
    """Remove and return a random item; uses `random()` alone, whose values are the same in all versions of Python."""
    return items.pop(int(generator.random() * len(items)))


def _letters(word: Sequence[str]) -> list[tuple[int, str]]:
    return [(i, unit) for i, unit in enumerate(word) if is_letter(unit)]
