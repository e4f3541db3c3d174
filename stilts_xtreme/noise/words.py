"""What counts as a word, and which words are left alone.

A word is what stands between spaces. Scripts without spaces are cut into pieces of a word's usual length instead: segmenting
them needs a dictionary, and a fixed length gives the same rate of typing errors per character.
"""

import re
import unicodedata
from dataclasses import dataclass

SHORTEST = 4  # letters a word needs to be chosen, where words stand between spaces; of Hangul, jamo
SHORTEST_CAPITALS = 6  # letters that a word all in capitals needs: shorter ones are mostly abbreviations


@dataclass(frozen=True)
class Unspaced:
    """A script without spaces: code points of a piece, and how many a piece or a token needs to be chosen."""

    characters: str  # inside [] of a regular expression
    piece: int
    shortest: int


# Means of UD's words of letters: Thai 4.3 to 4.4, Chinese 1.6, Japanese 1.7 code points. Burmese, Khmer, Lao: two syllables of
# three code points each or two of two, not measured. A single Han character or kana can only be doubled: left alone.
UNSPACED = {
    "Thai": Unspaced("\u0e00-\u0e7f", 4, 3),
    "Lao": Unspaced("\u0e80-\u0eff", 4, 3),
    "Burmese": Unspaced("\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f", 6, 3),
    "Khmer": Unspaced("\u1780-\u17ff", 6, 3),
    "Han and kana": Unspaced("\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
                             "\uff66-\uff9f\U00020000-\U0003ffff", 2, 2),
}  # fmt: skip
ALL_UNSPACED = "".join(script.characters for script in UNSPACED.values())
PARTS = re.compile(
    "|".join(f"(?P<s{i}>[{script.characters}]+)" for i, script in enumerate(UNSPACED.values())) + rf"|[^\s{ALL_UNSPACED}]+"
)
STARTS = [re.compile(rf"[^\w]*[{script.characters}]") for script in UNSPACED.values()]


def spans(text: str) -> list[tuple[int, int]]:
    """Where the words of a text begin and end; punctuation belongs to the word that it touches."""
    found = []
    for part in PARTS.finditer(text):
        script = part.lastgroup
        found += pieces(text, *part.span(), list(UNSPACED.values())[int(script[1:])].piece) if script else [part.span()]
    return found


def pieces(text: str, start: int, end: int, length: int) -> list[tuple[int, int]]:
    """A run cut into pieces of that many code points, or a few more: none begins with a combining mark."""
    found = []
    while start < end:
        stop = min(start + length, end)
        while stop < end and unicodedata.category(text[stop])[0] == "M":
            stop += 1
        found.append((start, stop))
        start = stop
    return found


def choosable(word: str, letters: int) -> bool:
    """Whether a word of so many letters may be changed: long enough, no digits, no abbreviation, and sound as it stands."""
    if any(character.isdecimal() for character in word) or not sound(word):
        return False
    if word.isupper() and letters < SHORTEST_CAPITALS:
        return False
    return letters >= shortest(word)


def shortest(word: str) -> int:
    """How many letters a word needs to be chosen, by the script that it begins with."""
    for script, start in zip(UNSPACED.values(), STARTS):
        if start.match(word):
            return script.shortest
    return SHORTEST


def sound(word: str) -> bool:
    """Whether every combining mark has a letter or another mark before it (joiners between them count for nothing)."""
    carried = False
    for character in word:
        category = unicodedata.category(character)
        if category[0] == "M" and not carried:
            return False
        if category != "Cf":
            carried = category[0] in "LM"
    return True
