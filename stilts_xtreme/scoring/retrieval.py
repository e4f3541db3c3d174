"""Nearest neighbours, bitext mining by margin (arXiv 1811.01136), and the scores of both.

Every pair of sentences is compared, block by block; the full matrix never exists. Single precision tells which pairs may be among
the nearest, double precision which are: by cosines rounded to 12 decimals, so equal vectors tie. A tie goes to the lowest index.
"""

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.floating]  # (sentences, dimensions), float32 as the encoder gives them
Pair = tuple[Hashable, Hashable]  # foreign sentence, English sentence
ROWS, COLUMNS = 1024, 8192  # a block of cosines: 32 MiB
PAIRS = 256  # compared at once in double precision: 1.5 MiB a side at 768 dimensions, which stays in the processor's cache
DENSE = 32  # above 1 / DENSE of a block's pairs, one matrix product is the faster way
DECIMALS = 12
FEW = 4  # candidates for each place: fewer are looked at one by one, more are cut down first


def nearest(queries: Vectors, candidates: Vectors) -> NDArray[np.int64]:
    """For each query the index of the candidate with the highest cosine; a zero vector has cosine 0 with everything.

    ValueError if either side is empty, the dimensions differ or a number is not finite.
    """
    return nearest_k(queries, [candidates], 1)[:, 0]


def nearest_k(queries: Vectors, chunks: Iterable[Vectors], k: int) -> NDArray[np.int64]:
    """For each query the indices of the `k` candidates with the highest cosines, highest first; -1 where there are fewer.

    Candidates come in chunks, of which one is held at a time, and are counted through all of them. ValueError as in `nearest`.
    """
    best, seen = _Nearest(len(queries), k), 0
    for chunk in chunks:
        for block in _blocks(queries, chunk):
            best.see(replace(block, first_candidate=block.first_candidate + seen))
        seen += len(chunk)
    if not seen:
        raise ValueError("nothing to compare: no candidates")
    return best.indices


def mine(foreign: Vectors, english: Vectors, k: int = 4) -> list[tuple[int, int, float]]:
    """Translation pairs (foreign index, English index, score), best first; each sentence stands in at most one.

    A pair's score is its cosine over the mean cosine of both sentences to their `k` nearest neighbours on the other side (0 where
    that mean is not above 0). Every sentence of either side proposes the best scored of its neighbours; proposals are accepted
    from the best score down. k = 4 and "both directions, highest first" as in XTREME. ValueError as in `nearest`.
    """
    forward, backward = _Nearest(len(foreign), min(k, len(english))), _Nearest(len(english), min(k, len(foreign)))
    for block in _blocks(foreign, english):
        forward.see(block)
        backward.see(block.turned())

    there, here = forward.cosines.mean(axis=1), backward.cosines.mean(axis=1)
    partner, score = _proposals(forward, there, here)
    partner_back, score_back = _proposals(backward, here, there)
    foreigns = np.concatenate([np.arange(len(foreign)), partner_back])
    englishes = np.concatenate([partner, np.arange(len(english))])
    scores = np.concatenate([score, score_back])

    mined, used_foreign, used_english = [], set(), set()
    for at in np.lexsort((englishes, foreigns, -scores)):
        i, j = int(foreigns[at]), int(englishes[at])
        if i not in used_foreign and j not in used_english:
            mined.append((i, j, float(scores[at])))
            used_foreign.add(i)
            used_english.add(j)
    return mined


