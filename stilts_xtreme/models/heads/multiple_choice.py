"""Multiple choice: a context and its possible continuations, each scored independently."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from stilts_xtreme.models.heads.common import (
    IGNORE,
    Feature,
    FirstToken,
    Limits,
    Rows,
    TaskHead,
    Tokenizer,
    pad,
    special_tokens,
    token_ids,
)
from stilts_xtreme.tasks.examples import Choices
from stilts_xtreme.utils.errors import UserError

ABSENT = -1  # row number of an option that an example does not have


def encode(
    examples: Sequence[Choices], tokenizer: Tokenizer, labels: tuple[str, ...], limits: Limits, training: bool
) -> list[Feature]:
    """Return a feature per example with a row `<s> first </s></s> option </s>` per option.

    The first text is truncated, the option only where it alone is too long. Raises UserError for an invalid label in training.
    """
    before, between, after = special_tokens(tokenizer)
    room = limits.max_length - len(before) - len(between) - len(after)
    firsts = token_ids(tokenizer, [example.first for example in examples], add_special_tokens=False)
    options = iter(token_ids(tokenizer, [option for example in examples for option in example.options], add_special_tokens=False))
    features: list[Feature] = []
    for i, example in enumerate(examples):
        known = 0 <= example.label < len(example.options)
        if training and not known:
            count = len(example.options)
            raise UserError(f"example {example.id}: label {example.label} is not one of its {count} options; mend the data")
        pairs = [_truncate(firsts[i], next(options), room) for _ in example.options]
        rows = [[*before, *first, *between, *option, *after] for first, option in pairs]
        features.append({"rows": rows, "example": i, "target": example.label if known else IGNORE})
    return features


def _truncate(first: list[int], option: list[int], room: int) -> tuple[list[int], list[int]]:
    if len(option) < room:
        return first[: room - len(option)], option
    size = min(len(first), room // 2)
    return first[:size], option[: room - size]


def collate(
    features: Sequence[Feature], rows: Rows, generator: torch.Generator | None, tokenizer: Tokenizer
) -> dict[str, Tensor]:
    """Return `targets` [B] and `choices` [B, K], the row number of each option (ABSENT: none)."""
    choices, row = [], 0
    for feature in features:
        choices.append(range(row, row + len(feature["rows"])))
        row += len(feature["rows"])
    return {"targets": torch.tensor([feature["target"] for feature in features]), "choices": pad(choices, ABSENT)}


class Head(TaskHead):
    """Map hidden states [R, H] of the rows' first tokens to scores [B, K] of the options, -inf for absent ones."""

    reads = "offsets"

    def __init__(self, hidden_size: int, labels: tuple[str, ...], dropout: float, table: nn.Embedding | None, kind: str = ""):
        super().__init__()
        self.score = FirstToken(hidden_size, 1, dropout, kind)

    def forward(self, hidden: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        rows = batch["choices"]
        return self.score(hidden).squeeze(-1)[rows.clamp(min=0)].masked_fill(rows == ABSENT, -torch.inf)

    def loss(self, logits: Tensor, batch: Mapping[str, Tensor]) -> tuple[Tensor, int]:
        """Return the sum over examples and their number; for training batches, where every example has a target."""
        return cross_entropy(logits.float(), batch["targets"], reduction="sum"), len(logits)


def unpack(logits: Tensor, features: Sequence[Feature], batch: Mapping[str, Tensor]) -> list[np.ndarray]:
    """Return scores [K] per feature, K its own number of options."""
    scores = logits.float().cpu().numpy()
    return [scores[i, : len(feature["rows"])] for i, feature in enumerate(features)]


def decode(
    outputs: Sequence[np.ndarray],
    features: Sequence[Feature],
    examples: Sequence[Choices],
    labels: tuple[str, ...],
    limits: Limits,
) -> list[int]:
    """Return the index of each example's best option."""
    return [int(output.argmax()) for output in outputs]
