"""Encoded examples as flat arrays: written while they are encoded, read as memory-mapped files."""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from itertools import chain, pairwise
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, overload

import numpy as np

from stilts_xtreme.models.heads.common import Feature
from stilts_xtreme.utils.bounded_io import Record

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

CODE = 2  # part of every cache key: raise it when a head encodes otherwise, or when these files change
INDEX = "features.json"
SMALL = 1 << 18  # bytes: smaller files are read, since every mapped one keeps a file open
NONE = -1  # number of a missing text


class Features(Sequence[Feature]):
    """Features held as columns; `features[i]` is a mapping of views into them.

    `rows` are int32 arrays; what a head adds comes back as it was given: whole numbers, fractions, texts (or None), lists of
    whole numbers as arrays [k], lists of pairs as arrays [k, 2]. `vocabulary`: the token ids that occur, sorted.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], kinds: Mapping[str, str]):
        self._tokens, self._rows, self._bounds = (arrays[name] for name in ("tokens", "rows", "bounds"))
        self.vocabulary = arrays["vocabulary"]
        self._columns = {key: _READERS[kind](key, arrays) for key, kind in kinds.items()}

    def __len__(self) -> int:
        return len(self._bounds) - 1

    @overload
    def __getitem__(self, i: int) -> Feature: ...
    @overload
    def __getitem__(self, i: slice) -> "Chosen": ...
    def __getitem__(self, i: int | slice) -> "Feature | Chosen":
        if isinstance(i, slice):
            return Chosen(self, range(len(self))[i])
        i = range(len(self))[i]
        ends = self._rows[self._bounds[i] : self._bounds[i + 1] + 1].tolist()
        feature: dict[str, Any] = {"rows": [self._tokens[begin:end] for begin, end in pairwise(ends)]}
        for key, column in self._columns.items():
            feature[key] = column(i)
        return feature

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each feature's longest row [features]."""
        sizes = np.diff(self._rows)
        return np.maximum.reduceat(sizes, self._bounds[:-1]) if len(self) else sizes


class Chosen(Sequence[Feature]):
    """Some of the features, in the order of `indices`; nothing is copied."""

    def __init__(self, whole: "Features | Joined | Chosen", indices: Sequence[int] | np.ndarray):
        self._whole, self._indices = whole, indices

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, i: int) -> Feature: ...
    @overload
    def __getitem__(self, i: slice) -> "Chosen": ...
    def __getitem__(self, i: int | slice) -> "Feature | Chosen":
        return Chosen(self._whole, self._indices[i]) if isinstance(i, slice) else self._whole[self._indices[i]]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each feature's longest row [features]."""
        return self._whole.lengths[np.asarray(self._indices, dtype=np.int64)]


class Joined(Sequence[Feature]):
    """Features of several splits, such as languages, in a row; nothing is copied."""

    def __init__(self, parts: "Iterable[Features | Joined]"):
        self._parts = tuple(parts)
        self._starts = [0, *np.cumsum([len(part) for part in self._parts]).tolist()]

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, i: int) -> Feature: ...
    @overload
    def __getitem__(self, i: slice) -> "Chosen": ...
    def __getitem__(self, i: int | slice) -> "Feature | Chosen":
        if isinstance(i, slice):
            return Chosen(self, range(len(self))[i])
        i = range(len(self))[i]
        part = bisect_right(self._starts, i) - 1
        return self._parts[part][i - self._starts[part]]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each feature's longest row [features]."""
        return np.concatenate([np.zeros(0, np.int64), *(part.lengths for part in self._parts)])

    @cached_property
    def vocabulary(self) -> np.ndarray:
        """The token ids that occur, sorted."""
        return np.unique(np.concatenate([np.zeros(0, np.int32), *(part.vocabulary for part in self._parts)]))


