"""What a head can encode: a small record for each kind of input."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from stilts_xtreme.utils.bounded_io import Record


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts and a label (NLI, paraphrase), or a text and a label: then `second` is None."""

    id: str
    first: str
    second: str | None
    label: str


@dataclass(frozen=True, slots=True)
class Choices:
    """A context and its possible continuations; `label` is the index of the right option."""

    id: str
    first: str
    options: tuple[str, ...]
    label: int


@dataclass(frozen=True, slots=True)
class Tagged:
    """A sentence already split into tokens, with a tag for each."""

    id: str
    tokens: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A question on a context with its accepted answers; no answers means: cannot be answered.

    `starts[i]` is the character offset of `answers[i]` in `context`; -1, outside of training data, where it does not stand there.
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
    """What a query is matched with: a text, and its context where that helps to distinguish it ("" otherwise)."""

    id: str
    text: str
    second: str


@dataclass(frozen=True, slots=True)
class Query:
    """A text to be matched with candidates; `answers` are the ids of the right candidates, at least a single id.

    In training and dev data a right candidate comes with it; elsewhere it is None, and candidates come from the task's pool.
    A query of the same id in another language asks the same.
    """

    id: str
    text: str
    answers: tuple[str, ...]
    candidate: Candidate | None = None


Example = Pair | Choices | Tagged | Question | Sentence | Text | Query | Candidate

KINDS: dict[str, type[Example]] = {kind.__name__: kind for kind in get_args(Example)}


def plain(examples: Sequence[Example]) -> Record:
    """Turn examples of the same kind into values that JSON can hold."""
    kind = type(examples[0]).__name__ if examples else "Text"
    return {"kind": kind, "examples": [_values(example) for example in examples]}


def restored(content: Record) -> tuple[Example, ...]:
    """Return the examples that `plain` turned into `content`."""
    kind = KINDS[content["kind"]]
    rows: list[tuple[Any, ...]] = [
        tuple(tuple(value) if isinstance(value, list) else value for value in values) for values in content["examples"]
    ]
    if kind is Query:
        return tuple(Query(name, text, answers, candidate and Candidate(*candidate)) for name, text, answers, candidate in rows)
    return tuple(kind(*values) for values in rows)


def _values(example: Example) -> list[object]:
    values = [getattr(example, name) for name in type(example).__slots__]
    return [_values(value) if isinstance(value, Candidate) else value for value in values]


def texts(example: Example) -> Iterator[str]:
    """Yield the text of each row that an example becomes, uncut."""
    match example:
        case Pair():
            yield example.first if example.second is None else f"{example.first} {example.second}"
        case Choices():
            yield from (f"{example.first} {option}" for option in example.options)
        case Question():
            yield f"{example.question} {example.context}"
        case Tagged():
            yield " ".join(example.tokens)
        case Sentence() | Text():
            yield example.text
        case Query():
            yield example.text
            if example.candidate:
                yield f"{example.candidate.text} {example.candidate.second or ''}"
        case Candidate():
            yield f"{example.text} {example.second or ''}"


def gold_labels(example: Example) -> Iterator[str]:
    """Yield an example's gold labels as a split's `labels` count them; none for text, queries and candidates."""
    match example:
        case Pair():
            yield example.label
        case Choices():
            yield str(example.label)
        case Tagged():
            yield from example.tags
        case Question():
            yield "answerable" if example.answers else "unanswerable"
        case Sentence():
            yield f"{example.side} {'matched' if example.match else 'unmatched'}"
        case Text() | Query() | Candidate():
            return
