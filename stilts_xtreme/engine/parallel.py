"""A training step by several processes: each computes a part of every batch, and all end with the gradients of the whole.

Their gradients are added up once a step, and not while they are made (as DDP does): so a batch may be smaller than the number of
processes, a head may have nothing to do, and one that runs out of memory takes the others back with it.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from stilts_xtreme import ranks
from stilts_xtreme.engine.batches import collate
from stilts_xtreme.engine.features import Feature
from stilts_xtreme.engine.sharding import is_part, is_sharded
from stilts_xtreme.errors import Lost
from stilts_xtreme.heads import HEADS

T = TypeVar("T")
LARGE = 1 << 18  # elements: gradients that are added up where they lie; smaller ones go together


def deal(sizes: Sequence[int], count: int) -> list[list[int]]:
    """Which items each of `count` processes takes, in rising order, the sums of their sizes nearly equal."""
    shares: list[list[int]] = [[] for _ in range(count)]
    loads = [(0, share) for share in range(count)]
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        load, share = heapq.heappop(loads)
        shares[share].append(i)
        heapq.heappush(loads, (load + sizes[i], share))
    return [sorted(share) for share in shares]


def total(tensor: Tensor) -> Tensor:
    """Add up a tensor over all processes, in place."""
    with ranks.reaching():
        torch.distributed.all_reduce(tensor)
    return tensor


class Team:
    """The processes that train a model together, from one's point of view."""

    def __init__(self, model: Any):
        self.model, self.sharded = model, is_sharded(model)
        self._tokens: list[np.ndarray] = []  # what the step looked up in the table of words, on any of us

    def reseed(self, seed: int, step: int) -> None:
        """Other random numbers for each process (dropout) but the first, which has those of the seed."""
        if ranks.rank():
            torch.manual_seed(int(np.random.SeedSequence([seed, step, ranks.rank()]).generate_state(1)[0]))

    def collate(self, head: str, features: Sequence[Feature], tokenizer: Any, masking: torch.Generator) -> dict[str, Any]:
        """The batch of our part of the features; where we have none, of one of them, marked `idle`: it does not count.

        What the head draws, it draws for all of them.
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
            batch |= kind.across(in_order, Everyone([len(share) for share in shares]))
        return batch | {"idle": not own}

    def agreed(self, work: Callable[[], tuple[Tensor, int, int]]) -> tuple[Tensor, int, int]:
        """A step's loss, terms and tokens: our loss, all processes' terms and tokens.

        OutOfMemoryError where that happened to any of us; Lost where it happened to us and the others wait for our weights.
        """
        self._tokens.clear()
        try:
            loss, terms, tokens = work()
        except torch.OutOfMemoryError as fault:
            if self.sharded:
                raise Lost(f"process {ranks.rank()}: the GPU's memory is full; say a smaller recipe.micro_batch") from None
            if not isinstance(fault, Elsewhere):
                ranks.totals(1)
            raise
        short, terms, tokens = ranks.totals(0, terms, tokens)
        if short:
            raise Elsewhere
        return loss, terms, tokens

    @torch.no_grad()
    def add_up(self, loss: Tensor) -> Tensor:
        """Give all processes the sums of their gradients; and of their losses, which it returns."""
        table = self.model.encoder.get_input_embeddings()
        alone = table.weight if table.add_up(np.unique(np.concatenate(self._tokens)), total) else None
        found = [p for p in self.model.parameters() if p.grad is not None and p is not alone and not is_part(p)]
        for parameter in found:
            parameter.grad = parameter.grad.contiguous()
        small = [p.grad for p in found if p.numel() < LARGE]
        waiting = []
        with ranks.reaching():
            for p in found:
                if p.numel() >= LARGE:
                    waiting.append(torch.distributed.all_reduce(p.grad, async_op=True))
            flat = total(torch.cat([*(grad.flatten() for grad in small), loss.to(found[0].grad.dtype).reshape(1)]))
            for work in waiting:
                work.wait()
        *parts, loss = flat.split([*(grad.numel() for grad in small), 1])
        torch._foreach_copy_(small, [part.view_as(grad) for part, grad in zip(parts, small, strict=True)])
        return loss[0]


class Elsewhere(torch.OutOfMemoryError):
    """Another process has no memory left."""


@dataclass(frozen=True)
class Everyone:
    """Rows of all processes, where each has some: `sizes` of them by rank."""

    sizes: Sequence[int]

    @property
    def begin(self) -> int:
        """Number of our first row."""
        return sum(self.sizes[: ranks.rank()])

    def own(self, rows: Tensor) -> Tensor:
        """Our rows: none, where what we computed does not count."""
        return rows[: self.sizes[ranks.rank()]]

    def gather(self, rows: Tensor) -> Tensor:
        """All processes' rows [sum of sizes, ...]; gradients go back to where they are from."""
        if ranks.totals(0)[0]:  # before anyone waits for one whose memory ran out
            raise Elsewhere
        return _Gather.apply(self.own(rows), self.sizes)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, sizes: Sequence[int]) -> Tensor:
        ctx.sizes = sizes
        padded = rows.new_zeros(max(sizes), *rows.shape[1:])
        padded[: len(rows)] = rows
        found = [torch.empty_like(padded) for _ in sizes]
        with ranks.reaching():
            torch.distributed.all_gather(found, padded)
        return torch.cat([part[:size] for part, size in zip(found, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return total(gradient.contiguous()).split(list(ctx.sizes))[ranks.rank()], None
