"""The languages of the miniature world and their words."""

from dataclasses import dataclass
from functools import cache, lru_cache
from random import Random

from stilts_xtreme.data.miniature.words import ANTONYMS, CLASS_OF, FACT_VERBS, GRAMMAR_WORDS, TIMES, VERBS
from stilts_xtreme.data.miniature.world import FIRMS, PEOPLE, TOWNS, generator


@dataclass(frozen=True)
class Language:
    """What sets a language apart. `cognates`: share of words spelled after the English word; `names_kept`: share of names
    left in Latin letters; `documents`: size of its text, the only thing that makes it rich or poor in resources."""

    code: str
    name: str
    script: str  # "Latin", "Cyrillic" or "Greek"
    order: str  # "SVO" or "SOV"
    adjective: str  # "before" or "after" the noun
    adposition: str  # "before" or "after" its noun phrase
    cases: bool  # endings for objects and places
    cognates: float
    names_kept: float
    documents: int
    resource: str  # "high", "mid" or "low"


LANGUAGE_INFO: dict[str, Language] = {
    info.code: info
    for info in (
        Language("en", "English", "Latin", "SVO", "before", "before", False, 1.0, 1.0, 20000, "high"),
        Language("xa", "Avaric", "Latin", "SVO", "before", "before", False, 0.3, 1.0, 20000, "high"),
        Language("xb", "Belmese", "Latin", "SVO", "after", "before", False, 0.3, 1.0, 20000, "high"),
        Language("xc", "Cirovian", "Cyrillic", "SVO", "before", "before", True, 0.2, 0.5, 10000, "mid"),
        Language("xd", "Dorunic", "Latin", "SOV", "before", "after", True, 0.1, 1.0, 10000, "mid"),
        Language("xe", "Elidian", "Greek", "SVO", "before", "before", False, 0.2, 0.5, 2500, "low"),
    )
}
LANGUAGES = tuple(LANGUAGE_INFO)

CYRILLIC = dict(zip("abcdefghijklmnopqrstuvwxyz", "а б ц д е ф г х и й к л м н о п щ р с т у в ш ж ы з".split(), strict=True))
GREEK = dict(zip("abcdefghijklmnopqrstuvwxyz", "α β ψ δ ε φ γ χ ι ϊ κ λ μ ν ο π ϋ ρ σ τ υ θ ω ξ η ζ".split(), strict=True))
LETTERS: dict[str, dict[str, str]] = {"Latin": {}, "Cyrillic": CYRILLIC, "Greek": GREEK}
SOUNDS = {  # consonants, vowels, closing consonants, and how borrowed words are respelled
    "xa": ("bdfgklmnprstvz", "aeiou", "nrsl", {"c": "k", "y": "i"}),
    "xb": ("bcdfglmnpqrstv", "aeiou", "nrsz", {"w": "v", "k": "c", "sh": "s"}),
    "xc": ("bdgklmnprstvzh", "aeiouy", "kmtv", {"w": "v", "th": "t"}),
    "xd": ("bcdgjklmnprstyz", "aeiou", "klmk", {"w": "v", "c": "k"}),
    "xe": ("bdfgklmnprstxz", "aeiou", "nsrx", {"c": "k", "w": "o"}),
}


@dataclass(frozen=True)
class Lexicon:
    """The written forms of a language."""

    nouns: dict[tuple[str, bool, str], str]  # (noun, plural, case): case is "", "object" or "place"
    adjectives: dict[str, str]
    verbs: dict[str, str]  # past forms, by stem; second verbs by their own stem
    facts: dict[str, str]
    times: dict[str, str]
    words: dict[str, str]
    names: dict[str, tuple[str, ...]]


def _syllables(rng: Random, sounds: tuple[str, str, str], count: int) -> str:
    consonants, vowels, closing = sounds
    word = ""
    for _ in range(count):
        word += consonants[int(rng.random() * len(consonants))] + vowels[int(rng.random() * len(vowels))]
    return word + (closing[int(rng.random() * len(closing))] if rng.random() < 0.4 else "")


