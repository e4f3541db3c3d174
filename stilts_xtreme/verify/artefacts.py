"""Files of stages, features and checkpoints: are they what was written, and nothing else?"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stilts_xtreme import plan
from stilts_xtreme.store import CACHE, SCHEMAS, Store, faults, files
from stilts_xtreme.verify.found import Found, Tell

COUNTED = {CACHE: "cached readings", "checkpoint": "checkpoints"}


def everything(store: Store, tell: Tell) -> Found:
    """Every stage, cached reading and checkpoint of the store."""
    told, counts = _through(list(store.folders()), tell)
    return Found(tuple(line for lines in told.values() for line in lines), counts)


def of(stages: Sequence[plan.Stage], store: Store, tell: Tell) -> tuple[Found, list[plan.Stage]]:
    """These stages, which are to be finished, and those of them that are whole; and the cache and the checkpoints of the store,
    which belong to no study alone."""
    there = [stage for stage in stages if store.path(stage).is_dir()]
    missing = [
        f"{store.path(stage)}: {stage.label}: not finished with this spec, data and version; run the study again"
        for stage in stages
        if not store.path(stage).is_dir()
    ]
    folders = [(plan.kind(stage), store.path(stage)) for stage in there]
    folders += [(kind, folder) for kind, folder in store.folders() if kind not in SCHEMAS]
    told, counts = _through(folders, tell)
    faults = tuple(line for lines in told.values() for line in lines)
    return Found((*missing, *faults), counts), [stage for stage in there if not told[store.path(stage)]]


def damage(kind: str, folder: Path) -> list[str]:
    """What is wrong with a folder, a clause each."""
    if found := faults(folder):
        return found
    found = [f"{name} is not among what was written" for name in files(folder) if name not in _named(folder)]
    if kind in SCHEMAS and plan.named(_read(folder / "stage.json")) != folder.name:
        found.append("stage.json is of another stage")
    return found


def redo(folder: Path) -> str:
    """What to do where a finished stage is not as it should be."""
    return f"remove it with `stilts runs clean {folder.name} --store {folder.parent.parent}` and run the study again"


def _through(folders: Sequence[tuple[str, Path]], tell: Tell) -> tuple[dict[Path, list[str]], Counter[str]]:
    """The faults of each folder, a line each, and how much was looked at."""
    told, counts = dict[Path, list[str]](), Counter[str]()
    for done, (kind, folder) in enumerate(folders, 1):
        told[folder] = [f"{folder}: {fault}; {_mend(kind, folder)}" for fault in damage(kind, folder)]
        counts[COUNTED.get(kind, "stages")] += 1
        counts += _sizes(folder / name for name in files(folder))
        tell("files", done, len(folders))
    return told, counts


def _sizes(paths: Iterable[Path]) -> Counter[str]:
    sizes = [path.stat().st_size for path in paths]
    return Counter({"files": len(sizes), "bytes": sum(sizes)})


def _named(folder: Path) -> set[str]:
    return {*_read(folder / "manifest.json"), "manifest.json"}


def _read(path: Path) -> Any:
    """What a file holds; nothing where it is no JSON, which a manifest may well say it is."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _mend(kind: str, folder: Path) -> str:
    if kind == CACHE:
        return "remove this folder, it is made again when it is needed"
    if kind == "checkpoint":
        return "remove this folder, the stage goes on from the one before"
    return redo(folder)