def best_threshold(pairs: Iterable[tuple[Hashable, Hashable, float]], gold: Collection[Pair]) -> float:
    """The score from which on (>=) scored pairs give the highest F1 against `gold`; of several such, the highest.

    It lies midway between the last pair kept and the first left out; if all are kept it is the lowest score. Pairs of equal score
    stay together. ValueError without pairs or without gold.
    """
    ranked = sorted(pairs, key=lambda pair: -pair[2])
    wanted = set(gold)
    if not ranked or not wanted:
        raise ValueError(f"no threshold from {len(ranked)} mined and {len(wanted)} right pairs")
    kept: set[Pair] = set()
    right, best, threshold = 0, -1.0, ranked[0][2]
    for position, (i, j, score) in enumerate(ranked):
        if (i, j) not in kept:
            kept.add((i, j))
            right += (i, j) in wanted
        below = ranked[position + 1][2] if position + 1 < len(ranked) else None
        f1 = 2 * right / (len(kept) + len(wanted))
        if below != score and f1 > best:
            best, threshold = f1, score
            if below is not None and below < (middle := (score + below) / 2):  # the middle of neighbouring floats is one of them
                threshold = middle
    return threshold


def pair_f1(predicted: Iterable[Pair], gold: Iterable[Pair]) -> dict[str, float]:
    """f1, precision and recall of a set of pairs, 0 to 100; precision is 0 when nothing is predicted, as in XTREME.

    ValueError without gold pairs.
    """
    ours, wanted = set(predicted), set(gold)
    if not wanted:
        raise ValueError("nothing to score: no right pairs")
    both = len(ours & wanted)
    return {
        "f1": 200.0 * both / (len(ours) + len(wanted)),
        "precision": 100.0 * both / len(ours) if ours else 0.0,
        "recall": 100.0 * both / len(wanted),
    }


def mean_average_precision(
    ranked: Sequence[Sequence[Hashable]], relevant: Sequence[Collection[Hashable]], depth: int = 20
) -> float:
    """Mean over queries of average precision in the first `depth` results, 0 to 100 (XTREME-R: mAP@20).

    `ranked[q]`: results of query q, best first; a repeated one counts once. `relevant[q]`: its right answers, of which at most
    `depth` can be found. With one right answer it is the mean reciprocal rank. ValueError if lengths differ or a query has none.
    """
    if len(ranked) != len(relevant):
        raise ValueError(f"{len(ranked)} ranked lists for {len(relevant)} queries")
    if not relevant or not all(relevant):
        raise ValueError("nothing to score: no queries, or one without a right answer")
    total = 0.0
    for results, answers in zip(ranked, relevant, strict=True):
        wanted, found, precisions = set(answers), 0, 0.0
        for rank, result in enumerate(results[:depth], start=1):
            if result in wanted:
                wanted.remove(result)
                found += 1
                precisions += found / rank
        total += precisions / min(found + len(wanted), depth)
    return 100.0 * total / len(ranked)


class _Nearest:
    """The k nearest candidates seen so far of each query, nearest first."""

    def __init__(self, queries: int, k: int) -> None:
        self.cosines = np.full((queries, k), -np.inf)
        self.indices = np.full((queries, k), -1, dtype=np.int64)

    def see(self, block: "_Block") -> None:
        """Take in a block. Blocks of the same queries must come in order of candidates."""
        k = self.cosines.shape[1]
        count = len(block.queries)
        rows = slice(block.first_query, block.first_query + count)
        held, indices = self.cosines[rows], self.indices[rows]
        # What can enter must beat the k-th held (an equal candidate has a higher index); where that leaves many, as at first, it
        # must also be one of the k best of this block.
        limit = held[:, -1] - block.slack
        entering = block.rough >= limit[:, None].astype(np.float32)
        if block.rough.shape[1] > k and np.count_nonzero(entering) > FEW * k * count:
            kth = block.rough.max(axis=1) if k == 1 else np.partition(block.rough, -k, axis=1)[:, -k]
            limit = np.maximum(limit, kth - 2 * block.slack)
            entering = block.rough >= limit[:, None].astype(np.float32)
        query, candidate = _places(entering)
        if not len(query):
            return
        found = block.exact(query, candidate)
        better = found > held[query, -1]
        query, candidate, found = query[better], candidate[better], found[better]
        order = np.lexsort((candidate, -found, query))
        query, candidate, found = query[order], candidate[order], found[order]
        place = np.arange(len(query)) - np.searchsorted(query, query)  # 0, 1, 2.. within each query
        first = place < k
        fresh, where = np.full((count, k), -np.inf), np.full((count, k), -1, dtype=np.int64)
        fresh[query[first], place[first]] = found[first]
        where[query[first], place[first]] = candidate[first] + block.first_candidate

        both, places = np.concatenate([held, fresh], axis=1), np.concatenate([indices, where], axis=1)
        best = np.argsort(-both, axis=1, kind="stable")[:, :k]  # stable: what was held has the lower index
        self.cosines[rows] = np.take_along_axis(both, best, axis=1)
        self.indices[rows] = np.take_along_axis(places, best, axis=1)


