"""Predict examples with a trained head, with probabilities."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from stilts_xtreme.export.run_lookup import Run
from stilts_xtreme.heads import HEADS, Feature, Limits, span_qa, tagging
from stilts_xtreme.inference.inputs import Source
from stilts_xtreme.inference.output import Prediction
from stilts_xtreme.stages import run as running
from stilts_xtreme.tasks.examples import Choices, Example, Question, Tagged
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
    from stilts_xtreme.stages import models

    bf16 = run.result["plan"]["recipe"]["precision"] == "bf16"
    model, tokenizer, _ = models.of_folder(run.folder, source.name, device, bf16)
    labels, limits = tuple(notes["labels"]), Limits(**notes["limits"])
    features = HEADS[source.head].encode(examples, tokenizer, labels, limits, False)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        callback(done, len(features))

    unpack = tagging.unpack_logits if source.head == "tagging" else None
    logits = outputs(model, source.name, features, tokenizer, device, advance, unpack=unpack)
    match source.head:
        case "classification":
            return [_label(example.id, scores, labels) for example, scores in zip(examples, logits, strict=True)]
        case "multiple_choice":
            return [_choice(example, scores) for example, scores in zip(cast(Sequence[Choices], examples), logits, strict=True)]
        case "tagging":
            return _tags(cast(Sequence[Tagged], examples), features, logits, labels)
    return _spans(cast(Sequence[Question], examples), features, logits, limits, notes["threshold"])


def _label(name: str, logits: np.ndarray, labels: tuple[str, ...]) -> Prediction:
    shares = _softmax(logits)
    best = int(logits.argmax())
    return Prediction(name, labels[best], shares[best], dict(zip(labels, shares, strict=True)))


def _choice(example: Choices, logits: np.ndarray) -> Prediction:
    shares = _softmax(logits)
    best = int(logits.argmax())
    by_number = {str(number): share for number, share in enumerate(shares)}
    return Prediction(example.id, best, shares[best], by_number, text=example.options[best])


def _tags(
    examples: Sequence[Tagged], features: Sequence[Feature], logits: Sequence[np.ndarray], labels: tuple[str, ...]
) -> list[Prediction]:
    """Join the tags of long sentences, which stand in several features, in order."""
    tags: list[list[str]] = [[] for _ in examples]
    shares: list[list[float]] = [[] for _ in examples]
    for feature, output in zip(features, logits, strict=True):
        best = output.argmax(-1)
        tags[feature["example"]] += [labels[i] for i in best.tolist()]
        shares[feature["example"]] += [_softmax(row)[i] for row, i in zip(output, best.tolist(), strict=True)]
    return [Prediction(example.id, tags[i], shares[i], tokens=example.tokens) for i, example in enumerate(examples)]


def _spans(
    examples: Sequence[Question], features: Sequence[Feature], logits: Sequence[np.ndarray], limits: Limits,
    threshold: float | None,
) -> list[Prediction]:  # fmt: skip
    predictions = []
    for example, answer in zip(examples, span_qa.best_answers(logits, features, examples, limits), strict=True):
        given = answer.holds(threshold) and bool(answer.text)
        probability = float(np.exp(answer.log_probability if given else answer.log_null))
        predictions.append(
            Prediction(example.id, answer.text if given else "", probability, start=answer.start if given else None)
        )
    return predictions


def _softmax(logits: np.ndarray) -> list[float]:
    values = logits.astype(np.float64)
    powers = np.exp(values - values.max())
    shares: list[float] = (powers / powers.sum()).tolist()
    return shares


def set_threads(run: Run, threads: int | None) -> None:
    """Set torch's threads: as many as asked for, else as a stage that evaluates this training has (see `stages.run.threads`)."""
    import torch

    shape = run.chain[0][0]["start"].get("random")
    torch.set_num_threads(threads or running.threads_of(shape["hidden_size"] if shape else None))
