"""Exact nearest neighbours by cosine, of one side or of both at once.

Every pair of vectors is compared, block by block; the full matrix never exists. A fast product tells which pairs may be among the
nearest: it knows how wrong it can be, and only pairs that it cannot rule out are looked at in double precision. Which are nearest
is decided by cosines rounded to 12 decimals, so equal vectors tie; a tie goes to the lowest index. So the product that is used
changes the time and never the result.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.floating]  # (sentences, dimensions), float32 as the encoder gives them
Indices = NDArray[np.int64]
Cosines = NDArray[np.float64]
ROWS, COLUMNS = 1024, 2048  # a block of cosines: 8 MiB in single precision, which the processor's last cache holds
PAIRS = 256  # looked at at once: 1.5 MiB a side at 768 dimensions
DENSE = 64  # above 1 / DENSE of a block's pairs, the whole block is multiplied more precisely
DECIMALS = 12
ULP = 10.0**-DECIMALS
FEW = 16  # pairs looked at for each neighbour wanted: where a fast product leaves more, it does not pay
GROUPS = 32  # a block's candidates fall into so many groups, whose best give a first idea of the k-th best


class Product(Protocol):
    """Multiplies blocks of unit vectors into keys: numbers that stand for rough cosines, in their order where it matters."""

    def side(self, units: NDArray[np.float32], left: bool) -> Any:
        """Unit vectors in the form in which they are multiplied."""

    def block(self, left: Any, right: Any) -> tuple[NDArray, float]:
        """Keys (left, right), and how far the rough cosines can be from the true ones before they are rounded to keys."""

    def keys(self, cosines: Cosines) -> NDArray:
        """A key for each cosine: no rough cosine that is as high is given a lower one."""

    def bounds(self, keys: NDArray) -> tuple[Cosines, Cosines]:
        """The lowest and the highest rough cosine that can have each key."""


Multiplier = Callable[[Vectors, Vectors], Product]  # given the two sides as they are, for what it wants to know of them


class Single:
    """Single precision: the keys are the rough cosines."""

    def __init__(self, queries: Vectors, candidates: Vectors) -> None:
        self.slack = accumulated(queries.shape[1])

    def side(self, units: NDArray[np.float32], left: bool) -> NDArray[np.float32]:
        return units

    def block(self, left: NDArray[np.float32], right: NDArray[np.float32]) -> tuple[NDArray, float]:
        return left @ right.T, self.slack

    def keys(self, cosines: Cosines) -> NDArray:
        return cosines.astype(np.float32)  # rounds as a rough cosine was rounded, so that the order stays

    def bounds(self, keys: NDArray) -> tuple[Cosines, Cosines]:
        return keys.astype(np.float64), keys.astype(np.float64)


def accumulated(dimensions: int) -> float:
    """Bound on the error of a dot product of unit vectors in single precision, whatever the order of its sum; doubled."""
    return 2 * (dimensions + 4) * float(np.finfo(np.float32).eps)


class Side:
    """Vectors, counted from `first`, and their lengths: unit vectors are made when they are needed.

    ValueError if there are none or a number is not finite.
    """

    def __init__(self, vectors: Vectors, first: int = 0) -> None:
        if vectors.ndim != 2 or not len(vectors):
            raise ValueError(f"nothing to compare: vectors of shape {vectors.shape}")
        self.vectors, self.first = vectors, first
        self.lengths = np.ones((len(vectors), 1))
        for piece in self.pieces(COLUMNS):
            length = np.linalg.norm(vectors[piece].astype(np.float64), axis=1, keepdims=True)
            if not np.isfinite(length).all():
                raise ValueError("a vector holds a number that is not finite")
            self.lengths[piece] = np.where(length == 0.0, 1.0, length)

    def pieces(self, size: int) -> list[slice]:
        return [slice(at, min(at + size, len(self.vectors))) for at in range(0, len(self.vectors), size)]

    def units(self, at: slice | Indices) -> Cosines:
        return self.vectors[at].astype(np.float64) / self.lengths[at]

    def single(self, at: slice) -> NDArray[np.float32]:
        return self.units(at).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Block:
    """Keys of some queries (rows) and of candidates (columns, the first of which has this index on its side)."""

    keys: NDArray
    slack: float
    product: Product
    first: int

    def turned(self, first: int) -> "Block":
        return Block(self.keys.T, self.slack, self.product, first)


class Best:
    """The k nearest candidates seen so far of a piece of the queries, nearest first."""

    def __init__(self, own: Side, piece: slice, k: int) -> None:
        self.own, self.piece, self.k, self.count = own, piece, k, piece.stop - piece.start
        self.cosines = np.full((self.count, k), -np.inf)
        self.indices = np.full((self.count, k), -1, dtype=np.int64)
        self.floor = np.full(self.count, -np.inf)  # the k-th best cosine is not lower
        self.waiting: list[tuple[Indices, Indices, Cosines, Cosines]] = []  # query, candidate, cosine at least, cosine at most
        self.kept = 0  # how many of those there were when they were last sifted
        self.looked = 0  # pairs looked at in double precision

    def see(self, block: Block, other: Side, last: bool) -> bool:
        """Note what may be among the nearest; False, and nothing noted, if that is too much and this not the `last` resort."""
        keys, product, slack = block.keys, block.product, block.slack + ULP
        most = max(keys.size // DENSE, FEW * self.k * self.count)
        if np.isneginf(self.floor).any():
            self._raise_floor(keys, product, slack)
        query, candidate = _places(keys >= product.keys(self.floor - slack)[:, None])
        if len(query) > most:  # as where this block's cosines are higher than those before
            self._raise_floor(keys, product, slack)
            query, candidate = _places(keys >= product.keys(self.floor - slack)[:, None])
        if len(query) > most:
            if last:
                self._look_at_all(other, slice(block.first, block.first + keys.shape[1]))
            return last
        low, high = product.bounds(keys[query, candidate])
        self.waiting.append((query, candidate + block.first + other.first, low - slack, high + slack))
        if sum(len(query) for query, *_ in self.waiting) > 2 * self.kept + self.k * self.count:
            self._sift()
        return True

    def settle(self, other: Side) -> None:
        """Look at what waits, all of it pairs with `other`, in double precision."""
        self._sift()
        for query, candidate, *_ in self.waiting:
            found = _exact(self.own.units(self.piece), other, query, candidate - other.first)
            self._take(query, candidate, found)
        self.waiting, self.kept = [], 0

    def _raise_floor(self, keys: NDArray, product: Product, slack: float) -> None:
        if keys.shape[1] >= self.k:
            self.floor = np.maximum(self.floor, _kth(product.bounds(_some(keys, self.k))[0], self.k) - slack)

    def _sift(self) -> None:
        """Raise the floor by what waits, and let go of what lies below it."""
        if not self.waiting:
            return
        query, candidate, low, high = (np.concatenate(parts) for parts in zip(*self.waiting, strict=True))
        order = np.argsort(-low)
        order = order[np.argsort(query[order].astype(np.uint16), kind="stable")]  # a piece has fewer; short ones sort by radix
        ranked = query[order]
        kth = np.searchsorted(ranked, np.arange(self.count)) + self.k - 1
        some = np.flatnonzero(kth < len(ranked))
        some = some[ranked[kth[some]] == some]  # those of which k wait
        self.floor[some] = np.maximum(self.floor[some], low[order[kth[some]]])
        stay = high >= self.floor[query]
        self.waiting = [(query[stay], candidate[stay], low[stay], high[stay])]
        self.kept = int(np.count_nonzero(stay))

    def _look_at_all(self, other: Side, piece: slice) -> None:
        """Compare with a whole block in double precision, as where all vectors are nearly equal."""
        units = self.own.units(self.piece)
        sums = units @ other.units(piece).T
        slack = 2 * (units.shape[1] + 4) * np.finfo(np.float64).eps  # these sums have another order than those of single pairs
        if sums.shape[1] >= self.k:
            self.floor = np.maximum(self.floor, _kth(_some(sums, self.k), self.k) - slack - ULP)
        query, candidate = _places(sums >= (self.floor - slack - ULP)[:, None])
        near = sums[query, candidate]
        found = np.round(near, DECIMALS)
        turning = np.abs(near - found) > ULP / 2 - slack  # the order may turn the rounding
        found[turning] = _exact(units, other, query[turning], candidate[turning] + piece.start)
        better = found > self.cosines[query, -1]  # an equal candidate has a higher index than those held, and loses
        self._take(query[better], candidate[better] + piece.start + other.first, found[better])

    def _take(self, query: Indices, candidate: Indices, found: Cosines) -> None:
        """Take in exact cosines."""
        self.looked += len(query)
        held, place = np.nonzero(self.indices >= 0)
        query = np.concatenate([held, query])
        candidate = np.concatenate([self.indices[held, place], candidate])
        found = np.concatenate([self.cosines[held, place], found])
        order = np.lexsort((candidate, -found, query))
        query, candidate, found = query[order], candidate[order], found[order]
        rank = np.arange(len(query)) - np.searchsorted(query, query)  # 0, 1, 2.. within each query
        query, candidate, found, rank = (numbers[rank < self.k] for numbers in (query, candidate, found, rank))
        self.cosines[query, rank] = found
        self.indices[query, rank] = candidate
        self.floor = np.maximum(self.floor, self.cosines[:, -1])


def search(queries: list[Best], candidates: Side, make: Multiplier, turned: list[Best] | None = None) -> None:
    """Show all candidates to all queries, and all queries to the candidates in `turned`, one for each COLUMNS of them.

    `queries` are settled in the end, `turned` not. ValueError if the dimensions differ.
    """
    own = queries[0].own
    if own.vectors.shape[1] != candidates.vectors.shape[1]:
        raise ValueError(f"vectors of shapes {own.vectors.shape} and {candidates.vectors.shape} cannot be compared")
    single = Single(own.vectors, candidates.vectors)
    product = make(own.vectors, candidates.vectors)
    columns = candidates.pieces(COLUMNS)
    rights = [product.side(candidates.single(column), False) for column in columns]
    for best in queries:
        units, again, looked = own.single(best.piece), 0, best.looked
        left = product.side(units, True)
        for number, column in enumerate(columns):
            block = Block(*product.block(left, rights[number]), product, column.start)
            known = best.see(block, candidates, product is single)
            known_turned = turned is None or turned[number].see(block.turned(best.piece.start), own, product is single)
            if known and known_turned:
                continue
            again += 1
            block = Block(*single.block(units, candidates.single(column)), single, column.start)
            if not known:
                best.see(block, candidates, True)
            if turned is not None and not known_turned:
                turned[number].see(block.turned(best.piece.start), own, True)
        best.settle(candidates)
        if product is not single and (2 * again > len(columns) or best.looked - looked > FEW * best.k * best.count):
            product = single  # the fast product cannot tell these vectors apart
            rights = [candidates.single(column) for column in columns]


def _exact(left: Cosines, other: Side, query: Indices, candidate: Indices) -> Cosines:
    """Cosines of the named pairs, rounded to 12 decimals: a pair's own numbers decide on it, not those beside it."""
    found = np.empty(len(query))
    for at in range(0, len(query), PAIRS):
        piece = slice(at, at + PAIRS)
        found[piece] = np.einsum("pd,pd->p", left[query[piece]], other.units(candidate[piece]))
    return np.round(found, DECIMALS)


def _some(numbers: NDArray, k: int) -> NDArray:
    """For each row k or more of its numbers, high ones: the best of each of some groups."""
    groups = np.array_split(numbers, min(max(GROUPS, 4 * k), numbers.shape[1]), axis=1)
    return np.stack([group.max(axis=1) for group in groups], axis=1)


def _kth(numbers: NDArray, k: int) -> NDArray:
    return np.partition(numbers, -k, axis=1)[:, -k]


def _places(mask: NDArray[np.bool_]) -> tuple[Indices, Indices]:
    """Row and column of every true value, in the order in which they lie in memory: much faster than `nonzero`."""
    if mask.flags.c_contiguous:
        row, column = np.divmod(np.flatnonzero(mask), mask.shape[1])
    else:
        column, row = np.divmod(np.flatnonzero(mask.T), mask.shape[0])
    return row, column
