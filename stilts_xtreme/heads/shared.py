"""What several heads need: limits of encoding, batched tokenising, the special tokens of a pair, fresh linear layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from stilts_xtreme.errors import UserError
from stilts_xtreme.heads.literal import literal

Feature = Mapping[str, Any]
Rows = Mapping[str, Any]  # a batch's rows side by side, without padding: see `engine.batches.collate`
IGNORE = -100  # a target that the loss passes over
SHORTEST = 8  # tokens: four special ones, and room for something on both sides of a pair
GELU, NORMED = ("deberta-v2", "eurobert", "modernbert"), ("modernbert",)  # kinds of encoders, by their first-token heads
CHUNK = 10_000  # texts per call: the tokenizer's own record of a text is some hundred times the size of its ids


@dataclass(frozen=True)
class Limits:
    """How long inputs and answers may be, in tokens; `doc_stride` is the step from one window's start to the next one's."""

    max_length: int
    doc_stride: int = 128
    max_answer_length: int = 30
    mask_rate: float = 0.15

    def __post_init__(self) -> None:
        if self.max_length < SHORTEST:
            raise UserError(f"max_length: {self.max_length} is too short; give at least {SHORTEST} tokens")


def token_ids(tokenizer: Any, *columns: Sequence[str], **options: Any) -> list[list[int]]:
    """Ids of each text (one column) or pair of texts (two), tokenised many at a time; no text gives special tokens."""
    rows: list[list[int]] = []
    options |= {"return_attention_mask": False, "return_token_type_ids": False, "verbose": False}
    with literal(tokenizer):
        for begin in range(0, len(columns[0]), CHUNK):
            rows += tokenizer(*(list(column[begin : begin + CHUNK]) for column in columns), **options)["input_ids"]
    tokenizer.backend_tokenizer.no_truncation()  # a truncating call leaves its limit behind, to be saved with the tokenizer
    return rows


def frame(tokenizer: Any) -> tuple[list[int], list[int], list[int]]:
    """Special tokens before, between and after the two texts of a pair; one text alone stands between the outer ones."""
    encoding = tokenizer("a", "a")
    ids, text = encoding["input_ids"], encoding.sequence_ids(0)
    first, second = text.index(0), text.index(1)
    first_end, second_end = first + text.count(0), second + text.count(1)
    return ids[:first], ids[first_end:second], ids[second_end:]


def single(texts: Sequence[str], tokenizer: Any, max_length: int) -> list[Feature]:
    """One feature per text, cut at `max_length`."""
    rows = token_ids(tokenizer, texts, truncation=True, max_length=max_length)
    return [{"rows": [row], "example": i} for i, row in enumerate(rows)]


def target(label: str, numbers: Mapping[str, int], training: bool, example: str) -> int:
    """Number of a gold label; an unknown one has no target at evaluation, and is a UserError in training."""
    number = numbers.get(label, IGNORE)
    if training and number == IGNORE:
        known = ", ".join(list(numbers)[:20])
        raise UserError(f"example {example}: label {label!r} is not one of {known}; mend the data or the task's labels")
    return number


def padded(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    """Rows of unequal length as one int64 tensor, filled up on the right."""
    return nn.utils.rnn.pad_sequence([torch.tensor(row, dtype=torch.long) for row in rows], batch_first=True, padding_value=value)


def whole(pieces: Sequence[np.ndarray]) -> Tensor:
    """Arrays of numbers one after the other as one int64 tensor."""
    return torch.from_numpy(np.concatenate(pieces).astype(np.int64))


def linear(inputs: int, outputs: int) -> nn.Linear:
    """A fresh linear layer: normal weights of deviation 0.02, zero bias (XLM-R's initialisation)."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer


class FirstToken(nn.Module):
    """First hidden states [R, H] to [R, outputs]: dropout, dense, activation, a norm where there is one, dropout, projection.

    As in transformers' own classes for the `kind` of encoder: tanh (XLM-R, BERT, and kinds that are not named here), gelu, or
    gelu and a norm.
    """

    def __init__(self, hidden_size: int, outputs: int, dropout: float, kind: str = ""):
        super().__init__()
        self.dense = linear(hidden_size, hidden_size)
        self.projection = linear(hidden_size, outputs)
        self.dropout = nn.Dropout(dropout)
        self.activation = gelu if kind in GELU else torch.tanh
        self.norm = nn.LayerNorm(hidden_size, bias=False) if kind in NORMED else nn.Identity()

    def forward(self, first: Tensor) -> Tensor:
        inner = self.norm(self.activation(self.dense(self.dropout(first))))
        return self.projection(self.dropout(inner))
