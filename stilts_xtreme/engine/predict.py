"""Outputs and sentence vectors of a trained model, in the order of what was asked."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from stilts_xtreme.engine.batches import Feature, by_budget, collate, to
from stilts_xtreme.engine.encoder import Model, can_pack, states
from stilts_xtreme.heads import HEADS, embedding

TOKENS = {"cpu": 2048, "cuda": 65536}  # padded tokens a batch: small ones stay in a CPU's cache, a GPU wants large ones


Tell = Callable[[int], None]


def unheard(done: int) -> None:
    """Nobody is told."""


class Kept(Protocol):
    """Where the arrays of one sweep's batches are kept, so that a prediction that was stopped can go on."""

    def recall(self, batch: int) -> list[np.ndarray] | None:
        """The arrays of a batch, where they are known."""

    def keep(self, batch: int, arrays: list[np.ndarray]) -> None:
        """These are a batch's arrays."""


class Forgotten:
    """Nothing is kept."""

    def recall(self, batch: int) -> None:
        return None

    def keep(self, batch: int, arrays: list[np.ndarray]) -> None:
        pass


@torch.inference_mode()
def outputs(
    model: Model, task: str, features: Sequence[Feature], tokenizer: Any, device: torch.device, tell: Tell = unheard,
    kept: Kept = Forgotten(),
) -> list[np.ndarray]:  # fmt: skip
    """What the head's `decode` needs, one array per feature; `tell` hears after every batch how many features it did."""
    model.eval()
    head = HEADS[model.kinds[task]]
    found: list[Any] = [None] * len(features)
    for number, indices in enumerate(by_budget(features, TOKENS.get(device.type, 8192))):
        if (made := kept.recall(number)) is None:
            chosen = [features[i] for i in indices]
            batch = to(collate(model.kinds[task], chosen, tokenizer), device)
            made = list(head.unpack(model.logits(task, batch).float(), chosen, batch))
            kept.keep(number, made)
        for i, output in zip(indices, made, strict=True):
            found[i] = output
        tell(len(indices))
    return found


@torch.inference_mode()
def vectors(
    encoder: Any, features: Sequence[Feature], tokenizer: Any, layer: int, pooling: str, device: torch.device,
    tell: Tell = unheard, kept: Kept = Forgotten(),
) -> np.ndarray:  # fmt: skip
    """Vectors [features, width] in float32: hidden state `layer` (0: the embeddings), pooled; `tell` as in `outputs`."""
    encoder.eval()
    found = np.empty((len(features), encoder.config.hidden_size), dtype=np.float32)
    for number, indices in enumerate(by_budget(features, TOKENS.get(device.type, 8192))):
        if (made := kept.recall(number)) is None:
            batch = to(collate("embedding", [features[i] for i in indices], tokenizer), device)
            hidden = states(encoder, batch, can_pack(encoder), layer)
            made = [embedding.pool(hidden, batch, pooling).float().cpu().numpy()]
            kept.keep(number, made)
        found[indices] = made[0]
        tell(len(indices))
    return found


@torch.inference_mode()
def masked_accuracy(model: Model, task: str, features: Sequence[Feature], tokenizer: Any, device: torch.device) -> float:
    """Share (0 to 100) of masked tokens guessed right, with the same masks at every call."""
    model.eval()
    generator = torch.Generator().manual_seed(0)
    right = total = 0
    for batch in _masked(features, tokenizer, generator):
        batch = to(batch, device)
        guesses = model.heads[task].guesses(model.logits(task, batch))
        right += int((guesses == batch["targets"]).sum())
        total += len(batch["targets"])
    return 100.0 * right / max(total, 1)


def _masked(features: Sequence[Feature], tokenizer: Any, generator: torch.Generator) -> Iterator[dict[str, torch.Tensor]]:
    for indices in by_budget(features, TOKENS["cpu"]):
        yield collate("mlm", [features[i] for i in indices], tokenizer, generator)
