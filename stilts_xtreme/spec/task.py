"""The description of a user's own task: which files, what stands in them, how it is scored."""

import re
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, Tag, ValidationInfo, field_validator

from stilts_xtreme.spec import names
from stilts_xtreme.spec.checks import Because, Code, Model, Name, Problem, Tail, form, refuse, twice, unknown, wrong
from stilts_xtreme.tasks import own
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.readers.columns import Column
from stilts_xtreme.utils.languages import CODE, canonical

RESERVED = ("none", "untrained", "target", "default")  # words that mean something else where a task's name can stand
LANGUAGE = "{language}"
LONGEST_NAME = 240  # bytes of a name in a path; 255 on most file systems, of which .gz and a code take some


_Named = Annotated[str, Field(min_length=1)]
_Numbered = Annotated[int, Field(ge=1, le=10_000), Because("columns are counted from 1")]
_Digits = Annotated[int, Field(ge=-(10**9), le=10**9), Because("a label that is a number stands for its digits")]
_Word = Annotated[
    Annotated[str, Field(min_length=1), Tag("text")] | Annotated[_Digits, Tag("number")],
    form({str: "text", int: "number"}, "must be text, or a whole number (true and false go in quotes)"),
]
Place = Annotated[
    Annotated[_Named, Tag("name")] | Annotated[_Numbered, Tag("number")],
    form({str: "name", int: "number"}, "must be the name of a column, or its number"),
]
Places = Annotated[
    Annotated[_Named, Tag("name")]
    | Annotated[_Numbered, Tag("number")]
    | Annotated[list[Place], Field(min_length=2), Tag("several")],
    form({str: "name", int: "number", list: "several"}, "must be a column, or a list of columns"),
]
Paths = Annotated[
    Annotated[_Named, Tag("pattern")] | Annotated[dict[Code, _Named], Field(min_length=1), Tag("by language")],
    form({str: "pattern", dict: "by language"}, f"must be a file (with {LANGUAGE} in it, of each language), or language: file"),
]


class TaskFiles(Model):
    """The files of each split: a file in English, files by a pattern with the language in it, or named by language."""

    train: Paths | None = None
    dev: Paths | None = None
    test: Paths | None = None

    @field_validator("train", "dev", "test")
    @classmethod
    def _plain(cls, paths: str | dict[str, str] | None) -> str | dict[str, str] | None:
        if paths is None:
            return None
        by_language: list[tuple[Tail, str]] = [((code,), path) for code, path in paths.items()] if isinstance(paths, dict) else []
        places = by_language or [((), str(paths))]
        refuse(Problem(fault, tail) for tail, path in places if (fault := _path_fault(path, LANGUAGE if not by_language else "")))
        return paths


def _path_fault(path: str, fills: str) -> str:
    """What is wrong with the writing of a file's path, in which `fills` may stand; empty where nothing is."""
    if re.search(r"[*?[\]]", path):
        return "wildcards are not read: name each file"
    if match := re.search(r"\{[^}]{0,30}\}?|\}", path.replace(fills, "") if fills else path):
        return f"{match[0]} is not read: a pattern has {LANGUAGE}, and a file named by language nothing to fill in"
    longest = max(len(part.encode()) for part in path.split("/"))
    return f"has a name of {longest} bytes: no file system takes more than {LONGEST_NAME}" if longest > LONGEST_NAME else ""


class TaskColumns(Model):
    """The column (or field) that holds each part of a row: its name, or its number where there is no header."""

    text: Place | None = None
    first: Place | None = None
    second: Place | None = None
    context: Place | None = None
    question: Place | None = None
    choices: Places | None = None
    answer: Place | None = None
    offset: Place | None = None
    token: Place | None = None
    tag: Place | None = None
    label: Place | None = None
    id: Place | None = None

    def given(self) -> dict[str, Column | list[Column]]:
        """The columns that are given, by part."""
        return {name: getattr(self, name) for name in type(self).model_fields if getattr(self, name) is not None}


