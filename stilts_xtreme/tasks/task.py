"""The noun Task: labelled data, how a row becomes an example, a head, a metric, languages."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from stilts_xtreme.tasks.examples import Example
from stilts_xtreme.tasks.metrics import Metric
from stilts_xtreme.tasks.readers import MULTILINGUAL, Skipped
from stilts_xtreme.tasks.readers.lines import Row
from stilts_xtreme.utils.languages import LANGUAGES, MANY, fill


@dataclass(frozen=True)
class Files:
    """A release's own files below a data folder.

    `train`, `dev`, `test` are glob patterns relative to the folder, filled in by `languages.fill`.
    `reader(path)` yields canonical rows, and `Skipped` for a row that cannot be used; UserError with file and line where the
    content is not as declared.
    `pool` is read by a reader of its own, from the patterns in its `test`: the candidates that queries are looked for among.
    """

    reader: Callable[[Path], Iterator[Row | Skipped]]
    train: tuple[str, ...] = ()
    dev: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    pool: "Files | None" = None

    def patterns(self, split: str, language: str) -> list[str]:
        """Return the split's patterns for a language; a pattern without any means English, unless the file holds several."""
        every = self.reader in MULTILINGUAL or language in ("en", MANY)
        return [fill(pattern, language) for pattern in getattr(self, split) if every or "{" in pattern]

    def by_language(self, split: str) -> bool:
        """Return whether the split has files in other languages than English."""
        return any("{" in pattern for pattern in getattr(self, split))


@dataclass(frozen=True)
class NamedFiles(Files):
    """Files of a task described by the user, each named: (split, language, path).

    Paths are relative to the folder of the task's description, and `train`, `dev`, `test` hold them, too.
    """

    named: tuple[tuple[str, str, str], ...] = ()

    def patterns(self, split: str, language: str) -> list[str]:
        """Return the path of the split's file in the language, if there is any."""
        return [path for name, code, path in self.named if (name, code) == (split, language)]

    def by_language(self, split: str) -> bool:
        """Return whether the split has files in other languages than English."""
        return any(name == split and code != "en" for name, code, _ in self.named)


@dataclass(frozen=True)
class Hub:
    """A data set on the Hugging Face hub at a pinned revision; `row` turns its row into canonical ones (None drops it).

    `languages`: those it has, where it has not all of the task's.
    """

    id: str
    config: str
    row: Callable[[Row], Row | Skipped | list[Row] | None]
    revision: str | None = None
    train: tuple[str, ...] = ()
    dev: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Upstream:
    """A release's file or archive at its publisher; `into` is its place below a data folder, where a `Files` pattern finds it.

    In both the language is filled in (`languages.fill`), for each of the task's languages. `note`: what is not certain about it.
    """

    url: str
    into: str
    note: str = ""


@dataclass(frozen=True)
class Task:
    """Labelled data + how a row becomes an example + head + metric + languages.

    `example(row)` builds the example from a canonical row, or None where the row is to be skipped (no gold label).
    `test_example(row)` does so for the test split where the benchmark scores rows that are not trained on; None: as `example`.
    `headline` names the scores of `metric` whose mean is the task's score.
    `any_language`: in a folder, whatever language a file is named after is there beside `languages`.
    `trains_on` names the task whose English data a zero-shot target is trained on; None: its own.
    `after` names the task whose English data is trained on first, where a target is trained on this task.
    `joins` names tasks whose English training rows are added under the same head (ANLI+).
    `translated` are sources of the English training data in other languages, translated by machine; see `in_translation`.
    `pool`, for tasks that look for candidates: "languages" for the candidates of all languages evaluated, together (each a
    reading of its own), "shared" for a set of candidates that all languages share.
    `upstream` is what `stilts data fetch` downloads; empty where a licence stands before it or no address is known.
    `unanswerable`: whether a question may have no answer (SQuAD 2.0).
    `parallel` names a field that rows of the same id must share in all languages (XCOPA's `question`).
    `version` is part of every address that uses the task: raise it when its reading changes.
    `folder`: of a task that the user described, where the description stands and its files are looked for, whatever the setup's
    place is.
    `described`: digest of what the description says of rows, labels and metric, part of the digest of all it reads; else empty.
    """

    name: str
    head: str
    example: Callable[[Row], Example | None]
    metric: Metric
    headline: tuple[str, ...]
    sources: tuple[Files | Hub, ...]
    labels: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    any_language: bool = False
    trains_on: str | None = None
    after: str | None = None
    joins: tuple[str, ...] = ()
    translated: tuple[Files | Hub, ...] = ()
    licence: str = ""
    about: str = ""
    pool: str = ""
    chance: float | None = None  # score of guessing, 0 to 100; None where guessing is near 0
    unanswerable: bool = False
    parallel: str = ""
    version: int = 1
    upstream: tuple[Upstream, ...] = ()
    test_example: Callable[[Row], Example | None] | None = None
    folder: Path | None = None
    described: str = ""

    @property
    def source_task(self) -> str | None:
        """Name of the task whose data the head is trained on; None where nothing is trained (retrieval)."""
        return None if self.head == "embedding" else self.trains_on or self.name

    def to_example(self, split: str) -> Callable[[Row], Example | None]:
        """Return the function that makes examples of this split's rows."""
        return self.test_example if split == "test" and self.test_example is not None else self.example

    def pools(self, languages: tuple[str, ...]) -> tuple[str, ...]:
        """Return the languages of the "pool" readings whose candidates queries in `languages` are matched with."""
        return {"": (), "languages": languages, "shared": (MANY,)}[self.pool]


def training_split(task: Task, language: str) -> str:
    """Return "train", or "translated" for English training data in another language, which a machine translated.

    A task that has training data in many languages and no translations (PAN-X, UD-POS) is read in them as it is.
    """
    own = not task.translated and any(isinstance(source, Files) and source.by_language("train") for source in task.sources)
    own = own or task.folder is not None
    return "train" if language == "en" or own else "translated"


def in_translation(task: Task, *languages: str) -> Task:
    """Return the task with translations of its English training data into `languages` (none: all) in place of its sources.

    They are read from `translated`, or from files of the releases' own names and formats below `translated/LANGUAGE/`.
    """
    ours = tuple(
        Files(source.reader, train=tuple(f"translated/{{language}}/{pattern}" for pattern in source.train if "{" not in pattern))
        for source in task.sources
        # a multilingual file says the language of each row; a task that the user described names its files
        if isinstance(source, Files) and not isinstance(source, NamedFiles) and source.reader not in MULTILINGUAL
    )
    others = languages or tuple(code for code in LANGUAGES if code != "en")
    about = "translations as published, or your own below translated/<language>/ under the release's names and in its format"
    return replace(task, sources=(*task.translated, *ours), languages=others, translated=(), about=about)
