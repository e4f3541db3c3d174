"""A fixed sample of test examples: the same for every model and seed, and for the same ids in every language.

Examples are ordered by a hash of their ids, and the first are taken: a larger sample holds every smaller sample. Translations of
the same test set (XNLI, XQuAD, MLQA, XCOPA, PAWS-X) have the same ids in every language, and so the same sample.
What is asked is sampled, never what it is looked for among:

- Tatoeba: English sentences are the queries; every foreign sentence stays a candidate.
- BUCC: the foreign side is sampled, gold pairs and unpaired sentences in the same proportion; every English sentence stays a
  candidate, and an English sentence whose partner is not in the sample counts as unpaired.
- LAReQA and Mewsli-X: queries are sampled after their right answers in all languages are known; the pool stays whole.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from heapq import nsmallest
from typing import TypeVar, cast

from stilts_xtreme.tasks.examples import Example, Sentence
from stilts_xtreme.tasks.metrics import bucc_f1, gold_pairs
from stilts_xtreme.tasks.task import Task

E = TypeVar("E", bound=Example)


def sampled(task: Task, examples: Sequence[E], number: int | None) -> tuple[E, ...]:
    """Return at most `number` test examples (None: all) of a language, in their order; of a bitext as the module says."""
    if number is None:
        return tuple(examples)
    if task.head == "embedding":
        sentences, sample = cast(Sequence[Sentence], examples), _mined if task.metric is bucc_f1 else _queries
        return cast(tuple[E, ...], sample(sentences, number))
    chosen = _first((example.id for example in examples), number)
    return tuple(example for example in examples if example.id in chosen)


def _first(ids: Iterable[str], number: int) -> set[str]:
    return set(nsmallest(number, ids, key=lambda name: (hashlib.sha256(name.encode()).digest(), name)))


def _queries(examples: Sequence[Sentence], number: int) -> tuple[Sentence, ...]:
    """Sample a bitext whose English sentences are queries: those without a sampled partner lose their match."""
    chosen = _first((example.id for example in examples if example.side == "english"), number)
    sample = [example for example in examples if example.side == "foreign" or example.id in chosen]
    return tuple(
        replace(sentence, match=None) if sentence.side == "foreign" and sentence.match not in chosen else sentence
        for sentence in sample
    )


def _mined(examples: Sequence[Sentence], number: int) -> tuple[Sentence, ...]:
    """Sample a bitext that translations are mined in: `number` paired foreign sentences, the same share of the unpaired."""
    paired = {foreign for foreign, _ in gold_pairs(examples)}
    unpaired = [example.id for example in examples if example.side == "foreign" and example.id not in paired]
    share = min(1.0, number / max(len(paired), 1))
    chosen = _first(paired, number) | _first(unpaired, round(share * len(unpaired)))
    sample = [example for example in examples if example.side == "english" or example.id in chosen]
    return tuple(
        replace(sentence, match=None) if sentence.side == "english" and sentence.match not in chosen else sentence
        for sentence in sample
    )
