"""Attention inside the sequences of one packed row, so that no padding is ever computed.

The row's sequences stand side by side, sorted by length. On a CPU those of like length are worked on together, one group after
another; on a GPU one variable-length kernel takes them all. Plain attention would run across the sequences in silence: the
boundaries go to the attention function itself, as `segments`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface

NAME = "stilts_packed"
FLASH = torch.ops.aten._flash_attention_forward
TOGETHER = 1e6  # multiplications that padding may cost before a group of its own is cheaper: some 20 microseconds of one core


@dataclass(frozen=True)
class Group:
    """Neighbouring sequences [begin, end) of the packed row, `rows` of them, seen as rows of `width` tokens.

    `take` [rows * heads * width] says which head of which of the group's tokens goes where, `back` [tokens * heads] whence each
    comes again; one row alone needs neither. Where lengths differ, `real` [rows, 1, width, 1] is 0 for padding, else 1, and
    `hidden` [rows, 1, 1, width] its logarithm.
    """

    begin: int
    end: int
    rows: int
    width: int
    take: Tensor | None = None
    back: Tensor | None = None
    real: Tensor | None = None
    hidden: Tensor | None = None


@dataclass(frozen=True)
class Segments:
    """Boundaries of the sequences in a packed row: `bounds` [sequences + 1] as int32 on the row's device, `longest` in tokens."""

    bounds: Tensor
    longest: int
    groups: tuple[Group, ...]


def groups(lengths: Sequence[int], hidden_size: int, heads: int) -> tuple[Group, ...]:
    """Sequences of falling lengths cut into groups: longer ones by equal length, short ones also where padding costs less."""
    made, first, begin = [], 0, 0
    while first < len(lengths):
        width, last = lengths[first], first + 1
        while last < len(lengths) and 12 * hidden_size * (width**2 - lengths[last] ** 2) <= TOGETHER:
            last += 1
        made.append(_group(np.asarray(lengths[first:last]), begin, heads))
        first, begin = last, made[-1].end
    return tuple(made)


