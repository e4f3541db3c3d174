"""The top layer of an encoder for the tokens that are read only.

A head that reads one token of a row needs the top layer's keys and values of all tokens, but its queries, attention output,
feed-forward and norms only of that one: the states of other tokens go nowhere. The mathematics are those of the whole layer,
forward and backward; with dropout, what is drawn differs, since nothing is drawn for the others.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import linear

from stilts_xtreme.engine import attention, first_token


@contextmanager
def only(layer: nn.Module, kind: str, read: Tensor, queries: tuple[attention.Group, ...]) -> Iterator[None]:
    """While it lasts a layer of a packed row's encoder of this kind gives [1, M, width] of the tokens `read` [M], rising places.

    `queries` are their groups. The layer is called as ever, so that its hooks (those of sharded weights) work.
    """
    layer.forward = partial(_KINDS[kind], layer, read, queries)
    try:
        yield
    finally:
        del layer.forward


def _bert(
    layer: Any, read: Tensor, queries: tuple[attention.Group, ...], hidden: Tensor, *_: Any, segments: attention.Segments,
    **__: Any,
) -> Tensor:  # fmt: skip
    """XLM-R's and BERT's."""
    own, asking = layer.attention.self, hidden.index_select(1, read)
    rate = own.dropout.p if own.training else 0.0
    if all(group.one_each for group in queries):
        found = first_token.attend(
            own.query(asking)[0], hidden[0], own.key, own.value, own.num_attention_heads, segments.groups, own.scaling, rate
        )[None]
    else:
        rows = own.query(asking), own.key(hidden), own.value(hidden)
        found = _attend(own, rows, own.attention_head_size, own.scaling, rate, replace(segments, queries=queries))
    return layer.feed_forward_chunk(layer.attention.output(found, asking))


def _modernbert(
    layer: Any, read: Tensor, queries: tuple[attention.Group, ...], hidden: Tensor, *, position_embeddings: tuple[Tensor, Tensor],
    segments: attention.Segments, **_: Any,
) -> Tensor:  # fmt: skip
    from transformers.models.modernbert.modeling_modernbert import apply_rotary_pos_emb

    own, normed = layer.attn, layer.attn_norm(hidden)
    weight, bias = own.Wqkv.weight, own.Wqkv.bias
    parts = [len(weight) // 3, 2 * len(weight) // 3]  # queries; keys and values
    first, others = weight.split(parts), (None, None) if bias is None else bias.split(parts)
    query = linear(normed.index_select(1, read), first[0], others[0])
    key, value = linear(normed, first[1], others[1]).chunk(2, -1)
    rate = own.attention_dropout if own.training else 0.0
    turn = partial(_turned, apply_rotary_pos_emb, position_embeddings, read)
    found = _attend(
        own, (query, key, value), own.head_dim, own.head_dim**-0.5, rate, replace(segments, queries=queries), turn,
        own.sliding_window,
    )  # fmt: skip
    hidden = hidden.index_select(1, read) + own.out_drop(own.Wo(found))
    return hidden + layer.mlp(layer.mlp_norm(hidden))


def _eurobert(
    layer: Any, read: Tensor, queries: tuple[attention.Group, ...], hidden: Tensor, *, position_embeddings: tuple[Tensor, Tensor],
    segments: attention.Segments, **_: Any,
) -> Tensor:  # fmt: skip
    from transformers.models.eurobert.modeling_eurobert import apply_rotary_pos_emb

    own, normed = layer.self_attn, layer.input_layernorm(hidden)
    rows = own.q_proj(normed.index_select(1, read)), own.k_proj(normed), own.v_proj(normed)
    rate = own.attention_dropout if own.training else 0.0
    turn = partial(_turned, apply_rotary_pos_emb, position_embeddings, read)
    found = _attend(own, rows, own.head_dim, own.scaling, rate, replace(segments, queries=queries), turn)
    hidden = hidden.index_select(1, read) + own.o_proj(found)
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
    """Attention output [1, M, width] of queries [1, M, ...] over keys and values [1, N, ...] in heads of this size."""
    query, key, value = (part.unflatten(-1, (-1, size)).transpose(1, 2) for part in rows)
    if turn is not None:
        query, key = turn(query, key)
    return attention.attend(own, query, key, value, None, scale, rate, segments, window)[0].flatten(2)


def _turned(rotate: Callable[..., Any], tables: tuple[Tensor, Tensor], read: Tensor, query: Tensor, key: Tensor) -> Any:
    """Queries and keys with their rotary positions; the function takes both at once, of the same tokens: here one is no heads."""
    asked = [table.index_select(-2, read) for table in tables]
    return rotate(query, query[:, :0], *asked)[0], rotate(key[:, :0], key, *tables)[1]
