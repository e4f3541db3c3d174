"""Examples of a task's split in a language, from the place a setup names."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from stilts_xtreme.data import folder, hub
from stilts_xtreme.data.counts import Counting, Counts
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Example, Question, Tagged, gold_labels
from stilts_xtreme.tasks.readers import MULTILINGUAL
from stilts_xtreme.tasks.readers.skipped import NO_ANSWER, NO_TEXT, NOT_IN_CONTEXT, Skipped
from stilts_xtreme.tasks.rows import lacks_text, why_skipped
from stilts_xtreme.tasks.task import Row, Task, in_translation
from stilts_xtreme.tasks.task import training_split as by_task
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import HIDDEN, visible

TRAINING = ("train", "translated")  # splits in which rows that nothing can be learnt from are dropped


@dataclass(frozen=True)
class Miniature:
    """The embedded world: made-up languages, generated from a seed."""

    seed: int


@dataclass(frozen=True)
class Folder:
    """Release files below a folder; with `cut`, a missing train or dev split is cut from the other."""

    path: Path
    cut: bool = False

    def __post_init__(self) -> None:
        """Raise UserError for a folder that cannot be listed; a folder that is not there is named with the missing data."""
        try:
            os.listdir(self.path)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, ValueError) as fault:
            raise UserError(f"data folder {self.path}: cannot be read: {getattr(fault, 'strerror', fault)}") from None


@dataclass(frozen=True)
class HubCache:
    """The Hugging Face hub, through the cache of `datasets`; tasks whose files are below `folder` are read there instead."""

    folder: Path | None = None


@dataclass(frozen=True)
class Release:
    """No place: the full releases as they are known to be, for a plan of what cannot be read here."""


Where = Miniature | Folder | HubCache | Release


def name(where: Where) -> str:
    """The place in words, without anything that belongs to a machine."""
    match where:
        case Miniature(seed):
            return f"the miniature world, seed {seed}"
        case Folder(_, cut):
            return "release files" + (", missing splits cut from those that are there" if cut else "")
        case HubCache(folder_beside):
            return "the Hugging Face hub" + (", and release files for the tasks that have them" if folder_beside else "")
        case Release():
            return "the full releases, none of which is here"


@dataclass(frozen=True)
class Reading:
    """What a split holds.

    `rows` counts the rows of the sources in this language; `dropped` those of them that became no example; the rest are
    `examples`, unless the split is half of a cut. `counts` says why rows were dropped, and what was changed. `labels`
    counts gold labels: words, choices (by index), tags, "answerable" or not, matched sentences or not.
    """

    examples: tuple[Example, ...]
    source: str
    digest: str
    rows: int
    dropped: int
    labels: dict[str, int]
    counts: Counts = Counts()


def read(task: Task, split: str, language: str, where: Where) -> Reading:
    """The examples of a split, with those of joined tasks for "train" and "translated" (see `training_split`).

    UserError where files or lines are missing or malformed, where a label is none of the task's, and for a split without
    examples.
    """
    examples: list[Example] = []
    total, counting = 0, Counting()
    sources, derived = [], []
    taken: dict[str, int] = {}
    for part in _parts(task, split):
        place = _place(part, split, language, where)
        sources.append(_named(part, task, place))
        derived += [place.derived if part is task else f"{part.name}: {place.derived}"] if place.derived else []
        before, dropped = len(examples), counting.dropped
        for row in place.rows():
            if isinstance(row, Skipped) and place.several:  # of which language it is cannot be known
                counting.note(row.reason, row.at)
                continue
            total += 1
            if isinstance(row, Skipped):
                counting.drop(row.reason, row.at)
                _unused(_skipped_id(row), taken)
                continue
            row = {**row, "id": _unused(row["id"] if part is task else f"{part.name}:{row['id']}", taken)}
            if (example := _example(part, row, split, place, counting)) is not None:
                examples.append(example)
        if len(examples) == before:
            hint = "none of its rows can be used; " if counting.dropped > dropped else ""
            raise UserError(f"{part.name}: no {split} examples in {language!r} in {place.name}; {hint}use another place or split")
    labels = dict(sorted(Counter(label for example in examples for label in gold_labels(example)).items()))
    counts = counting.result("; ".join(derived))
    fingerprint = digest(task, split, language, where)
    return Reading(tuple(examples), " + ".join(sources), fingerprint, total, counting.dropped, labels, counts)


def _example(task: Task, row: Row, split: str, place: "_Place", counting: Counting) -> Example | None:
    """The row's example, or None where it is dropped or of the other half of a cut; what is dropped or noted is counted."""
    at = row.get("at", f"{place.name}:{row['id']}")
    example = task.to_example(split)(row)
    if example is None:
        counting.drop(why_skipped(row), at)
        return None
    _check(example, task, place.name)
    if place.half and folder.half_of(example) != place.half:
        return None
    wrong = [NO_TEXT] if lacks_text(row, example) else []
    if isinstance(example, Question) and not example.answers and not task.unanswerable:
        wrong.append(NO_ANSWER)
    if split in TRAINING:
        if isinstance(example, Question) and min(example.starts, default=0) < 0:
            example = _answers_in_context(example)
            wrong += [] if example.answers else [NOT_IN_CONTEXT]
        if wrong:
            counting.drop(wrong[0], at)
            return None
    for reason in (*row.get("notes", ()), *wrong):
        counting.note(reason, at)
    return example


