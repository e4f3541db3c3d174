"""Synthetic data with the lengths of real tasks: what a benchmark of speed needs of text is how long and how varied it is.

Lengths are log-normal. Token ids follow Zipf's law over `WORDS` ids that lie scattered through the whole vocabulary, so
that a stage's data touches about 35,000 of XLM-R's 250,002 ids, as English text does.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

WORDS = 38_000
FIRST = 4  # ids below are <s>, <pad>, </s>, <unk>; the last one of all is <mask>
BEGIN, END = 0, 2

# Sub-words that XNLI's languages need beside English (1.0), roughly: the same sentences are longer in some of them.
LANGUAGES = {
    "en": 1.0, "ar": 1.1, "bg": 1.1, "de": 1.1, "el": 1.2, "es": 1.05, "fr": 1.15, "hi": 1.15,
    "ru": 1.1, "sw": 1.1, "th": 1.1, "tr": 1.05, "ur": 1.2, "vi": 1.15, "zh": 0.95,
}  # fmt: skip


@dataclass(frozen=True)
class Lengths:
    """Log-normal lengths in tokens, special ones included: mean before the cut, deviation of the logarithm, the cut."""

    mean: float
    spread: float
    longest: int

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        """`count` lengths of at least 8 tokens."""
        found = random.lognormal(np.log(self.mean) - self.spread**2 / 2, self.spread, count)
        return np.clip(np.rint(found), 8, self.longest).astype(int)


LENGTHS = {
    "mnli": Lengths(41, 0.5, 128),  # a pair of sentences
    "squad": Lengths(172, 0.4, 384),  # a question and a paragraph, or a window of one
    "miniature": Lengths(24, 0.35, 128),  # the sentences of the miniature world
    "short": Lengths(20, 0.5, 48),  # for parity, where lengths must differ but need not be long
    "tiny": Lengths(12, 0.3, 20),  # for tests
}


def rows(lengths: Lengths, count: int, vocab_size: int, seed: int) -> list[list[int]]:
    """`count` rows `<s> ids </s>` of those lengths."""
    random = np.random.default_rng([seed, 201])
    free = np.arange(FIRST, vocab_size - 1)
    words = random.permutation(free)[:WORDS]
    share = 1 / np.arange(1, len(words) + 1)
    sizes = lengths.draw(count, random)
    drawn = words[np.searchsorted(np.cumsum(share / share.sum()), random.random(int((sizes - 2).sum())))]
    cuts = np.split(drawn, np.cumsum(sizes - 2)[:-1])
    return [[BEGIN, *cut.tolist(), END] for cut in cuts]


def features(head: str, lengths: Lengths, count: int, vocab_size: int, labels: int, seed: int) -> list[dict[str, Any]]:
    """`count` features as the head's `encode` gives them, their targets drawn at random."""
    random = np.random.default_rng([seed, 202])
    if head == "multiple_choice":  # four rows an example
        every = rows(lengths, 4 * count, vocab_size, seed)
        return [{"rows": every[4 * i : 4 * i + 4], "example": i, "target": int(random.integers(4))} for i in range(count)]
    drawn = rows(lengths, count, vocab_size, seed)
    return [{"rows": [row], "example": i} | _target(head, row, labels, random) for i, row in enumerate(drawn)]


def _target(head: str, row: list[int], labels: int, random: np.random.Generator) -> dict[str, Any]:
    if head == "mlm":
        return {"mask_rate": 0.15}
    if head == "span_qa":
        start = int(random.integers(1, len(row) - 1))
        return {"start": start, "end": min(start + int(random.integers(0, 8)), len(row) - 2)}
    if head == "tagging":  # two sub-words a word
        positions = list(range(1, len(row) - 1, 2))
        return {"positions": positions, "targets": random.integers(labels, size=len(positions)).tolist()}
    return {"target": int(random.integers(labels))}


def in_languages(lengths: Lengths, count: int, vocab_size: int, labels: int, seed: int) -> list[list[dict[str, Any]]]:
    """`count` classification features for each of the fifteen languages."""
    longer = [Lengths(lengths.mean * factor, lengths.spread, lengths.longest) for factor in LANGUAGES.values()]
    return [features("classification", one, count, vocab_size, labels, seed + i) for i, one in enumerate(longer)]
