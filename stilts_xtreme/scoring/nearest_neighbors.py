"""Exact nearest neighbors by cosine, of a single side or of both at once.

Every pair of vectors is compared, block by block; the full matrix never exists. A fast kernel gives approximate cosines with a
bound on their error, and only pairs that it cannot rule out are computed in double precision. Neighbors are ranked by cosines
rounded to 12 decimals, so equal vectors tie, and a tie goes to the lowest index. The kernel changes the time, never the result.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.floating]  # [sentences, dimensions], float32 from the encoder
Indices = NDArray[np.int64]
Cosines = NDArray[np.float64]
ROWS, COLUMNS = 1024, 2048  # of a block of cosines: 8 MiB in single precision, which fits the processor's last cache
PAIRS = 256  # computed exactly at once: 1.5 MiB a side at 768 dimensions
DENSE = 64  # above 1 / DENSE of a block's pairs, the whole block is multiplied in double precision
DECIMALS = 12
ULP = 10.0**-DECIMALS
MAX_EXACT_PER_NEIGHBOR = 16  # exact pairs per neighbor from which on a fast kernel does not pay
GROUPS = 32  # groups of a block's candidates whose maxima give a first bound on the k-th best


class SimilarityKernel(Protocol):
    """Multiplies blocks of unit vectors into keys: numbers that are ordered like approximate cosines."""

    def side(self, units: NDArray[np.float32], left: bool) -> Any:
        """Convert unit vectors [vectors, dimensions] to the kernel's own form."""

    def block(self, left: Any, right: Any) -> tuple[NDArray, float]:
        """Return keys [left, right], and the largest error of the approximate cosines before they are rounded to keys."""

    def keys(self, cosines: Cosines) -> NDArray:
        """Return a key for each cosine such that no approximate cosine at least as high has a lower key."""

    def bounds(self, keys: NDArray) -> tuple[Cosines, Cosines]:
        """Return the lowest and the highest approximate cosine that can have each key."""


KernelFactory = Callable[[Vectors, Vectors], SimilarityKernel]  # from both sides' vectors, of which it may take statistics


class Float32Kernel:
    """Single precision: the keys are the approximate cosines."""

    def __init__(self, queries: Vectors, candidates: Vectors) -> None:
        self.slack = dot_product_error(queries.shape[1])

    def side(self, units: NDArray[np.float32], left: bool) -> NDArray[np.float32]:
        return units

    def block(self, left: NDArray[np.float32], right: NDArray[np.float32]) -> tuple[NDArray, float]:
        return left @ right.T, self.slack

    def keys(self, cosines: Cosines) -> NDArray:
        return cosines.astype(np.float32)  # rounded as an approximate cosine is, so that the order stays

    def bounds(self, keys: NDArray) -> tuple[Cosines, Cosines]:
        return keys.astype(np.float64), keys.astype(np.float64)


def dot_product_error(dimensions: int) -> float:
    """Bound the error of a dot product of unit vectors in single precision, for every order of its sum; doubled for safety."""
    return 2 * (dimensions + 4) * float(np.finfo(np.float32).eps)


class VectorSet:
    """Vectors [vectors, dimensions] whose indices start at `first`, and their lengths; normalized when needed.

    Raises ValueError if there are no vectors or a number is not finite.
    """

    def __init__(self, vectors: Vectors, first: int = 0) -> None:
        if vectors.ndim != 2 or not len(vectors):
            raise ValueError(f"nothing to compare: vectors of shape {vectors.shape}")
        self.vectors, self.first = vectors, first
        self.lengths = np.ones((len(vectors), 1))
        for part in self.slices(COLUMNS):
            length = np.linalg.norm(vectors[part].astype(np.float64), axis=1, keepdims=True)
            if not np.isfinite(length).all():
                raise ValueError("a vector holds a number that is not finite")
            self.lengths[part] = np.where(length == 0.0, 1.0, length)

    def slices(self, size: int) -> list[slice]:
        """Return consecutive slices of at most `size` vectors."""
        return [slice(at, min(at + size, len(self.vectors))) for at in range(0, len(self.vectors), size)]

    def units(self, at: slice | Indices) -> Cosines:
        """Return unit vectors in double precision."""
        return self.vectors[at].astype(np.float64) / self.lengths[at]

    def float32_units(self, at: slice) -> NDArray[np.float32]:
        """Return unit vectors in single precision."""
        return self.units(at).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Block:
    """Keys of some queries (rows) and candidates (columns, the first of which has index `first` on its side)."""

    keys: NDArray
    slack: float
    kernel: SimilarityKernel
    first: int

    def transposed(self, first: int) -> "Block":
        return Block(self.keys.T, self.slack, self.kernel, first)


