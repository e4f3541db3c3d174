"""Add typing errors to examples, and list the edits.

Every word of a field draws a number and a seed from a generator that depends on the noise's seed, the language, the example's id
and the field. A word is changed if its number is below the rate: a higher rate changes the same words in the same way, and more.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import cast

from stilts_xtreme.noise import hangul
from stilts_xtreme.noise.dictionary import errors_of, replacements
from stilts_xtreme.noise.keyboard import keyboard
from stilts_xtreme.noise.settings import Noise
from stilts_xtreme.noise.slips import Units, is_letter, pop_random, random_slip, units
from stilts_xtreme.noise.words import is_eligible, spans
from stilts_xtreme.tasks.examples import Candidate, Choices, Example, Pair, Query, Question, Sentence, Tagged, Text

SEEDS = 2**53  # number of values of random()
REPLACEMENT = "replacement"  # the operation of the kind "dictionary"
Errors = Mapping[str, tuple[str, ...]]  # right word -> errors, of the kind "dictionary"


@dataclass(frozen=True, slots=True)
class Edit:
    """A changed word: its field ("options.2" is the third option), its index there, the word before and after."""

    field: str
    word: int
    operation: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class NoisyExample:
    """An example with noise; `words` counts all words, `eligible` those that may change, so the rate is `edits` / `eligible`."""

    example: Example
    edits: tuple[Edit, ...]
    words: int
    eligible: int


def perturb(examples: Sequence[Example], language: str, noise: Noise) -> tuple[Example, ...]:
    """Add noise to examples; ids, order, labels, tags, contexts and answers stay the same.

    Raises UserError for a file of errors that is not valid or lacks the language.
    """
    return tuple(add_noise(example, language, noise).example for example in examples)


def add_noise(example: Example, language: str, noise: Noise) -> NoisyExample:
    """Add noise to an example and list the edits; raises UserError like `perturb`."""
    language = language_of(example, language)
    errors = errors_of(noise.pairs, language) if noise.pairs else None
    edits: list[Edit] = []
    new_texts: dict[str, str | tuple[str, ...]] = {}
    words = eligible = 0
    for name, text in fields(example).items():
        generator = Random(_seed(noise.seed, language, example.id, name))
        changed = {}
        for i, word in enumerate(text if isinstance(text, tuple) else [text[start:end] for start, end in spans(text)]):
            chosen, seed = generator.random() < noise.rate, int(generator.random() * SEEDS)
            words += 1
            if not may_change(word, language, errors):
                continue
            eligible += 1
            if chosen:
                operation, changed[i] = _change(word, language, errors, Random(seed))
                edits.append(Edit(name, i, operation, word, changed[i]))
        if changed:
            new_texts[name] = _replace_words(text, changed)
    return NoisyExample(_with_texts(example, new_texts) if new_texts else example, tuple(edits), words, eligible)


def language_of(example: Example, language: str) -> str:
    """Return the language of the text to change: "de-en" (German context, English question) is English for a question, and so
    is the English side of a bitext."""
    if isinstance(example, Sentence) and example.side == "english":
        return "en"
    return language.rpartition("-")[2] if isinstance(example, Question) else language


def fields(example: Example) -> dict[str, str | tuple[str, ...]]:
    """Return field -> text that noise may change; tokens are a tuple of words. Raises TypeError for an unknown kind."""
    match example:
        case Pair():
            return {"first": example.first, **({} if example.second is None else {"second": example.second})}
        case Choices():
            return {"first": example.first, **{f"options.{i}": option for i, option in enumerate(example.options)}}
        case Tagged():
            return {"tokens": example.tokens}
        case Question():
            return {"question": example.question}  # the answers are spans of the context: it must stay as it is
        case Sentence() | Text() | Query() | Candidate():
            return {"text": example.text}
    raise TypeError(f"no kind of example: {type(example).__name__}")


def may_change(word: str, language: str, errors: Errors | None) -> bool:
    """Return whether the noise could change a word."""
    return bool(replacements(word, errors)) if errors is not None else _eligible_units(word, language) is not None


def _change(word: str, language: str, errors: Errors | None, generator: Random) -> tuple[str, str]:
    """Return the operation and the changed word."""
    if errors is not None:
        return REPLACEMENT, pop_random(list(replacements(word, errors)), generator)
    keys = _eligible_units(word, language)
    assert keys is not None
    slip = random_slip(keys, keyboard(language), generator)
    assert slip is not None, word  # with two letters or more, a letter can always be doubled
    operation, text = slip[0], "".join(slip[1])
    return operation, hangul.compose(text) if keyboard(language).jamo else text


@lru_cache(maxsize=1 << 16)
def _eligible_units(word: str, language: str) -> Units | None:
    """Return the key presses of an eligible word; None for any other.

    Korean that its keys would not compose again (loose jamo after a syllable) is not eligible: all of it would change.
    """
    board = keyboard(language)
    keys = hangul.to_keys(word) if board.jamo else word
    if board.jamo and hangul.compose(keys) != word:
        return None
    pressed = units(keys, board)
    return pressed if is_eligible(word, sum(map(is_letter, pressed))) else None


def _replace_words(text: str | tuple[str, ...], changed: Mapping[int, str]) -> str | tuple[str, ...]:
    if isinstance(text, tuple):
        return tuple(changed.get(i, word) for i, word in enumerate(text))
    parts, at = list[str](), 0
    for i, (start, end) in enumerate(spans(text)):
        parts += [text[at:start], changed.get(i, text[start:end])]
        at = end
    return "".join([*parts, text[at:]])


def _with_texts(example: Example, texts: Mapping[str, str | tuple[str, ...]]) -> Example:
    whole: dict[str, str | tuple[str, ...]] = {name: text for name, text in texts.items() if not name.startswith("options.")}
    if isinstance(example, Choices):
        whole["options"] = tuple(cast(str, texts.get(f"options.{i}", option)) for i, option in enumerate(example.options))
    return replace(example, **whole)  # type: ignore[arg-type]  # the fields that the texts were taken from


def _seed(*parts: int | str) -> int:
    """Return a seed that is the same on every machine and different for different parts, whatever they contain."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big")
