"""The top layer of an encoder for the tokens that are read only.

A head that reads a single token of a row needs the top layer's keys and values of all tokens, but its queries, attention output,
feed-forward and norms only of that token: the states of other tokens go nowhere. The mathematics are those of the whole layer,
forward and backward; with dropout, what is drawn differs, since nothing is drawn for the others.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import linear

from stilts_xtreme.engine import attention, first_token


@dataclass(frozen=True)
class Read:
    """Tokens that are read: rising `places` [M] in a packed row whose sequences have these falling `lengths`."""

    places: Tensor
    lengths: Sequence[int]

    def of(self, hidden: Tensor) -> Tensor:
        """Return their part [1, M, width] of [1, N, width]."""
        return hidden.index_select(1, self.places)

    def single_token(self) -> bool:
        """Return whether exactly one token of every sequence is read."""
        if len(self.places) != len(self.lengths):
            return False
        ends, places = np.cumsum(self.lengths), self.places.numpy()
        return bool((places < ends).all() and (places[1:] >= ends[:-1]).all())

    def among(self, segments: attention.Segments, heads: int) -> attention.Segments:
        """Return the packed row's segments with these tokens as queries."""
        queries = attention.queries(self.places.numpy(), self.lengths, segments.groups, heads)
        return replace(segments, queries=queries)


@contextmanager
def only(layer: nn.Module, kind: str, read: Read) -> Iterator[None]:
    """Inside, a layer of a packed row's encoder of this kind returns [1, M, width] of the tokens that are read.

    The layer is called as before, so that its hooks (those of sharded weights) work.
    """
    layer.forward = partial(_KINDS[kind], layer, read)
    try:
        yield
    finally:
        del layer.forward


def _bert(layer: Any, read: Read, hidden: Tensor, *_: Any, segments: attention.Segments, **__: Any) -> Tensor:
    """Run a layer of XLM-R or BERT."""
    own, asking = layer.attention.self, read.of(hidden)
    rate = own.dropout.p if own.training else 0.0
    if read.single_token():
        context = first_token.attend(
            own.query(asking)[0], hidden[0], own.key, own.value, own.num_attention_heads, segments.groups, own.scaling, rate
        )[None]
    else:
        rows = own.query(asking), own.key(hidden), own.value(hidden)
        context = _attend(own, rows, own.attention_head_size, own.scaling, rate, read.among(segments, own.num_attention_heads))
    return layer.feed_forward_chunk(layer.attention.output(context, asking))


def _modernbert(
    layer: Any, read: Read, hidden: Tensor, *, position_embeddings: tuple[Tensor, Tensor], segments: attention.Segments, **_: Any
) -> Tensor:
    from transformers.models.modernbert.modeling_modernbert import apply_rotary_pos_emb

    own, normed = layer.attn, layer.attn_norm(hidden)
    segments = read.among(segments, own.config.num_attention_heads)
    weight, bias = own.Wqkv.weight, own.Wqkv.bias
    parts = [len(weight) // 3, 2 * len(weight) // 3]  # queries; keys and values
    first, others = weight.split(parts), (None, None) if bias is None else bias.split(parts)
    query = linear(read.of(normed), first[0], others[0])
    key, value = linear(normed, first[1], others[1]).chunk(2, -1)
    rate = own.attention_dropout if own.training else 0.0
    turn = partial(_turned, apply_rotary_pos_emb, position_embeddings, read.places)
    rows, scale = (query, key, value), own.head_dim**-0.5
    context = _attend(own, rows, own.head_dim, scale, rate, segments, turn, own.sliding_window)
    hidden = read.of(hidden) + own.out_drop(own.Wo(context))
    return hidden + layer.mlp(layer.mlp_norm(hidden))


def _eurobert(
    layer: Any, read: Read, hidden: Tensor, *, position_embeddings: tuple[Tensor, Tensor], segments: attention.Segments, **_: Any
) -> Tensor:
    from transformers.models.eurobert.modeling_eurobert import apply_rotary_pos_emb

    own, normed = layer.self_attn, layer.input_layernorm(hidden)
    segments = read.among(segments, own.config.num_attention_heads)
    rows = own.q_proj(read.of(normed)), own.k_proj(normed), own.v_proj(normed)
    rate = own.attention_dropout if own.training else 0.0
    turn = partial(_turned, apply_rotary_pos_emb, position_embeddings, read.places)
    context = _attend(own, rows, own.head_dim, own.scaling, rate, segments, turn)
    hidden = read.of(hidden) + own.o_proj(context)
    return hidden + layer.mlp(layer.post_attention_layernorm(hidden))


_KINDS: dict[str, Callable[..., Tensor]] = {
    "xlm-roberta": _bert,
    "bert": _bert,
    "modernbert": _modernbert,
    "eurobert": _eurobert,
}


def _attend(
    own: Any, rows: tuple[Tensor, Tensor, Tensor], size: int, scale: float, rate: float, segments: attention.Segments,
    turn: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None, window: int | None = None,
) -> Tensor:  # fmt: skip
    """Compute attention output [1, M, width] of queries [1, M, ...] over keys and values [1, N, ...] in heads of this size."""
    query, key, value = (part.unflatten(-1, (-1, size)).transpose(1, 2) for part in rows)
    if turn is not None:
        query, key = turn(query, key)
    return attention.attend(own, query, key, value, None, scale, rate, segments, window)[0].flatten(2)


def _turned(
    rotate: Callable[..., tuple[Tensor, Tensor]], tables: tuple[Tensor, Tensor], read: Tensor, query: Tensor, key: Tensor
) -> tuple[Tensor, Tensor]:
    """Return queries and keys with their rotary positions; `rotate` takes both, of the same tokens: here either has no heads."""
    asked = [table.index_select(-2, read) for table in tables]
    return rotate(query, query[:, :0], *asked)[0], rotate(key[:, :0], key, *tables)[1]
