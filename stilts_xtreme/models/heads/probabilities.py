"""What a head predicts for each example, with probabilities: a softmax of its logits, not calibrated."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from stilts_xtreme.models.heads import span_qa, tagging
from stilts_xtreme.models.heads.common import Feature, Limits
from stilts_xtreme.tasks.examples import Choices, Tagged
from stilts_xtreme.tasks.predictions import Prediction

UNPACK = {"tagging": tagging.unpack_logits}  # by head, in place of its own `unpack`, which leaves too little


def predictions(
    head: str,
    outputs: Sequence[np.ndarray],
    features: Sequence[Feature],
    examples: Sequence[Any],
    labels: tuple[str, ...],
    limits: Limits,
    threshold: float | None,
    every_tag: bool = True,
) -> Iterator[Prediction]:
    """Yield the prediction of each example: the answers are those of the head's `decode`.

    `head`: one that is trained on labels. `outputs`: as its `unpack` gives them, or that of `UNPACK`. `threshold`: of no answer.
    `every_tag`: tags have the probabilities of all labels, not only of the predicted ones.
    """
    match head:
        case "classification":
            yield from (_label(example.id, output, labels) for example, output in zip(examples, outputs, strict=True))
        case "multiple_choice":
            yield from (_choice(example, output) for example, output in zip(examples, outputs, strict=True))
        case "tagging":
            yield from _tags(examples, features, outputs, labels, every_tag)
        case "span_qa":
            answers = span_qa.best_answers(outputs, features, examples, limits)
            yield from (_span(example.id, answer, threshold) for example, answer in zip(examples, answers, strict=True))
        case _:
            raise ValueError(f"{head} has no probabilities")


def _label(name: str, logits: np.ndarray, labels: tuple[str, ...]) -> Prediction:
    shares = _softmax(logits).tolist()
    best = int(logits.argmax())
    return Prediction(name, labels[best], shares[best], dict(zip(labels, shares, strict=True)))


def _choice(example: Choices, logits: np.ndarray) -> Prediction:
    shares = _softmax(logits).tolist()
    best = int(logits.argmax())
    by_number = {str(number): share for number, share in enumerate(shares)}
    return Prediction(example.id, best, shares[best], by_number, text=example.options[best])


def _tags(
    examples: Sequence[Tagged], features: Sequence[Feature], outputs: Sequence[np.ndarray], labels: tuple[str, ...],
    every_tag: bool,
) -> Iterator[Prediction]:  # fmt: skip
    """Tags of long sentences stand in several features, in order."""
    by_example: list[list[np.ndarray]] = [[np.zeros((0, len(labels)), np.float32)] for _ in examples]
    for feature, output in zip(features, outputs, strict=True):
        by_example[feature["example"]].append(output)
    for example, parts in zip(examples, by_example, strict=True):
        yield _tagged(example, np.concatenate(parts), labels, every_tag)


def _tagged(example: Tagged, logits: np.ndarray, labels: tuple[str, ...], every_tag: bool) -> Prediction:
    """The tags of a sentence by the logits [n, C] of its tokens."""
    shares, best = _softmax(logits), logits.argmax(-1)
    chosen = np.take_along_axis(shares, best[:, None], 1)[:, 0].tolist()
    by_tag = {label: shares[:, i].tolist() for i, label in enumerate(labels)} if every_tag else {}
    return Prediction(example.id, [labels[i] for i in best.tolist()], chosen, by_tag, tokens=example.tokens)


def _span(name: str, answer: span_qa.Answer, threshold: float | None) -> Prediction:
    """The span, or no answer, with the probability of what is given."""
    given = answer.holds(threshold) and bool(answer.text)
    probability = float(np.exp(answer.log_probability if given else answer.log_null))
    return Prediction(name, answer.text if given else "", probability, start=answer.start if given else None)


def _softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis, in double precision."""
    powers = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)
