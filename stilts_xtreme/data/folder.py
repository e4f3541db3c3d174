"""A task's files below a folder: which files a split means, what they hold, their digest.

A file may stand there, plain or as .gz, or in a release archive that lies there; it is the same data with the same digest.
"""

import hashlib
import io
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import cast

from stilts_xtreme.data.archive import Member, members
from stilts_xtreme.tasks import readers
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Choices, Example, Pair, Query, Question, Sentence, Tagged
from stilts_xtreme.tasks.readers.lines import open_bytes
from stilts_xtreme.tasks.readers.skipped import Skipped
from stilts_xtreme.tasks.task import Files, NamedFiles, Row, Task, in_translation
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.languages import canonical
from stilts_xtreme.utils.sanitize import HIDDEN

DEV_SHARE = 10  # one group in so many goes to the dev half of a cut
Packed = Callable[[], Mapping[str, Member]]


@dataclass(frozen=True)
class SplitFiles:
    """The files a split is read from; `half` names the split where they are cut in two, else "".

    `derived` says in words that they are another split's files; empty where the split has files of its own.
    """

    layout: Files
    paths: tuple[Path | Member, ...]
    half: str = ""
    derived: str = ""


def find(task: Task, split: str, language: str, folder: Path, cut: bool, known: Files | None = None) -> SplitFiles | None:
    """The files of a split, or None; `known` is what `layout` gave, for who asks for many.

    Only the first of the task's file layouts that the folder has at all is used, so that no score mixes two of them. With `cut`,
    a missing train or dev split is made from the other; a dev split that is the test split's own files counts as missing
    where there is a training split to cut, and is halved where nothing is trained (BUCC, whose dev is for a threshold).
    """
    packed = _packed(folder)
    files = known or _layout(task, folder, packed)
    if files is None:
        return None
    if split == "pool":
        pool = SplitFiles(files.pool, _match(files.pool, "test", language, folder, packed)) if files.pool else None
        return pool if pool and pool.paths else None
    train, dev, test = (_match(files, name, language, folder, packed) for name in ("train", "dev", "test"))
    shared = bool(dev) and dev == test
    if cut and dev and dev == test and task.head == "embedding":
        derived = f"the {split} half of the one file that there is"
        return SplitFiles(files, dev, split, derived) if split in ("dev", "test") else None
    if split == "test":
        chosen = SplitFiles(files, test, derived="there is no test file: this is the dev file" if shared else "")
    elif cut and train and (not dev or dev == test):
        reason = "the dev file is the test split" if dev else "there is no dev file"
        chosen = SplitFiles(files, train, split, f"one group in {DEV_SHARE} of the training file is the dev split, as {reason}")
    elif cut and dev and not train and dev != test:
        reason = f"one group in {DEV_SHARE} of the dev file is the dev split, the rest for training, as there is no training file"
        chosen = SplitFiles(files, dev, split, reason)
    elif split == "train":
        chosen = SplitFiles(files, train)
    else:
        chosen = SplitFiles(files, dev, derived="this is the test split, too" if shared else "")
    return chosen if chosen.paths else None


def layout(task: Task, folder: Path) -> Files | None:
    """The first of the task's file layouts of which the folder has a file in any split and language."""
    return _layout(task, folder, _packed(folder))


def _layout(task: Task, folder: Path, packed: Packed) -> Files | None:
    for files in _layouts(task):
        for place in (dict, packed):  # archives are opened only where plain files do not settle it
            for split in ("test", "dev", "train"):
                if any(_match(files, split, language, folder, place) for language in task.languages):
                    return files
        if task.any_language and named_languages(files, folder):
            return files
    return None


