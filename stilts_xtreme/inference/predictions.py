"""Predict examples with a trained head, with probabilities."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from stilts_xtreme.export.run_lookup import Run
from stilts_xtreme.inference.inputs import Source
from stilts_xtreme.models.heads import HEADS, Limits, probabilities
from stilts_xtreme.stages import run as running
from stilts_xtreme.tasks.examples import Example
from stilts_xtreme.tasks.predictions import Prediction
from stilts_xtreme.utils.bounded_io import Record

if TYPE_CHECKING:
    import torch


def predict(
    run: Run, source: Source, notes: Record, examples: Sequence[Example], device: "torch.device",
    callback: Callable[[int, int], None],
) -> list[Prediction]:  # fmt: skip
    """Predict every example with the head; `notes`: its record in heads.json. `callback(done, total)` counts features.

    RunFailed where weights are missing or damaged.
    """
    from stilts_xtreme.engine.predict import outputs
    from stilts_xtreme.stages import model_cache

    bf16 = run.result["plan"]["recipe"]["precision"] == "bf16"
    model, tokenizer, _ = model_cache.of_folder(run.folder, source.name, device, bf16)
    labels, limits = tuple(notes["labels"]), Limits(**notes["limits"])
    features = HEADS[source.head].encode(examples, tokenizer, labels, limits, False)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        callback(done, len(features))

    logits = outputs(model, source.name, features, tokenizer, device, advance, unpack=probabilities.UNPACK.get(source.head))
    threshold = notes["threshold"]
    return list(probabilities.predictions(source.head, logits, features, examples, labels, limits, threshold, every_tag=False))


def set_threads(run: Run, threads: int | None) -> None:
    """Set torch's threads: as many as asked for, else as a stage that evaluates this training has (see `stages.run.threads`)."""
    import torch

    shape = run.chain[0][0]["start"].get("random")
    torch.set_num_threads(threads or running.threads_of(shape["hidden_size"] if shape else None))
