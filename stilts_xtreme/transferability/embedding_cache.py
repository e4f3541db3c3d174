"""Embeddings of data sets and of plain text by an encoder, each computed once, when it is first asked for."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from stilts_xtreme.data import read as data
from stilts_xtreme.models.shape import of_config, retrieval_layer
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Text
from stilts_xtreme.transferability.embeddings import embed, sample, text
from stilts_xtreme.transferability.measures import Matrix
from stilts_xtreme.utils.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

EXAMPLES = 300  # of a data set that are embedded
PER_LANGUAGE = 30  # lines of text, or test inputs of a target that is not trained, of each language
Report = Callable[[str, int, float], None]  # what was embedded, how many texts, processor seconds


def _silent(name: str, texts: int, seconds: float) -> None:
    """Report nothing."""


class Embeddings:
    """Embeddings of the data in a place by a published encoder (folder or hub id; None: nothing will be asked for).

    `seconds`: processor seconds of each, and of "loading".
    """

    def __init__(self, encoder: str | None, where: data.Where, report: Report = _silent, revision: str | None = None):
        self.encoder, self.where, self._report, self._revision = encoder, where, report, revision
        self._cache: dict[str, Matrix] = {}
        self.seconds: dict[str, float] = {}

    @cached_property
    def _model(self) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase, int]":
        """Encoder, tokenizer and the layer whose states are averaged."""
        from stilts_xtreme.engine import loading

        assert self.encoder is not None  # whoever asks for embeddings names an encoder
        began = time.process_time()
        encoder, tokenizer = loading.load(self.encoder, self._revision)
        layers = of_config(encoder.config.to_dict()).layers or encoder.config.num_hidden_layers
        self.seconds["loading"] = round(time.process_time() - began, 1)
        return encoder, tokenizer, retrieval_layer(layers)

    def embed(self, name: str, lines: Callable[[], Sequence[str]]) -> Matrix:
        """Return embeddings [lines, width] of the texts that `lines` gives, cached under `name`."""
        if name not in self._cache:
            encoder, tokenizer, layer = self._model
            began = time.process_time()
            read = lines()
            self._cache[name] = embed(encoder, tokenizer, read, layer)
            self.seconds[name] = round(time.process_time() - began, 1)
            self._report(name, len(read), self.seconds[name])
        return self._cache[name]

    def task(self, name: str) -> Matrix:
        """Return embeddings of a task's English training data; UserError where there is none here."""
        return self.embed(name, lambda: self._lines(name, "train", "en", EXAMPLES))

    def inputs(self, target: str, languages: Sequence[str]) -> Matrix:
        """Return embeddings of a target's test inputs in other languages, without labels."""
        split = data.scored_split(TASKS[target])
        return self.embed(
            f"{target} test", lambda: [line for code in languages for line in self._lines(target, split, code, PER_LANGUAGE)]
        )

    def query(self, target: str, languages: Sequence[str]) -> "TaskQuery":
        """Return a task as the target; of an untrained task the test inputs in `languages` stand for training data."""
        return TaskQuery(self, target, tuple(languages))

    def plain(self, languages: Sequence[str]) -> Matrix:
        """Return embeddings of plain text in those of the languages that have any; UserError where none has."""
        if not (codes := [code for code in languages if code in self.text_languages]):
            place = data.name(self.where)
            raise UserError(f"no plain text in {', '.join(languages)} in {place}; to get it: {TASKS['text'].about}")
        return np.concatenate(
            [self.embed(f"text {code}", partial(self._lines, "text", "train", code, PER_LANGUAGE)) for code in codes]
        )

    @cached_property
    def text_languages(self) -> tuple[str, ...]:
        """Languages with plain text."""
        return data.languages(TASKS["text"], self.where)

    def _lines(self, name: str, split: str, language: str, number: int) -> list[str]:
        task = TASKS[name]
        examples = data.read(task, split, language, self.where).examples
        foreign = [example for example in examples if getattr(example, "side", "") != "english"]  # of a bitext
        return [text(example) for example in sample(task, foreign, number)]


@dataclass(frozen=True)
class TaskQuery:
    """A task of the catalogue as the target of a query."""

    embeddings: Embeddings
    target: str
    languages: tuple[str, ...]

    @property
    def head(self) -> str:
        return TASKS[self.target].head

    def data(self) -> Matrix:
        source = TASKS[self.target].source_task
        return self.embeddings.task(source) if source else self.embeddings.inputs(self.target, self.languages)

    def text(self) -> Matrix:
        return self.embeddings.plain(self.languages)


@dataclass(frozen=True)
class FileQuery:
    """A user's texts with labels as the target of a query: a classification."""

    embeddings: Embeddings
    texts: tuple[Text, ...]
    languages: tuple[str, ...]
    head: str = "classification"

    def data(self) -> Matrix:
        chosen = sample(TASKS["text"], self.texts, EXAMPLES)
        return self.embeddings.embed("your data", lambda: [example.text for example in chosen if isinstance(example, Text)])

    def text(self) -> Matrix:
        return self.embeddings.plain(self.languages)
