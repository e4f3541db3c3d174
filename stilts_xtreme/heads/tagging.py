"""One label per token: parts of speech, entities, supertags. A token's first sub-word carries its label."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from stilts_xtreme.heads.shared import Feature, Limits, Rows, frame, linear, target, token_ids, whole
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
    space = _space(tokenizer)
    pieces = _pieces(tokenizer, words, space)
    first = _pieces(tokenizer, sorted({example.tokens[0] for example in examples if example.tokens}), "") if space else pieces
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
            targets = [target(tag, numbers, training, example.id) for tag in example.tags[begin:end]]
            features.append({"rows": [row + after], "example": i, "positions": positions, "targets": targets})
    return features


def _space(tokenizer: Any) -> str:
    """What stands before a token that is not the first, where a tokenizer takes the space before a word for a part of it."""
    ids = token_ids(tokenizer, ["a b", "a", "b", " b"], add_special_tokens=False)
    return " " if ids[0] == ids[1] + ids[3] != ids[1] + ids[2] else ""


def _pieces(tokenizer: Any, words: Sequence[str], before: str) -> dict[str, list[int]]:
    return dict(zip(words, token_ids(tokenizer, [before + word for word in words], add_special_tokens=False), strict=True))


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


def collate(features: Sequence[Feature], rows: Rows, generator: torch.Generator | None, tokenizer: Any) -> dict[str, Tensor]:
    """`positions` [n] of every token's first sub-word, counted through all rows, and their `targets` [n]."""
    offsets = rows["offsets"].tolist()
    positions = [np.asarray(feature["positions"]) + offset for feature, offset in zip(features, offsets, strict=True)]
    targets = [np.asarray(feature["targets"]) for feature in features]
    return {"positions": whole(positions), "targets": whole(targets)}


class Output(nn.Module):
    """Hidden states [n, H] of the tokens' first sub-words to logits [n, C]."""

    reads = "positions"

    def __init__(self, hidden_size: int, labels: tuple[str, ...], dropout: float, table: nn.Embedding | None, kind: str = ""):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.classify = linear(hidden_size, len(labels))

    def forward(self, hidden: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        return self.classify(self.dropout(hidden))

    def loss(self, logits: Tensor, batch: Mapping[str, Tensor]) -> tuple[Tensor, int]:
        """Sum over the tokens, and their number; for training batches, where every token has a target."""
        return cross_entropy(logits.float(), batch["targets"], reduction="sum"), len(logits)


def unpack(logits: Tensor, features: Sequence[Feature], batch: Mapping[str, Tensor]) -> list[np.ndarray]:
    """Label indices [n] per feature, one for each of its tokens."""
    ends = np.cumsum([len(feature["positions"]) for feature in features])
    return np.split(logits.argmax(-1).cpu().numpy(), ends[:-1])


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
