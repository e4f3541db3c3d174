"""Sentence vectors for retrieval; nothing is trained."""

from collections.abc import Sequence

import torch
from torch import Tensor

from stilts_xtreme.models.heads.common import Feature, Limits, Rows, Tokenizer, encode_texts
from stilts_xtreme.tasks.examples import Sentence


def encode(
    examples: Sequence[Sentence], tokenizer: Tokenizer, labels: tuple[str, ...], limits: Limits, training: bool
) -> list[Feature]:
    """Return a feature per example with the row `<s> sentence </s>`, truncated at the maximum length."""
    return encode_texts([example.text for example in examples], tokenizer, limits.max_length)


def collate(
    features: Sequence[Feature], rows: Rows, generator: torch.Generator | None, tokenizer: Tokenizer
) -> dict[str, Tensor]:
    """Return nothing: the rows suffice."""
    return {}


def reads(pooling: str) -> str | None:
    """Return the entry of the batch with the token positions that a pooling reads; None: all."""
    return "offsets" if pooling == "cls" else None


def pool(hidden: Tensor, rows: Rows, pooling: str) -> Tensor:
    """Pool hidden states to vectors [R, H].

    "mean" averages all tokens [N, H] of a row, special tokens included (as XTREME's and jiant's retrieval code); "cls" takes the
    rows' first tokens [R, H].
    """
    if pooling == "cls":
        return hidden
    sums = hidden.new_zeros(len(rows["lengths"]), hidden.shape[1]).index_add_(0, rows["row"], hidden)
    return sums / rows["lengths"].unsqueeze(1)
