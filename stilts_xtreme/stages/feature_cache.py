"""Splits and their features from the store's cache, computed once for all stages, seeds and processes."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

from stilts_xtreme.data import expected, parallel
from stilts_xtreme.data import read as data
from stilts_xtreme.data.counts import described
from stilts_xtreme.noise import Noise, perturb
from stilts_xtreme.stages.events import Progress
from stilts_xtreme.stages.lineage import dataset_record, read_checked
from stilts_xtreme.stages.retrieval_splits import build_pool, gold_of_dev
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Candidate, Example, Query, plain, restored
from stilts_xtreme.tasks.sample import sampled
from stilts_xtreme.utils import ranks
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

if TYPE_CHECKING:  # facts alone are asked for without torch
    from stilts_xtreme.engine import features as columns
    from stilts_xtreme.models.heads import Limits
    from stilts_xtreme.models.heads.common import Tokenizer

PORTION = 10_000  # examples encoded at a time: as lists they are ten times the size of their columns
EXAMPLES, FACTS = "examples.json", "facts.json"
FACTS_CODE = 2  # part of every cache key: raise it when what is recorded of a reading, or refused, changes

_ANNOUNCED: set[str] = set()  # lines about splits that this process has shown

T = TypeVar("T")
SplitKey = tuple[str, str, str]  # task, split, language
CacheEntry = tuple[str, Callable[[Path], Record], Callable[[Path], None]]  # of the cache: key, load, make


@dataclass(frozen=True)
class EncodedSplit:
    """The features of a split, and what a result records of its reading; `examples()` reads their examples anew at every call.

    `stats` also has the number of the features' `tokens` without special ones, the share of them that is `unknown`, and how many
    examples a sample has (`sampled`).
    """

    stats: Record
    features: "columns.Features"
    examples: Callable[[], Sequence[Example]]


@dataclass(frozen=True)
class FeatureCache:
    """Loads a stage's data; what any stage has read or encoded before comes from the cache.

    `tokenizer` is the stage's tokenizer. `held` are splits in memory; each is released once its features are cached. `progress`
    gets notes on slow work and damage.
    """

    store: Store
    where: data.Where
    tokenizer: "Tokenizer"
    limits: "Limits"
    progress: Progress
    held: dict[SplitKey, data.Reading] = field(default_factory=dict)

    def facts(self, *split_key: str) -> Record:
        """Return what a result records of the split (`lineage.dataset_record`); UserError where `read_checked` refuses it."""
        key, load, make = self.entry(*split_key)
        return self._cached(key, load, make)

    def entry(self, *split_key: str) -> CacheEntry:
        """Return the cache's entry for the dataset record of a split: its key, and the functions that load and make it."""
        task, split, language = split_key
        identity = {"facts": self._identity(task, split, language)}

        def make(folder: Path) -> None:
            reading = self._reading(task, split, language, identity["facts"])
            _write(folder / FACTS, {"of": identity, "facts": dataset_record(task, split, language, reading, self.where)})

        return _key(identity), partial(_facts, identity=identity), make

    def together_entry(self, task: str, languages: Sequence[str]) -> CacheEntry:
        """Return the entry for the check of splits that a retrieval evaluation takes together (see `pool`), without a record."""
        beside = [("dev", code) for code in languages] if TASKS[task].head == "embedding" else []
        beside += [("pool", code) for code in TASKS[task].pools(tuple(languages))]
        split_keys = [(task, split, code) for split, code in [("test", code) for code in languages] + beside]
        identity = {"together": [self._identity(*split_key) for split_key in split_keys]}

        def make(folder: Path) -> None:
            examples: dict[str, dict[str, Sequence[Example]]] = {"test": {}, "dev": {}, "pool": {}}
            for split_key, read in zip(split_keys, identity["together"], strict=True):
                examples[split_key[1]][split_key[2]] = self._reading(*split_key, read).examples
            for code, dev in examples["dev"].items():
                gold_of_dev(task, code, dev, examples["test"][code])
            if examples["pool"]:
                queries = cast(Mapping[str, Sequence[Query]], examples["test"])
                build_pool(TASKS[task], queries, cast(Mapping[str, Sequence[Candidate]], examples["pool"]))
            _write(folder / FACTS, {"of": identity, "facts": {}})

        return _key(identity), partial(_facts, identity=identity), make

    def encoded(
        self,
        *split_key: str,
        head: str,
        labels: tuple[str, ...],
        training: bool,
        chosen: Sequence[int] | np.ndarray | None = None,
        noise: Noise | None = None,
        sample: int | None = None,
    ) -> EncodedSplit:
        """Return the features of a split, or of its `chosen` examples in this order, or of a `sample` of so many test examples.

        `noise` is put into their inputs. Examples are stored for splits that are scored, not for training. UserError as `facts`.
        """
        from stilts_xtreme.engine import features as columns

        task, split, language = split_key
        stats = self.facts(task, split, language)
        identity = {
            "features": columns.CODE,
            **self._identity(task, split, language),
            "head": head,
            "tokenizer": self._tokenizer,
            "labels": list(labels),
            "limits": vars(self.limits),
            "training": training,
            **({} if noise is None else {"noise": noise.identity()}),
            **({} if sample is None else {"sample": sample}),
            "chosen": None if chosen is None else hashlib.sha256(np.asarray(chosen, np.int64).tobytes()).hexdigest(),
        }

        def make(folder: Path) -> None:
            self.progress.note(f"encoding {task} {split} {language}")
            examples = self._reading(task, split, language, identity).examples
            if chosen is not None:
                examples = tuple(examples[i] for i in chosen)
            examples = sampled(TASKS[task], examples, sample)
            if noise is not None:
                examples = perturb(examples, language, noise)
            _write(folder / EXAMPLES, plain(() if training else examples))
            beside: Record = {} if sample is None else {"sampled": len(examples)}
            beside |= {"of": identity, EXAMPLES: (folder / EXAMPLES).stat().st_size, "tokens": 0, "unknown": 0}
            columns.save(folder, self._portions(head, examples, labels, training, beside), beside)

        key = _key(identity)
        features, beside = self._cached(key, partial(_features, identity=identity), make)
        self.held.pop((task, split, language), None)
        stats = {**stats, "tokens": beside["tokens"], "unknown": beside["unknown"] / max(beside["tokens"], 1)}
        if sample is not None:
            stats["sampled"] = beside["sampled"]
        self._say_once(stats)
        return EncodedSplit(stats, features, lambda: restored(_read(self.store.cache(key) / EXAMPLES)))

    def _say_once(self, stats: Record) -> None:
        """Show what was read, once in this process for stages that read the same."""
        if ranks.first() and (line := described(stats)) not in _ANNOUNCED:
            _ANNOUNCED.add(line)
            self.progress.say(line)

    def _cached(self, key: str, load: Callable[[Path], T], make: Callable[[Path], None]) -> T:
        """Load the entry under `key`, or make it; of several processes only the first makes it."""
        return ranks.after_first(lambda: self.store.cached(key, load, make, self.progress.say))

    @cached_property
    def _tokenizer(self) -> str:
        from stilts_xtreme.engine.tokenizer import fingerprint

        return fingerprint(self.tokenizer)

    def _portions(
        self, head: str, examples: Sequence[Example], labels: tuple[str, ...], training: bool, counts: Record
    ) -> Iterator[list["columns.Feature"]]:
        """Yield the features of `PORTION` examples at a time; adds their numbers of `tokens` and `unknown` tokens to `counts`."""
        from stilts_xtreme.models.heads import HEADS

        unknown = self.tokenizer.unk_token_id
        special = np.setdiff1d(self.tokenizer.all_special_ids, [] if unknown is None else [unknown])
        for begin in range(0, len(examples), PORTION):
            features = HEADS[head].encode(examples[begin : begin + PORTION], self.tokenizer, labels, self.limits, training)
            ids = np.fromiter((token for feature in features for row in feature["rows"] for token in row), np.int64)
            counts["tokens"] += int(np.isin(ids, special, invert=True).sum())
            counts["unknown"] += 0 if unknown is None else int((ids == unknown).sum())
            yield [{**feature, "example": feature["example"] + begin} for feature in features]

    def _identity(self, task: str, split: str, language: str) -> Record:
        """Return all that decides what the reading holds, what is recorded of it, and whether it would be refused."""
        arguments = TASKS[task], split, language, self.where
        versions = [f"{name} {TASKS[name].version}" for name in (task, *TASKS[task].joins)]
        expected_size = expected.binding(*arguments)
        return {
            "facts": FACTS_CODE,
            "reading": [*versions, split, language, data.source(*arguments), data.digest(*arguments)],
            "expected": None
            if expected_size is None
            else [expected_size.counted, expected_size.number, sorted(expected_size.labels.items())],
            **({"licence": TASKS[task].licence} if TASKS[task].described else {}),  # which is recorded
            "parallel": [list(pair) for pair in parallel.digests(TASKS[task], split, self.where)],
        }

    def _reading(self, task: str, split: str, language: str, identity: Record) -> data.Reading:
        """Read the split with this identity; UserError if the data changed since the identity was computed."""
        if (task, split, language) not in self.held:
            self.held[task, split, language] = read_checked(task, split, language, self.where)
        reading = self.held[task, split, language]
        if [reading.source, reading.digest] != identity["reading"][-2:]:
            del self.held[task, split, language]
            raise UserError(f"{task} {split} {language} ({reading.source}): the data changed while it was read; run again")
        return reading


def _key(identity: Record) -> str:
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _features(folder: Path, identity: Record) -> tuple["columns.Features", Record]:
    from stilts_xtreme.engine import features as columns

    features, beside = columns.load(folder)
    if beside["of"] != identity or beside[EXAMPLES] != (folder / EXAMPLES).stat().st_size:
        raise ValueError("features of something else")
    if not all(type(beside[count]) is int for count in ("tokens", "unknown")):
        raise ValueError("features without counts of their tokens")
    return features, beside


def _facts(folder: Path, identity: Record) -> Record:
    content = _read(folder / FACTS)
    if content["of"] != identity:
        raise ValueError("facts of something else")
    return content["facts"]


def _read(path: Path) -> Record:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, content: Record) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
