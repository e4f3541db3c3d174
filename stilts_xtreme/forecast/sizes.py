"""Estimate the examples, rows and tokens of data splits without reading them where possible.

Sources, in this order: the store's feature cache, committed figures (sizes.csv), sizes of the releases, and reading the data.
"""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from statistics import NormalDist, fmean

from stilts_xtreme.data import expected
from stilts_xtreme.data import read as data
from stilts_xtreme.store import CACHE, Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import texts
from stilts_xtreme.tasks.task import Task
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

FILE = Path(__file__).with_name("sizes.csv")
COUNTED, COMMITTED, RELEASED, READ = "counted", "committed", "release", "read"  # sources of a size
OTHER_LANGUAGE = 1.1  # tokens of another language per token of English, where only English was measured: an assumption
QUANTILES = [NormalDist().inv_cdf((i + 0.5) / 40) for i in range(40)]


@dataclass(frozen=True)
class SplitSize:
    """A split's examples, and its features, rows and tokens as a head encodes them.

    `source`: one of the constants above; `cached`: whether its features are in the store.
    """

    examples: float
    features: float
    rows: float
    tokens: float
    source: str
    cached: bool = False

    @property
    def length(self) -> float:
        """Mean tokens of a row."""
        return self.tokens / max(self.rows, 1e-9)

    def limited(self, examples: float | None) -> "SplitSize":
        """Return the size of at most so many examples (None: all)."""
        if examples is None or examples >= self.examples or not self.examples:
            return self
        share = examples / self.examples
        return replace(
            self, examples=examples, features=self.features * share, rows=self.rows * share, tokens=self.tokens * share
        )


@dataclass(frozen=True)
class RowLengths:
    """Rows of an example; mean tokens of an untruncated row, and the standard deviation of their logarithm."""

    rows: float
    tokens: float
    spread: float


@dataclass(frozen=True)
class Truncation:
    """A recipe's `max_length` and `doc_stride`."""

    max_length: int
    stride: int


