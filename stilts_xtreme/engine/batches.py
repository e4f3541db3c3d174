"""Which examples make up each training step, and how rows become tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stilts_xtreme.engine.features import Feature, lengths
from stilts_xtreme.heads import HEADS
from stilts_xtreme.tasks.mixture import quotas


def draw(groups: Mapping[str, Sequence[int]], total: int, shares: Mapping[str, float], seed: int) -> list[int]:
    """`total` indices: each group (a language) gets its share, drawn pass after reshuffled pass, the groups then mixed.

    With one group this is the plain order of epochs: every index once before any comes again.
    """
    random = np.random.default_rng([seed, 102])
    drawn: list[np.ndarray] = []
    for name, count in quotas(shares, total).items():
        members = np.asarray(groups[name])
        passes = [random.permutation(members) for _ in range(-(-count // len(members)))] if count else []
        drawn.append(np.concatenate(passes)[:count] if passes else members[:0])
    together = np.concatenate(drawn)
    return (together if len(drawn) == 1 else random.permutation(together)).tolist()


def batches(
    order: Sequence[int], lengths: Sequence[int], batch_size: int, group_by_length: bool, seed: int, pool: int = 50
) -> list[list[int]]:
    """`order` cut into batches; grouped: within every `pool` batches, examples of like length together, the batches shuffled."""
    if group_by_length:
        random = np.random.default_rng([seed, 103])
        span, regrouped = batch_size * pool, []
        for begin in range(0, len(order), span):
            near = sorted(order[begin : begin + span], key=lambda i: lengths[i])
            cut = [near[i : i + batch_size] for i in range(0, len(near), batch_size)]
            regrouped += [cut[i] for i in random.permutation(len(cut))]
        return regrouped
    return [list(order[i : i + batch_size]) for i in range(0, len(order), batch_size)]


def collate(
    head: str, features: Sequence[Feature], tokenizer: Any, generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """Rows padded to the longest, with the head's own tensors beside them."""
    rows = [row for feature in features for row in feature["rows"]]
    width = max(map(len, rows))
    ids = np.full((len(rows), width), tokenizer.pad_token_id, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    batch = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    return batch | HEADS[head].collate(list(features), generator, tokenizer)


def by_budget(features: Sequence[Feature], tokens: int) -> list[list[int]]:
    """Indices sorted by length and cut so that no padded batch holds more than `tokens` (one feature at least)."""
    cut: list[list[int]] = []
    rows = 0
    sizes = lengths(features).tolist()
    for i in sorted(range(len(features)), key=sizes.__getitem__):
        rows += len(features[i]["rows"])
        if not cut or rows * sizes[i] > tokens:
            cut.append([])
            rows = len(features[i]["rows"])
        cut[-1].append(i)
    return cut
