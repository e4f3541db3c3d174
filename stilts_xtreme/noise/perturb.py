"""Examples with typing errors in them, and what was done to each.

Every word of a field draws one number and one seed of its own from a generator that depends on the noise's seed, the language,
the example's id and the field. A word is changed if its number is below the rate: a higher rate changes the same words in the
same way, and more of them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

from stilts_xtreme.noise import hangul
from stilts_xtreme.noise.keyboard import keyboard
from stilts_xtreme.noise.pairs import errors_of
from stilts_xtreme.noise.pairs import replaced as replacements
from stilts_xtreme.noise.settings import Noise
from stilts_xtreme.noise.slips import Units, is_letter, slipped, taken, units
from stilts_xtreme.noise.words import choosable, spans
from stilts_xtreme.tasks.examples import Candidate, Choices, Example, Pair, Query, Question, Sentence, Tagged, Text

SEEDS = 2**53  # as many as random() has values
REPLACEMENT = "replacement"  # the operation of the kind "dictionary"


@dataclass(frozen=True, slots=True)
class Edit:
    """One changed word: the field it stands in ("options.2" is the third option), its index there, before and after."""

    field: str
    word: int
    operation: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Noised:
    """An example after the noise; `edits` / `choosable` is the rate that was reached, `words` counts all words looked at."""

    example: Example
    edits: tuple[Edit, ...]
    words: int
    choosable: int


def perturb(examples: Sequence[Example], language: str, noise: Noise) -> tuple[Example, ...]:
    """The examples with noise in them: the same ids in the same order, labels, tags, contexts and answers untouched."""
    return tuple(noised(example, language, noise).example for example in examples)


def changes(example: Example, language: str, noise: Noise) -> tuple[Edit, ...]:
    """What the noise does to an example."""
    return noised(example, language, noise).edits


def noised(example: Example, language: str, noise: Noise) -> Noised:
    """An example with noise in it, and what was done."""
    language = written_in(example, language)
    errors = errors_of(noise.pairs, language) if noise.pairs else None
    edits: list[Edit] = []
    made, words, able = {}, 0, 0
    for name, text in fields(example).items():
        generator = Random(_seed(noise.seed, language, example.id, name))
        found = list(text) if isinstance(text, tuple) else [text[start:end] for start, end in spans(text)]
        changed = {}
        for i, word in enumerate(found):
            chosen, seed = generator.random() < noise.rate, int(generator.random() * SEEDS)
            words += 1
            if not may_change(word, language, errors):
                continue
            able += 1
            if chosen:
                operation, changed[i] = _changed(word, language, errors, Random(seed))
                edits.append(Edit(name, i, operation, word, changed[i]))
        if changed:
            made[name] = _rebuilt(text, changed)
    return Noised(_with(example, made) if made else example, tuple(edits), words, able)


def written_in(example: Example, language: str) -> str:
    """The language of what is changed: of "de-en" (German context, English question) the question's, and the English side's
    sentences are English."""
    if isinstance(example, Sentence) and example.side == "english":
        return "en"
    return language.rpartition("-")[2] if isinstance(example, Question) else language


def fields(example: Example) -> dict[str, str | tuple[str, ...]]:
    """The texts that noise may change, by name; tokens come as a tuple, each of them a word."""
    match example:
        case Pair():
            return {"first": example.first, "second": example.second}
        case Choices():
            return {"first": example.first, **{f"options.{i}": option for i, option in enumerate(example.options)}}
        case Tagged():
            return {"tokens": example.tokens}
        case Question():
            return {"question": example.question}  # the answers are spans of the context: it must stay as it is
        case Sentence() | Text() | Query() | Candidate():
            return {"text": example.text}
    raise TypeError(f"no kind of example: {type(example).__name__}")


def may_change(word: str, language: str, errors: Mapping[str, tuple[str, ...]] | None) -> bool:
    """Whether the noise could change a word if it were chosen."""
    return bool(replacements(word, errors)) if errors is not None else _pressed(word, language) is not None


def _changed(word: str, language: str, errors: Mapping[str, tuple[str, ...]] | None, generator: Random) -> tuple[str, str]:
    if errors is not None:
        return REPLACEMENT, taken(list(replacements(word, errors)), generator)
    pressed = _pressed(word, language)
    assert pressed is not None
    found = slipped(pressed, keyboard(language), generator)
    assert found is not None, word  # two letters or more: one of them can be doubled
    text = "".join(found[1])
    return found[0], hangul.composed(text) if keyboard(language).jamo else text


@lru_cache(maxsize=1 << 16)
def _pressed(word: str, language: str) -> Units | None:
    """The key presses of a word that may be changed; None for any other.

    Korean that is not what its keys would give (loose jamo after a syllable) is left alone: all of it would change.
    """
    board = keyboard(language)
    keys = hangul.presses(word) if board.jamo else word
    if board.jamo and hangul.composed(keys) != word:
        return None
    found = units(keys, board)
    return found if choosable(word, sum(map(is_letter, found))) else None


def _rebuilt(text: str | tuple[str, ...], changed: Mapping[int, str]) -> str | tuple[str, ...]:
    if isinstance(text, tuple):
        return tuple(changed.get(i, word) for i, word in enumerate(text))
    made, at = [], 0
    for i, (start, end) in enumerate(spans(text)):
        made += [text[at:start], changed.get(i, text[start:end])]
        at = end
    return "".join([*made, text[at:]])


def _with(example: Example, made: Mapping[str, str | tuple[str, ...]]) -> Example:
    whole = {name: value for name, value in made.items() if not name.startswith("options.")}
    if isinstance(example, Choices):
        whole["options"] = tuple(made.get(f"options.{i}", option) for i, option in enumerate(example.options))  # type: ignore[misc]
    return replace(example, **whole)  # type: ignore[arg-type]


def _seed(*parts: int | str) -> int:
    """A number for a random generator, the same on every machine; parts are kept apart, whatever they contain."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big")
