"""Masked language modelling on running text."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from stilts_xtreme.errors import UserError
from stilts_xtreme.heads.shared import Feature, Limits, Rows, linear, single, whole
from stilts_xtreme.tasks.examples import Text

LOGITS = {"cpu": 2**24, "cuda": 2**28}  # held at a time: 64 MiB in single precision, and 1 GiB on a GPU, which wants large parts
MASKED, SWAPPED = 0.8, 0.1  # of the chosen tokens: replaced by <mask>, by a random token; the rest stay (BERT, section 3.1)


def encode(examples: Sequence[Text], tokenizer: Any, labels: tuple[str, ...], limits: Limits, training: bool) -> list[Feature]:
    """One row `<s> line </s>` per example, cut at the maximum length; what is masked is drawn at each collation."""
    if tokenizer.mask_token_id is None:
        raise UserError("this encoder's tokenizer has no mask token: masked language modelling needs one; leave text out")
    features = single([example.text for example in examples], tokenizer, limits.max_length)
    return [feature | {"mask_rate": limits.mask_rate} for feature in features]


def collate(features: Sequence[Feature], rows: Rows, generator: torch.Generator | None, tokenizer: Any) -> dict[str, Tensor]:
    """`input_ids` [N] with masks, `positions` [M] of the chosen tokens, `targets` [M] their ids.

    Special tokens are neither chosen nor put in; all chance comes from `generator`. Nothing is drawn for features that were
    `drawn`.
    """
    ids = rows["input_ids"]
    if "positions" in features[0]:
        own, sizes = whole([feature["positions"] for feature in features]), [len(feature["positions"]) for feature in features]
        positions = own + rows["offsets"].repeat_interleave(torch.tensor(sizes))
        return {"positions": positions, "targets": whole([feature["targets"] for feature in features])}
    rates = torch.tensor([float(feature["mask_rate"]) for feature in features])[rows["row"]]
    special = torch.tensor(tokenizer.all_special_ids)
    chosen = (torch.rand(ids.shape, generator=generator) < rates) & ~torch.isin(ids, special)
    positions = chosen.nonzero().squeeze(1)
    targets = ids[positions]
    fate = torch.rand(len(targets), generator=generator)
    other = torch.randint(len(tokenizer), targets.shape, generator=generator)
    other = torch.where(torch.isin(other, special), targets, other)
    shown = torch.where(fate < MASKED, tokenizer.mask_token_id, torch.where(fate < MASKED + SWAPPED, other, targets))
    return {"input_ids": ids.index_copy(0, positions, shown), "positions": positions, "targets": targets}


def drawn(features: Sequence[Feature], batch: Mapping[str, Any]) -> list[Feature]:
    """The features of a batch with its masks in their rows, so that parts of it can be collated as parts of the same batch."""
    positions, targets, ids = (batch[name].numpy() for name in ("positions", "targets", "input_ids"))
    begins = batch["offsets"].numpy()
    ends = begins + batch["lengths"].numpy()
    firsts, lasts = np.searchsorted(positions, begins), np.searchsorted(positions, ends)  # positions rise
    found = []
    for feature, begin, end, first, last in zip(features, begins, ends, firsts, lasts, strict=True):
        masked = {"positions": positions[first:last] - begin, "targets": targets[first:last]}
        found.append({**feature, "rows": [ids[begin:end]], **masked})
    return found


class Output(nn.Module):
    """Hidden states [M, H] of the chosen positions to states [M, H]: dense, gelu, norm.

    The input table transposed makes logits [M, V] of them, in parts: nobody ever holds the whole.
    """

    reads = "positions"

    def __init__(self, hidden_size: int, labels: tuple[str, ...], dropout: float, embeddings: nn.Embedding, kind: str = ""):
        super().__init__()
        self.dense = linear(hidden_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size, eps=1e-7 if kind == "deberta-v2" else 1e-5)  # as in the published encoders
        self.bias = nn.Parameter(torch.zeros(embeddings.num_embeddings))
        self._tied = [embeddings]  # in a list, so that the encoder's table does not count as this module's own

    def forward(self, hidden: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        return self.norm(gelu(self.dense(hidden)))

    def loss(self, states: Tensor, batch: Mapping[str, Tensor]) -> tuple[Tensor, int]:
        """Sum over the chosen tokens, and their number."""
        return TiedCrossEntropy.apply(states, self._tied[0].weight, self.bias, batch["targets"]), len(states)

    def guesses(self, states: Tensor) -> Tensor:
        """The likeliest tokens [M]."""
        table = self._tied[0].weight.to(states.dtype)
        best = [torch.addmm(self.bias.to(states.dtype), part, table.T).argmax(1) for part in _parts(states, len(table))]
        return torch.cat(best) if best else states.new_zeros(0, dtype=torch.long)


class TiedCrossEntropy(torch.autograd.Function):
    """Sum of -log softmax(states @ table.T + bias)[target]; the gradient is made beside the loss, part by part of the states."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, table: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        kind = states.device.type
        half = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else table.dtype
        with torch.autocast(kind, enabled=False):
            narrow = table.to(half)
            total = torch.zeros((), dtype=torch.promote_types(half, torch.float32), device=states.device)
            d_states, d_bias, d_table = torch.empty_like(states), torch.zeros_like(bias), None
            begin = 0
            for part in _parts(states, len(table)):
                rows, end = part.to(half), begin + len(part)
                logits = torch.addmm(bias.to(half), rows, narrow.T).to(total.dtype)
                right = targets[begin:end, None]
                shares = torch.softmax(logits, 1)
                # The logarithm of the sum of exponentials, from the largest share, which is never 0: takes each of them once.
                total += (logits.amax(1) - shares.amax(1).log()).sum() - logits.gather(1, right).sum()
                del logits
                shares.scatter_add_(1, right, shares.new_full(right.shape, -1.0))  # now the gradient of the logits
                d_bias += shares.sum(0)
                shares = shares.to(half)
                d_states[begin:end] = shares @ narrow
                if d_table is None:
                    d_table = (shares.T @ rows).to(table.dtype)
                else:
                    d_table += shares.T @ rows
                begin = end
        ctx.made = d_states, torch.zeros_like(table) if d_table is None else d_table, d_bias
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        made, ctx.made = ctx.made, None  # let go of: whoever takes a gradient that nobody else holds need not copy it
        if gradient.device.type == "cpu" and gradient == 1:  # as in training: nothing to multiply a whole table by
            return *made, None
        return *(part * gradient.to(part.dtype) for part in made), None


def _parts(states: Tensor, vocabulary: int) -> Sequence[Tensor]:
    most = LOGITS.get(states.device.type, LOGITS["cpu"])
    return states.split(max(1, most // vocabulary)) if len(states) else ()
