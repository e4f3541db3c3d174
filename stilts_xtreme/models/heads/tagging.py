"""Tagging: a label per token (parts of speech, entities, supertags), predicted from the token's first sub-word."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from stilts_xtreme.models.heads.common import (
    Feature,
    Limits,
    Rows,
    TaskHead,
    Tokenizer,
    concatenate,
    linear,
    special_tokens,
    target_index,
    token_ids,
)
from stilts_xtreme.tasks.examples import Tagged


def encode(
    examples: Sequence[Tagged], tokenizer: Tokenizer, labels: tuple[str, ...], limits: Limits, training: bool
) -> list[Feature]:
    """Return features with the row `<s> sub-words </s>`; an input that is too long becomes several, split between tokens.

    `positions` and `targets` have an entry per token. A token without sub-words gets the unknown sub-word. A tag that is not in
    `labels` has no target at evaluation and raises UserError in training.
    """
    before, _, after = special_tokens(tokenizer)
    room = limits.max_length - len(before) - len(after)
    tokens = sorted({token for example in examples for token in example.tokens})
    # Tokens are pre-split, so each distinct token needs to be tokenised only once.
    space = _space(tokenizer)
    pieces = _subwords(tokenizer, tokens, space)
    first = _subwords(tokenizer, sorted({example.tokens[0] for example in examples if example.tokens}), "") if space else pieces
    unknown = [tokenizer.eos_token_id if tokenizer.unk_token_id is None else tokenizer.unk_token_id]
    numbers = {label: number for number, label in enumerate(labels)}
    features: list[Feature] = []
    for i, example in enumerate(examples):
        subwords = [((pieces if n else first)[token] or unknown)[:room] for n, token in enumerate(example.tokens)]
        for begin, end in _parts([len(subword) for subword in subwords], room):
            row, positions = list(before), []
            for subword in subwords[begin:end]:
                positions.append(len(row))
                row += subword
            targets = [target_index(tag, numbers, training, example.id) for tag in example.tags[begin:end]]
            features.append({"rows": [row + after], "example": i, "positions": positions, "targets": targets})
    return features


def _space(tokenizer: Tokenizer) -> str:
    """Return the prefix of tokens after the first: a space if the tokenizer treats it as a part of the word, else ""."""
    ids = token_ids(tokenizer, ["a b", "a", "b", " b"], add_special_tokens=False)
    return " " if ids[0] == ids[1] + ids[3] != ids[1] + ids[2] else ""


def _subwords(tokenizer: Tokenizer, tokens: Sequence[str], prefix: str) -> dict[str, list[int]]:
    return dict(zip(tokens, token_ids(tokenizer, [prefix + token for token in tokens], add_special_tokens=False), strict=True))


def _parts(sizes: Sequence[int], room: int) -> Iterator[tuple[int, int]]:
    """Yield ranges (begin, end) of tokens that fit into `room` sub-words, each as long as possible."""
    begin = used = 0
    for i, size in enumerate(sizes):
        if used + size > room:
            yield begin, i
            begin, used = i, 0
        used += size
    if sizes:
        yield begin, len(sizes)


def collate(
    features: Sequence[Feature], rows: Rows, generator: torch.Generator | None, tokenizer: Tokenizer
) -> dict[str, Tensor]:
    """Return `positions` [n] of every token's first sub-word in the packed row, and their `targets` [n]."""
    offsets = rows["offsets"].tolist()
    positions = [np.asarray(feature["positions"]) + offset for feature, offset in zip(features, offsets, strict=True)]
    targets = [np.asarray(feature["targets"]) for feature in features]
    return {"positions": concatenate(positions), "targets": concatenate(targets)}


class Head(TaskHead):
    """Map hidden states [n, H] of the tokens' first sub-words to logits [n, C]."""

    reads = "positions"

    def __init__(self, hidden_size: int, labels: tuple[str, ...], dropout: float, table: nn.Embedding | None, kind: str = ""):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.classify = linear(hidden_size, len(labels))

    def forward(self, hidden: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        return self.classify(self.dropout(hidden))

    def loss(self, logits: Tensor, batch: Mapping[str, Tensor]) -> tuple[Tensor, int]:
        """Return the sum over tokens and their number; for training batches, where every token has a target."""
        return cross_entropy(logits.float(), batch["targets"], reduction="sum"), len(logits)


def unpack(logits: Tensor, features: Sequence[Feature], batch: Mapping[str, Tensor]) -> list[np.ndarray]:
    """Return label indices [n] per feature, for its n tokens."""
    ends = np.cumsum([len(feature["positions"]) for feature in features])
    return np.split(logits.argmax(-1).cpu().numpy(), ends[:-1])


def unpack_logits(logits: Tensor, features: Sequence[Feature], batch: Mapping[str, Tensor]) -> list[np.ndarray]:
    """Return logits [n, C] per feature, for its n tokens."""
    ends = np.cumsum([len(feature["positions"]) for feature in features])
    return np.split(logits.float().cpu().numpy(), ends[:-1])


def decode(
    outputs: Sequence[np.ndarray],
    features: Sequence[Feature],
    examples: Sequence[Tagged],
    labels: tuple[str, ...],
    limits: Limits,
) -> list[tuple[str, ...]]:
    """Return a tag for every token of each example."""
    tags: list[list[str]] = [[] for _ in examples]
    for feature, output in zip(features, outputs, strict=True):
        tags[feature["example"]] += [labels[i] for i in output.tolist()]
    return [tuple(sequence) for sequence in tags]