class TaskSpec(Model):
    """A user's own task: labelled files for a kind of head, with all that says how they are read and scored."""

    kind: Literal["task"]
    name: Name
    about: str = ""
    licence: str = ""
    head: Literal["classification", "pair_classification", "multiple_choice", "tagging", "span_qa"]
    format: Literal["tsv", "csv", "jsonl", "conll", "squad"]
    columns: Annotated[TaskColumns, Field(validate_default=True)] = TaskColumns()
    labels: Annotated[list[_Word], Field(validate_default=True)] = []
    metric: str | None = None
    unanswerable: bool = False
    trains_on: str | None = None
    files: TaskFiles

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in RESERVED or names.taken(name):
            raise wrong(Problem(f"'{name}' already has a meaning: choose another name"))
        return name

    @field_validator("format")
    @classmethod
    def _fits(cls, name: str, info: ValidationInfo) -> str:
        kind = _kind(info)
        if kind is not None and name not in kind.forms:
            raise wrong(Problem(f"{info.data['head']} is read from {', '.join(kind.forms)}, not from {name}"))
        return name

    @field_validator("columns")
    @classmethod
    def _parts(cls, columns: TaskColumns, info: ValidationInfo) -> TaskColumns:
        kind, file_format, given = _kind(info), info.data.get("format"), columns.given()
        if kind is None or file_format is None:
            return columns
        if file_format == "squad":
            refuse([Problem("SQuAD's JSON has its own names: leave columns out")] if given else [])
            return columns
        parts = [*kind.needed, *kind.optional]
        problems = unknown((((part,), part) for part in given), parts, f"a part of {info.data['head']}", on_key=True)
        flat = [(part, column) for part, field in given.items() for column in _columns(field)]
        by_number = [part for part, column in flat if isinstance(column, int)]
        lacking = [part for part in kind.needed if part not in given]
        texts = [part for part, column in flat if isinstance(column, str)]
        if file_format == "conll":
            problems += [Problem("CoNLL-like files have no header: give the column's number", (part,)) for part in texts]
        elif by_number and file_format not in own.NUMBERED:
            problems += [Problem(f"{file_format} has no numbered columns: give the field's name", (part,)) for part in by_number]
        elif by_number and len(by_number) < len(flat):
            problems.append(Problem("either all columns have names, as the header says, or all have numbers", (by_number[0],)))
        if lacking and (file_format == "conll" or by_number):
            problems.append(Problem(f"is missing: say which column holds it, {', '.join(f'{part}: NUMBER' for part in lacking)}"))
        elif "choices" in lacking:
            problems.append(Problem("choices: is missing: name the columns of the choices, or the one field that lists them"))
        if isinstance(given.get("choices"), str | int) and file_format in ("tsv", "csv"):
            problems.append(Problem(f"of a {file_format} file is a list of columns, [a, b, ...]", ("choices",)))
        refuse(problems)
        return columns

    @field_validator("labels")
    @classmethod
    def _labels(cls, labels: list[str | int], info: ValidationInfo) -> list[str]:
        kind, words = _kind(info), [str(label) for label in labels]
        problems = list(twice(words))
        odd = [i for i, word in enumerate(words) if word != word.strip() or not word.isprintable()]
        problems += [Problem("has blanks around it, or signs that nobody sees: mend it here and in the files", (i,)) for i in odd]
        if kind is not None and kind.head == "classification" and len(words) < 2:
            problems.append(Problem("name all labels of the task, two at least: labels: [..., ...]"))
        if kind is not None and kind.head == "span_qa" and words:
            problems.append(Problem("goes with labels and tags: leave it out"))
        columns = info.data.get("columns")
        choices = columns.choices if columns is not None else None
        if (
            kind is not None
            and kind.head == "multiple_choice"
            and words
            and isinstance(choices, list)
            and len(choices) != len(words)
        ):
            problems.append(Problem(f"{len(words)} for {len(choices)} choices: name one for each, in their order"))
        refuse(problems)
        return words

    @field_validator("metric")
    @classmethod
    def _scores(cls, metric: str | None, info: ValidationInfo) -> str | None:
        kind = _kind(info)
        if kind is not None and metric is not None:
            refuse(unknown([((), metric)], kind.metrics, f"a metric of {info.data['head']}"))
        return metric

    @field_validator("unanswerable")
    @classmethod
    def _questions(cls, unanswerable: bool, info: ValidationInfo) -> bool:
        if unanswerable and info.data.get("head", "span_qa") != "span_qa":
            raise wrong(Problem("goes with head: span_qa only"))
        return unanswerable

    @field_validator("trains_on")
    @classmethod
    def _same_head(cls, trains_on: str | None, info: ValidationInfo) -> str | None:
        kind, labels = _kind(info), info.data.get("labels")
        if trains_on is None or kind is None or labels is None:
            return trains_on
        fits = [name for name in names.MIXABLE if own.is_like(kind, TASKS[name])]
        refuse(unknown([((), trains_on)], fits, f"a task of the package for {info.data['head']}, with training data of its own"))
        theirs = TASKS[trains_on].labels
        if kind.head in ("classification", "tagging") and theirs and (strange := [name for name in labels if name not in theirs]):
            raise wrong(Problem(f"{trains_on} has no label {strange[0]}: name labels as it does, {' '.join(theirs)}"))
        return trains_on

    @field_validator("files")
    @classmethod
    def _of_use(cls, files: TaskFiles, info: ValidationInfo) -> TaskFiles:
        trains_on = info.data.get("trains_on", ...)
        if trains_on is ...:
            return files
        problems = []
        if trains_on is None and files.train is None:
            problems.append(Problem("train: is missing; or say trains_on, the task whose training data is taken"))
        if trains_on is not None:
            text = f"does not go with trains_on: it is {trains_on} that is trained on"
            problems += [Problem(text, (split,)) for split in ("train", "dev") if getattr(files, split) is not None]
            problems += [Problem("test: is missing: with trains_on there is nothing else")] if files.test is None else []
        for split in ("train", "dev"):
            paths = getattr(files, split)
            if isinstance(paths, dict) and "en" not in paths and split not in [p.tail[0] for p in problems if p.tail]:
                problems.append(Problem("en: is missing: a model is trained and chosen on English data", (split,)))
        refuse(problems)
        return files


