"""Finished stages on disk: found by address, written in a scratch folder under a lock, renamed into place when complete."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from stilts_xtreme import plan, results

T = TypeVar("T")
CACHE = "features"
BROKEN = (
    FileNotFoundError,
    NotADirectoryError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)  # what reading what is not whole ends in
SCHEMAS = {"train": results.TRAINING, "predict": results.EVALUATION, "latency": results.LATENCY}


@dataclass(frozen=True)
class Store:
    """A folder of runs: `train/`, `predict/` and `latency/ADDRESS/`, each complete or absent; and a cache, `features/KEY/`."""

    root: Path

    def path(self, stage: plan.Stage) -> Path:
        """Where the finished stage stands, or would stand."""
        return self.root / plan.kind(stage) / plan.address(stage)

    def done(self, stage: plan.Stage) -> bool:
        """Whether the stage is finished."""
        return (self.path(stage) / "result.json").is_file()

    def result(self, stage: plan.Stage) -> dict[str, Any]:
        """The finished stage's result."""
        return results.read(self.path(stage) / "result.json", SCHEMAS[plan.kind(stage)])

    @contextmanager
    def claim(self, stage: plan.Stage) -> Iterator[Path | None]:
        """A scratch folder for the stage, or None where another process finished it while we waited for the lock.

        The caller writes its files and `result.json` there; on leaving, a manifest is added and the folder takes its final name.
        On any exception the scratch folder is removed and nothing is left.
        """
        final = self.path(stage)
        with _claim(final, lambda: self.done(stage)) as scratch:
            if scratch is None:
                yield None
                return
            _write(scratch / "stage.json", plan.identity(stage))
            yield scratch
            if not (scratch / "result.json").is_file():
                raise RuntimeError(f"stage {final.name} ended without a result")
            _write(scratch / "manifest.json", manifest(scratch))

    def cache(self, key: str) -> Path:
        """Where the cache's `key` stands, or would stand."""
        return self.root / CACHE / key

    def cached(self, key: str, load: Callable[[Path], T], make: Callable[[Path], None], note: Callable[[str], None]) -> T:
        """What stands under `key` in the cache beside the runs, made first where it is not there, by one process at a time.

        `load` reads a folder, and raises one of `BROKEN` where that is not whole; then it is made again, and `note` told.
        """
        final = self.cache(key)
        try:
            return load(final)
        except BROKEN:
            pass

        def whole() -> bool:
            try:
                load(final)
            except BROKEN:
                return False
            return True

        with _claim(final, whole) as scratch:
            if scratch is not None:
                if final.exists():
                    note(f"{final} is damaged: it is made again")
                make(scratch)
        return load(final)

    def runs(self) -> list[tuple[str, Path, dict[str, Any]]]:
        """Every finished stage: (kind, folder, result), by kind and address."""
        found = []
        for kind, schema in SCHEMAS.items():
            for folder in sorted((self.root / kind).glob("[0-9a-f]*")):
                if (folder / "result.json").is_file():
                    found.append((kind, folder, results.read(folder / "result.json", schema)))
        return found

    def sweep(self) -> list[Path]:
        """Remove scratch folders of processes that are gone, and runs without a result; returns them."""
        return self._remove(
            lambda folder: folder.suffix == ".part" or folder.parent.name != CACHE and not (folder / "result.json").is_file()
        )

    def remove(self, address: str) -> list[Path]:
        """Remove the finished stage with this address; returns its folder, or nothing where there is none."""
        return self._remove(lambda folder: folder.name == address)

    def _remove(self, doomed: Callable[[Path], bool]) -> list[Path]:
        """Remove folders of runs and of the cache, except those a living process holds the lock of."""
        from filelock import FileLock, Timeout

        removed = []
        for folder in sorted(path for kind in (*SCHEMAS, CACHE) for path in (self.root / kind).glob("*") if path.is_dir()):
            address = folder.name.removeprefix(".").removesuffix(".part")
            try:
                with FileLock(folder.with_name(f".{address}.lock"), timeout=0):
                    if doomed(folder):
                        shutil.rmtree(folder)
                        removed.append(folder)
            except Timeout:
                pass
        return removed


@contextmanager
def _claim(final: Path, done: Callable[[], bool]) -> Iterator[Path | None]:
    """A scratch folder that takes its final name on leaving, or None where it is `done` once we hold its lock.

    What is on disk under the final name is never half of it; on any exception nothing is left.
    """
    from filelock import FileLock

    final.parent.mkdir(parents=True, exist_ok=True)
    scratch = final.with_name(f".{final.name}.part")
    with FileLock(final.with_name(f".{final.name}.lock")):
        if done():
            yield None
            return
        shutil.rmtree(scratch, ignore_errors=True)  # left by a killed process: we hold its lock, so it is gone
        scratch.mkdir()
        try:
            yield scratch
            for file in sorted(scratch.rglob("*")):
                _sync(file)
            shutil.rmtree(final, ignore_errors=True)  # a folder that is not whole
            os.rename(scratch, final)
            _sync(final.parent)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise


def manifest(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`, by relative path."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
