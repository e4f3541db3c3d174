"""What the noise does in each language, as a report can state it."""

from dataclasses import dataclass

from stilts_xtreme.languages import LANGUAGES, TABLE
from stilts_xtreme.noise.keyboard import keyboard, table
from stilts_xtreme.noise.layouts import CONVERTED, LAYOUTS
from stilts_xtreme.noise.slips import OPERATIONS
from stilts_xtreme.noise.words import SHORTEST, UNSPACED, Unspaced

KEYLESS = tuple(name for name in OPERATIONS if name not in ("substitution", "insertion"))  # those that need no layout
SCRIPTS = {"th": "Thai", "my": "Burmese", "ja": "Han and kana", "zh": "Han and kana"}
WITHOUT_KEYS = (
    "typed by conversion: characters have no keys, so that a wrong key gives another word, which only a dictionary of readings "
    "could tell; characters are deleted, doubled or transposed, and words in Latin letters are typed on the US layout"
)


@dataclass(frozen=True)
class Policy:
    """How a language is typed and how its words are counted; `shortest` in letters (Korean: in jamo)."""

    layout: str  # as xkb names it; "" where its letters have no keys
    operations: tuple[str, ...]
    words: str
    shortest: int
    note: str = ""


def policy(language: str) -> Policy:
    """Of any language code, also one outside the table; a pair such as "de-en" is asked for by its second part."""
    unspaced = UNSPACED.get(SCRIPTS.get(language, ""))
    shortest = unspaced.shortest if unspaced else SHORTEST
    if language in CONVERTED:
        return Policy("", KEYLESS, _words(unspaced), shortest, WITHOUT_KEYS)
    if language not in LAYOUTS:
        note = "no layout of its own: Latin, Cyrillic and Greek letters by the US, Russian and Greek ones, others have no keys"
        return Policy(" ".join(keyboard(language).layouts), tuple(OPERATIONS), _words(unspaced), shortest, note)
    note = "by jamo: syllables are taken apart, the keys changed, and syllables composed again" if language == "ko" else ""
    return Policy(LAYOUTS[language], tuple(OPERATIONS), _words(unspaced), shortest, note)


def source() -> str:
    """The package and version that the layouts were read from."""
    return table()["source"]


def _words(unspaced: Unspaced | None) -> str:
    return f"pieces of {unspaced.piece} characters; a token as it stands" if unspaced else "between spaces"


POLICY = {language.code: policy(language.code) for language in TABLE}
assert set(LAYOUTS) | set(CONVERTED) == set(LANGUAGES)