def _kind(info: ValidationInfo) -> own.Kind | None:
    return own.KINDS.get(info.data.get("head", ""))


def description(spec: TaskSpec, folder: Path) -> own.Description:
    """What the file in `folder` says, with its defaults."""
    kind = own.KINDS[spec.head]
    columns: dict[str, Column | tuple[Column, ...]] = {}
    if spec.format != "squad":
        given = spec.columns.given()
        numbered = any(isinstance(column, int) for field in given.values() for column in _columns(field))
        columns = {part: part for part in kind.needed} if not numbered else {}
        columns |= {part: tuple(field) if isinstance(field, list) else field for part, field in given.items()}
    files = tuple((split, code, path) for split in own.PLACES for code, path in _by_language(getattr(spec.files, split), folder))
    return own.Description(
        name=spec.name,
        kind=spec.head,
        form=spec.format,
        columns=columns,
        labels=tuple(map(str, spec.labels)),
        metric=spec.metric or next(iter(kind.metrics)),
        files=files,
        folder=folder,
        trains_on=spec.trains_on,
        unanswerable=spec.unanswerable,
        licence=spec.licence,
        about=spec.about,
    )


def _columns(field: Column | list[Column]) -> list[Column]:
    return field if isinstance(field, list) else [field]


def _by_language(paths: str | dict[str, str] | None, folder: Path) -> Iterator[tuple[str, str]]:
    """(language, path) of a split's files; those of a pattern are looked for on the disk, English first."""
    if isinstance(paths, dict):
        yield from paths.items()
    elif paths is not None and LANGUAGE not in paths:
        yield "en", paths
    elif paths is not None:
        files = {canonical(code): paths.replace(LANGUAGE, code) for code in codes(paths, folder)}
        yield from sorted(files.items(), key=lambda file: file[0] != "en")


def codes(pattern: str, folder: Path) -> list[str]:
    """The languages in which there is a file of this pattern, in order."""
    first, *rest = pattern.split(LANGUAGE)
    wanted = re.compile(re.escape(first) + f"({CODE})" + r"\1".join(map(re.escape, rest)) + r"(\.gz)?")
    there = glob(pattern.replace(LANGUAGE, "*") + "*", root_dir=folder)
    return sorted({match[1] for name in there if (match := wanted.fullmatch(name))})