def has_own_training(task: Task, language: str, folder: Path) -> bool:
    """Whether the folder has training files of the task, translations apart, that are in this language or in many."""
    packed = _packed(folder)
    files = _layout(task, folder, packed) if language in task.languages else None
    if files is None:
        return False
    if isinstance(files, NamedFiles):
        return bool(files.patterns("train", language))
    own = tuple(pattern for pattern in files.train if "{" in pattern or files.reader in readers.MULTILINGUAL)
    return bool(own and _match(replace(files, train=own), "train", language, folder, packed))


def missing(task: Task, split: str, language: str, folder: Path, cut: bool, files: Files | None) -> UserError:
    """Return the error that says what was looked for, where, and how to get it; `files` is the task's layout there."""
    if not folder.is_dir():
        message = f"{task.name}: data folder {folder} does not exist; name yours with --data FOLDER"
        return UserError(f"{message} ({task.name}: {task.about})")
    layouts = (files,) if files else _layouts(task)
    places = [(own.pool, "test") if split == "pool" else (own, split) for own in layouts]
    looked = [pattern for own, name in places if own for pattern in own.patterns(name, language)]
    message = f"looked for {', '.join(looked)} (or .gz)" if looked else f"the release has no labelled {split} files"
    other = {"train": "dev", "dev": "train"}.get(split)
    if files and other and not cut and _match(files, other, language, folder, _packed(folder)):
        message += f"; there is a {other} split, which `cut: true` divides in two"
    remedy = f". To get it: {task.about}" if task.folder is None else "; put it there, or mend the description's `files`"
    return UserError(f"{task.name}: no {split} data in {language!r} below {folder}: {message}{remedy}")


def named_languages(files: Files, folder: Path) -> tuple[str, ...]:
    """Languages after which a file of the scored split is named, sorted; of text, a file for training."""
    codes = set()
    for pattern in files.test or files.train:
        wanted = re.compile(re.sub(r"\\{(?:language|flores)\\}", "([A-Za-z0-9_-]+)", re.escape(pattern)) + r"(\.gz)?")
        for path in folder.glob(re.sub(r"\{(?:language|flores)\}", "*", pattern) + "*"):
            if match := wanted.fullmatch(path.relative_to(folder).as_posix()):
                codes.add(canonical(match[1]))
        if not codes:
            codes |= {canonical(match[1]) for place in _packed(folder)() if (match := wanted.fullmatch(place))}
    return tuple(sorted(codes))


def rows(files: SplitFiles, language: str, folder: Path) -> Iterator[Row | Skipped]:
    """Canonical rows of the files, with their places (`at`) as "file:line"; those of another language are left out."""
    for path in files.paths:
        name = _logical(path, folder)
        for row in files.layout.reader(as_path(path)):
            if isinstance(row, Skipped):
                yield Skipped(row.reason, f"{name}:{row.at}")
            elif row.get("language", language) == language:
                yield {**row, "at": f"{name}:{row.get('at', row['id'])}"}


def digest(files: SplitFiles, folder: Path) -> str:
    """SHA-256 over names and contents, the same for a plain file and its .gz, and over the cut."""
    whole = hashlib.sha256(f"files\n{files.half and f'{files.half} of 1/{DEV_SHARE}'}\n".encode())
    for path in files.paths:
        for part in readers.files_of(files.layout.reader, as_path(path)):
            if isinstance(part, Member):
                state = part.archive.state
            else:
                stat = part.stat()
                state = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
            content = _content_digest(part, state)
            whole.update(f"{_logical(part, folder)}\n{content}\n".encode())
    return whole.hexdigest()


def source(files: SplitFiles, folder: Path) -> str:
    """The files by name, such as "files:xnli/test-de.tsv"."""
    names = "+".join(_logical(path, folder) for path in files.paths)
    return f"files:{names}" + (f" ({files.half} half)" if files.half else "")


