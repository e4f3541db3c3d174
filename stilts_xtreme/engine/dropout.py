"""Dropout that draws four shares from each random number: torch's own costs a CPU more than the layer norm beside it."""

from typing import Any

import torch
from torch import Tensor, nn


class Dropout(nn.Dropout):
    """`nn.Dropout`, on a CPU with masks from `random_bits`; the same rate, other draws."""

    def forward(self, states: Tensor) -> Tensor:
        if not self.training or self.p == 0.0 or states.device.type != "cpu":
            return super().forward(states)
        return _Dropped.apply(states, self.p)


class _Dropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, rate: float) -> Tensor:
        mask = keep(random_bits(states.numel()), rate).view(states.shape)
        ctx.rate = rate
        ctx.save_for_backward(mask)
        return (states * mask).mul_(1 / (1 - rate))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (mask,) = ctx.saved_tensors
        return (gradient * mask).mul_(1 / (1 - ctx.rate)), None


def random_bits(count: int) -> Tensor:
    """`count` random int16 from torch's own generator, four to each number drawn: three times as fast as drawing shares."""
    return torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)[:count]


def keep(bits: Tensor, dropout: float) -> Tensor:
    """Which of them stay: all but a share `dropout` (to 1 in 65,536)."""
    return bits >= round(dropout * 65536) - 32768
