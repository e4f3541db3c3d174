"""Timing: models and variants in turns, block by block, so that what the machine does meanwhile affects all of them alike."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from stilts_xtreme.engine.variants import BY_LENGTH, Rows, Run
from stilts_xtreme.models.heads.common import Tokenizer
from stilts_xtreme.models.heads.literal import literal

SETTLE = 2  # untimed calls before each block: the turn before left its own weights in the caches
AGREE = 32  # pairs a batch where answers are compared


@dataclass(frozen=True)
class Lane:
    """A model in a variant of inference."""

    model: str
    variant: str
    run: Run


@dataclass(frozen=True)
class Part:
    """Rows that are timed together: those of a language, filled up to `length` tokens (None: as long as they are)."""

    language: str
    rows: Rows
    length: int | None = None


Times = dict[tuple[int, int], list[list[float]]]  # by places of lane and part: rounds of seconds


def single(
    lanes: Sequence[Lane], parts: Sequence[Part], calls: int, warmup: int, block: int, device: torch.device,
    callback: Callable[[int], None],
) -> Times:  # fmt: skip
    """Time calls (seconds) at batch 1: in each round every lane answers the same `block` rows of every part, in a drawn order."""
    for lane in lanes:
        for part in parts:
            for i in range(warmup):
                lane.run([part.rows[i % len(part.rows)]], part.length)
    times: Times = {(i, j): [] for i in range(len(lanes)) for j in range(len(parts))}
    for number, order in enumerate(orders(len(lanes), -(-calls // block))):
        for j, part in enumerate(parts):
            rows = [part.rows[(number * block + i) % len(part.rows)] for i in range(block)]
            for i in order:
                times[i, j].append(_calls(lanes[i].run, [[row] for row in rows], part.length, device))
            callback(len(lanes))
    return times


def passes(
    lanes: Sequence[Lane], parts: Sequence[Part], batch: int, count: int, device: torch.device, callback: Callable[[int], None]
) -> Times:
    """Time passes (seconds) over all rows of each part in batches; sorting, where a lane does that, is timed with it."""
    for lane in lanes:
        for part in parts:
            lane.run(part.rows[:batch], part.length)
    times: Times = {(i, j): [] for i in range(len(lanes)) for j in range(len(parts))}
    for order in orders(len(lanes), count):
        for j, part in enumerate(parts):
            for i in order:
                with _undisturbed(device):
                    began = time.perf_counter()
                    for chosen in batches(lanes[i].variant, part.rows, batch):
                        lanes[i].run([part.rows[k] for k in chosen], part.length)
                    _wait(device)
                    times[i, j].append([time.perf_counter() - began])
            callback(len(lanes))
    return times


def logits(lane: Lane, rows: Rows) -> np.ndarray:
    """Return logits [rows, C] in the rows' order, from batches as the lane takes them."""
    by_row = [np.zeros(0)] * len(rows)
    for chosen in batches(lane.variant, rows, AGREE):
        for place, values in zip(chosen, lane.run([rows[k] for k in chosen], None), strict=True):
            by_row[place] = values
    return np.stack(by_row)


def agreement(ours: np.ndarray, base: np.ndarray) -> dict[str, float]:
    """Return `same`: share (0 to 100) of rows with the same best label; `largest`: the largest difference of two logits."""
    same = float((ours.argmax(1) == base.argmax(1)).mean())
    return {"same": 100.0 * same, "largest": float(np.abs(ours.astype(np.float64) - base).max())}


def tokenisation(
    tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]], max_length: int, calls: int, warmup: int
) -> tuple[list[float], float]:
    """Time the tokenizer: seconds of each of `calls` calls with a single pair, and seconds per pair of all pairs at once."""

    def encode(chosen: Sequence[tuple[str, str]]) -> None:
        firsts, seconds = [first for first, _ in chosen], [second for _, second in chosen]
        tokenizer(firsts, seconds, truncation="longest_first", max_length=max_length, verbose=False)

    with literal(tokenizer):
        for i in range(warmup):
            encode([pairs[i % len(pairs)]])
        times = []
        for i in range(calls):
            began = time.perf_counter()
            encode([pairs[i % len(pairs)]])
            times.append(time.perf_counter() - began)
        began = time.perf_counter()
        encode(pairs)
    return times, (time.perf_counter() - began) / len(pairs)


def batches(variant: str, rows: Rows, size: int) -> Iterator[list[int]]:
    """Yield the row numbers of each batch: in the order given, or sorted by length where the variant sorts."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i])) if variant in BY_LENGTH else list(range(len(rows)))
    for begin in range(0, len(order), size):
        yield order[begin : begin + size]


def orders(lanes: int, rounds: int) -> Iterator[list[int]]:
    """Yield an order of the lanes for every round, the same at every run: none is always first, or always follows the same."""
    random = np.random.default_rng(0)
    for _ in range(rounds):
        yield random.permutation(lanes).tolist()


def medians(rounds: Times, key: tuple[int, int]) -> list[float]:
    """Return milliseconds: the median call of each block."""
    return [1e3 * float(np.median(block)) for block in rounds[key]]


def _calls(run: Run, batches: Sequence[Rows], length: int | None, device: torch.device) -> list[float]:
    for i in range(SETTLE):
        run(batches[i % len(batches)], length)
    times = []
    with _undisturbed(device):
        for rows in batches:
            began = time.perf_counter()
            run(rows, length)
            _wait(device)
            times.append(time.perf_counter() - began)
    return times


@contextmanager
def _undisturbed(device: torch.device) -> Iterator[None]:
    """Suspend garbage collection inside, and wait first for work that a GPU still has."""
    _wait(device)
    gc.collect(0)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