@lru_cache(maxsize=1)
def _names() -> dict[str, tuple[str, ...]]:
    """Make the names, in Latin letters.

    Half of them have two words, and families and firms are often called after towns, so that a word alone does not tell what is
    named.
    """
    rng, used = generator("names 1"), set[str]()

    def fresh() -> str:
        while True:
            name = _syllables(rng, ("bdfgklmnprstvz", "aeiou", "nrsl"), 2 + (rng.random() < 0.4)).capitalize()
            if name not in used:
                used.add(name)
                return name

    places = [fresh() for _ in range(18)]
    towns: list[tuple[str, ...]] = [(place,) for place in places[:16]]
    towns += [("Port" if i % 2 else "Nova", places[i + 10]) for i in range(8)]
    given, family = [fresh() for _ in range(30)], places[:8] + [fresh() for _ in range(8)]
    people: list[tuple[str, ...]] = [(name,) for name in given[:20]]
    people += [(given[i + 10], family[i % 16]) for i in range(20)]
    owners = family[4:12] + [fresh() for _ in range(2)]
    firms: list[tuple[str, ...]] = [(owner, ("Group", "Works", "Trust")[i % 3]) for i, owner in enumerate(owners)]
    firms += [(fresh(),) for _ in range(6)]
    names = dict[str, tuple[str, ...]]()
    for keys, values in ((PEOPLE, people), (TOWNS, towns), (FIRMS, firms)):
        rng.shuffle(values)  # long and short names alike may be frequent
        names.update(zip(keys, values, strict=True))
    return names


def _english_plural(noun: str) -> str:
    return noun + ("es" if noun.endswith(("x", "sh", "s")) else "s")


def _english() -> Lexicon:
    verbs = {v.stem: v.past for v in VERBS.values()} | dict(v.synonym for v in VERBS.values() if v.synonym)
    return Lexicon(
        nouns={(n, many, case): _english_plural(n) if many else n for n in CLASS_OF for many in (False, True) for case in CASES},
        adjectives={word: word for a, b, _ in ANTONYMS for word in (a, b)},
        verbs=verbs,
        facts=dict(FACT_VERBS),
        times={time: time for time in TIMES},
        words={word: word for word in GRAMMAR_WORDS},
        names=_names(),
    )


CASES = ("", "object", "place")
HOMONYMS = (5, 2)  # nouns spelled like a verb's past, nouns spelled like an adjective


@cache
def lexicon(code: str) -> Lexicon:
    """Make the words of a language; they depend on its code alone. No two concepts of a language are spelled alike, except a few
    homonyms across word classes."""
    if code == "en":
        return _english()
    info, rng = LANGUAGE_INFO[code], generator("lexicon", code)
    consonants, vowels, closing, respell = SOUNDS[code]
    letters, used = LETTERS[info.script], set[str]()

    def written(word: str) -> str:
        return "".join(letters.get(letter, letter) for letter in word)

    def coin(syllables: int, english: str | None = None) -> str:
        for old, new in respell.items():
            english = english and english.replace(old, new)
        word = english if english and rng.random() < info.cognates else None
        while word is None or word in used:
            word = _syllables(rng, (consonants, vowels, closing), syllables)
        used.add(word)
        return word

    endings = {case: coin(1) if info.cases and case else "" for case in CASES}
    plural, past, present = coin(1)[:2], coin(1)[:2], coin(1)[:2]
    words = {word: written(coin(1)) for word in GRAMMAR_WORDS}
    roots = {noun: coin(2, noun) for noun in CLASS_OF}
    nouns = {
        (noun, many, case): written(root + (plural if many else "") + endings[case])
        for noun, root in roots.items()
        for many in (False, True)
        for case in CASES
    }
    adjectives = {word: written(coin(2, word)) for a, b, _ in ANTONYMS for word in (a, b)}
    stems = [stem for v in VERBS.values() for stem in (v.stem, *(v.synonym or ())[:1])]
    verbs = {stem: written(coin(2, stem) + past) for stem in stems}
    facts = {stem: written(coin(2, stem) + present) for stem in FACT_VERBS}
    times = {time: written(coin(2, time)) for time in TIMES}
    taken = rng.sample(sorted(roots), sum(HOMONYMS))
    for noun, stem in zip(taken, rng.sample(stems, HOMONYMS[0]), strict=False):
        verbs[stem] = nouns[noun, False, ""]
    for noun, adjective in zip(taken[HOMONYMS[0] :], rng.sample(sorted(adjectives), HOMONYMS[1]), strict=True):
        adjectives[adjective] = nouns[noun, False, ""]
    in_latin = {word: rng.random() < info.names_kept for word in sorted({w for name in _names().values() for w in name})}
    names = {
        key: tuple(word if in_latin[word] or not letters else written(word.lower()).capitalize() for word in name)
        for key, name in _names().items()
    }
    return Lexicon(nouns, adjectives, verbs, facts, times, words, names)