class TopK:
    """The k nearest candidates so far of the queries in slice `part`: `indices` and `cosines` [queries, k], nearest first."""

    def __init__(self, own: VectorSet, part: slice, k: int) -> None:
        self.own, self.part, self.k, self.count = own, part, k, part.stop - part.start
        self.cosines = np.full((self.count, k), -np.inf)
        self.indices = np.full((self.count, k), -1, dtype=np.int64)
        self.floor = np.full(self.count, -np.inf)  # lower bound of the k-th best cosine
        self.pending: list[tuple[Indices, Indices, Cosines, Cosines]] = []  # query, candidate, bounds of the cosine
        self.pruned_size = 0  # number of pending pairs after the last pruning
        self.exact_pairs = 0  # pairs computed in double precision

    def update(self, block: Block, other: VectorSet, last: bool) -> bool:
        """Add the candidates of a block that may be among the nearest.

        Returns False and adds nothing if these are too many, unless this is the `last` resort, which computes the whole block.
        """
        keys, kernel, slack = block.keys, block.kernel, block.slack + ULP
        most = max(keys.size // DENSE, MAX_EXACT_PER_NEIGHBOR * self.k * self.count)
        if np.isneginf(self.floor).any():
            self._raise_floor(keys, kernel, slack)
        query, candidate = _nonzero(keys >= kernel.keys(self.floor - slack)[:, None])
        if len(query) > most:  # as where this block's cosines are higher than those before
            self._raise_floor(keys, kernel, slack)
            query, candidate = _nonzero(keys >= kernel.keys(self.floor - slack)[:, None])
        if len(query) > most:
            if last:
                self._compute_all(other, slice(block.first, block.first + keys.shape[1]))
            return last
        low, high = kernel.bounds(keys[query, candidate])
        self.pending.append((query, candidate + block.first + other.first, low - slack, high + slack))
        if sum(len(query) for query, *_ in self.pending) > 2 * self.pruned_size + self.k * self.count:
            self._prune()
        return True

    def finish(self, other: VectorSet) -> None:
        """Compute the pending pairs, all with vectors of `other`, in double precision."""
        self._prune()
        for query, candidate, *_ in self.pending:
            self._insert(query, candidate, _exact(self.own.units(self.part), other, query, candidate - other.first))
        self.pending, self.pruned_size = [], 0

    def _raise_floor(self, keys: NDArray, kernel: SimilarityKernel, slack: float) -> None:
        if keys.shape[1] >= self.k:
            self.floor = np.maximum(self.floor, _kth(kernel.bounds(_group_maxima(keys, self.k))[0], self.k) - slack)

    def _prune(self) -> None:
        """Raise the floor by the pending pairs, and drop those below it."""
        if not self.pending:
            return
        query, candidate, low, high = (np.concatenate(parts) for parts in zip(*self.pending, strict=True))
        order = np.argsort(-low)
        order = order[np.argsort(query[order].astype(np.uint16), kind="stable")]  # fewer than 2**16 queries: a radix sort
        ranked = query[order]
        kth = np.searchsorted(ranked, np.arange(self.count)) + self.k - 1
        some = np.flatnonzero(kth < len(ranked))
        some = some[ranked[kth[some]] == some]  # queries with k pending pairs or more
        self.floor[some] = np.maximum(self.floor[some], low[order[kth[some]]])
        stay = high >= self.floor[query]
        self.pending = [(query[stay], candidate[stay], low[stay], high[stay])]
        self.pruned_size = int(np.count_nonzero(stay))

    def _compute_all(self, other: VectorSet, part: slice) -> None:
        """Compare with a whole block in double precision, as where all vectors are nearly equal."""
        units = self.own.units(self.part)
        sums = units @ other.units(part).T
        slack = 2 * (units.shape[1] + 4) * np.finfo(np.float64).eps  # these sums have another order than those of single pairs
        if sums.shape[1] >= self.k:
            self.floor = np.maximum(self.floor, _kth(_group_maxima(sums, self.k), self.k) - slack - ULP)
        query, candidate = _nonzero(sums >= (self.floor - slack - ULP)[:, None])
        near = sums[query, candidate]
        cosines = np.round(near, DECIMALS)
        borderline = np.abs(near - cosines) > ULP / 2 - slack  # the order of the sum may change the rounding
        cosines[borderline] = _exact(units, other, query[borderline], candidate[borderline] + part.start)
        better = cosines > self.cosines[query, -1]  # an equal candidate has a higher index than those in the list, and loses
        self._insert(query[better], candidate[better] + part.start + other.first, cosines[better])

    def _insert(self, query: Indices, candidate: Indices, cosines: Cosines) -> None:
        """Insert pairs with exact cosines."""
        self.exact_pairs += len(query)
        row, column = np.nonzero(self.indices >= 0)
        query = np.concatenate([row, query])
        candidate = np.concatenate([self.indices[row, column], candidate])
        cosines = np.concatenate([self.cosines[row, column], cosines])
        order = np.lexsort((candidate, -cosines, query))
        query, candidate, cosines = query[order], candidate[order], cosines[order]
        rank = np.arange(len(query)) - np.searchsorted(query, query)  # 0, 1, 2.. within each query
        top = rank < self.k
        self.cosines[query[top], rank[top]] = cosines[top]
        self.indices[query[top], rank[top]] = candidate[top]
        self.floor = np.maximum(self.floor, self.cosines[:, -1])


def search(queries: list[TopK], candidates: VectorSet, make: KernelFactory, reverse: list[TopK] | None = None) -> None:
    """Update the lists of all queries with all candidates, and `reverse`, a list per COLUMNS candidates, with all queries.

    `queries` are finished at the end, `reverse` not. Raises ValueError if the dimensions differ.
    """
    own = queries[0].own
    if own.vectors.shape[1] != candidates.vectors.shape[1]:
        raise ValueError(f"vectors of shapes {own.vectors.shape} and {candidates.vectors.shape} cannot be compared")
    fallback = Float32Kernel(own.vectors, candidates.vectors)
    kernel = make(own.vectors, candidates.vectors)
    columns = candidates.slices(COLUMNS)
    rights = [kernel.side(candidates.float32_units(column), False) for column in columns]
    for top in queries:
        units, repeats, exact_before = own.float32_units(top.part), 0, top.exact_pairs
        left = kernel.side(units, True)
        for number, column in enumerate(columns):
            block = Block(*kernel.block(left, rights[number]), kernel, column.start)
            done = top.update(block, candidates, kernel is fallback)
            reverse_done = reverse is None or reverse[number].update(block.transposed(top.part.start), own, kernel is fallback)
            if done and reverse_done:
                continue
            repeats += 1
            block = Block(*fallback.block(units, candidates.float32_units(column)), fallback, column.start)
            if not done:
                top.update(block, candidates, True)
            if reverse is not None and not reverse_done:
                reverse[number].update(block.transposed(top.part.start), own, True)
        top.finish(candidates)
        too_many = top.exact_pairs - exact_before > MAX_EXACT_PER_NEIGHBOR * top.k * top.count
        if kernel is not fallback and (2 * repeats > len(columns) or too_many):
            kernel = fallback  # the fast kernel cannot distinguish these vectors
            rights = [candidates.float32_units(column) for column in columns]


def _exact(left: Cosines, other: VectorSet, query: Indices, candidate: Indices) -> Cosines:
    """Return the cosines of pairs [pairs], rounded to 12 decimals; each depends on its own two vectors alone."""
    cosines = np.empty(len(query))
    for at in range(0, len(query), PAIRS):
        part = slice(at, at + PAIRS)
        cosines[part] = np.einsum("pd,pd->p", left[query[part]], other.units(candidate[part]))
    return np.round(cosines, DECIMALS)


def _group_maxima(numbers: NDArray, k: int) -> NDArray:
    """Return k or more high numbers of each row: the maximum of each of several groups of columns."""
    groups = np.array_split(numbers, min(max(GROUPS, 4 * k), numbers.shape[1]), axis=1)
    return np.stack([group.max(axis=1) for group in groups], axis=1)


def _kth(numbers: NDArray, k: int) -> NDArray:
    return np.partition(numbers, -k, axis=1)[:, -k]


def _nonzero(mask: NDArray[np.bool_]) -> tuple[Indices, Indices]:
    """Return row and column of every true value, in the order of memory: much faster than `np.nonzero`."""
    if mask.flags.c_contiguous:
        row, column = np.divmod(np.flatnonzero(mask), mask.shape[1])
    else:
        column, row = np.divmod(np.flatnonzero(mask.T), mask.shape[0])
    return row, column
