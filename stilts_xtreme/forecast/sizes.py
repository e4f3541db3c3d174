"""What readings come to before they are read: examples, rows, tokens; from the store's cache, from committed figures, or read."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Any

from stilts_xtreme.data import expected
from stilts_xtreme.data import read as data
from stilts_xtreme.errors import UserError
from stilts_xtreme.store import CACHE, Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import texts
from stilts_xtreme.tasks.task import Task

FILE = Path(__file__).with_name("sizes.csv")
COUNTED, COMMITTED, RELEASED, READ = "counted", "committed", "release", "read"
ELSEWHERE = 1.1  # tokens of a language other than English for one of English, where only English was looked at: assumed
DRAWS = [NormalDist().inv_cdf((i + 0.5) / 40) for i in range(40)]


@dataclass(frozen=True)
class Size:
    """A reading's examples, and features, rows and tokens as a head encodes them; `source` says how they are known.

    `cached`: whether its features stand in the store.
    """

    examples: float
    features: float
    rows: float
    tokens: float
    source: str
    cached: bool = False

    @property
    def length(self) -> float:
        """Tokens of a row."""
        return self.tokens / max(self.rows, 1e-9)

    def of(self, examples: float | None) -> "Size":
        """So many of its examples (None: all), if it has as many."""
        if examples is None or examples >= self.examples or not self.examples:
            return self
        share = examples / self.examples
        return replace(
            self, examples=examples, features=self.features * share, rows=self.rows * share, tokens=self.tokens * share
        )


@dataclass(frozen=True)
class Lengths:
    """Rows of an example, tokens of a row that is not cut: their mean, the deviation of their logarithm."""

    rows: float
    tokens: float
    spread: float


@dataclass(frozen=True)
class Cut:
    """How a stage cuts rows: `plan.Recipe`'s."""

    longest: int
    stride: int


