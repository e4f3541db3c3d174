"""Embeddings of data sets by an encoder as it was published: the mean of a layer's hidden states over each example's tokens."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stilts_xtreme.tasks.examples import Choices, Example, Sentence, texts
from stilts_xtreme.tasks.sample import sampled
from stilts_xtreme.tasks.task import Task

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LENGTH = 128  # tokens of a text that are read


def sample(task: Task, examples: Sequence[Example], number: int) -> tuple[Example, ...]:
    """Return at most `number` examples, the same for every call: by a hash of their ids, of a bitext the first."""
    return sampled(task, examples, number) if task.head != "embedding" else tuple(examples[:number])


def text(example: Example) -> str:
    """Return an example as a single text: of choices the context with the right option, of a question it and its context."""
    if isinstance(example, Choices):
        return f"{example.first} {example.options[example.label]}"
    return next(texts(example))


def embed(
    encoder: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", lines: Sequence[str], layer: int,
    advance: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float32]:  # fmt: skip
    """Return embeddings [lines, width] of texts; `layer` counts hidden states from 0, the word embeddings."""
    import torch

    from stilts_xtreme.engine import loading, predict
    from stilts_xtreme.models.heads import Limits, embedding

    examples = [Sentence(str(i), line, "foreign", None) for i, line in enumerate(lines)]
    features = embedding.encode(examples, tokenizer, (), Limits(max_length=min(LENGTH, loading.longest(encoder))), False)
    return predict.vectors(encoder, features, tokenizer, layer, "mean", torch.device("cpu"), advance)
