"""Data parallel training: each process computes a part of every batch, and all end with the gradients of the whole batch.

Gradients are summed once a step, and not while they are computed (as DDP does): so a batch may be smaller than the number of
processes, a head may have nothing to do, and if a process runs out of memory all of them repeat the step.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from stilts_xtreme.engine.batches import Batch, collate
from stilts_xtreme.engine.embedding_subset import Table
from stilts_xtreme.engine.encoder import Model
from stilts_xtreme.engine.features import Feature
from stilts_xtreme.engine.sharding import is_part, is_sharded
from stilts_xtreme.models.heads import HEADS
from stilts_xtreme.models.heads.common import Tokenizer
from stilts_xtreme.utils import ranks
from stilts_xtreme.utils.errors import PeerLost

LARGE = 1 << 18  # elements: gradients that are summed in place; smaller ones are sent together


def deal(sizes: Sequence[int], count: int) -> list[list[int]]:
    """Return the indices of the items that each of `count` processes takes, rising; the sums of their sizes are nearly equal."""
    shares: list[list[int]] = [[] for _ in range(count)]
    loads = [(0, share) for share in range(count)]
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        load, share = heapq.heappop(loads)
        shares[share].append(i)
        heapq.heappush(loads, (load + sizes[i], share))
    return [sorted(share) for share in shares]


def total(tensor: Tensor) -> Tensor:
    """Sum a tensor over all processes, in place."""
    with ranks.reaching():
        torch.distributed.all_reduce(tensor)
    return tensor


class DataParallel:
    """This process's share of a training by several processes."""

    def __init__(self, model: Model):
        self.model, self.sharded = model, is_sharded(model)
        self._tokens: list[np.ndarray] = []  # ids that the step looked up in the embeddings, in any process

    def reseed(self, seed: int, step: int) -> None:
        """Seed this process's random numbers (dropout) by its rank; the first process has those of the seed."""
        if ranks.rank():
            torch.manual_seed(int(np.random.SeedSequence([seed, step, ranks.rank()]).generate_state(1)[0]))

    def collate(self, head: str, features: Sequence[Feature], tokenizer: Tokenizer, masking: torch.Generator) -> Batch:
        """Return the batch of this process's part of the features; if it has none, of the first feature, marked `idle`.

        An idle batch does not count. What the head draws, it draws for all features.
        """
        kind = HEADS[head]
        if hasattr(kind, "with_masks"):  # heads.mlm: every process trains on a part of the same masks
            features = kind.with_masks(features, collate(head, features, tokenizer, masking))
        self._tokens += [np.asarray(row) for feature in features for row in feature["rows"]]
        shares = deal([sum(map(len, feature["rows"])) for feature in features], ranks.count())
        own = shares[ranks.rank()]
        batch = collate(head, [features[i] for i in own] or features[:1], tokenizer, masking)
        if hasattr(kind, "across"):
            in_order = [features[i] for share in shares for i in share]
            batch |= kind.across(in_order, RowShares([len(share) for share in shares]))
        return batch | {"idle": not own}

    def run_step(self, work: Callable[[], tuple[Tensor, int, int]]) -> tuple[Tensor, int, int]:
        """Return the loss of this process, and the numbers of terms and tokens of all processes.

        OutOfMemoryError if memory ran out in any process; PeerLost if it ran out in this one while others wait for its weights.
        """
        self._tokens.clear()
        try:
            loss, terms, tokens = work()
        except torch.OutOfMemoryError as fault:
            if self.sharded:
                raise PeerLost(f"process {ranks.rank()}: the GPU's memory is full; say a smaller recipe.micro_batch") from None
            if not isinstance(fault, OutOfMemoryElsewhere):
                ranks.totals(1)
            raise
        short, terms, tokens = ranks.totals(0, terms, tokens)
        if short:
            raise OutOfMemoryElsewhere
        return loss, terms, tokens

    @torch.no_grad()
    def sum_gradients(self, loss: Tensor) -> Tensor:
        """Give all processes the sums of their gradients; returns the sum of their losses (0-d tensor)."""
        table = self.model.encoder.get_input_embeddings()
        assert isinstance(table, Table)
        alone = table.weight if table.sum_rows(np.unique(np.concatenate(self._tokens)), total) else None
        gradients = []
        for p in self.model.parameters():
            if p.grad is not None and p is not alone and not is_part(p):
                p.grad = p.grad.contiguous()
                gradients.append(p.grad)
        small = [grad for grad in gradients if grad.numel() < LARGE]
        waiting = []
        with ranks.reaching():
            for grad in gradients:
                if grad.numel() >= LARGE:
                    waiting.append(torch.distributed.all_reduce(grad, async_op=True))
            flat = total(torch.cat([*(grad.flatten() for grad in small), loss.to(gradients[0].dtype).reshape(1)]))
            for work in waiting:
                work.wait()
        *parts, loss = flat.split([*(grad.numel() for grad in small), 1])
        torch._foreach_copy_(small, [part.view_as(grad) for part, grad in zip(parts, small, strict=True)])
        return loss[0]


class OutOfMemoryElsewhere(torch.OutOfMemoryError):
    """Another process has no memory left."""


@dataclass(frozen=True)
class RowShares:
    """Rows that are spread over the processes: `sizes` by rank. A `heads.dual_encoder.BatchShares`."""

    sizes: Sequence[int]

    @property
    def begin(self) -> int:
        """Index of this process's first row."""
        return sum(self.sizes[: ranks.rank()])

    def own(self, rows: Tensor) -> Tensor:
        """Return this process's rows; none of an idle batch."""
        return rows[: self.sizes[ranks.rank()]]

    def gather(self, rows: Tensor) -> Tensor:
        """Return all processes' rows [sum of sizes, ...]; gradients go back to the process they are from."""
        if ranks.totals(0)[0]:  # before anybody waits for a process whose memory ran out
            raise OutOfMemoryElsewhere
        return _Gather.apply(self.own(rows), self.sizes)


class _GatherContext(FunctionCtx):
    sizes: Sequence[int]


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _GatherContext, rows: Tensor, sizes: Sequence[int]) -> Tensor:
        ctx.sizes = sizes
        padded = rows.new_zeros(max(sizes), *rows.shape[1:])
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in sizes]
        with ranks.reaching():
            torch.distributed.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: _GatherContext, gradient: Tensor) -> tuple[Tensor, None]:
        return total(gradient.contiguous()).split(list(ctx.sizes))[ranks.rank()], None
