"""Token embeddings while they are trained: the gradient's memory is reused from step to step, rows without data are left out.

Rows that a stage's data does not touch would have a gradient of zero at every step, so that AdamW changes them by weight decay
alone: a factor that is known beforehand. The rest of the model trains as if they were there.
"""

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from transformers import PreTrainedModel


class Table(nn.Embedding):
    """An embedding table whose lookups add to the gradient that is there; it stands in for the table `whole`."""

    def __init__(self, whole: nn.Embedding, weight: nn.Parameter, padding_idx: int | None):
        super().__init__(len(weight), whole.embedding_dim, padding_idx, _weight=weight.detach())
        self.weight = weight
        self._whole = [whole]  # in a list, so that it counts as no part of the model
        self._gradient: Tensor | None = None
        self._touched: list[Tensor] = []

    def forward(self, tokens: Tensor) -> Tensor:
        return self.look_up(self.rows(tokens))

    def look_up(self, numbers: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return super().forward(numbers)
        return _Lookup.apply(torch.zeros((), device=numbers.device, requires_grad=True), numbers, self)

    def rows(self, tokens: Tensor) -> Tensor:
        """Numbers of the rows that these tokens have here."""
        return tokens

    def sum_rows(self, tokens: np.ndarray, total: Callable[[Tensor], Tensor]) -> bool:
        """Have `total` sum over all processes, in place, the gradient's rows of these distinct ids, which any process looked up.

        Returns False, and does nothing, if the gradient has other rows as well.
        """
        if self.weight.grad is None or self.weight.grad is not self._gradient:
            return False
        rows = self.rows(torch.from_numpy(tokens.astype(np.int64)).to(self.weight.device))
        assert self._gradient is not None
        part = self._gradient[rows]
        total(part)
        self._gradient.index_copy_(0, rows, part)
        self._touched = [rows]
        return True

    def collect(self, numbers: Tensor, gradient: Tensor) -> None:
        """Add to the gradient. A new gradient takes the last step's memory, of which only touched rows are cleared."""
        if self.weight.grad is None:
            if self._gradient is None:
                self._gradient = torch.zeros_like(self.weight)
            for rows in self._touched:
                self._gradient.index_fill_(0, rows, 0.0)
            self._touched.clear()
            self.weight.grad = self._gradient
        if self.weight.grad is self._gradient:
            self._touched.append(numbers)
        if self.padding_idx is not None:  # as in any embedding: padding is not learned
            gradient = gradient.masked_fill((numbers == self.padding_idx)[:, None], 0.0)
        self.weight.grad.index_add_(0, numbers, gradient)


class Compact(Table):
    """Some rows of a table (`ids`, rising) and the padding's, looked up by token ids of the whole table.

    IndexError for a token that is not held (on a GPU an assertion of the device).
    """

    number: Tensor
    held: Tensor

    def __init__(self, whole: nn.Embedding, ids: np.ndarray):
        padding = whole.padding_idx
        held = np.union1d(ids, [0 if padding is None else padding])
        rows = torch.from_numpy(held.astype(np.int64)).to(whole.weight.device)
        place = None if padding is None else int(np.searchsorted(held, padding))
        super().__init__(whole, nn.Parameter(whole.weight.detach()[rows]), place)
        number = torch.full((whole.num_embeddings,), len(rows), device=rows.device)
        self.register_buffer("number", number.index_put((rows,), torch.arange(len(rows), device=rows.device)), persistent=False)
        self.register_buffer("held", rows, persistent=False)
        whole.to("cpu")

    def rows(self, tokens: Tensor) -> Tensor:
        return self.number[tokens]


class _LookupContext(FunctionCtx):
    numbers: Tensor
    table: Table


class _Lookup(torch.autograd.Function):
    """A lookup that hands its gradient to the table. The graph does not know of the weights: they must not wait for it."""

    @staticmethod
    def forward(ctx: "_LookupContext", anchor: Tensor, numbers: Tensor, table: Table) -> Tensor:
        ctx.numbers, ctx.table = numbers, table
        return nn.functional.embedding(numbers, table.weight.detach())

    @staticmethod
    def backward(ctx: "_LookupContext", gradient: Tensor) -> tuple[None, None, None]:
        ctx.table.collect(ctx.numbers.flatten(), gradient.flatten(0, -2).to(ctx.table.weight.dtype))
        return None, None, None


def restrict_embeddings(encoder: PreTrainedModel, ids: np.ndarray | None) -> None:
    """Restrict the encoder's embeddings to the rows of these token ids (None: all); what it computes for them stays the same."""
    whole = encoder.get_input_embeddings()
    assert isinstance(whole, nn.Embedding)
    weight = cast(nn.Parameter, whole.weight)
    encoder.set_input_embeddings(Table(whole, weight, whole.padding_idx) if ids is None else Compact(whole, ids))


@torch.no_grad()
def restore_embeddings(encoder: PreTrainedModel, factor: float) -> None:
    """Put the rows back into the whole table, whose other rows are multiplied by `factor`."""
    table = encoder.get_input_embeddings()
    assert isinstance(table, Table)
    (whole,) = table._whole
    if isinstance(table, Compact):
        if factor != 1.0:
            whole.weight.mul_(factor)
        whole.weight[table.held.cpu()] = table.weight.cpu()
    encoder.set_input_embeddings(whole.to(table.weight.device))
