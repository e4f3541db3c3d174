"""Features with labels, for LogME: the hidden states that a target's head reads, and what it would have to learn from them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stilts_xtreme.models.heads.common import Feature, Rows, Tokenizer

if TYPE_CHECKING:
    from stilts_xtreme.engine.encoder import Model

MOST = 2000  # features that are looked at: a sentence has many tokens


def labelled(
    model: "Model", head: str, features: Sequence[Feature], tokenizer: Tokenizer, most: int = MOST
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return hidden states [features, width] of a model's encoder, and their labels [features]; at most `most`, spread evenly.

    `features`: a target's training examples as its `head` encodes them. Of classification the first token of each row with its
    class, of tagging the first sub-word of each token with its tag, of span QA the answer's tokens (1) and as many others of the
    same window, spread evenly (0). ValueError for another head.
    """
    import torch

    from stilts_xtreme.engine.batches import by_budget, collate
    from stilts_xtreme.engine.predict import TOKENS

    model.eval()
    states, labels = [], []
    with torch.inference_mode():
        for indices in by_budget(features, TOKENS["cpu"]):
            batch = collate(head, [features[i] for i in indices], tokenizer)
            places, classes = _read(head, batch)
            if len(places):
                states.append(model.hidden(batch, torch.from_numpy(places)).float().numpy())
                labels.append(classes)
    every = np.concatenate(states), np.concatenate(labels)
    chosen = np.unique(np.linspace(0, len(every[1]) - 1, min(most, len(every[1]))).round().astype(int))
    return every[0][chosen], every[1][chosen]


def _read(head: str, batch: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return positions in the packed row [n] and their labels [n]."""
    match head:
        case "classification":
            return batch["offsets"].numpy(), batch["targets"].numpy()
        case "tagging":
            return batch["positions"].numpy(), batch["targets"].numpy()
        case "span_qa":
            parts = list(_spans(batch))
            empty = np.zeros(0, np.int64)
            return np.concatenate([empty, *(p for p, _ in parts)]), np.concatenate([empty, *(c for _, c in parts)])
    raise ValueError(f"LogME is not defined for the head {head!r}")


def _spans(batch: Rows) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield positions and labels of each window that holds its answer."""
    rows = (batch[name].tolist() for name in ("offsets", "lengths", "starts", "ends"))
    for offset, length, start, end in zip(*rows, strict=True):
        if start:  # 0 is the first token: no answer here
            inside = np.arange(start, end + 1)
            outside = np.setdiff1d(np.arange(1, length), inside)
            spread = outside[np.unique(np.linspace(0, len(outside) - 1, min(len(inside), len(outside))).round().astype(int))]
            yield offset + np.concatenate([inside, spread]), np.repeat([1, 0], [len(inside), len(spread)])