def half_of(example: Example) -> str:
    """The half of a cut an example goes to, by a hash of what examples of a group share: "dev" for every tenth group, or for
    every other sentence, translations together."""
    match example:
        case Sentence():
            pair = example.id if example.side == "foreign" or example.match is None else example.match
            return "test" if hashlib.sha256(pair.encode()).digest()[0] % 2 else "dev"
        case Question():
            key = example.context
        case Pair():
            key = " ".join(sorted(example.first.split()))  # PAWS swaps words: both sentences of a pair are of one group
        case Choices():
            key = example.first
        case Tagged():
            key = " ".join(example.tokens)
        case Query(candidate=right) if right:
            key = right.second or right.text
        case _:
            key = example.text
    return "dev" if int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % DEV_SHARE == 0 else "train"


def _layouts(task: Task) -> tuple[Files, ...]:
    return tuple(source for source in task.sources if isinstance(source, Files))


def _match(files: Files, split: str, language: str, folder: Path, packed: Packed) -> tuple[Path | Member, ...]:
    """Files of the first pattern that fits any, sorted by name; the plain file where a .gz stands beside it.

    Archives are opened only where no pattern fits a file.
    """
    patterns = files.patterns(split, language)
    for pattern in patterns:
        named: dict[str, Path] = {}
        for wanted in (f"{pattern}.gz", pattern):
            for path in folder.glob(wanted) if re.search(r"[*?[]", wanted) else (folder / wanted,):
                if path.is_file():
                    if HIDDEN.search(path.name):
                        raise UserError(f"{path}: control characters in a file's name; rename it")
                    named[_logical(path, folder)] = path
        if named:
            return tuple(path for _, path in sorted(named.items()))
    inside = packed() if patterns else {}
    for pattern in patterns if inside else ():
        fits = re.compile(place_pattern(pattern))
        if places := sorted(place for place in inside if fits.fullmatch(place)):
            return tuple(inside[place] for place in places)
    return ()


def _packed(folder: Path) -> Packed:
    """Members of the archives in the folder, by the place where they would stand; looked for once, and only when asked."""
    return cache(lambda: members(folder, wanted_places()))


def wanted_files() -> Iterator[tuple[Callable, str]]:
    """Reader and pattern of every kind of file that any task of the package looks for."""
    catalogue = [task for task in TASKS.values() if task.folder is None]
    read = [files for task in catalogue for form in (task, in_translation(task)) for files in _layouts(form)]
    for files in [*read, *(files.pool for files in read if files.pool)]:
        for pattern in (*files.train, *files.dev, *files.test):
            yield files.reader, pattern


@lru_cache(maxsize=1)
def wanted_places() -> str:
    """A regular expression for the places of all files that any task in the catalogue reads."""
    return "|".join(sorted({place_pattern(pattern) for _, pattern in wanted_files()}))


def place_pattern(pattern: str) -> str:
    """A glob pattern as a regular expression; `{language}`, `{iso3}` and `{flores}` stand for any code."""
    parts = re.split(r"(\*|\[[^]]*\]|\{\w+\})", pattern)
    meant = {"*": "[^/]*", "{": "[A-Za-z0-9_-]+"}
    return "".join(meant.get(part[:1]) or (part if part[:1] == "[" else re.escape(part)) for part in parts)


def _logical(path: Path | Member, folder: Path) -> str:
    """The place below the folder; a file that a user's own task has elsewhere is named from there (../)."""
    if isinstance(path, Member):
        return path.place
    below = path.relative_to(folder) if path.is_relative_to(folder) else Path(os.path.relpath(path, folder))
    return below.as_posix().removesuffix(".gz")


def as_path(path: Path | Member) -> Path:
    """Return the path as readers take it: a member of an archive has as much of Path as they use."""
    return cast(Path, path)


@lru_cache(maxsize=4096)
def _content_digest(path: Path | Member, state: tuple[int, ...]) -> str:
    """Within a process a file is known again by its state (inode, size, times); on disk nothing is remembered."""
    try:
        with open_bytes(as_path(path)) as file:
            return hashlib.file_digest(cast(io.BufferedReader, file), "sha256").hexdigest()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({error}); fetch it again") from error