def _answers_in_context(example: Question) -> Question:
    """The question with those of its answers that stand in the context."""
    standing = [(answer, start) for answer, start in zip(example.answers, example.starts, strict=True) if start >= 0]
    return replace(example, answers=tuple(answer for answer, _ in standing), starts=tuple(start for _, start in standing))


def rows(task: Task, split: str, language: str, where: Where) -> Iterator[tuple[str, Row]]:
    """Every row of the split in the order of its source, dropped ones too, with the id that `read` gives its example.

    A row that the reader skipped has nothing but its id.
    """
    taken: dict[str, int] = {}
    place = _place(task, split, language, where)
    for row in place.rows():
        if not isinstance(row, Skipped):
            yield _unused(row["id"], taken), row
        elif not place.several:
            name = _skipped_id(row)
            yield _unused(name, taken), {"id": name}


def _skipped_id(row: Skipped) -> str:
    return f"skipped {row.at}"


def digest(task: Task, split: str, language: str, where: Where) -> str:
    """SHA-256 that changes when what `read` gives may change; cheap. Joined tasks count with their versions."""
    parts = [(part, _place(part, split, language, where).digest()) for part in _parts(task, split)]
    if len(parts) == 1:
        return parts[0][1]
    return hashlib.sha256("".join(f"{part.name} {part.version} {own}\n" for part, own in parts).encode()).hexdigest()


def source(task: Task, split: str, language: str, where: Where) -> str:
    """Where the examples that `read` would give come from, in words."""
    return " + ".join(_named(part, task, _place(part, split, language, where)) for part in _parts(task, split))


def _named(part: Task, task: Task, place: "_Place") -> str:
    """Return the name of a part's place; of a joined task with the task's name before it."""
    return place.name if part is task else f"{part.name} {place.name}"


def languages(task: Task, where: Where) -> tuple[str, ...]:
    """Languages in which the scored split is there (test; dev or train for tasks that have no test), in the task's order.

    Text and SIB-200 have every language for which there is a file, those that the task does not list last.
    """
    match nearest(task, where):
        case Miniature():
            from stilts_xtreme.data import miniature

            if task.languages == ("en",):
                return task.languages
            return miniature.languages(task.name, scored_split(task))
        case HubCache():
            return hub.languages(task)
        case Release():
            return task.languages
        case Folder(path, cut):
            files = folder.layout(task, path)
            if task.any_language:
                present = folder.named_languages(files, path) if files else ()
                return tuple(sorted(present, key=lambda code: (code not in task.languages, code)))
            split = scored_split(task)
            return tuple(code for code in task.languages if files and folder.find(task, split, code, path, cut, files))


def training_split(task: Task, language: str, where: Where) -> str:
    """ "train", or "translated" for English training data in another language, which a machine translated.

    In a folder with training files of the task's own in the language (TyDiQA) these come first.
    """
    split = by_task(task, language)
    if split == "translated" and isinstance(place := nearest(task, where), Folder):
        return "train" if folder.has_own_training(task, language, place.path) else split
    return split


def scored_split(task: Task) -> str:
    """ "test" where a release has a labelled test split, else "dev"; "train" for text."""
    return next((name for name in ("test", "dev") if any(getattr(source, name) for source in task.sources)), "train")


