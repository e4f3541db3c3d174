"""What makes two examples the same: a hash of all the text that a head reads of them."""

import hashlib
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from stilts_xtreme.tasks.examples import Choices, Pair, Query, Question, Sentence, Tagged, Text

BETWEEN = "\x1f"


@dataclass(frozen=True, slots=True)
class Told:
    """An example by what it says: the hash, and how many letters it is made from."""

    id: str
    key: bytes
    letters: int


def fold(text: str) -> str:
    """NFKC, casefolded, without white space, punctuation and control characters."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _between_words().sub("", folded)


def told(examples: Sequence[Any]) -> Iterator[Told]:
    """Each example that has text of its own, whatever its label; of a bitext the pairs that are translations."""
    for name, fields in _fields(examples):
        folded = [fold(field) for field in fields]
        if any(folded):
            key = hashlib.blake2b(BETWEEN.join(folded).encode(), digest_size=12).digest()
            yield Told(name, key, sum(map(len, folded)))


def _fields(examples: Sequence[Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What counts as the whole of an example, by kind; the order of what may be swapped does not matter."""
    for example in examples:
        match example:
            case Pair():
                yield example.id, tuple(sorted((example.first, example.second)))
            case Choices():
                yield example.id, (example.first, *sorted(example.options))
            case Tagged():
                yield example.id, (" ".join(example.tokens),)
            case Question():
                yield example.id, (example.question, example.context)
            case Query() | Text():
                yield example.id, (example.text,)
    if examples and isinstance(examples[0], Sentence):
        from stilts_xtreme.tasks.metrics import gold_pairs

        texts = {example.id: example.text for example in examples}
        for foreign, english in sorted(gold_pairs(examples)):
            if foreign in texts and english in texts:
                yield foreign, (texts[foreign], texts[english])


@lru_cache(maxsize=1)
def _between_words() -> re.Pattern[str]:
    dropped = "PZC"  # punctuation, separators, control and format characters; not those that are no character at all
    found = (chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) not in ("Cn", "Co", "Cs")
             and unicodedata.category(chr(code))[0] in dropped)  # fmt: skip
    return re.compile(f"[{re.escape(''.join(found))}]+")
