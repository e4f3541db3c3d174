"""One label per token: parts of speech, entities, supertags. A token's first sub-word carries its label."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from stilts_xtreme.heads.shared import IGNORE, Feature, Limits, frame, linear, target, token_ids
from stilts_xtreme.tasks.examples import Tagged


def encode(examples: Sequence[Tagged], tokenizer: Any, labels: tuple[str, ...], limits: Limits, training: bool) -> list[Feature]:
    """Rows `<s> sub-words </s>`; an input that is too long becomes several features, cut between tokens.

    `positions` and `targets` hold one entry per token. A token without sub-words gets the unknown one; a tag that is
    not in `labels` has no target at evaluation and is a UserError in training.
    """
    before, _, after = frame(tokenizer)
    room = limits.max_length - len(before) - len(after)
    words = sorted({token for example in examples for token in example.tokens})
    # Tokens are pre-split, so each distinct one need only be tokenised once.
    pieces = dict(zip(words, token_ids(tokenizer, words, add_special_tokens=False), strict=True))
    unknown = [tokenizer.unk_token_id]
    numbers = {label: number for number, label in enumerate(labels)}
    features: list[Feature] = []
    for i, example in enumerate(examples):
        subwords = [(pieces[token] or unknown)[:room] for token in example.tokens]
        for begin, end in _parts([len(subword) for subword in subwords], room):
            row, positions = list(before), []
            for subword in subwords[begin:end]:
                positions.append(len(row))
                row += subword
            targets = [target(tag, numbers, training, example.id) for tag in example.tags[begin:end]]
            features.append({"rows": [row + after], "example": i, "positions": positions, "targets": targets})
    return features


def _parts(sizes: Sequence[int], room: int) -> Iterator[tuple[int, int]]:
    """Ranges of tokens that fit together, each as long as possible."""
    begin = used = 0
    for i, size in enumerate(sizes):
        if used + size > room:
            yield begin, i
            begin, used = i, 0
        used += size
    if sizes:
        yield begin, len(sizes)


def collate(features: Sequence[Feature], generator: torch.Generator | None, tokenizer: Any) -> dict[str, Tensor]:
    """`positions` and `targets` [n] of the tokens that have a target; positions count through the padded rows, R * T."""
    width = max(len(feature["rows"][0]) for feature in features)
    pairs = [
        (row * width + position, tag)
        for row, feature in enumerate(features)
        for position, tag in zip(feature["positions"], feature["targets"], strict=True)
        if tag != IGNORE
    ]
    positions, targets = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).unbind(1)
    return {"positions": positions, "targets": targets}


class Output(nn.Module):
    """Hidden states [R, T, H] to logits [R, T, C] at every sub-word."""

    def __init__(self, hidden_size: int, labels: tuple[str, ...], dropout: float, embeddings: nn.Embedding | None):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.classify = linear(hidden_size, len(labels))

    def forward(self, hidden: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        return self.classify(self.dropout(hidden))

    def loss(self, logits: Tensor, batch: Mapping[str, Tensor]) -> tuple[Tensor, int]:
        """Sum over the tokens that have a target, and their number."""
        chosen = logits.flatten(0, 1)[batch["positions"]]
        return cross_entropy(chosen.float(), batch["targets"], reduction="sum"), len(chosen)


def unpack(logits: Tensor, features: Sequence[Feature], batch: Mapping[str, Tensor]) -> list[np.ndarray]:
    """Label indices [n] per feature, one for each of its tokens."""
    best = logits.argmax(-1).cpu().numpy()
    return [best[row, feature["positions"]] for row, feature in enumerate(features)]


def decode(
    outputs: Sequence[np.ndarray],
    features: Sequence[Feature],
    examples: Sequence[Tagged],
    labels: tuple[str, ...],
    limits: Limits,
) -> list[tuple[str, ...]]:
    """A tag for every token of each example."""
    tags: list[list[str]] = [[] for _ in examples]
    for feature, output in zip(features, outputs, strict=True):
        tags[feature["example"]] += [labels[i] for i in output.tolist()]
    return [tuple(found) for found in tags]