@dataclass(frozen=True, slots=True)
class _Block:
    """Some queries and candidates as unit vectors, and their cosines in single precision, `slack` at most from the true ones."""

    first_query: int
    first_candidate: int
    queries: NDArray[np.float64]
    candidates: NDArray[np.float64]
    rough: NDArray[np.float32]  # (queries, candidates)
    slack: float

    def turned(self) -> "_Block":
        return _Block(self.first_candidate, self.first_query, self.candidates, self.queries, self.rough.T, self.slack)

    def exact(self, query: NDArray[np.int64], candidate: NDArray[np.int64]) -> NDArray[np.float64]:
        """Cosines of the named pairs."""
        if len(query) > self.rough.size // DENSE:  # as where all vectors are nearly equal
            found = (self.queries @ self.candidates.T)[query, candidate]
        else:
            pieces = [slice(at, at + PAIRS) for at in range(0, len(query), PAIRS)]
            found = np.concatenate([np.einsum("pd,pd->p", self.queries[query[p]], self.candidates[candidate[p]]) for p in pieces])
        return np.round(found, DECIMALS)


def _blocks(queries: Vectors, candidates: Vectors) -> Iterator[_Block]:
    """All pairs in blocks, row by row; within a row of blocks, and between the rows, in order."""
    if queries.ndim != 2 or candidates.ndim != 2 or queries.shape[1] != candidates.shape[1]:
        raise ValueError(f"vectors of shapes {queries.shape} and {candidates.shape} cannot be compared")
    if not len(queries) or not len(candidates):
        raise ValueError(f"nothing to compare: {len(queries)} and {len(candidates)} vectors")
    # Bound on the error of a dot product of unit vectors in single precision, whatever the order of its sum; doubled.
    slack = 2 * (queries.shape[1] + 4) * float(np.finfo(np.float32).eps)
    for row in range(0, len(queries), ROWS):
        left = _unit(queries[row : row + ROWS])
        for column in range(0, len(candidates), COLUMNS):
            right = _unit(candidates[column : column + COLUMNS])
            yield _Block(row, column, left, right, left.astype(np.float32) @ right.astype(np.float32).T, slack)


def _places(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of every true value, in the order in which they lie in memory: much faster than `nonzero`."""
    if mask.flags.c_contiguous:
        row, column = np.divmod(np.flatnonzero(mask), mask.shape[1])
    else:
        column, row = np.divmod(np.flatnonzero(mask.T), mask.shape[0])
    return row, column


def _unit(vectors: Vectors) -> NDArray[np.float64]:
    double = vectors.astype(np.float64)
    length = np.linalg.norm(double, axis=1, keepdims=True)
    if not np.isfinite(length).all():
        raise ValueError("a vector holds a number that is not finite")
    return double / np.where(length == 0.0, 1.0, length)


def _proposals(
    found: _Nearest, own_mean: NDArray[np.float64], other_mean: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of each query's neighbours the one with the best margin score, the lowest index first, and that score."""
    order = np.argsort(found.indices, axis=1)
    indices, cosines = np.take_along_axis(found.indices, order, axis=1), np.take_along_axis(found.cosines, order, axis=1)
    means = (own_mean[:, None] + other_mean[indices]) / 2
    scores = np.divide(cosines, means, out=np.zeros_like(cosines), where=means > 0)
    best = scores.argmax(axis=1)[:, None]
    return np.take_along_axis(indices, best, axis=1)[:, 0], np.take_along_axis(scores, best, axis=1)[:, 0]
