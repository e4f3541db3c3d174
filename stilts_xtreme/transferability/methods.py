"""Ways to rank intermediate tasks for a target before any training on it, each a function of what is known.

A method either chooses the past targets whose gains count, or scores the candidates by themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.transferability import measures
from stilts_xtreme.transferability.measures import Matrix
from stilts_xtreme.transferability.names import NEIGHBOURS
from stilts_xtreme.transferability.past_gains import Past, PastTarget
from stilts_xtreme.utils.errors import UserError


class Query(Protocol):
    """The target that intermediate tasks are ranked for; embeddings are computed when they are asked for."""

    @property
    def head(self) -> str:
        """Its kind of head."""

    def data(self) -> Matrix:
        """Embeddings [examples, width] of its English training data."""

    def text(self) -> Matrix:
        """Embeddings [lines, width] of plain text in its languages."""


class Library(Protocol):
    """Embeddings of known tasks."""

    def task(self, name: str) -> Matrix:
        """Embeddings [examples, width] of a task's English training data."""

    def query(self, target: str, languages: Sequence[str]) -> Query:
        """Return a past target with its languages, as the target of a query."""


Chooses = Callable[[Query, Past, Library], list[PastTarget]]
Scores = Callable[[Query, Past, Library, Sequence[str]], dict[str, float]]


@dataclass(frozen=True)
class Method:
    """Either `chooses` past targets or `scores` candidates; `embeds`: whether it needs an encoder; `reads_text`: plain text in
    the target languages as well."""

    chooses: Chooses | None = None
    scores: Scores | None = None
    embeds: bool = False
    reads_text: bool = False


def all_targets(query: Query, past: Past, library: Library) -> list[PastTarget]:
    """Choose every past target."""
    return past.targets()


def nearest_targets(query: Query, past: Past, library: Library) -> list[PastTarget]:
    """Choose the past targets whose training data are most similar to the target's."""

    def similarity(target: PastTarget) -> float:
        name = target.names[0]
        return measures.embedding_similarity(query.data(), library.query(name, past.languages[name]).data())

    return sorted(past.targets(), key=lambda target: -similarity(target))[:NEIGHBOURS]


def same_head(query: Query, past: Past, library: Library) -> list[PastTarget]:
    """Choose the past targets with the same kind of head."""
    return [target for target in past.targets() if TASKS[target.names[0]].head == query.head]


def data_size(query: Query, past: Past, library: Library, candidates: Sequence[str]) -> dict[str, float]:
    """Score by the logarithm of the number of training examples that the study used; UserError where it does not say it."""
    if missing := [name for name in candidates if name not in past.sizes]:
        raise UserError(f"--method data-size: study {past.study} does not say how many examples {missing[0]} had; leave it out")
    return {name: measures.data_size(past.sizes[name]) for name in candidates}


def data_similarity(query: Query, past: Past, library: Library, candidates: Sequence[str]) -> dict[str, float]:
    """Score by the cosine of the mean embeddings of a candidate's and the target's training data (Poth et al. 2021)."""
    return {name: measures.embedding_similarity(library.task(name), query.data()) for name in candidates}


def domain_similarity(query: Query, past: Past, library: Library, candidates: Sequence[str]) -> dict[str, float]:
    """Score by minus the energy distance of a candidate's training data and plain text in the target languages."""
    return {name: measures.domain_similarity(library.task(name), query.text()) for name in candidates}


METHODS: Mapping[str, Method] = {  # by the names of `names.ABOUT`
    "past-mean": Method(chooses=all_targets),
    "nearest-targets": Method(chooses=nearest_targets, embeds=True),
    "same-head": Method(chooses=same_head),
    "data-similarity": Method(scores=data_similarity, embeds=True),
    "domain-similarity": Method(scores=domain_similarity, embeds=True, reads_text=True),
    "data-size": Method(scores=data_size),
}
