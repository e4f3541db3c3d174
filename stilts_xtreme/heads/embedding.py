"""Sentence vectors for retrieval; nothing is trained."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from stilts_xtreme.heads.shared import Feature, Limits, Rows, single
from stilts_xtreme.tasks.examples import Sentence


def encode(
    examples: Sequence[Sentence], tokenizer: Any, labels: tuple[str, ...], limits: Limits, training: bool
) -> list[Feature]:
    """One row `<s> sentence </s>` per example, cut at the maximum length."""
    return single([example.text for example in examples], tokenizer, limits.max_length)


def collate(features: Sequence[Feature], rows: Rows, generator: torch.Generator | None, tokenizer: Any) -> dict[str, Tensor]:
    """Nothing: the rows are all there is."""
    return {}


def reads(pooling: str) -> str | None:
    """The batch's entry that says which tokens a pooling reads; None: all."""
    return "offsets" if pooling == "cls" else None


def pool(hidden: Tensor, rows: Rows, pooling: str) -> Tensor:
    """Hidden states of what the pooling reads to vectors [R, H].

    "mean" averages all real tokens [N, H], special ones included (as XTREME's and jiant's retrieval code); "cls" takes the rows'
    first ones [R, H] as they are.
    """
    if pooling == "cls":
        return hidden
    sums = hidden.new_zeros(len(rows["lengths"]), hidden.shape[1]).index_add_(0, rows["row"], hidden)
    return sums / rows["lengths"].unsqueeze(1)