def lengths(features: Sequence[Feature]) -> np.ndarray:
    """Tokens of each feature's longest row [features]."""
    known = getattr(features, "lengths", None)
    return np.array([max(map(len, feature["rows"])) for feature in features], np.int64) if known is None else known


def distinct(features: Sequence[Feature]) -> tuple[np.ndarray, np.ndarray]:
    """Return the index of the first feature of each distinct content of rows, and for every feature which of them it equals."""
    numbers: dict[tuple[bytes, ...], int] = {}
    firsts, which = list[int](), np.empty(len(features), np.int64)
    for i, feature in enumerate(features):
        which[i] = number = numbers.setdefault(
            tuple(np.asarray(row, np.int32).tobytes() for row in feature["rows"]), len(numbers)
        )
        if number == len(firsts):
            firsts.append(i)
    return np.array(firsts, np.int64), which


def save(folder: Path, chunks: Iterable[Sequence[Feature]], record: Record) -> None:
    """Write features, given in any number of portions of which a single one is in memory, and a `record` beside them."""
    with ExitStack() as opened:
        writer = _Writer(folder, opened)
        for features in chunks:
            writer.add(features)
        shapes = writer.end()
    content = {"told": record, "kinds": writer.kinds, "arrays": shapes}
    (folder / INDEX).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def load(folder: Path) -> tuple[Features, Record]:
    """Load features that `save` wrote, their files mapped into memory and not read, and the record beside them.

    OSError, EOFError, ValueError, LookupError, TypeError or AttributeError if the folder does not hold what its index says.
    """
    try:
        content = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except RecursionError as fault:
        raise ValueError(str(fault)) from None
    arrays = {}
    for name, (dtype, shape) in content["arrays"].items():
        if np.dtype(dtype).itemsize * prod(shape) > (folder / f"{name}.npy").stat().st_size:
            raise ValueError(f"{name}: the file is smaller than its {shape}")  # before as much memory is asked for
        arrays[name] = array = _mapped(folder / f"{name}.npy")
        if (array.dtype.str, list(array.shape)) != (dtype, shape):
            raise ValueError(f"{name}: {array.dtype.str} {array.shape} where {dtype} {shape} was written")
    if arrays["rows"][-1] != len(arrays["tokens"]) or arrays["bounds"][-1] != len(arrays["rows"]) - 1:
        raise ValueError("the rows do not cover the tokens")
    return Features(arrays, content["kinds"]), content["told"]


def _mapped(path: Path) -> np.ndarray:
    """Map a large array to memory, so that pages are read on access; writing to it never changes the file."""
    return np.load(path, mmap_mode="c" if path.stat().st_size > SMALL else None, allow_pickle=False).view(np.ndarray)


