"""Nearest-neighbor retrieval, bitext mining by margin (arXiv 1811.01136), and the scores of both.

Neighbors are exact, by cosines rounded to 12 decimals, with every kernel (see `nearest_neighbors`).
"""

from collections.abc import Collection, Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from stilts_xtreme.scoring import nearest_neighbors
from stilts_xtreme.scoring.nearest_neighbors import Float32Kernel, KernelFactory, TopK, Vectors, VectorSet

Pair = tuple[Hashable, Hashable]  # foreign sentence, English sentence
DECIMALS = 9  # of a margin score: scores that differ by rounding of the means tie, and a tie goes to the lowest index


def nearest(queries: Vectors, candidates: Vectors) -> NDArray[np.int64]:
    """Return for each query the index of the candidate with the highest cosine [queries]; a zero vector has cosine 0.

    `queries` and `candidates`: [vectors, dimensions]. Raises ValueError if either is empty, the dimensions differ or a number is
    not finite.
    """
    return nearest_k(queries, [candidates], 1)[:, 0]


def nearest_k(queries: Vectors, chunks: Iterable[Vectors], k: int, kernel: KernelFactory = Float32Kernel) -> NDArray[np.int64]:
    """Return for each query the indices of the `k` candidates with the highest cosines [queries, k], highest first.

    Rows are padded with -1 where there are fewer candidates. Candidates come in chunks, of which a single one is in memory;
    indices run through all chunks. Raises ValueError like `nearest`.
    """
    own = VectorSet(queries)
    tops, seen = [TopK(own, part, k) for part in own.slices(nearest_neighbors.ROWS)], 0
    for chunk in chunks:
        nearest_neighbors.search(tops, VectorSet(chunk, seen), kernel)
        seen += len(chunk)
    if not seen:
        raise ValueError("nothing to compare: no candidates")
    return np.concatenate([top.indices for top in tops])


def mine(foreign: Vectors, english: Vectors, k: int = 4, kernel: KernelFactory = Float32Kernel) -> list[tuple[int, int, float]]:
    """Mine translation pairs (foreign index, English index, score), best first; no sentence is in two pairs.

    A pair's score is its cosine over the mean cosine of both sentences to their `k` nearest neighbors on the other side (0 where
    that mean is not above 1e-12), rounded to 9 decimals. Every sentence of either side proposes the best scored of its neighbors;
    proposals are accepted from the best score down. k = 4 and "both directions, highest first" as in XTREME. Raises ValueError
    like `nearest`.
    """
    foreign_set, english_set = VectorSet(foreign), VectorSet(english)
    forward = [TopK(foreign_set, part, min(k, len(english))) for part in foreign_set.slices(nearest_neighbors.ROWS)]
    backward = [TopK(english_set, part, min(k, len(foreign))) for part in english_set.slices(nearest_neighbors.COLUMNS)]
    nearest_neighbors.search(forward, english_set, kernel, reverse=backward)
    for top in backward:
        top.finish(foreign_set)

    own, other = (np.concatenate([top.cosines.mean(axis=1) for top in side]) for side in (forward, backward))
    partner, score = _proposals(forward, own, other)
    partner_back, score_back = _proposals(backward, other, own)
    foreign_indices = np.concatenate([np.arange(len(foreign)), partner_back])
    english_indices = np.concatenate([partner, np.arange(len(english))])
    scores = np.concatenate([score, score_back])

    mined = []
    used_foreign: set[int] = set()
    used_english: set[int] = set()
    for at in np.lexsort((english_indices, foreign_indices, -scores)):
        i, j = int(foreign_indices[at]), int(english_indices[at])
        if i not in used_foreign and j not in used_english:
            mined.append((i, j, float(scores[at])))
            used_foreign.add(i)
            used_english.add(j)
    return mined


