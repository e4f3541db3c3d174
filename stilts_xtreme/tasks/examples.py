"""What a head can encode: small records, one per kind of input."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts and a label (NLI, paraphrase)."""

    id: str
    first: str
    second: str
    label: str


@dataclass(frozen=True, slots=True)
class Choices:
    """A context and its possible continuations; `label` is the index of the right one."""

    id: str
    first: str
    options: tuple[str, ...]
    label: int


@dataclass(frozen=True, slots=True)
class Tagged:
    """A sentence already split into tokens, one tag each."""

    id: str
    tokens: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A question on a context with its accepted answers; no answers means: cannot be answered.

    `starts[i]` is the character offset of `answers[i]` in `context`.
    """

    id: str
    question: str
    context: str
    answers: tuple[str, ...]
    starts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    """One side of a bitext; `match` is the id of its translation on the other side, or None."""

    id: str
    text: str
    side: str  # "foreign" or "english"
    match: str | None


@dataclass(frozen=True, slots=True)
class Text:
    """A line of running text, for masked-language-model training."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a query may find: a text, and what it stands in where that helps to tell it apart ("" where nothing does)."""

    id: str
    text: str
    second: str


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for among candidates; `answers` are the ids of the right ones, one at least.

    In training and dev data a right candidate comes with it; elsewhere it is None, and candidates come from the task's pool.
    A query of the same id in another language asks the same.
    """

    id: str
    text: str
    answers: tuple[str, ...]
    candidate: Candidate | None = None


Example = Pair | Choices | Tagged | Question | Sentence | Text | Query | Candidate
