"""Describe the noise of each language for reports."""

from dataclasses import dataclass

from stilts_xtreme.noise.keyboard import keyboard, table
from stilts_xtreme.noise.layouts import CONVERTED, LAYOUTS
from stilts_xtreme.noise.slips import OPERATIONS
from stilts_xtreme.noise.words import MIN_LETTERS, UNSPACED, Unspaced
from stilts_xtreme.utils.languages import LANGUAGES, TABLE

WITHOUT_LAYOUT = tuple(name for name in OPERATIONS if name not in ("substitution", "insertion"))
SCRIPTS = {"th": "Thai", "my": "Burmese", "ja": "Han and kana", "zh": "Han and kana"}
WITHOUT_KEYS = (
    "typed by conversion: characters have no keys, so that a wrong key gives another word, which only a dictionary of readings "
    "could tell; characters are deleted, doubled or transposed, and words in Latin letters are typed on the US layout"
)


@dataclass(frozen=True)
class Policy:
    """How a language is typed and split into words; `min_letters` of an eligible word (Korean: jamo)."""

    layout: str  # xkb's name; "" where its letters have no keys
    operations: tuple[str, ...]
    words: str
    min_letters: int
    note: str = ""


def policy(language: str) -> Policy:
    """Return the policy of any language code, also outside the table; of a pair such as "de-en" pass the second part."""
    unspaced = UNSPACED.get(SCRIPTS.get(language, ""))
    min_letters = unspaced.min_letters if unspaced else MIN_LETTERS
    if language in CONVERTED:
        return Policy("", WITHOUT_LAYOUT, _words(unspaced), min_letters, WITHOUT_KEYS)
    if language not in LAYOUTS:
        note = "no layout of its own: Latin, Cyrillic and Greek letters by the US, Russian and Greek ones, others have no keys"
        return Policy(" ".join(keyboard(language).layouts), tuple(OPERATIONS), _words(unspaced), min_letters, note)
    note = "by jamo: syllables are taken apart, the keys changed, and syllables composed again" if language == "ko" else ""
    return Policy(LAYOUTS[language], tuple(OPERATIONS), _words(unspaced), min_letters, note)


def source() -> str:
    """Return the package and version that the layouts were read from."""
    return table()["source"]


def _words(unspaced: Unspaced | None) -> str:
    return f"pieces of {unspaced.segment} characters; a token as it stands" if unspaced else "between spaces"


POLICY = {language.code: policy(language.code) for language in TABLE}
assert set(LAYOUTS) | set(CONVERTED) <= set(LANGUAGES)
