"""A task's rows from the Hugging Face hub, through `datasets` and its cache."""

import hashlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stilts_xtreme.tasks.readers.skipped import NO_LABEL, Skipped
from stilts_xtreme.tasks.task import Hub, Row, Task
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.languages import fill


def entry(task: Task) -> Hub | None:
    """The task's hub data set, or None."""
    return next((source for source in task.sources if isinstance(source, Hub)), None)


def languages(task: Task) -> tuple[str, ...]:
    """The languages that the hub has for a task; none where it has not the task."""
    dataset = entry(task)
    return tuple(code for code in task.languages if not dataset.languages or code in dataset.languages) if dataset else ()


def splits(task: Task, split: str) -> tuple[Hub, tuple[str, ...]]:
    """The data set and its own names for a split; UserError where there is none."""
    dataset = entry(task)
    if dataset is None:
        raise UserError(f"{task.name}: cannot be read from the hub; put its files below a data folder. To get it: {task.about}")
    names: tuple[str, ...] = getattr(dataset, split)
    if not names:
        raise UserError(f"{task.name}: {dataset.id} has no labelled {split} split that this task uses; read another split")
    return dataset, names


def config(dataset: Hub, language: str) -> str:
    """The data set's configuration for a language."""
    return fill(dataset.config, language)


def rows(dataset: Hub, names: tuple[str, ...], language: str) -> Iterator[Row | Skipped]:
    """Canonical rows, and those that cannot be used; class labels are turned into their names first.

    UserError where the data set cannot be loaded.
    """
    for name in names:
        for row in _load(dataset, config(dataset, language), name):
            canonical_rows, at = dataset.row(row), f"{dataset.id}/{name}:{row['row']}"
            for canonical in canonical_rows if isinstance(canonical_rows, list) else [canonical_rows]:
                if canonical is None:
                    yield Skipped(NO_LABEL, at)
                elif isinstance(canonical, Skipped):
                    yield Skipped(canonical.reason, at)
                elif canonical.get("language", language) == language:
                    yield {"at": at, **canonical}


def source(dataset: Hub, names: tuple[str, ...], language: str) -> str:
    """The data set by name, such as "hub:facebook/xnli/de@main:test"."""
    return f"hub:{dataset.id}/{config(dataset, language)}@{dataset.revision or 'main'}:{'+'.join(names)}"


def digest(dataset: Hub, names: tuple[str, ...], language: str) -> str:
    """SHA-256 of id, configuration, revision and splits; as good as the revision is (a branch may move)."""
    return hashlib.sha256(f"{source(dataset, names, language)}\n{language}\n".encode()).hexdigest()


def wanted(task: Task) -> list[tuple[Hub, str, str]]:
    """All that an experiment reads of the task's data set: (data set, configuration, split); none where there is no data set."""
    dataset = entry(task)
    if dataset is None:
        return []
    chosen = (*dataset.train, *dataset.dev) if "en" in languages(task) else ()
    english = [(config(dataset, "en"), name) for name in chosen]
    scored = [(config(dataset, code), name) for code in languages(task) for name in dataset.test]
    return [(dataset, name, split) for name, split in dict.fromkeys(english + scored)]


def load(dataset: Hub, name: str, split: str) -> Any:
    """The data set's split as `datasets` has it, downloaded where it is not in the cache; UserError where that fails."""
    import datasets

    try:
        return datasets.load_dataset(dataset.id, name, split=split, revision=dataset.revision)
    except Exception as error:  # network, cache, hub and builder each have their own kinds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{dataset.id} ({name}, {split}): cannot be loaded ({type(error).__name__}: {reason}); "
            "load it once with a connection, so that it is in the cache, or use a data folder"
        ) from error


def cached(dataset: Hub, language: str) -> bool:
    """Whether the configuration for a language stands in the cache, by its folder; nothing is read."""
    owner, name = dataset.id.split("/")
    for pattern in (r"([A-Z]+)([A-Z][a-z])", r"([a-z\d])([A-Z])"):  # as `datasets` names its folders: super_glue of SuperGlue
        name = re.sub(pattern, r"\1_\2", name)
    return any((_cache() / f"{owner}___{name.lower()}").glob(f"{config(dataset, language)}/*/*/dataset_info.json"))


def _cache() -> Path:
    """The folder of `datasets`' cache, without waiting for its import."""
    if module := sys.modules.get("datasets"):
        return Path(module.config.HF_DATASETS_CACHE).expanduser()
    home = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME', '~/.cache')}/huggingface"
    return Path(os.environ.get("HF_DATASETS_CACHE") or f"{home}/datasets").expanduser()


@contextmanager
def offline() -> Iterator[None]:
    """Inside, nothing is downloaded: what is not in the cache is not there."""
    import datasets
    from huggingface_hub import constants

    before = datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE, datasets.utils.logging.get_verbosity()
    datasets.config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    datasets.utils.logging.set_verbosity_error()
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before[:2]
        datasets.utils.logging.set_verbosity(before[2])


def _load(dataset: Hub, name: str, split: str) -> Iterator[Row]:
    data = load(dataset, name, split)
    labels = {column: _names(feature) for column, feature in data.features.items()}
    for number, row in enumerate(data):
        yield {**{column: labels[column](value) for column, value in row.items()}, "row": number}


def _names(feature: Any) -> Any:
    """How a column's values become names: a class label its name ("-" for -1, which stands for none), a list item by item."""
    if hasattr(feature, "int2str"):
        return lambda value: "-" if value is None or value < 0 else feature.int2str(value)
    inner = getattr(feature, "feature", None)
    if inner is not None and hasattr(inner, "int2str"):
        return lambda value: [inner.int2str(item) for item in value]
    return lambda value: value
