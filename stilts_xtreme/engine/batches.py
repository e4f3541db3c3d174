"""Which examples make up each training step, and how rows become tensors."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from stilts_xtreme.engine.features import Feature, lengths
from stilts_xtreme.models.heads import HEADS
from stilts_xtreme.models.heads.common import Rows, Tokenizer
from stilts_xtreme.tasks.mixture import quotas

Batch = Rows  # a batch as `collate` makes it, with the head's own entries


def draw(groups: Mapping[str, Sequence[int]], total: int, shares: Mapping[str, float], seed: int) -> list[int]:
    """Return `total` indices: each group (a language) gets its share, drawn pass after reshuffled pass, the groups then mixed.

    With a single group this is the plain order of epochs: every index once before any comes again.
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
    """Cut `order` into batches; grouped: within every `pool` batches, examples of like length together, the batches shuffled."""
    if group_by_length:
        random = np.random.default_rng([seed, 103])
        span, regrouped = batch_size * pool, []
        for begin in range(0, len(order), span):
            near = sorted(order[begin : begin + span], key=lambda i: lengths[i])
            cut = [near[i : i + batch_size] for i in range(0, len(near), batch_size)]
            regrouped += [cut[i] for i in random.permutation(len(cut))]
        return regrouped
    return [list(order[i : i + batch_size]) for i in range(0, len(order), batch_size)]


def collate(head: str, features: Sequence[Feature], tokenizer: Tokenizer, generator: torch.Generator | None = None) -> Batch:
    """Concatenate the features' rows, the longest first, and add the head's own entries.

    `input_ids` [N] tokens, the `row` [N] each belongs to and its `place` [N] there; `offsets` [R] where each row begins and its
    `lengths` [R]; `bounds` [R + 1] int32 between the rows in the order in which they stand, `falling` their lengths in that
    order and `longest`, plain numbers.
    """
    rows = [np.asarray(row) for feature in features for row in feature["rows"]]
    sizes = np.array([len(row) for row in rows])
    order = np.argsort(-sizes, kind="stable")
    falling = sizes[order]
    bounds = np.concatenate([[0], np.cumsum(falling)])
    offsets = np.empty_like(sizes)
    offsets[order] = bounds[:-1]
    tensors = {
        "input_ids": np.concatenate([rows[i] for i in order]).astype(np.int64),
        "row": np.repeat(order, falling),
        "place": np.arange(bounds[-1]) - np.repeat(bounds[:-1], falling),
        "offsets": offsets,
        "lengths": sizes,
        "bounds": bounds.astype(np.int32),
    }
    batch: Batch = {name: torch.from_numpy(array) for name, array in tensors.items()}
    batch |= {"falling": falling.tolist(), "longest": int(falling[0])}
    return batch | HEADS[head].collate(list(features), batch, generator, tokenizer)


def to(batch: Batch, device: torch.device) -> Batch:
    """Copy the batch to a device; to a GPU from pinned memory, so that the host does not wait."""
    if device.type == "cpu":
        return dict(batch)
    return {
        name: value.pin_memory().to(device, non_blocking=True) if isinstance(value, Tensor) else value
        for name, value in batch.items()
    }


def by_budget(features: Sequence[Feature], tokens: int) -> list[list[int]]:
    """Return batches of indices, sorted by length: if padded none has more than `tokens`, but for those of a single feature."""
    sizes, counts = lengths(features).tolist(), [len(feature["rows"]) for feature in features]
    cut: list[list[int]] = []
    rows = 0
    for i in sorted(range(len(sizes)), key=sizes.__getitem__):
        rows += counts[i]
        if not cut or rows * sizes[i] > tokens:
            cut.append([])
            rows = counts[i]
        cut[-1].append(i)
    return cut
