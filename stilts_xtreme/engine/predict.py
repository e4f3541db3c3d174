"""Outputs and sentence vectors of a trained model, in the order of what was asked."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from stilts_xtreme.engine.batches import Feature, by_budget, collate, to
from stilts_xtreme.engine.encoder import Model, can_pack, states
from stilts_xtreme.heads import HEADS, embedding

TOKENS = {"cpu": 2048, "cuda": 65536}  # padded tokens a batch: small ones stay in a CPU's cache, a GPU wants large ones


Tell = Callable[[int], None]


def unheard(done: int) -> None:
    """Nobody is told."""


@torch.inference_mode()
def outputs(
    model: Model, task: str, features: Sequence[Feature], tokenizer: Any, device: torch.device, tell: Tell = unheard
) -> list[np.ndarray]:
    """What the head's `decode` needs, one array per feature; `tell` hears after every batch how many features it did."""
    model.eval()
    head = HEADS[model.kinds[task]]
    found: list[Any] = [None] * len(features)
    for indices in by_budget(features, TOKENS.get(device.type, 8192)):
        chosen = [features[i] for i in indices]
        batch = to(collate(model.kinds[task], chosen, tokenizer), device)
        for i, output in zip(indices, head.unpack(model.logits(task, batch).float(), chosen, batch), strict=True):
            found[i] = output
        tell(len(indices))
    return found


@torch.inference_mode()
def vectors(
    encoder: Any, features: Sequence[Feature], tokenizer: Any, layer: int, pooling: str, device: torch.device,
    tell: Tell = unheard,
) -> np.ndarray:  # fmt: skip
    """Vectors [features, width] in float32: hidden state `layer` (0: the embeddings), pooled; `tell` as in `outputs`."""
    encoder.eval()
    found = np.empty((len(features), encoder.config.hidden_size), dtype=np.float32)
    for indices in by_budget(features, TOKENS.get(device.type, 8192)):
        batch = to(collate("embedding", [features[i] for i in indices], tokenizer), device)
        hidden = states(encoder, batch, can_pack(encoder), layer)
        found[indices] = embedding.pool(hidden, batch, pooling).float().cpu().numpy()
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
