"""Split text into words, and decide which words are eligible for noise.

Words are separated by spaces. Scripts without spaces are cut into segments of a word's usual length instead: word segmentation
needs a dictionary, and a fixed length gives the same rate of typing errors per character.
"""

import re
import unicodedata
from dataclasses import dataclass

MIN_LETTERS = 4  # of an eligible word, where words are separated by spaces; of Hangul, jamo
MIN_CAPITALS = 6  # letters of an eligible word in capitals: shorter ones are mostly abbreviations


@dataclass(frozen=True)
class Unspaced:
    """A script without spaces: code points of a segment, and how many an eligible segment or token needs."""

    characters: str  # inside [] of a regular expression
    segment: int
    min_letters: int


# Mean code points of UD's words: Thai 4.3 to 4.4, Chinese 1.6, Japanese 1.7. Burmese, Khmer, Lao: two syllables of three code
# points each or two of two, not measured. A single Han character or kana could only be doubled: not eligible.
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
    """Return (start, end) of each word of a text; punctuation belongs to the word that it touches."""
    words = []
    for part in PARTS.finditer(text):
        script = part.lastgroup
        words += segments(text, *part.span(), list(UNSPACED.values())[int(script[1:])].segment) if script else [part.span()]
    return words


def segments(text: str, start: int, end: int, length: int) -> list[tuple[int, int]]:
    """Cut text[start:end] into segments of `length` code points, or a few more: none begins with a combining mark."""
    cuts = []
    while start < end:
        stop = min(start + length, end)
        while stop < end and unicodedata.category(text[stop])[0] == "M":
            stop += 1
        cuts.append((start, stop))
        start = stop
    return cuts


def is_eligible(word: str, letters: int) -> bool:
    """Return whether a word with `letters` letters may be changed: long enough, no digits, no abbreviation, valid marks."""
    if any(character.isdecimal() for character in word) or not has_valid_marks(word):
        return False
    if word.isupper() and letters < MIN_CAPITALS:
        return False
    return letters >= min_letters(word)


def min_letters(word: str) -> int:
    """Return how many letters an eligible word needs, by the script of its first character."""
    for script, start in zip(UNSPACED.values(), STARTS):
        if start.match(word):
            return script.min_letters
    return MIN_LETTERS


def has_valid_marks(word: str) -> bool:
    """Return whether every combining mark follows a letter or another mark (joiners between them are ignored)."""
    after_letter = False
    for character in word:
        category = unicodedata.category(character)
        if category[0] == "M" and not after_letter:
            return False
        if category != "Cf":
            after_letter = category[0] in "LM"
    return True