class Sizes:
    """What the readings of one place come to, with what a store has encoded of them."""

    def __init__(self, store: Store | None, where: data.Where):
        self.where = where
        self._facts: dict[tuple[str, ...], int] = {}
        self._features: dict[tuple[Any, ...], list[Mapping[str, float]]] = {}
        self._known: dict[tuple[Any, ...], Size | None] = {}
        if store is not None:
            for folder in sorted((store.root / CACHE).glob("[0-9a-f]*")):
                self._take(folder)

    def of(self, task: str, split: str, language: str, digest: str, cut: Cut, training: bool) -> Size | None:
        """One reading; None where nothing is known of it."""
        key = task, split, language, digest, cut.longest, cut.stride if TASKS[task].head == "span_qa" else 0, training
        if key not in self._known:
            self._known[key] = self._found(*key[:4], cut, training, self._features.get(key))
        return self._known[key]

    def _found(
        self, task: str, split: str, language: str, digest: str, cut: Cut, training: bool, there: list[Mapping[str, float]] | None
    ) -> Size | None:
        about = TASKS[task]
        examples, source = self._facts.get((task, split, language, digest)), COUNTED
        if examples is None:
            examples, source = self._examples(about, split, language)
        if there and examples is not None:
            mean = {name: fmean(one[name] / one["examples"] for one in there) for name in ("features", "rows", "tokens")}
            return Size(examples, *(examples * mean[name] for name in ("features", "rows", "tokens")), COUNTED, True)
        lengths = committed(data.nearest(about, self.where), task, split, language)
        if examples is None or lengths is None:
            if isinstance(data.nearest(about, self.where), data.Folder):
                return self._read(about, split, language, cut)
            return None
        return encoded(about.head, examples, lengths, cut, source)

    def _examples(self, task: Task, split: str, language: str) -> tuple[int | None, str]:
        """How many there are, and how that is known."""
        place = data.nearest(task, self.where)
        if isinstance(place, data.Folder) and place.cut:
            return None, ""
        found = _row(place, task.name, split, language)
        if found and found["examples"]:
            return int(found["examples"]), COMMITTED
        if isinstance(place, data.Miniature):
            return None, ""
        name = "train" if split == "translated" else split
        parts = [expected.expected(one, name, "en" if split == "translated" else language) for one in (task.name, *task.joins)]
        if split not in ("train", "translated"):
            parts = parts[:1]
        if any(part is None for part in parts):
            return None, ""
        sides = 2 if task.head == "embedding" else 1
        return sum(sides * part.number for part in parts if part), RELEASED

    def _read(self, task: Task, split: str, language: str, cut: Cut) -> Size | None:
        """Examples counted and rows measured by reading them; tokens of so many characters as `_tokens` says."""
        try:
            reading = data.read(task, split, language, self.where)
        except UserError:
            return None
        some = reading.examples[:: max(1, len(reading.examples) // 300)]
        rows = [_tokens(row) for example in some for row in texts(example)]
        spread = math.sqrt(fmean((math.log(size) - fmean(map(math.log, rows))) ** 2 for size in rows))
        lengths = Lengths(len(rows) / len(some), fmean(rows), spread)
        return encoded(task.head, len(reading.examples), lengths, cut, READ)

    def _take(self, folder: Path) -> None:
        """Note what a folder of the cache says of a reading; one that is damaged says nothing."""
        try:
            if (folder / "facts.json").is_file():
                told = json.loads((folder / "facts.json").read_bytes())
                self._facts[_reading(told["of"]["facts"])] = int(told["facts"]["examples"])
                return
            told = json.loads((folder / "features.json").read_bytes())
            of, arrays = told["told"]["of"], told["arrays"]
            features, rows, tokens = (arrays[name][1][0] - less for name, less in (("bounds", 1), ("rows", 1), ("tokens", 0)))
            import numpy as np

            last = np.load(folder / "example.npy", mmap_mode="r", allow_pickle=False)[-1] if "example" in arrays else features - 1
            stride = of["limits"]["doc_stride"] if of["head"] == "span_qa" else 0
            key = (*_reading(of), of["limits"]["max_length"], stride, of["training"])
            found = {"examples": float(last) + 1, "features": features, "rows": rows, "tokens": tokens}
            self._features.setdefault(key, []).append(found)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            pass


def encoded(head: str, examples: float, lengths: Lengths, cut: Cut, source: str) -> Size:
    """Rows cut as the head cuts them: long contexts (span QA) and long sentences (tags) become several features."""
    drawn = [lengths.tokens * math.exp(lengths.spread * at - lengths.spread**2 / 2) for at in DRAWS]
    if head == "span_qa":
        windows = [1 + max(0, math.ceil((size - cut.longest) / cut.stride)) for size in drawn]
        held = [min(size, cut.longest) * count for size, count in zip(drawn, windows, strict=True)]
    elif head == "tagging":
        windows = [math.ceil(size / cut.longest) for size in drawn]
        held = drawn
    else:
        windows, held = [1] * len(drawn), [min(size, cut.longest) for size in drawn]
    features = examples * fmean(windows)
    return Size(examples, features, features * lengths.rows, examples * lengths.rows * fmean(held), source)


def committed(place: data.Where, task: str, split: str, language: str) -> Lengths | None:
    """Lengths from `sizes.csv`."""
    if (row := _row(place, task, split, language)) is None:
        return None
    longer = ELSEWHERE if row["language"] == "*" and language != "en" else 1.0
    return Lengths(float(row["rows"]), float(row["tokens"]) * longer, float(row["spread"]))


def _tokens(text: str) -> float:
    """Tokens of a text with its special ones, by a rule of thumb: 4.7 letters to a token, 1.7 where words are not spaced."""
    dense = sum(character >= "\u0e00" for character in text)
    return 3 + (len(text) - dense) / 4.7 + dense / 1.7


def _reading(of: Mapping[str, Any]) -> tuple[str, ...]:
    """Task, split, language and digest of what a cache entry is of."""
    *versions, split, language, _, digest = of["reading"]
    return versions[0].rpartition(" ")[0], split, language, digest


def _row(place: data.Where, task: str, split: str, language: str) -> Mapping[str, str] | None:
    if isinstance(place, data.Miniature):
        from stilts_xtreme.data import miniature

        return _table().get((f"miniature {miniature.VERSION}", task, split, language))
    ways = ((split, language), (split, "*"), ("*", "*"))
    return next((row for way in ways if (row := _table().get(("release", task, *way)))), None)


@lru_cache(maxsize=1)
def _table() -> dict[tuple[str, str, str, str], Mapping[str, str]]:
    with open(FILE, encoding="utf-8", newline="") as file:
        return {(row["world"], row["task"], row["split"], row["language"]): row for row in csv.DictReader(file)}
