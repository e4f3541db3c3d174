"""Bitext mining side by side: two faiss searches and XTREME's scoring loop, mining in single precision, mining in bfloat16.

    OMP_NUM_THREADS=1 python -m experiments.benchmarks.mining
    OMP_NUM_THREADS=1 python -m experiments.benchmarks.mining 50000 --rounds 2

In one process, one after the other in every round, the order turned from round to round. Half of the sentences have a
translation. Vectors are random directions or lie around a common one, as sentence vectors do (mean cosine about 0.8).
Needs faiss-cpu.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from experiments.benchmarks import store
from stilts_xtreme.engine.similarity_kernels import Brief
from stilts_xtreme.scoring.retrieval import mine

try:
    import faiss
except ImportError:
    print("this benchmark needs faiss: pip install faiss-cpu", file=sys.stderr)
    sys.exit(2)

DIMENSIONS, K = 768, 4
Mined = list[tuple[int, int, float]]


def sides(sentences: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Foreign and English vectors, shuffled; the first half of the foreign ones have a near twin."""
    random = np.random.default_rng(0)
    foreign = random.standard_normal((sentences, DIMENSIONS), dtype=np.float32)
    english = random.standard_normal((sentences, DIMENSIONS), dtype=np.float32)
    half = sentences // 2
    english[:half] = 0.8 * foreign[:half] + 0.6 * english[:half]
    if kind == "clustered":
        common = 2 * random.standard_normal(DIMENSIONS, dtype=np.float32)
        foreign += common
        english += common
    return foreign, random.permutation(english)


def stock(foreign: np.ndarray, english: np.ndarray) -> Mined:
    """Two flat inner-product searches, margins pair by pair, the best proposals first: what XTREME's retrieval code does."""
    foreign, english = foreign.copy(), english.copy()
    faiss.normalize_L2(foreign)
    faiss.normalize_L2(english)
    proposals: list[list[np.ndarray]] = []
    found = [_search(english, foreign), _search(foreign, english)]
    means = [cosines.mean(axis=1) for cosines, _ in found]
    directions = ((found[0], foreign, english, *means), (found[1], english, foreign, *means[::-1]))
    for (_, near), own, other, mean, mean_other in directions:
        margins = np.zeros(near.shape)
        for i in range(len(near)):
            for place in range(near.shape[1]):
                j = near[i, place]
                margins[i, place] = own[i].dot(other[j]) / ((mean[i] + mean_other[j]) / 2)
        proposals.append([near[np.arange(len(near)), margins.argmax(axis=1)], margins.max(axis=1)])
    foreigns = np.concatenate([np.arange(len(foreign)), proposals[1][0]])
    englishes = np.concatenate([proposals[0][0], np.arange(len(english))])
    margins = np.concatenate([proposals[0][1], proposals[1][1]])
    mined, used, used_english = [], set(), set()
    for at in np.argsort(-margins):
        i, j = int(foreigns[at]), int(englishes[at])
        if i not in used and j not in used_english:
            used.add(i)
            used_english.add(j)
            mined.append((i, j, float(margins[at])))
    return mined


def _search(candidates: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    index = faiss.IndexFlatIP(DIMENSIONS)
    index.add(candidates)
    return index.search(queries, K)


def measure(sentences: int, kind: str, rounds: int) -> dict:
    """Seconds by the clock and of the processor for each way and round, and how far the pairs are the same."""
    foreign, english = sides(sentences, kind)
    ways: dict[str, Callable[[], Mined]] = {
        "stock": lambda: stock(foreign, english),
        "fp32": lambda: mine(foreign, english, K),
        "bf16": lambda: mine(foreign, english, K, Brief),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    busy: dict[str, list[float]] = {name: [] for name in ways}
    pairs: dict[str, Mined] = {}
    for number in range(rounds):
        for name in list(ways)[:: 1 if number % 2 == 0 else -1]:
            began, worked = time.monotonic(), time.process_time()
            pairs[name] = ways[name]()
            seconds[name].append(time.monotonic() - began)
            busy[name].append(time.process_time() - worked)
            took = f"{seconds[name][-1]:.1f} s by the clock, {busy[name][-1]:.1f} s of processor time"
            print(f"{kind} {sentences}, round {number + 1}: {name} {took}", file=sys.stderr, flush=True)
    theirs = {pair[:2] for pair in pairs["stock"]}
    return {
        "sentences": sentences, "vectors": kind, "dimensions": DIMENSIONS, "k": K, "rounds": rounds,
        "seconds": seconds, "processor_seconds": busy,
        "pairs": {name: len(found) for name, found in pairs.items()},
        "share_of_pairs_also_mined_by_stock": sum(pair[:2] in theirs for pair in pairs["fp32"]) / len(pairs["fp32"]),
        "bf16_same_pairs_and_scores_as_fp32": pairs["bf16"] == pairs["fp32"],
    }  # fmt: skip


def rows(result: dict) -> Iterator[str]:
    """A line for each way: medians, and the ratio of stock's to its processor time in the same round."""
    for name, busy in result["processor_seconds"].items():
        ratios = [other / own for other, own in zip(result["processor_seconds"]["stock"], busy, strict=True)]
        clock = [other / own for other, own in zip(result["seconds"]["stock"], result["seconds"][name], strict=True)]
        yield (
            f"{result['vectors']:10} {result['sentences']:9} {name:6} {statistics.median(result['seconds'][name]):8.1f} "
            f"{statistics.median(busy):10.1f} {statistics.median(ratios):6.2f} ({min(ratios):.2f} to {max(ratios):.2f}) "
            f"{statistics.median(clock):6.2f} ({min(clock):.2f} to {max(clock):.2f})"
        )


def measured(result: dict) -> Iterator[dict]:
    """The table's rows: stock's time by ours, medians over the rounds."""
    tail = "" if result["vectors"] == "random" else "-clustered"
    for name in ("fp32", "bf16"):
        clock, processor = (
            [other / own for other, own in zip(result[kind]["stock"], result[kind][name], strict=True)]
            for kind in ("seconds", "processor_seconds")
        )
        yield {
            "row": f"mining-{name}{tail}", "batch": result["sentences"], "ratio": statistics.median(clock),
            "processor": {"ratio": statistics.median(processor)}, "rounds": result,
        }  # fmt: skip


def main() -> None:
    """Measure both kinds of vectors, print a table; exit 1 if bfloat16 changed a pair or a score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sentences", type=int, nargs="?", default=20_000, help="on each side")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--vectors", choices=["random", "clustered"], nargs="+", default=["random", "clustered"])
    parser.add_argument("--to", type=Path, default=store.RESULTS / "mining.json", help="file for the figures")
    given = parser.parse_args()
    faiss.omp_set_num_threads(1)
    torch.set_num_threads(1)
    results = []
    for kind in given.vectors:
        began = time.monotonic()
        results.append(measure(given.sentences, kind, given.rounds))
        store.add(given.to, list(measured(results[-1])), time.monotonic() - began)
    print("vectors    sentences way     seconds  processor  times as fast as stock: processor, clock")
    for result in results:
        print("\n".join(rows(result)))
        share, same = result["share_of_pairs_also_mined_by_stock"], result["bf16_same_pairs_and_scores_as_fp32"]
        print(f"pairs also mined by stock: {100 * share:.3f} %; bf16 the same as fp32 to the last bit: {'yes' if same else 'NO'}")
    sys.exit(not all(result["bf16_same_pairs_and_scores_as_fp32"] for result in results))


if __name__ == "__main__":
    main()