class _Writer:
    """The columns of features that are added a portion at a time."""

    def __init__(self, folder: Path, opened: ExitStack):
        self.kinds: dict[str, str] = {}
        self._folder, self._opened = folder, opened
        self._files: dict[str, _File] = {}
        self._numbers: dict[str, dict[str, int]] = {}
        self._present = np.zeros(0, bool)

    def add(self, features: Sequence[Feature]) -> None:
        owned = [feature["rows"] for feature in features]
        self._bounds("bounds", owned)
        rows = [row for rows in owned for row in rows]
        self._bounds("rows", rows)
        tokens = np.fromiter(chain.from_iterable(rows), np.int32)
        self._file("tokens", np.int32).add(tokens)
        if len(tokens) and (most := int(tokens.max())) >= len(self._present):
            self._present = np.concatenate([self._present, np.zeros(most + 1 - len(self._present), bool)])
        self._present[tokens] = True
        for key in features[0] if features else ():
            if key != "rows":
                self._column(key, [feature[key] for feature in features])

    def _column(self, key: str, values: Sequence[Any]) -> None:
        match self.kinds.setdefault(key, _kind(values)):
            case "number":
                self._file(key, np.int64).add(np.array(values, np.int64))
            case "fraction":
                self._file(key, np.float64).add(np.array(values, np.float64))
            case "text":
                known = self._numbers.setdefault(key, {})
                numbers = [NONE if value is None else known.setdefault(value, len(known)) for value in values]
                self._file(key, np.int64).add(np.array(numbers, np.int64))
            case "list":
                self._bounds(f"{key}-bounds", values)
                self._file(key, np.int32).add(np.fromiter(chain.from_iterable(values), np.int32))
            case "pairs":
                self._bounds(f"{key}-bounds", values)
                self._file(key, np.int32, (2,)).add(np.concatenate(values))

    def end(self) -> dict[str, tuple[str, list[int]]]:
        """Finish every file; return their dtypes and shapes."""
        self.add([])  # so that the files are there where no feature was
        for key, known in self._numbers.items():
            texts = [text.encode() for text in known]
            self._bounds(f"{key}-bounds", texts)
            self._file(f"{key}-text", np.uint8).add(np.frombuffer(b"".join(texts), np.uint8))
        self._file("vocabulary", np.int32).add(np.flatnonzero(self._present))
        return {name: file.end() for name, file in self._files.items()}

    def _bounds(self, name: str, lists: Sequence[Any]) -> None:
        """Add the cumulative ends of the lists, after a zero."""
        if name not in self._files:
            self._file(name, np.int64).add(np.zeros(1, np.int64))
        file = self._files[name]
        file.add(file.last + np.cumsum(np.fromiter(map(len, lists), np.int64, len(lists))))

    def _file(self, name: str, dtype: "DTypeLike", width: tuple[int, ...] = ()) -> "_File":
        if name not in self._files:
            opened = self._opened.enter_context(open(self._folder / f"{name}.npy", "wb"))
            self._files[name] = _File(opened, np.dtype(dtype), width)
        return self._files[name]


class _File:
    """A .npy file that grows: its header leaves room for any number of items and is written again at the end."""

    def __init__(self, file: BinaryIO, dtype: np.dtype, width: tuple[int, ...]):
        self._at, self._dtype, self._width, self._items, self.last = file, dtype, width, 0, 0
        self._header()

    def add(self, items: np.ndarray) -> None:
        if len(items):
            self._at.write(np.ascontiguousarray(items, self._dtype).tobytes())
            self._items, self.last = self._items + len(items), items[-1]

    def end(self) -> tuple[str, list[int]]:
        self._at.seek(0)
        self._header()
        return self._dtype.str, [self._items, *self._width]

    def _header(self) -> None:
        shape = (self._items, *self._width)
        np.lib.format.write_array_header_1_0(self._at, {"descr": self._dtype.str, "fortran_order": False, "shape": shape})


def _kind(values: Sequence[Any]) -> str:
    first = next((value for value in values if value is not None), "")
    if isinstance(first, str):
        return "text"
    if isinstance(first, (int, np.integer)):
        return "number"
    return "fraction" if isinstance(first, float) else "pairs" if np.ndim(first) == 2 else "list"


def _scalars(key: str, arrays: Mapping[str, np.ndarray]) -> Callable[[int], Any]:
    values = arrays[key]
    return lambda i: values[i].item()


def _lists(key: str, arrays: Mapping[str, np.ndarray]) -> Callable[[int], Any]:
    items, bounds = arrays[key], arrays[f"{key}-bounds"]
    return lambda i: items[bounds[i] : bounds[i + 1]]


def _texts(key: str, arrays: Mapping[str, np.ndarray]) -> Callable[[int], Any]:
    numbers, letters, bounds = arrays[key], arrays[f"{key}-text"], arrays[f"{key}-bounds"]

    def text(i: int) -> str | None:
        number = numbers[i]
        return None if number == NONE else letters[bounds[number] : bounds[number + 1]].tobytes().decode()

    return text


_READERS = {"number": _scalars, "fraction": _scalars, "text": _texts, "list": _lists, "pairs": _lists}
