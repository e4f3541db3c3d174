"""The active vocabulary: a stage trains only those rows of the embedding table that its data can touch.

Every other row would have a gradient of zero at every step, so that AdamW changes it by weight decay alone: a factor that is
known beforehand. The rest of the model trains as if the table were whole.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Compact(nn.Embedding):
    """Some rows of a table (`ids`, rising), looked up by the table's own numbers; `whole` is the table they come from.

    Numbers up to the padding's are all held, so that padding keeps its number. IndexError for a token that is not held.
    """

    def __init__(self, whole: nn.Embedding, ids: np.ndarray):
        held = np.union1d(ids, np.arange((whole.padding_idx or 0) + 1))
        rows = torch.from_numpy(held.astype(np.int64)).to(whole.weight.device)
        super().__init__(len(rows), whole.embedding_dim, whole.padding_idx, _weight=whole.weight.detach()[rows])
        self._whole = [
            whole.to("cpu")
        ]  # in a list, so that it counts as no part of the model, and goes to no other device with it
        number = torch.full((whole.num_embeddings,), len(rows), device=rows.device)
        self.register_buffer("number", number.index_put((rows,), torch.arange(len(rows), device=rows.device)), persistent=False)
        self.register_buffer("held", rows, persistent=False)
        self._gradient: Tensor | None = None
        self._touched: list[Tensor] = []

    def forward(self, tokens: Tensor) -> Tensor:
        numbers = self.number[tokens]
        if not torch.is_grad_enabled() or _others():
            return super().forward(numbers)
        return _Lookup.apply(self.weight, numbers, self)

    def collect(self, numbers: Tensor, gradient: Tensor) -> None:
        """Add to the table's gradient, which is kept from step to step: only rows that the last step touched are cleared."""
        if self._gradient is None:
            self._gradient = torch.zeros_like(self.weight)
        if self.weight.grad is None:
            for rows in self._touched:
                self._gradient.index_fill_(0, rows, 0.0)
            self._touched.clear()
            self.weight.grad = self._gradient
        self._touched.append(numbers)
        self._gradient.index_add_(0, numbers, gradient)
        if self.padding_idx is not None:  # as in any embedding: padding is not learned
            self._gradient[self.padding_idx] = 0.0


def _others() -> bool:
    """Whether other processes train too: they wait for a gradient that goes the usual way."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()  # a torch built without it has only the first


class _Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, numbers: Tensor, table: Compact) -> Tensor:
        ctx.numbers, ctx.table = numbers, table
        return nn.functional.embedding(numbers, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        ctx.table.collect(ctx.numbers.flatten(), gradient.flatten(0, -2).to(ctx.table.weight.dtype))
        return None, None, None


def narrow(encoder: Any, ids: np.ndarray) -> None:
    """Let the encoder hold only the rows of these tokens; its other weights and what it computes for them stay the same."""
    encoder.set_input_embeddings(Compact(encoder.get_input_embeddings(), ids))


@torch.no_grad()
def widen(encoder: Any, factor: float) -> None:
    """Put the rows back into their table, whose other rows are multiplied by `factor`."""
    compact = encoder.get_input_embeddings()
    (whole,) = compact._whole
    if factor != 1.0:
        whole.weight.mul_(factor)
    whole.weight[compact.held.cpu()] = compact.weight.cpu()
    encoder.set_input_embeddings(whole.to(compact.weight.device))
