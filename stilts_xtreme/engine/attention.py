"""Attention inside the sequences of a packed row, so that no padding is ever computed.

The row's sequences stand side by side, sorted by length. On a CPU those of like length are worked on together, group by group;
on a GPU a variable-length kernel takes them all. Plain attention would run across the sequences in silence: the
boundaries go to the attention function itself, as `segments`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from transformers import AttentionInterface, AttentionMaskInterface

from stilts_xtreme.engine import bf16

NAME = "stilts_packed"
FLASH = torch.ops.aten._flash_attention_forward
TOGETHER = 1e6  # multiplications that padding may cost before a group of its own is cheaper: some 20 microseconds of a core


@dataclass(frozen=True)
class Group:
    """Neighbouring sequences [begin, end) of the packed row, `rows` of them, seen as rows of `width` tokens.

    `take` [rows * heads * width] says which head of which of the group's tokens goes where, `back` [tokens * heads] whence each
    comes again; a single row needs neither. Where lengths differ, `real` [rows, 1, width, 1] is 0 for padding, else 1, and
    `hidden` [rows, 1, 1, width] its logarithm. `place` [rows, 1, width, 1] is where each token stands in its sequence, for
    queries of some tokens only; None: they are all there, in order.
    """

    begin: int
    end: int
    rows: int
    width: int
    take: Tensor | None = None
    back: Tensor | None = None
    real: Tensor | None = None
    hidden: Tensor | None = None
    place: Tensor | None = None


@dataclass(frozen=True)
class Segments:
    """Boundaries of the sequences in a packed row: `bounds` [sequences + 1] as int32 on the row's device, `longest` in tokens.

    `queries`: where only some tokens ask, the groups of these, parallel to `groups` (see `queries`); on a CPU only.
    """

    bounds: Tensor
    longest: int
    groups: tuple[Group, ...]
    queries: tuple[Group, ...] | None = None


def groups(lengths: Sequence[int], hidden_size: int, heads: int) -> tuple[Group, ...]:
    """Cut sequences of falling lengths into groups: long ones of equal length, short ones also if padding costs less."""
    cut, first, begin = list[Group](), 0, 0
    while first < len(lengths):
        width, last = lengths[first], first + 1
        while last < len(lengths) and 12 * hidden_size * (width**2 - lengths[last] ** 2) <= TOGETHER:
            last += 1
        cut.append(_group(np.asarray(lengths[first:last]), begin, heads))
        first, begin = last, cut[-1].end
    return tuple(cut)


def queries(read: np.ndarray, lengths: Sequence[int], groups: Sequence[Group], heads: int) -> tuple[Group, ...]:
    """Return for each of `groups` a group of the tokens at `read`, rising positions in the packed row of these `lengths`.

    A sequence may have any number of them; the width of a group without any is 0.
    """
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    before = np.searchsorted(read, bounds)
    counts, query_groups, first = np.diff(before), [], 0
    for group in groups:
        own = slice(first, first + group.rows)
        begin, end = before[first], before[first + group.rows]
        places = read[begin:end] - np.repeat(bounds[own], counts[own])
        query_groups.append(_group(counts[own], int(begin), heads, places))
        first += group.rows
    return tuple(query_groups)


def _group(lengths: np.ndarray, begin: int, heads: int, places: np.ndarray | None = None) -> Group:
    rows, width, end = len(lengths), int(lengths.max()), begin + int(lengths.sum())
    if width == 0:
        return Group(begin, end, rows, width)
    if rows == 1:
        return Group(begin, end, rows, width, place=None if places is None else torch.from_numpy(places)[None, None, :, None])
    head, place = np.arange(heads), np.arange(width)
    real = place < lengths[:, None]
    token = np.where(real, (np.cumsum(lengths) - lengths)[:, None] + place, 0)
    row, where = real.nonzero()
    take = torch.from_numpy((token[:, None] * heads + head[:, None]).ravel())
    back = torch.from_numpy(((row[:, None] * heads + head) * width + where[:, None]).ravel())
    at = None if places is None else torch.from_numpy(places[token])[:, None, :, None]
    if real.all():
        return Group(begin, end, rows, width, take, back, place=at)
    shown = torch.from_numpy(real).float()
    return Group(begin, end, rows, width, take, back, shown[:, None, :, None], shown.log()[:, None, None], at)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    segments: Segments | None = None,
    sliding_window: int | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """Compute attention output [1, N, heads, size] of a packed row's queries, keys and values [1, heads, N, size].

    Where `segments` say that only some tokens ask, there are as many queries, and outputs, as these.
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
    # One type throughout, that of the values: rotary positions turn queries and keys of EuroBERT into single precision.
    query, key = query.to(value.dtype), key.to(value.dtype)
    with torch.autocast(query.device.type, enabled=False):
        pairs = tuple(zip(segments.queries or segments.groups, segments.groups, strict=True))
        return _Grouped.apply(query, key, value, pairs, scale, dropout, sliding_window).unsqueeze(0), None


def on_gpu(query: Tensor, key: Tensor, value: Tensor, segments: Segments, scale: float, dropout: float) -> Tensor:
    """Compute attention [N, heads, size] within the boundaries by a variable-length kernel, in half precision.

    The operator under torch.nn.attention.varlen, which leaves out its dropout.
    """
    bounds, longest = segments.bounds, segments.longest
    return FLASH(query, key, value, bounds, bounds, longest, longest, dropout, False, False, scale=scale)[0]


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, lambda *_, **__: None)