def best_threshold(pairs: Iterable[tuple[Hashable, Hashable, float]], gold: Collection[Pair]) -> float:
    """Return the score threshold (>=) that gives the highest F1 of (id, id, score) `pairs` against `gold`; of equals the highest.

    It is midway between the last pair accepted and the first rejected; if all are accepted it is the lowest score. Pairs of equal
    score stay together. Raises ValueError without pairs or without gold.
    """
    ranked = sorted(pairs, key=lambda pair: -pair[2])
    gold_pairs = set(gold)
    if not ranked or not gold_pairs:
        raise ValueError(f"no threshold from {len(ranked)} mined and {len(gold_pairs)} right pairs")
    accepted: set[Pair] = set()
    correct, best, threshold = 0, -1.0, ranked[0][2]
    for position, (i, j, score) in enumerate(ranked):
        if (i, j) not in accepted:
            accepted.add((i, j))
            correct += (i, j) in gold_pairs
        below = ranked[position + 1][2] if position + 1 < len(ranked) else None
        f1 = 2 * correct / (len(accepted) + len(gold_pairs))
        if below != score and f1 > best:
            best, threshold = f1, score
            if below is not None and below < (middle := (score + below) / 2):  # adjacent floats have no other in between
                threshold = middle
    return threshold


def pair_f1(predicted: Iterable[tuple[Hashable, ...]], gold: Iterable[tuple[Hashable, ...]]) -> dict[str, float]:
    """Return {"f1", "precision", "recall"} of a set of pairs, 0 to 100; precision is 0 without predictions, as in XTREME.

    Raises ValueError without gold pairs.
    """
    ours, gold_pairs = set(predicted), set(gold)
    if not gold_pairs:
        raise ValueError("nothing to score: no right pairs")
    common = len(ours & gold_pairs)
    return {
        "f1": 200.0 * common / (len(ours) + len(gold_pairs)),
        "precision": 100.0 * common / len(ours) if ours else 0.0,
        "recall": 100.0 * common / len(gold_pairs),
    }


def mean_average_precision(
    ranked: Sequence[Sequence[Hashable]], relevant: Sequence[Collection[Hashable]], depth: int = 20
) -> float:
    """Return the mean over queries of average precision in the first `depth` results, 0 to 100 (XTREME-R: mAP@20).

    `ranked[q]`: results of query q, best first; repeats count once. `relevant[q]`: its relevant results, of which at most `depth`
    count. With a single relevant result it is the mean reciprocal rank. Raises ValueError if lengths differ or a query has no
    relevant result.
    """
    if len(ranked) != len(relevant):
        raise ValueError(f"{len(ranked)} ranked lists for {len(relevant)} queries")
    if not relevant or not all(relevant):
        raise ValueError("nothing to score: no queries, or one without a right answer")
    total = 0.0
    for results, answers in zip(ranked, relevant, strict=True):
        remaining, hits, precisions = set(answers), 0, 0.0
        for rank, result in enumerate(results[:depth], start=1):
            if result in remaining:
                remaining.remove(result)
                hits += 1
                precisions += hits / rank
        total += precisions / min(hits + len(remaining), depth)
    return 100.0 * total / len(ranked)


def _proposals(
    tops: list[TopK], own_mean: NDArray[np.float64], other_mean: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return each query's neighbor with the best margin score [queries], of equals the lowest index, and that score [queries]."""
    indices, cosines = np.concatenate([top.indices for top in tops]), np.concatenate([top.cosines for top in tops])
    order = np.argsort(indices, axis=1)
    indices, cosines = np.take_along_axis(indices, order, axis=1), np.take_along_axis(cosines, order, axis=1)
    means = (own_mean[:, None] + other_mean[indices]) / 2
    margins = np.divide(cosines, means, out=np.zeros_like(cosines), where=means > nearest_neighbors.ULP)
    scores = np.round(margins, DECIMALS)
    best = scores.argmax(axis=1)[:, None]
    return np.take_along_axis(indices, best, axis=1)[:, 0], np.take_along_axis(scores, best, axis=1)[:, 0]
