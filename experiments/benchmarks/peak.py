"""The core's own fp32 matrix peak, measured in the same run as the steps that are held against it."""

import time
from typing import Any

import torch

from experiments.benchmarks import setting
from experiments.benchmarks.setting import SHAPES, Job

SQUARE = 2048


def train(job: Job, turn: Any) -> dict[str, Any]:
    """At each turn a square product and those of a layer, at the batch's mean number of tokens; their rates in FLOP/s."""
    shape = SHAPES[job.shape]
    tokens = round(sum(tokens for tokens, _ in setting.work(job)) / job.steps)
    wide, long = shape.hidden_size, shape.intermediate_size
    square = [_pair(SQUARE, SQUARE, SQUARE)]
    layer = [_pair(tokens, wide, wide), _pair(tokens, wide, long), _pair(tokens, long, wide)]
    turn.ready()
    found: dict[str, list[float]] = {"square": [], "layer": []}
    for _ in range(job.steps):
        turn.begin()
        found["square"].append(_rate(square))
        found["layer"].append(_rate(layer))
        turn.end()
    return found


predict = train


def _pair(rows: int, inner: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(rows, inner), torch.randn(inner, columns)


def _rate(products: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
    operations = sum(2 * left.numel() * right.shape[1] for left, right in products)
    began = time.perf_counter()
    for left, right in products:
        left @ right
    return operations / (time.perf_counter() - began)
