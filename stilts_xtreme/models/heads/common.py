"""Shared by heads: limits of encoding, batched tokenisation, the special tokens of a pair, new linear layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from stilts_xtreme.models.heads.literal import literal
from stilts_xtreme.utils.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer
else:
    Tokenizer = Any  # transformers is imported only where it is used

Feature = Mapping[str, Any]  # a head's input: "rows", lists of token ids, and what its collate function needs
Rows = dict[str, Any]  # a batch's rows concatenated without padding, see `engine.batches.collate`
IGNORE = -100  # a target that the loss ignores
MIN_LENGTH = 8  # tokens: four special tokens, and some for both sides of a pair
GELU, NORMED = ("deberta-v2", "eurobert", "modernbert"), ("modernbert",)  # types of encoders, by their first-token heads
CHUNK = 10_000  # texts per call: the tokenizer's own record of a text is about a hundred times the size of its ids


@dataclass(frozen=True)
class Limits:
    """Maximum lengths of inputs and answers in tokens; `doc_stride`: tokens from the start of a window to the start of the next.

    Raises UserError for a `max_length` below MIN_LENGTH.
    """

    max_length: int
    doc_stride: int = 128
    max_answer_length: int = 30
    mask_rate: float = 0.15

    def __post_init__(self) -> None:
        if self.max_length < MIN_LENGTH:
            raise UserError(f"max_length: {self.max_length} is too short; give at least {MIN_LENGTH} tokens")


def token_ids(tokenizer: Tokenizer, *columns: Sequence[str], **options: Any) -> list[list[int]]:
    """Return the ids of each text (one column) or pair of texts (two columns); no text gives special tokens."""
    rows: list[list[int]] = []
    options |= {"return_attention_mask": False, "return_token_type_ids": False, "verbose": False}
    with literal(tokenizer):
        for begin in range(0, len(columns[0]), CHUNK):
            rows += tokenizer(*(list(column[begin : begin + CHUNK]) for column in columns), **options)["input_ids"]
    tokenizer.backend_tokenizer.no_truncation()  # a truncating call sets a limit that would be saved with the tokenizer
    return rows


def special_tokens(tokenizer: Tokenizer) -> tuple[list[int], list[int], list[int]]:
    """Return the special tokens before, between and after the texts of a pair; a single text has the outer ones."""
    encoding = tokenizer("a", "a")
    ids, text = encoding["input_ids"], encoding.sequence_ids(0)
    first, second = text.index(0), text.index(1)
    first_end, second_end = first + text.count(0), second + text.count(1)
    return ids[:first], ids[first_end:second], ids[second_end:]


def encode_texts(texts: Sequence[str], tokenizer: Tokenizer, max_length: int) -> list[Feature]:
    """Return a feature per text, truncated at `max_length`."""
    rows = token_ids(tokenizer, texts, truncation=True, max_length=max_length)
    return [{"rows": [row], "example": i} for i, row in enumerate(rows)]


def target_index(label: str, numbers: Mapping[str, int], training: bool, example: str) -> int:
    """Return the index of a gold label; for an unknown label IGNORE at evaluation, UserError in training."""
    number = numbers.get(label, IGNORE)
    if training and number == IGNORE:
        known = ", ".join(list(numbers)[:20])
        raise UserError(f"example {example}: label {label!r} is not one of {known}; mend the data or the task's labels")
    return number


def pad(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    """Pad rows of unequal length on the right to an int64 tensor [rows, longest]."""
    return nn.utils.rnn.pad_sequence([torch.tensor(row, dtype=torch.long) for row in rows], batch_first=True, padding_value=value)


def concatenate(pieces: Sequence[np.ndarray]) -> Tensor:
    """Concatenate arrays to an int64 tensor."""
    return torch.from_numpy(np.concatenate(pieces).astype(np.int64))


def linear(inputs: int, outputs: int) -> nn.Linear:
    """Return a new linear layer: normal weights with standard deviation 0.02, zero bias (XLM-R's initialisation)."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer


class TaskHead(nn.Module):
    """An output layer of a task; `reads` names the entry of a batch with the positions it reads, see `heads`."""

    reads: str | None = None

    def loss(self, outputs: Tensor, batch: Rows) -> tuple[Tensor, int]:
        """Return the sum of losses of what `forward` gave, and the number of terms in it."""
        raise NotImplementedError


class FirstToken(nn.Module):
    """Map first hidden states [R, H] to [R, outputs]: dropout, dense, activation, optional norm, dropout, projection.

    The same as in transformers' classes for the `kind` (model type) of encoder: tanh (XLM-R, BERT and others), gelu, or gelu and
    a norm.
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