Pairs = Sequence[tuple[Group, Group]]  # groups of queries, each with the group of keys and values of the same sequences


class _GroupedContext(FunctionCtx):
    pairs: Pairs
    scale: float
    dropout: float
    keys: torch.Size
    saved_tensors: tuple[Tensor, ...]


class _Grouped(torch.autograd.Function):
    """Softmax attention written out, forward and backward: group by group and with no graph in between."""

    @staticmethod
    def forward(
        ctx: _GroupedContext, query: Tensor, key: Tensor, value: Tensor, pairs: Pairs, scale: float, dropout: float,
        window: int | None,
    ) -> Tensor:  # fmt: skip
        heads, size = query.shape[1:]
        out = torch.empty(query.shape, dtype=query.dtype, device=query.device)
        bits = random_bits(sum(g.rows * heads * asked.width * g.width for asked, g in pairs)) if dropout else None
        saved: list[Tensor | None] = []
        at = 0
        for asked, group in pairs:
            if not asked.width:
                saved += [None] * 5
                continue
            q, k, v = _rows(query, asked), _rows(key, group), _rows(value, group)
            scores = bf16.bmm(q, k.transpose(1, 2)).mul_(scale)
            each = scores.view(group.rows, heads, asked.width, group.width)
            if group.hidden is not None:
                each.add_(group.hidden)
            if window is not None and group.width > window:
                each.masked_fill_(_far(asked, group, window), -math.inf)
            shares = torch.softmax(scores, -1)
            mask, shown = None, shares
            if bits is not None:
                mask = keep(bits[at : at + shares.numel()], dropout).view(shares.shape)
                at += shares.numel()
                shown = shares * mask
            part = bf16.bmm(shown, v)
            if bits is not None:
                part.mul_(1 / (1 - dropout))
            _put(out, part, asked)
            saved += [q, k, v, shares, mask]
        ctx.pairs, ctx.scale, ctx.dropout, ctx.keys = pairs, scale, dropout, key.shape
        ctx.save_for_backward(*saved)  # type: ignore[arg-type]  # torch's own takes None as well
        return out

    @staticmethod
    def backward(ctx: _GroupedContext, gradient: Tensor) -> tuple[Tensor | None, ...]:
        shapes = gradient.shape, ctx.keys, ctx.keys
        d_query, d_key, d_value = (torch.empty(shape, dtype=gradient.dtype, device=gradient.device) for shape in shapes)
        saved = ctx.saved_tensors
        for i, (asked, group) in enumerate(ctx.pairs):
            if not asked.width:
                d_key[group.begin : group.end] = d_value[group.begin : group.end] = 0.0
                continue
            q, k, v, shares, mask = saved[5 * i : 5 * i + 5]
            g = _rows(gradient, asked)
            if asked.real is not None:
                g.unflatten(0, (asked.rows, -1)).mul_(asked.real)
            if mask is None:
                d_shares = bf16.bmm(g, v.transpose(1, 2))
                _put(d_value, bf16.bmm(shares.transpose(1, 2), g), group)
            else:
                g = g * (1 / (1 - ctx.dropout))
                d_shares = bf16.bmm(g, v.transpose(1, 2)).mul_(mask)
                _put(d_value, bf16.bmm((shares * mask).transpose(1, 2), g), group)
            d_scores = torch._softmax_backward_data(d_shares, shares, -1, shares.dtype).mul_(ctx.scale)
            _put(d_query, bf16.bmm(d_scores, k), asked)
            _put(d_key, bf16.bmm(d_scores.transpose(1, 2), q), group)
        return d_query, d_key, d_value, None, None, None, None


def _far(asked: Group, group: Group, window: int) -> Tensor:
    """Return which tokens are too far from each other [1 or rows, 1, queries, keys]; padding must see something."""
    own = torch.arange(asked.width)[:, None] if asked.place is None else asked.place
    far = (own - torch.arange(group.width)).abs() >= window
    return far if asked.real is None else far & (asked.real > 0)


def _rows(states: Tensor, group: Group) -> Tensor:
    """Return the group's part of [N, heads, size] as [rows * heads, width, size]."""
    part = states[group.begin : group.end]
    if group.take is None:
        return part.transpose(0, 1)
    size = part.shape[-1]
    return part.reshape(-1, size).index_select(0, group.take).view(-1, group.width, size)


def _put(states: Tensor, part: Tensor, group: Group) -> None:
    """Write `part` back: the inverse of `_rows`, without the padding."""
    place = states[group.begin : group.end]
    if group.back is None:
        place.copy_(part.transpose(0, 1))
    else:
        size = part.shape[-1]
        torch.index_select(part.view(-1, size), 0, group.back, out=place.view(-1, size))


def random_bits(count: int) -> Tensor:
    """Draw `count` random int16 from torch's own generator, four to each number drawn: three times as fast as drawing shares."""
    return torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)[:count]


def keep(bits: Tensor, dropout: float) -> Tensor:
    """Return a mask of what dropout keeps: all but a share `dropout` (to 1 in 65,536)."""
    return bits >= round(dropout * 65536) - 32768
