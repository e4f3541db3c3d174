"""Attention of a single token per sequence over all tokens of its sequence, with no keys and no values.

The score of a token's state x for a query q is q (W_k x + b_k) = (q W_k) x + a number that all scores of the query share, which
a softmax leaves out; the output is W_v times the weighted mean of the states + b_v times the sum of the weights (1 but for
dropout). So two products over all tokens become two over a token per sequence. The mathematics are those of attention with keys
and values, forward and backward.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from stilts_xtreme.engine import bf16
from stilts_xtreme.engine.attention import Group, keep, random_bits


def attend(
    query: Tensor, hidden: Tensor, key: nn.Linear, value: nn.Linear, heads: int, groups: tuple[Group, ...], scale: float,
    dropout: float,
) -> Tensor:  # fmt: skip
    """Compute attention output [R, heads * size] of a query per sequence [R, heads * size] over the states
    [N, width] of a packed row.

    Queries stand in the order of the row's sequences.
    """
    query = _KeyBias.apply(query, key.bias) if key.bias is not None else query
    asked = torch.bmm(query.unflatten(-1, (heads, -1)).transpose(0, 1), key.weight.unflatten(0, (heads, -1))).transpose(0, 1)
    with torch.autocast(query.device.type, enabled=False):
        means, weights = _Means.apply(asked, hidden.to(asked.dtype), groups, scale, dropout)
    context = torch.bmm(means.transpose(0, 1), value.weight.unflatten(0, (heads, -1)).transpose(1, 2)).transpose(0, 1)
    if value.bias is not None:
        bias = value.bias.view(heads, -1)
        context = context + (bias if weights is None else weights.unsqueeze(-1) * bias)
    return context.flatten(1)


class _KeyBias(torch.autograd.Function):
    """A query unchanged; the bias of the keys, which moves all scores of a query alike, gets a gradient of exactly zero."""

    @staticmethod
    def forward(ctx: FunctionCtx, query: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(bias)
        return query.view_as(query)

    @staticmethod
    def backward(ctx: torch.autograd.function.BackwardCFunction, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return gradient, torch.zeros_like(ctx.saved_tensors[0])


class _MeansContext(FunctionCtx):
    groups: Sequence[Group]
    scale: float
    saved_tensors: tuple[Tensor, ...]


class _Means(torch.autograd.Function):
    """Weighted means [R, heads, width] of each sequence's states [N, width], and with dropout the sums of the weights [R, heads].

    The weights are the softmax of the states' products with `asked` [R, heads, width]; group by group, with no graph in between.
    """

    @staticmethod
    def forward(
        ctx: _MeansContext, asked: Tensor, hidden: Tensor, groups: Sequence[Group], scale: float, dropout: float
    ) -> tuple[Tensor, Tensor | None]:
        heads = asked.shape[1]
        asked = asked.contiguous()
        means = torch.empty_like(asked)
        sums = asked.new_empty(asked.shape[:2]) if dropout else None
        bits = random_bits(sum(g.rows * heads * g.width for g in groups)) if dropout else None
        saved: list[Tensor | None] = [asked, hidden]
        row = at = 0
        for group in groups:
            own = slice(row, row + group.rows)
            states = _states(hidden, group)
            scores = bf16.bmm(asked[own], states.transpose(1, 2)).mul_(scale)
            if group.hidden is not None:
                scores.add_(group.hidden.squeeze(1))
            shares = torch.softmax(scores, -1)
            mask, shown = None, shares
            if bits is not None and sums is not None:
                mask = keep(bits[at : at + shares.numel()], dropout).view(shares.shape).to(shares.dtype).mul_(1 / (1 - dropout))
                at += shares.numel()
                shown = shares * mask
                sums[own] = shown.sum(-1)
            means[own] = bf16.bmm(shown, states)
            saved += [shares, mask]
            row = own.stop
        ctx.groups, ctx.scale = groups, scale
        ctx.save_for_backward(*saved)  # type: ignore[arg-type]  # torch's own takes None as well
        return means, sums

    @staticmethod
    def backward(ctx: _MeansContext, gradient: Tensor, of_sums: Tensor | None) -> tuple[Tensor | None, ...]:
        asked, hidden, *saved = ctx.saved_tensors
        d_asked, d_hidden = torch.empty_like(asked), torch.empty_like(hidden)
        gradient, row = gradient.contiguous(), 0
        for i, group in enumerate(ctx.groups):
            shares, mask = saved[2 * i : 2 * i + 2]
            own = slice(row, row + group.rows)
            states = _states(hidden, group)
            d_shares, shown = bf16.bmm(gradient[own], states.transpose(1, 2)), shares
            if mask is not None:
                if of_sums is not None:
                    d_shares += of_sums[own, :, None]
                d_shares.mul_(mask)
                shown = shares * mask
            d_scores = torch._softmax_backward_data(d_shares, shares, -1, shares.dtype).mul_(ctx.scale)
            d_asked[own] = bf16.bmm(d_scores, states)
            both = torch.cat([shown, d_scores], 1), torch.cat([gradient[own], asked[own]], 1)
            _put(d_hidden, bf16.bmm(both[0].transpose(1, 2), both[1]), group)
            row = own.stop
        return d_asked, d_hidden, None, None, None


def _states(hidden: Tensor, group: Group) -> Tensor:
    """Return the group's states as [rows, width, H]; padding is some state or other of the group's."""
    part = hidden[group.begin : group.end]
    if group.take is not None and group.real is not None:  # padded: which token goes where, of the first head
        heads = len(group.take) // (group.rows * group.width)
        part = part.index_select(0, group.take.view(group.rows, heads, group.width)[:, 0].flatten() // heads)
    return part.view(group.rows, group.width, -1)


def _put(hidden: Tensor, part: Tensor, group: Group) -> None:
    """Write `part` back: the inverse of `_states`, without the padding."""
    place = hidden[group.begin : group.end]
    place.copy_(part.flatten(0, 1) if group.real is None else part[group.real[:, 0, :, 0] > 0])
