"""Tasks that users describe, without code: what a description may say for each kind of head, and the task it comes to."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stilts_xtreme.tasks import metrics, rows
from stilts_xtreme.tasks.examples import Example
from stilts_xtreme.tasks.metrics import Metric
from stilts_xtreme.tasks.readers.columns import Column, Layout
from stilts_xtreme.tasks.readers.lines import Row
from stilts_xtreme.tasks.task import NamedFiles, Task

TABLES = ("tsv", "csv", "jsonl")
NUMBERED = ("tsv", "csv", "conll")  # formats whose columns can be counted
PLACES = ("train", "dev", "test")


@dataclass(frozen=True)
class Kind:
    """A kind of task: its head, the examples it takes, file formats, parts of a row, metrics (the first is the default).

    `needed` parts have a column each, `optional` parts may have; `metrics`: function and headline scores by name.
    """

    head: str
    examples: str  # `Layout.kind`
    example: Callable[[Row], Example | None]
    forms: tuple[str, ...]
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    metrics: Mapping[str, tuple[Metric, tuple[str, ...]]]


_ACCURACY = {"accuracy": (metrics.label_accuracy, ("accuracy",))}
_LABELS = _ACCURACY | {"accuracy_and_macro_f1": (metrics.label_accuracy_and_macro_f1, ("accuracy",))}  # the score is accuracy
KINDS: dict[str, Kind] = {
    "classification": Kind("classification", "text", rows.labelled_text, TABLES, ("text", "label"), ("id",), _LABELS),
    "pair_classification": Kind(
        "classification", "pair", rows.labelled_pair, TABLES, ("first", "second", "label"), ("id",), _LABELS
    ),
    "multiple_choice": Kind(
        "multiple_choice", "choices", rows.question_choices, TABLES, ("context", "choices", "label"), ("question", "id"),
        _ACCURACY,
    ),
    "tagging": Kind(
        "tagging", "tags", rows.tagged_sentence, ("conll", "jsonl"), ("token", "tag"), ("id",),
        {"f1": (metrics.entity_f1, ("f1",)), "accuracy": (metrics.tag_accuracy, ("accuracy",))},
    ),
    "span_qa": Kind(
        "span_qa", "question", rows.squad_question, ("squad", *TABLES), ("question", "context", "answer"), ("offset", "id"),
        {
            "squad": (metrics.exact_match_and_f1, ("exact_match", "f1")),
            "mlqa": (metrics.mlqa_exact_match_and_f1, ("exact_match", "f1")),
        },
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Description:
    """What a description says, with its defaults; `files`: (split, language, path), paths relative to `folder`."""

    name: str
    kind: str
    form: str
    columns: Mapping[str, Column | tuple[Column, ...]]
    labels: tuple[str, ...]
    metric: str
    files: tuple[tuple[str, str, str], ...]
    folder: Path
    trains_on: str | None = None
    unanswerable: bool = False
    licence: str = ""
    about: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of what decides how a row is read and scored; which files there are stands in the digest of each reading."""
        parts = {name: list(field) if isinstance(field, tuple) else field for name, field in sorted(self.columns.items())}
        identity = [self.kind, self.form, parts, list(self.labels), self.metric, self.unanswerable]
        return hashlib.sha256(json.dumps(identity, ensure_ascii=False).encode()).hexdigest()


def task(description: Description) -> Task:
    """Return the task that a description comes to."""
    kind = KINDS[description.kind]
    metric, headline = kind.metrics[description.metric]
    layout = Layout(kind.examples, description.form, tuple(description.columns.items()), description.labels)
    paths = {name: tuple(path for split, _, path in description.files if split == name) for name in PLACES}
    codes = dict.fromkeys(code for _, code, _ in description.files)
    return Task(
        name=description.name,
        head=kind.head,
        example=kind.example,
        metric=metric,
        headline=headline,
        sources=(NamedFiles(layout, paths["train"], paths["dev"], paths["test"], named=description.files),),
        labels=description.labels if kind.head in ("classification", "tagging") else (),
        languages=tuple(sorted(codes, key=lambda code: code != "en")),
        trains_on=description.trains_on,
        licence=description.licence or "none stated",
        about=description.about or f"a task of one's own, described below {description.folder.name}/",
        chance=_chance(kind, description),
        unanswerable=description.unanswerable,
        folder=description.folder,
        described=description.digest,
    )


def _chance(kind: Kind, description: Description) -> float | None:
    """Return the score of guessing, 0 to 100; None where the number of answers is not known."""
    choices = description.columns.get("choices")
    count = len(choices) if isinstance(choices, tuple) else len(description.labels)
    return 100 / count if kind.head in ("classification", "multiple_choice") and count else None


def is_like(kind: Kind, other: Task) -> bool:
    """Return whether a task's head takes examples of this kind: of classification, single texts or pairs."""
    return other.head == kind.head and (kind.example is rows.labelled_text) == (other.example is rows.labelled_text)


def has(task: Task, split: str) -> bool:
    """Return whether a described task names files of the split."""
    return any(getattr(source, split, ()) for source in task.sources)


def names(tasks: Sequence[Task], *roles: str) -> tuple[str, ...]:
    """Return the names of the described tasks that have all of these roles: trained, evaluated, pairs."""
    can: dict[str, Callable[[Task], bool]] = {
        "trained": lambda task: has(task, "train"),
        "evaluated": lambda task: has(task, "test"),
        "pairs": lambda task: task.example is rows.labelled_pair,
    }
    return tuple(task.name for task in tasks if all(can[role](task) for role in roles))
