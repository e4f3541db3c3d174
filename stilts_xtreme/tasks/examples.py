"""What a head can encode: six small records, one per kind of input."""

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


Example = Pair | Choices | Tagged | Question | Sentence | Text
