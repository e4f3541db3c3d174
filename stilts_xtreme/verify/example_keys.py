"""Find equal examples by a hash of all the text that a head reads of them."""

import hashlib
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from stilts_xtreme.tasks.examples import Choices, Example, Pair, Query, Question, Sentence, Tagged, Text

SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class ExampleKey:
    """An example's id, the hash of its folded text, and the letters it is computed from."""

    id: str
    key: bytes
    letters: int


def fold(text: str) -> str:
    """Normalize to NFKC, fold case, and remove white space, punctuation and control characters."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _removed_characters().sub("", folded)


def example_keys(examples: Sequence[Example]) -> Iterator[ExampleKey]:
    """Yield the key of each example with text, independent of its label; of a bitext, of each translation pair."""
    for name, fields in _fields(examples):
        folded = [fold(field) for field in fields]
        if any(folded):
            key = hashlib.blake2b(SEPARATOR.join(folded).encode(), digest_size=12).digest()
            yield ExampleKey(name, key, sum(map(len, folded)))


def _fields(examples: Sequence[Example]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (id, texts) of each example; texts that may be swapped are sorted."""
    for example in examples:
        match example:
            case Pair():
                yield example.id, tuple(sorted(text for text in (example.first, example.second) if text is not None))
            case Choices():
                yield example.id, (example.first, *sorted(example.options))
            case Tagged():
                yield example.id, (" ".join(example.tokens),)
            case Question():
                yield example.id, (example.question, example.context)
            case Query() | Text():
                yield example.id, (example.text,)
    sentences = [example for example in examples if isinstance(example, Sentence)]
    if sentences:
        from stilts_xtreme.tasks.metrics import gold_pairs

        texts = {example.id: example.text for example in sentences}
        for foreign, english in sorted(gold_pairs(sentences)):
            if foreign in texts and english in texts:
                yield foreign, (texts[foreign], texts[english])


@lru_cache(maxsize=1)
def _removed_characters() -> re.Pattern[str]:
    """Match punctuation, separators, control and format characters; unassigned code points stay."""
    categories = ((chr(code), unicodedata.category(chr(code))) for code in range(sys.maxunicode + 1))
    removed = [character for character, category in categories if category not in ("Cn", "Co", "Cs") and category[0] in "PZC"]
    return re.compile(f"[{re.escape(''.join(removed))}]+")
