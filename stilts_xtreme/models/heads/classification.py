"""Classification of text pairs (natural language inference, paraphrase) and of single texts."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from stilts_xtreme.models.heads.common import Feature, FirstToken, Limits, Rows, TaskHead, Tokenizer, target_index, token_ids
from stilts_xtreme.tasks.examples import Pair


def encode(
    examples: Sequence[Pair], tokenizer: Tokenizer, labels: tuple[str, ...], limits: Limits, training: bool
) -> list[Feature]:
    """Return a feature per example with the row `<s> first </s></s> second </s>`, the longer text truncated first, or
    `<s> first </s>` without a second text.

    Raises UserError for an unknown label in training.
    """
    options = {"truncation": "longest_first", "max_length": limits.max_length}
    pairs = [(example.first, example.second) for example in examples if example.second is not None]
    singles = [example.first for example in examples if example.second is None]
    paired = iter(token_ids(tokenizer, [first for first, _ in pairs], [second for _, second in pairs], **options))
    single = iter(token_ids(tokenizer, singles, **options))
    rows = [next(single if example.second is None else paired) for example in examples]
    numbers = {label: number for number, label in enumerate(labels)}
    return [
        {"rows": [row], "example": i, "target": target_index(examples[i].label, numbers, training, examples[i].id)}
        for i, row in enumerate(rows)
    ]


def collate(
    features: Sequence[Feature], rows: Rows, generator: torch.Generator | None, tokenizer: Tokenizer
) -> dict[str, Tensor]:
    """Return `targets` [B]."""
    return {"targets": torch.tensor([feature["target"] for feature in features])}


class Head(TaskHead):
    """Map hidden states [R, H] of the rows' first tokens to logits [B, C], B = R."""

    reads = "offsets"

    def __init__(self, hidden_size: int, labels: tuple[str, ...], dropout: float, table: nn.Embedding | None, kind: str = ""):
        super().__init__()
        self.classify = FirstToken(hidden_size, len(labels), dropout, kind)

    def forward(self, hidden: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        return self.classify(hidden)

    def loss(self, logits: Tensor, batch: Mapping[str, Tensor]) -> tuple[Tensor, int]:
        """Return the sum over examples and their number; for training batches, where every example has a target."""
        return cross_entropy(logits.float(), batch["targets"], reduction="sum"), len(logits)


def unpack(logits: Tensor, features: Sequence[Feature], batch: Mapping[str, Tensor]) -> list[np.ndarray]:
    """Return logits [C] per feature."""
    return list(logits.float().cpu().numpy())


def decode(
    outputs: Sequence[np.ndarray], features: Sequence[Feature], examples: Sequence[Pair], labels: tuple[str, ...], limits: Limits
) -> list[str]:
    """Return the best label of each example."""
    return [labels[int(output.argmax())] for output in outputs]