class SplitSizes:
    """The sizes of the splits of a data source, and of those that a store has encoded."""

    def __init__(self, store: Store | None, where: data.Where):
        self.where = where
        self._examples_of: dict[tuple[str, ...], int] = {}
        self._features: dict[tuple[str | int | bool, ...], list[Mapping[str, float]]] = {}
        self._sizes: dict[tuple[str | int | bool, ...], SplitSize | None] = {}
        if store is not None:
            for folder in sorted((store.root / CACHE).glob("[0-9a-f]*")):
                self._add_cached(folder)

    def of(self, task: str, split: str, language: str, digest: str, truncation: Truncation, training: bool) -> SplitSize | None:
        """Return the size of a split; None where nothing is known about it."""
        stride = truncation.stride if TASKS[task].head == "span_qa" else 0
        key = task, split, language, digest, truncation.max_length, stride, training
        if key not in self._sizes:
            self._sizes[key] = self._size(task, split, language, digest, truncation, self._features.get(key))
        return self._sizes[key]

    def _size(
        self, name: str, split: str, language: str, digest: str, truncation: Truncation,
        cached: list[Mapping[str, float]] | None,
    ) -> SplitSize | None:  # fmt: skip
        task = TASKS[name]
        examples, source = self._examples_of.get((name, split, language, digest)), COUNTED
        if examples is None:
            examples, source = self._examples(task, split, language)
        if cached and examples is not None:
            features, rows, tokens = (
                examples * fmean(counts[key] / counts["examples"] for counts in cached) for key in ("features", "rows", "tokens")
            )
            return SplitSize(examples, features, rows, tokens, COUNTED, True)
        lengths = committed_lengths(data.nearest(task, self.where), name, split, language)
        if examples is None or lengths is None:
            if isinstance(data.nearest(task, self.where), data.Folder):
                return self._read(task, split, language, truncation)
            return None
        return encoded_size(task.head, examples, lengths, truncation, source)

    def _examples(self, task: Task, split: str, language: str) -> tuple[int | None, str]:
        """Return the number of examples, if known without reading, and its source."""
        place = data.nearest(task, self.where)
        if isinstance(place, data.Folder) and place.cut:
            return None, ""
        row = _row(place, task.name, split, language)
        if row and row["examples"]:
            return int(row["examples"]), COMMITTED
        if isinstance(place, data.Miniature):
            return None, ""
        name = "train" if split == "translated" else split
        code = "en" if split == "translated" else language
        parts = [expected.expected(part, name, code) for part in (task.name, *task.joins)]
        if split not in ("train", "translated"):
            parts = parts[:1]
        if any(part is None for part in parts):
            return None, ""
        sides = 2 if task.head == "embedding" else 1
        return sum(sides * part.number for part in parts if part), RELEASED

    def _read(self, task: Task, split: str, language: str, truncation: Truncation) -> SplitSize | None:
        """Read the split to count examples and measure rows; tokens are estimated from characters, see `_tokens`."""
        try:
            reading = data.read(task, split, language, self.where)
        except UserError:
            return None
        sample = reading.examples[:: max(1, len(reading.examples) // 300)]
        rows = [_tokens(row) for example in sample for row in texts(example)]
        spread = math.sqrt(fmean((math.log(size) - fmean(map(math.log, rows))) ** 2 for size in rows))
        lengths = RowLengths(len(rows) / len(sample), fmean(rows), spread)
        return encoded_size(task.head, len(reading.examples), lengths, truncation, READ)

    def _add_cached(self, folder: Path) -> None:
        """Take the counts of an entry of the cache; a damaged entry is ignored."""
        try:
            if (folder / "facts.json").is_file():
                content = json.loads((folder / "facts.json").read_bytes())
                self._examples_of[_split_key(content["of"]["facts"])] = int(content["facts"]["examples"])
                return
            content = json.loads((folder / "features.json").read_bytes())
            of, arrays = content["told"]["of"], content["arrays"]
            features, rows, tokens = (arrays[name][1][0] - less for name, less in (("bounds", 1), ("rows", 1), ("tokens", 0)))
            import numpy as np

            last = np.load(folder / "example.npy", mmap_mode="r", allow_pickle=False)[-1] if "example" in arrays else features - 1
            stride = of["limits"]["doc_stride"] if of["head"] == "span_qa" else 0
            key = (*_split_key(of), of["limits"]["max_length"], stride, of["training"])
            counts = {"examples": float(last) + 1, "features": features, "rows": rows, "tokens": tokens}
            self._features.setdefault(key, []).append(counts)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            pass


def encoded_size(head: str, examples: float, lengths: RowLengths, truncation: Truncation, source: str) -> SplitSize:
    """Return the size after the head's truncation, for log-normal row lengths.

    Long contexts (span QA) and long sentences (tagging) become several features.
    """
    longest = truncation.max_length
    sizes = [lengths.tokens * math.exp(lengths.spread * at - lengths.spread**2 / 2) for at in QUANTILES]
    if head == "span_qa":
        windows = [1 + max(0, math.ceil((size - longest) / truncation.stride)) for size in sizes]
        tokens = [min(size, longest) * count for size, count in zip(sizes, windows, strict=True)]
    elif head == "tagging":
        windows = [math.ceil(size / longest) for size in sizes]
        tokens = sizes
    else:
        windows, tokens = [1] * len(sizes), [min(size, longest) for size in sizes]
    features = examples * fmean(windows)
    return SplitSize(examples, features, features * lengths.rows, examples * lengths.rows * fmean(tokens), source)


def committed_lengths(place: data.Where, task: str, split: str, language: str) -> RowLengths | None:
    """Return the row lengths in `sizes.csv`, if any."""
    if (row := _row(place, task, split, language)) is None:
        return None
    factor = OTHER_LANGUAGE if row["language"] == "*" and language != "en" else 1.0
    return RowLengths(float(row["rows"]), float(row["tokens"]) * factor, float(row["spread"]))


def _tokens(text: str) -> float:
    """Estimate a text's tokens with its special tokens: 4.7 characters a token, 1.7 in scripts without spaces."""
    dense = sum(character >= "\u0e00" for character in text)
    return 3 + (len(text) - dense) / 4.7 + dense / 1.7


def _split_key(of: Record) -> tuple[str, ...]:
    """Return task, split, language and digest of a cache entry."""
    *versions, split, language, _, digest = of["reading"]
    return versions[0].rpartition(" ")[0], split, language, digest


def _row(place: data.Where, task: str, split: str, language: str) -> Mapping[str, str] | None:
    if isinstance(place, data.Miniature):
        from stilts_xtreme.data import miniature

        return _table().get((f"miniature {miniature.VERSION}", task, split, language))
    patterns = ((split, language), (split, "*"), ("*", "*"))
    return next((row for pattern in patterns if (row := _table().get(("release", task, *pattern)))), None)


@lru_cache(maxsize=1)
def _table() -> dict[tuple[str, str, str, str], Mapping[str, str]]:
    with open(FILE, encoding="utf-8", newline="") as file:
        return {(row["world"], row["task"], row["split"], row["language"]): row for row in csv.DictReader(file)}
