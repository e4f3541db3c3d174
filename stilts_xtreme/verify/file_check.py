"""Check the files of stages, cached features and checkpoints against their manifests."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from stilts_xtreme.pipeline import plan
from stilts_xtreme.store import CACHE, SCHEMAS, Store, faults, files, of_another
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.verify.report import CheckReport, ProgressCallback

COUNTED = {CACHE: "cached readings", "checkpoint": "checkpoints"}


def check_store(store: Store, callback: ProgressCallback) -> CheckReport:
    """Check every stage, cache entry and checkpoint of the store."""
    errors, counts = _check_folders(list(store.folders()), callback)
    return CheckReport(tuple(line for lines in errors.values() for line in lines), counts)


def check_stages(stages: Sequence[plan.Stage], store: Store, callback: ProgressCallback) -> tuple[CheckReport, list[plan.Stage]]:
    """Check these stages, which must be finished, and the store's cache and checkpoints, which studies share.

    Returns the report and the intact stages.
    """
    present = [stage for stage in stages if store.path(stage).is_dir()]
    missing = [
        f"{store.path(stage)}: {stage.label}: not finished with this spec, data and version; run the study again"
        for stage in stages
        if not store.path(stage).is_dir()
    ]
    folders = [(plan.kind(stage), store.path(stage)) for stage in present]
    folders += [(kind, folder) for kind, folder in store.folders() if kind not in SCHEMAS]
    errors, counts = _check_folders(folders, callback)
    report = CheckReport((*missing, *(line for lines in errors.values() for line in lines)), counts)
    return report, [stage for stage in present if not errors[store.path(stage)]]


def damage(kind: str, folder: Path) -> list[str]:
    """Return what is wrong with a folder, as clauses; `kind`: of stage, CACHE or "checkpoint"."""
    if damaged := faults(folder):
        return damaged
    problems = [f"{name} is not among what was written" for name in files(folder) if name not in _manifest_names(folder)]
    if kind in SCHEMAS and of_another(folder, folder.name):
        problems.append("stage.json is of another stage")
    return problems


def fix_stage(folder: Path) -> str:
    """Return the advice for a damaged finished stage."""
    return f"remove it with `stilts runs clean {folder.name} --store {folder.parent.parent}` and run the study again"


def _check_folders(folders: Sequence[tuple[str, Path]], callback: ProgressCallback) -> tuple[dict[Path, list[str]], Counter[str]]:
    """Return folder -> errors, a line each, and how much was checked."""
    errors, counts = dict[Path, list[str]](), Counter[str]()
    for done, (kind, folder) in enumerate(folders, 1):
        errors[folder] = [f"{folder}: {problem}; {_fix(kind, folder)}" for problem in damage(kind, folder)]
        counts[COUNTED.get(kind, "stages")] += 1
        counts += _sizes(folder / name for name in files(folder))
        callback("files", done, len(folders))
    return errors, counts


def _sizes(paths: Iterable[Path]) -> Counter[str]:
    sizes = [path.stat().st_size for path in paths]
    return Counter({"files": len(sizes), "bytes": sum(sizes)})


def _manifest_names(folder: Path) -> set[str]:
    return {*_read_json(folder / "manifest.json"), "manifest.json"}


def _read_json(path: Path) -> Record:
    """Read a JSON object; an empty one if it is not JSON, although the manifest lists it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _fix(kind: str, folder: Path) -> str:
    if kind == CACHE:
        return "remove this folder, it is made again when it is needed"
    if kind == "checkpoint":
        return "remove this folder, the stage goes on from the one before"
    return fix_stage(folder)
