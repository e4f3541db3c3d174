"""The five slips of a typist, each as every way in which it can happen to a word.

A word is a tuple of units: what one key press types. A combining mark that the keyboard has as a key (a Devanagari matra) is a
unit of its own, any other belongs to the letter that carries it.
"""

import unicodedata
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from stilts_xtreme.noise.keyboard import Keyboard
from stilts_xtreme.noise.words import sound

Item = TypeVar("Item")
Units = tuple[str, ...]
Slip = tuple[int, int, Units]  # units start to stop are replaced by these


def units(pressed: str, keyboard: Keyboard) -> Units:
    """The key presses of a word."""
    made: list[str] = []
    for character in pressed:
        if made and unicodedata.category(character)[0] == "M" and character not in keyboard.beside:
            made[-1] += character
        else:
            made.append(character)
    return tuple(made)


def is_letter(unit: str) -> bool:
    """Whether a unit is a letter or a mark; nothing else is ever changed."""
    return unicodedata.category(unit[0])[0] in "LM"


def substitutions(word: Units, keyboard: Keyboard) -> list[Slip]:
    """A key beside the right one."""
    return [(i, i + 1, (other,)) for i, unit in _letters(word) for other in keyboard.neighbours(unit)]


def insertions(word: Units, keyboard: Keyboard) -> list[Slip]:
    """A key beside the right one, pressed along with it: before it or after."""
    slips = [(at, at, (other,)) for i, unit in _letters(word) for other in keyboard.neighbours(unit) for at in (i, i + 1)]
    return list(dict.fromkeys(slips))


def deletions(word: Units, keyboard: Keyboard) -> list[Slip]:
    """A key not pressed."""
    return [(i, i + 1, ()) for i, _ in _letters(word)] if len(word) > 1 else []


def doublings(word: Units, keyboard: Keyboard) -> list[Slip]:
    """A key pressed twice."""
    return [(i, i, (unit,)) for i, unit in _letters(word)]


def transpositions(word: Units, keyboard: Keyboard) -> list[Slip]:
    """Two keys in the wrong order; a capital and a small letter never are, since Shift is held for one of them only."""
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


def slipped(word: Units, keyboard: Keyboard, generator: Random) -> tuple[str, Units] | None:
    """One slip: an operation, all alike, then a way for it to happen, all alike; None for a word that nothing can happen to.

    A way that leaves a combining mark without a letter is passed over, and an operation without any way as well.
    """
    names = list(OPERATIONS)
    while names:
        name = taken(names, generator)
        ways = OPERATIONS[name](word, keyboard)
        while ways:
            start, stop, typed = taken(ways, generator)
            made = word[:start] + typed + word[stop:]
            if sound("".join(made)):
                return name, made
    return None


def taken(items: list[Item], generator: Random) -> Item:
    """One of the items, taken out; by `random()` alone, whose values Python promises to keep."""
    return items.pop(int(generator.random() * len(items)))


def _letters(word: Sequence[str]) -> list[tuple[int, str]]:
    return [(i, unit) for i, unit in enumerate(word) if is_letter(unit)]
