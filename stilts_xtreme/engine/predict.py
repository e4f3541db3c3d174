"""Compute outputs and sentence vectors of a trained model, in the order of the features."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from safetensors.numpy import load, save
from transformers import PreTrainedModel

from stilts_xtreme.engine.batches import Feature, by_budget, collate, to
from stilts_xtreme.engine.encoder import Model, can_pack, states
from stilts_xtreme.engine.sharding import is_sharded
from stilts_xtreme.models.heads import HEADS, embedding, mlm
from stilts_xtreme.models.heads.common import Tokenizer
from stilts_xtreme.utils import ranks, system

TOKENS = {"cpu": 2048, "cuda": 65536}  # padded tokens a batch: small ones stay in a CPU's cache, a GPU wants large ones
RELEASE = 1.0  # seconds between two returns of freed memory: glibc would spread batches over all that a training took before


ProgressCallback = Callable[[int], None]
Unpack = Callable[[torch.Tensor, Sequence[Feature], Mapping[str, torch.Tensor]], list[np.ndarray]]  # as heads have it


def no_op(done: int) -> None:
    """Ignore progress."""


class BatchCheckpoint(Protocol):
    """Saves the arrays of one pass, batch by batch, so that a prediction that was stopped can go on."""

    def load_batch(self, batch: int) -> list[np.ndarray] | None:
        """Return the arrays of a batch; None if they were not saved."""

    def save_batch(self, batch: int, arrays: list[np.ndarray]) -> None:
        """Save the arrays of a batch."""


class NoCheckpoint:
    """Saves nothing."""

    def load_batch(self, batch: int) -> None:
        return None

    def save_batch(self, batch: int, arrays: list[np.ndarray]) -> None:
        pass


@torch.inference_mode()
def outputs(
    model: Model, task: str, features: Sequence[Feature], tokenizer: Tokenizer, device: torch.device,
    callback: ProgressCallback = no_op,
    checkpoint: BatchCheckpoint = NoCheckpoint(), unpack: Unpack | None = None,
) -> list[np.ndarray]:  # fmt: skip
    """Compute what the head's `decode` needs, one array per feature; `callback` gets each batch's number of features.

    `unpack`: what is wanted of the logits in place of what `decode` needs.

    Several processes share the batches. The first gets the outputs of all; for the others the arrays are empty.
    """
    model.eval()
    unpack = unpack or HEADS[model.kinds[task]].unpack

    def compute(indices: Sequence[int]) -> list[np.ndarray]:
        chosen = [features[i] for i in indices]
        batch = to(collate(model.kinds[task], chosen, tokenizer), device)
        return list(unpack(model.logits(task, batch).float(), chosen, batch))

    results = [np.zeros(0)] * len(features)
    for indices, arrays in _run_batches(
        by_budget(features, TOKENS.get(device.type, 8192)), compute, checkpoint, callback, is_sharded(model)
    ):
        for i, output in zip(indices, arrays, strict=True):
            results[i] = output
    return results


@torch.inference_mode()
def vectors(
    encoder: PreTrainedModel, features: Sequence[Feature], tokenizer: Tokenizer, layer: int, pooling: str, device: torch.device,
    callback: ProgressCallback = no_op, checkpoint: BatchCheckpoint = NoCheckpoint(),
) -> np.ndarray:  # fmt: skip
    """Compute vectors [features, width] in float32: hidden state `layer` (0: the embeddings), pooled; `callback` as in `outputs`.

    Several processes share the batches. The first has all vectors; the others get zeros.
    """
    encoder.eval()

    def compute(indices: Sequence[int]) -> list[np.ndarray]:
        batch = to(collate("embedding", [features[i] for i in indices], tokenizer), device)
        read = batch["offsets"] if embedding.reads(pooling) else None
        hidden = states(encoder, batch, can_pack(encoder), layer, read)
        return [embedding.pool(hidden, batch, pooling).float().cpu().numpy()]

    results = np.zeros((len(features), encoder.config.hidden_size), dtype=np.float32)
    for indices, (array,) in _run_batches(by_budget(features, TOKENS.get(device.type, 8192)), compute, checkpoint, callback):
        results[indices] = array
    return results


def _run_batches(
    cut: Sequence[list[int]],
    compute: Callable[[Sequence[int]], list[np.ndarray]],
    checkpoint: BatchCheckpoint,
    callback: ProgressCallback,
    in_step: bool = False,
) -> Iterator[tuple[list[int], list[np.ndarray]]]:
    """Yield batches with their arrays: those that were saved, then those that `compute` gives.

    Of several processes each computes a batch in turn, and the first gets all. `in_step`: they can only compute at the same
    time, so that a process without a batch computes what is thrown away.
    """
    known = {number: arrays for number in range(len(cut)) if (arrays := checkpoint.load_batch(number)) is not None}
    missing = ranks.broadcast(lambda: [number for number in range(len(cut)) if number not in known])
    for number, arrays in known.items():
        yield cut[number], arrays
        callback(len(cut[number]))
    released = time.monotonic()
    for begin in range(0, len(missing), ranks.count()):
        if time.monotonic() - released > RELEASE:
            system.release_memory()
            released = time.monotonic()
        turn = missing[begin : begin + ranks.count()]
        own = turn[ranks.rank()] if ranks.rank() < len(turn) else None
        ours = compute(cut[turn[0] if own is None else own]) if own is not None or in_step else []
        for number, arrays in zip(turn, _gather(ours), strict=False):  # empty on all processes but the first
            checkpoint.save_batch(number, arrays)
            yield cut[number], arrays
        callback(sum(len(cut[number]) for number in turn))


def _gather(arrays: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Return the arrays of each process, on the first process; nothing on the others."""
    if ranks.count() == 1:
        return [arrays]
    packed = {str(i): np.ascontiguousarray(array) for i, array in enumerate(arrays)}
    results = [load(content) for content in ranks.gather(save(packed))]
    return [[arrays_of[str(i)] for i in range(len(arrays_of))] for arrays_of in results]


@torch.inference_mode()
def masked_accuracy(model: Model, task: str, features: Sequence[Feature], tokenizer: Tokenizer, device: torch.device) -> float:
    """Return the share (0 to 100) of masked tokens guessed right, with the same masks at every call."""
    model.eval()
    head = model.heads[task]
    assert isinstance(head, mlm.Head)
    generator = torch.Generator().manual_seed(0)
    right = total = 0
    cut, count = by_budget(features, TOKENS["cpu"]), ranks.count()
    for number, indices in enumerate(cut):
        batch = collate("mlm", [features[i] for i in indices], tokenizer, generator)
        if number % count == ranks.rank():
            batch = to(batch, device)
            guesses = head.predict(model.logits(task, batch))
            right += int((guesses == batch["targets"]).sum())
            total += len(batch["targets"])
    if is_sharded(model) and 0 < len(cut) % count <= ranks.rank():  # as `in_step` of `_run_batches`
        model.logits(task, to(batch, device))
    right, total = ranks.totals(right, total)
    return 100.0 * right / max(total, 1)