@dataclass(frozen=True)
class _Place:
    """A task's split in a place: all that `read` and `digest` need to know, whatever kind of place it is."""

    name: str
    rows: Callable[[], Iterator[Row | Skipped]]
    digest: Callable[[], str]
    half: str = ""
    derived: str = ""  # from which other split's files it is made, in words
    several: bool = False  # whether its files hold several languages


def _place(task: Task, split: str, language: str, where: Where) -> _Place:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", language):  # it becomes part of file names
        raise UserError(f"{task.name}: {language!r} is not a language code; write one such as 'de'")
    released = not isinstance(nearest(task, where), Miniature)
    if split == "test" and released and scored_split(task) != "test":
        raise UserError(f"{task.name}: its public test set has no labels; the split that counts is {scored_split(task)}")
    translated = split == "translated" and released
    if translated:
        task, split = in_translation(task, language), "train"
    match nearest(task, where):
        case Miniature(seed):
            from stilts_xtreme.data import miniature

            miniature.check(task.name, split, language)
            name = f"miniature:{miniature.VERSION} seed {seed} {task.name}/{split}-{language}"
            return _Place(
                name,
                lambda: iter(miniature.rows(task.name, split, language, seed)),
                lambda: hashlib.sha256(name.encode()).hexdigest(),
            )
        case Folder(path, cut):
            files = folder.find(task, split, language, path, cut and not translated)  # dev is English: all of it is for training
            if files is None:
                raise folder.missing(task, split, language, path, cut, folder.layout(task, path))
            name = folder.source(files, path)
            several = files.layout.reader in MULTILINGUAL
            return _Place(
                name, lambda: folder.rows(files, language, path), lambda: _described(task, folder.digest(files, path)),
                files.half, files.derived, several,
            )  # fmt: skip
        case HubCache():
            if (entry := hub.entry(task)) and language not in hub.languages(task):
                raise UserError(f"{task.name}: {entry.id} has no {language!r}; take another language, or a data folder")
            source, names = hub.splits(task, split)
            name = hub.source(source, names, language)
            return _Place(name, lambda: hub.rows(source, names, language), lambda: hub.digest(source, names, language))
        case Release():
            name = f"release:{task.name}/{split}-{language}"
            return _Place(name, lambda: _not_here(name), lambda: hashlib.sha256(name.encode()).hexdigest())


def _described(task: Task, content: str) -> str:
    """The digest of files, and of what the description of a user's own task says of them."""
    return hashlib.sha256(f"{task.described}\n{content}\n".encode()).hexdigest() if task.described else content


def _not_here(name: str) -> Iterator[Row]:
    raise UserError(f"{name}: is not here, and only planned with")


def nearest(task: Task, where: Where) -> Where:
    """The folder beside the hub, for a task whose files are there; for a user's own task that of its description.

    Where such a task names no dev files, they are cut from those for training.
    """
    if task.folder is not None:
        return Folder(task.folder, cut=not any(getattr(source, "dev", ()) for source in task.sources))
    if isinstance(where, HubCache) and where.folder is not None and folder.layout(task, where.folder):
        return Folder(where.folder)
    return where


def _parts(task: Task, split: str) -> tuple[Task, ...]:
    """The task and, for training, those it joins."""
    return (task, *(TASKS[name] for name in task.joins)) if split in TRAINING else (task,)


def _unused(name: str, taken: dict[str, int]) -> str:
    """`name`, or `name-2`, `name-3` ... where it is taken already; `taken` holds the last number of every name."""
    candidate, count = name, taken.get(name, 0)
    while candidate in taken:
        count += 1
        candidate = f"{name}-{count}"
    taken[name] = max(count, 1)
    taken.setdefault(candidate, 1)
    return candidate


def _check(example: Example, task: Task, name: str) -> None:
    if isinstance(example, Question) and "" in example.answers:
        what = "answers: empty text: a copy whose answers were taken out; use the release's own"
        raise UserError(visible(f"{name}: {example.id}: {what}"))
    if task.labels and (unknown := sorted(set(gold_labels(example)) - set(task.labels))):
        raise UserError(visible(f"{name}: {example.id}: label: {unknown[0]!r} is not one of {' '.join(task.labels)}"))
    if isinstance(example, Tagged) and (strange := next(filter(HIDDEN.search, example.tags), "")):
        raise UserError(visible(f"{name}: {example.id}: tag: {strange!r} holds control characters"))