def _group(lengths: np.ndarray, begin: int, heads: int) -> Group:
    rows, width, end = len(lengths), int(lengths[0]), begin + int(lengths.sum())
    if rows == 1:
        return Group(begin, end, rows, width)
    head, place = np.arange(heads), np.arange(width)
    real = place < lengths[:, None]
    token = np.where(real, (np.cumsum(lengths) - lengths)[:, None] + place, 0)
    row, where = real.nonzero()
    take = torch.from_numpy((token[:, None] * heads + head[:, None]).ravel())
    back = torch.from_numpy(((row[:, None] * heads + head) * width + where[:, None]).ravel())
    if real.all():
        return Group(begin, end, rows, width, take, back)
    shown = torch.from_numpy(real).float()
    return Group(begin, end, rows, width, take, back, shown[:, None, :, None], shown.log()[:, None, None])


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    segments: Segments | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention output [1, N, heads, size] of a packed row's queries, keys and values [1, heads, N, size].

    Fewer heads of keys and values than of queries are shared by groups of these. With a `sliding_window` a token sees those less
    than so many tokens away. A transformers attention function; ValueError where the boundaries did not arrive.
    """
    if segments is None:
        raise ValueError("packed attention was called without its segments")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if (shared := query.shape[1] // key.shape[1]) > 1:
        key, value = (states.repeat_interleave(shared, 1) for states in (key, value))
    # [N, heads, size]; not states[0], whose gradient would be written into zeros
    query, key, value = (states.squeeze(0).transpose(0, 1) for states in (query, key, value))
    if query.device.type == "cuda":
        return on_gpu(query, key, value, segments, scale, dropout).unsqueeze(0), None
    with torch.autocast(query.device.type, enabled=False):  # one type throughout: that of the states
        return _Grouped.apply(query, key, value, segments.groups, scale, dropout, sliding_window).unsqueeze(0), None


def on_gpu(query: Tensor, key: Tensor, value: Tensor, segments: Segments, scale: float, dropout: float) -> Tensor:
    """Attention [N, heads, size] within the boundaries by one variable-length kernel, in half precision.

    The operator under torch.nn.attention.varlen, which leaves out its dropout.
    """
    bounds, longest = segments.bounds, segments.longest
    return FLASH(query, key, value, bounds, bounds, longest, longest, dropout, False, False, scale=scale)[0]


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, lambda *_, **__: None)


class _Grouped(torch.autograd.Function):
    """Softmax attention written out, forward and backward: group by group and with no graph in between."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, groups: Any, scale: float, dropout: float, window: int | None
    ) -> Tensor:
        heads, size = query.shape[1:]
        out = torch.empty(query.shape, dtype=query.dtype, device=query.device)
        bits = random_bits(sum(g.rows * heads * g.width**2 for g in groups)) if dropout else None
        kept: list[Tensor | None] = []
        at = 0
        for group in groups:
            q, k, v = (_rows(states, group) for states in (query, key, value))
            scores = torch.bmm(q, k.transpose(1, 2)).mul_(scale)
            each = scores.view(group.rows, heads, group.width, group.width)
            if group.hidden is not None:
                each.add_(group.hidden)
            if window is not None and group.width > window:
                each.masked_fill_(_far(group, window), -math.inf)
            shares = torch.softmax(scores, -1)
            mask, shown = None, shares
            if bits is not None:
                mask = keep(bits[at : at + shares.numel()], dropout).view(shares.shape)
                at += shares.numel()
                shown = shares * mask
            found = torch.bmm(shown, v)
            if bits is not None:
                found.mul_(1 / (1 - dropout))
            _put(out, found, group)
            kept += [q, k, v, shares, mask]
        ctx.groups, ctx.scale, ctx.dropout = groups, scale, dropout
        ctx.save_for_backward(*kept)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        d_query, d_key, d_value = (torch.empty(gradient.shape, dtype=gradient.dtype, device=gradient.device) for _ in range(3))
        kept = ctx.saved_tensors
        for i, group in enumerate(ctx.groups):
            q, k, v, shares, mask = kept[5 * i : 5 * i + 5]
            g = _rows(gradient, group)
            if group.real is not None:
                g.unflatten(0, (group.rows, -1)).mul_(group.real)
            if mask is None:
                d_shares = torch.bmm(g, v.transpose(1, 2))
                _put(d_value, torch.bmm(shares.transpose(1, 2), g), group)
            else:
                g = g * (1 / (1 - ctx.dropout))
                d_shares = torch.bmm(g, v.transpose(1, 2)).mul_(mask)
                _put(d_value, torch.bmm((shares * mask).transpose(1, 2), g), group)
            d_scores = torch._softmax_backward_data(d_shares, shares, -1, shares.dtype).mul_(ctx.scale)
            _put(d_query, torch.bmm(d_scores, k), group)
            _put(d_key, torch.bmm(d_scores.transpose(1, 2), q), group)
        return d_query, d_key, d_value, None, None, None, None


def _far(group: Group, window: int) -> Tensor:
    """Which tokens are too far from each other [1 or rows, 1, width, width]; what is padding must see something."""
    place = torch.arange(group.width)
    far = ((place[:, None] - place).abs() >= window)[None, None]
    return far if group.real is None else far & (group.real > 0)


def _rows(states: Tensor, group: Group) -> Tensor:
    """The group's part of [N, heads, size] as [rows * heads, width, size]."""
    part = states[group.begin : group.end]
    if group.take is None:
        return part.transpose(0, 1)
    size = part.shape[-1]
    return part.reshape(-1, size).index_select(0, group.take).view(-1, group.width, size)


def _put(states: Tensor, part: Tensor, group: Group) -> None:
    """The inverse of `_rows`, without the padding."""
    place = states[group.begin : group.end]
    if group.back is None:
        place.copy_(part.transpose(0, 1))
    else:
        size = part.shape[-1]
        torch.index_select(part.view(-1, size), 0, group.back, out=place.view(-1, size))


def random_bits(count: int) -> Tensor:
    """`count` random int16 from torch's own generator, four to each number drawn: three times as fast as drawing shares."""
    return torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)[:count]


def keep(bits: Tensor, dropout: float) -> Tensor:
    """Which of them stay: all but a share `dropout` (to 1 in 65,536)."""
    return bits >= round(dropout * 65536) - 32768
