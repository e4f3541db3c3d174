"""Nearest neighbours, bitext mining by margin (arXiv 1811.01136), and the scores of both.

Neighbours are exact, by cosines rounded to 12 decimals, whatever `product` finds them (see `neighbours`).
"""

from collections.abc import Collection, Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from stilts_xtreme.scoring import neighbours
from stilts_xtreme.scoring.neighbours import Best, Multiplier, Side, Single, Vectors

Pair = tuple[Hashable, Hashable]  # foreign sentence, English sentence
DECIMALS = 9  # of a margin score: what is equal but for the rounding of its means ties, and a tie goes to the lowest index


def nearest(queries: Vectors, candidates: Vectors) -> NDArray[np.int64]:
    """For each query the index of the candidate with the highest cosine; a zero vector has cosine 0 with everything.

    ValueError if either side is empty, the dimensions differ or a number is not finite.
    """
    return nearest_k(queries, [candidates], 1)[:, 0]


def nearest_k(queries: Vectors, chunks: Iterable[Vectors], k: int, product: Multiplier = Single) -> NDArray[np.int64]:
    """For each query the indices of the `k` candidates with the highest cosines, highest first; -1 where there are fewer.

    Candidates come in chunks, of which one is held at a time, and are counted through all of them. ValueError as in `nearest`.
    """
    own = Side(queries)
    best, seen = [Best(own, piece, k) for piece in own.pieces(neighbours.ROWS)], 0
    for chunk in chunks:
        neighbours.search(best, Side(chunk, seen), product)
        seen += len(chunk)
    if not seen:
        raise ValueError("nothing to compare: no candidates")
    return np.concatenate([piece.indices for piece in best])


def mine(foreign: Vectors, english: Vectors, k: int = 4, product: Multiplier = Single) -> list[tuple[int, int, float]]:
    """Translation pairs (foreign index, English index, score), best first; each sentence stands in at most one.

    A pair's score is its cosine over the mean cosine of both sentences to their `k` nearest neighbours on the other side (0
    where that mean is not above 1e-12), rounded to 9 decimals. Every sentence of either side proposes the best scored of its
    neighbours; proposals are accepted from the best score down. k = 4 and "both directions, highest first" as in XTREME.
    ValueError as in `nearest`.
    """
    there, here = Side(foreign), Side(english)
    forward = [Best(there, piece, min(k, len(english))) for piece in there.pieces(neighbours.ROWS)]
    backward = [Best(here, piece, min(k, len(foreign))) for piece in here.pieces(neighbours.COLUMNS)]
    neighbours.search(forward, here, product, turned=backward)
    for best in backward:
        best.settle(there)

    own, other = (np.concatenate([best.cosines.mean(axis=1) for best in side]) for side in (forward, backward))
    partner, score = _proposals(forward, own, other)
    partner_back, score_back = _proposals(backward, other, own)
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


def _proposals(
    found: list[Best], own_mean: NDArray[np.float64], other_mean: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of each query's neighbours the one with the best margin score, the lowest index first, and that score."""
    indices, cosines = np.concatenate([best.indices for best in found]), np.concatenate([best.cosines for best in found])
    order = np.argsort(indices, axis=1)
    indices, cosines = np.take_along_axis(indices, order, axis=1), np.take_along_axis(cosines, order, axis=1)
    means = (own_mean[:, None] + other_mean[indices]) / 2
    margins = np.divide(cosines, means, out=np.zeros_like(cosines), where=means > neighbours.ULP)
    scores = np.round(margins, DECIMALS)
    best = scores.argmax(axis=1)[:, None]
    return np.take_along_axis(indices, best, axis=1)[:, 0], np.take_along_axis(scores, best, axis=1)[:, 0]
