"""What the machine itself can do, measured in the same run as the steps that are held against it."""

import time
from collections.abc import Callable
from typing import Any

import torch

from experiments.benchmarks import setting
from experiments.benchmarks.setting import SHAPES, Job

SQUARE = {"cpu": 2048, "cuda": 8192}
COPIED = {"cpu": 2**24, "cuda": 2**30}  # bytes of one buffer: far more than a GPU's cache holds
AGAIN = 20  # times a GPU does the same between two marks, so that starting it counts for nothing


def train(job: Job, turn: Any) -> dict[str, Any]:
    """At each turn a square product and those of a layer, at the batch's mean number of tokens; their rates in FLOP/s."""
    works = _products(job)
    turn.ready()
    return _rates(works, job, turn)


predict = train


def rates(job: Job, turn: Any) -> dict[str, Any]:
    """The same, and in bytes/s a copy (read and written once) and an axpy (two read, one written)."""
    count = COPIED[job.device] // 4
    one, other = torch.zeros(count, device=job.device), torch.zeros(count, device=job.device)
    works = _products(job) | {
        "copy": (lambda: one.copy_(other), 8 * count),
        "axpy": (lambda: one.add_(other, alpha=0.5), 12 * count),
    }
    turn.ready()
    return _rates(works, job, turn)


Work = tuple[Callable[[], Any], int]  # what is done, and how many operations or bytes that is


def _products(job: Job) -> dict[str, Work]:
    shape = SHAPES[job.shape]
    tokens = round(sum(tokens for tokens, _ in setting.work(job)) / job.steps)
    wide, long = shape.hidden_size, shape.intermediate_size
    side = min(SQUARE[job.device], 64 * wide)  # tests have tiny shapes and little time
    sizes = {"square": [(side, side, side)], "layer": [(tokens, wide, wide), (tokens, wide, long), (tokens, long, wide)]}
    return {name: _product(one, job) for name, one in sizes.items()}


def _product(sizes: list[tuple[int, int, int]], job: Job) -> Work:
    kind: Any = {"device": job.device, "dtype": torch.bfloat16 if job.precision == "bf16" else torch.float32}
    pairs = [(torch.randn(rows, inner, **kind), torch.randn(inner, columns, **kind)) for rows, inner, columns in sizes]
    return lambda: [left @ right for left, right in pairs], sum(2 * rows * inner * columns for rows, inner, columns in sizes)


def _rates(works: dict[str, Work], job: Job, turn: Any) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(job.steps):
        turn.begin()
        for name, (work, amount) in works.items():
            found[name].append(amount / _seconds(work, job.device))
        turn.end()
    return found


def _seconds(work: Callable[[], Any], device: str) -> float:
    """What it takes once; by the GPU's own clock where that works, which is told all of it before anybody waits."""
    if device == "cpu":
        began = time.perf_counter()
        work()
        return time.perf_counter() - began
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    work()
    first.record()
    for _ in range(AGAIN):
        work()
    last.record()
    last.synchronize()
    return first.elapsed_time(last) / 1000 / AGAIN
