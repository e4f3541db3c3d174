"""Finished stages on disk: looked up by address, written in a scratch folder under a lock, renamed into place when complete."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from stilts_xtreme import results
from stilts_xtreme.pipeline import plan
from stilts_xtreme.store import manifest, owner
from stilts_xtreme.store.checkpoints import Checkpoints
from stilts_xtreme.utils import atomic_io
from stilts_xtreme.utils.bounded_io import Record

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
)  # raised by reading what is not whole
SCHEMAS = {"train": results.TRAINING, "predict": results.EVALUATION, "latency": results.LATENCY}
SAVED = ".saved"
SOON = 5.0  # seconds of waiting for another process before a note
PERSISTENT = ("stage.json", "result.json", "log.jsonl")  # what is left of a training whose weights were dropped


class Busy(Exception):
    """Another process is doing the stage."""


@dataclass(frozen=True)
class Store:
    """A folder of runs: `train/`, `predict/` and `latency/ADDRESS/`, each complete or absent; and a cache, `features/KEY/`."""

    root: Path

    def path(self, stage: plan.Stage) -> Path:
        """Return the folder of the finished stage, there or not."""
        return self.root / plan.kind(stage) / plan.address(stage)

    def done(self, stage: plan.Stage) -> bool:
        """Return whether the stage is finished."""
        return (self.path(stage) / "result.json").is_file()

    def has(self, address: str) -> bool:
        """Return whether a finished stage has this address."""
        return any((self.root / kind / address / "result.json").is_file() for kind in SCHEMAS)

    def beginning(self, address: str) -> list[Path]:
        """Return the folders of the finished stages whose addresses begin with this; none for an empty string."""
        folders = (path.parent for kind in SCHEMAS for path in sorted((self.root / kind).glob("[0-9a-f]*/result.json")))
        return [folder for folder in folders if address and folder.name.startswith(address)]

    def scratch(self, stage: plan.Stage) -> Path:
        """Return the folder that a process doing the stage writes to; a killed process leaves it behind."""
        return manifest.scratch_of(self.path(stage))

    def busy(self, stage: plan.Stage) -> bool:
        """Return whether a process is doing the stage now."""
        from filelock import FileLock, Timeout

        if not self.scratch(stage).is_dir():
            return False
        try:
            with FileLock(_lock(self.path(stage)), timeout=0):
                return False
        except Timeout:
            return True

    def whose(self, stage: plan.Stage) -> str:
        """Return in words which process is doing a busy stage, and for how long."""
        return owner.described(_owner(self.path(stage)))

    def result(self, stage: plan.Stage) -> Record:
        """Read the finished stage's result; UserError if it is damaged."""
        return results.read(self.path(stage) / "result.json", SCHEMAS[plan.kind(stage)])

    def faults(self, stage: plan.Stage, weights: bool = True) -> list[str]:
        """Return what is missing or damaged of the finished stage's files, a clause each; weights, which are large, on demand."""
        return manifest.faults(self.path(stage), lambda name: weights or not name.endswith(".safetensors"))

    def drop(self, stage: plan.Train) -> None:
        """Remove the finished training's weights, and all that is of use only with them; its result stays."""
        with atomic_io.writing(self.path(stage)):
            manifest.drop(self.path(stage), PERSISTENT)

    def dropped(self, stage: plan.Stage) -> bool:
        """Return whether the finished stage's weights were dropped."""
        return bool(manifest.dropped(self.path(stage)))

    def checkpoints(self, stage: plan.Stage) -> Checkpoints:
        """Return the checkpoints of a stage that is not finished; of a training the last two stay."""
        return Checkpoints(_saved(self.path(stage)), keep=2 if isinstance(stage, plan.Train) else None)

    @contextmanager
    def claim(self, stage: plan.Stage, wait: bool = True) -> Iterator[Path | None]:
        """Yield a scratch folder for the stage, or None if another process finished it before we had the lock.

        The caller writes its files and `result.json` there; on leaving, a manifest is added and the folder takes its final name.
        On any exception the scratch folder is removed, and only checkpoints are left. Busy if another process does the stage and
        `wait` is False. Failures of writes are those of `atomic_io.writing`.
        """
        final = self.path(stage)
        with atomic_io.writing(final), _claim(final, lambda: self.done(stage), wait) as scratch:
            if scratch is not None:
                (scratch / "stage.json").write_text(manifest.text(plan.identity(stage)), encoding="utf-8", newline="\n")
            yield scratch
            if scratch is not None:
                if not (scratch / "result.json").is_file():
                    raise RuntimeError(f"stage {final.name} ended without a result")
        self.forget(stage)

    @contextmanager
    def adopt(self, kind: str, address: str) -> Iterator[Path | None]:
        """Yield a scratch folder for a stage that was finished elsewhere: the caller fills it, with its manifest.

        None if the stage is there. Whatever is raised inside leaves nothing. Busy if another process does the stage now.
        """
        final = self.root / kind / address
        with atomic_io.writing(final), _claim(final, lambda: self.has(address), wait=False) as scratch:
            yield scratch

    def cache(self, key: str) -> Path:
        """Return the folder of a key of the cache, there or not."""
        return self.root / CACHE / key

    def cached(self, key: str, load: Callable[[Path], T], make: Callable[[Path], None], note: Callable[[str], None]) -> T:
        """Load the entry under `key` of the cache; make it first if it is missing, by a single process at a time.

        `load` reads a folder, and raises any of `BROKEN` if that is something else. Then, and if a file is damaged, it is made
        again, with a `note`; also of a process that takes more than some seconds to make it.
        """
        final = self.cache(key)

        def load_intact() -> T:
            if manifest.faults(final):
                raise ValueError("damaged")
            return load(final)

        def whole() -> bool:
            try:
                load_intact()
            except BROKEN:
                return False
            return True

        try:
            return load_intact()
        except BROKEN:
            pass
        with atomic_io.writing(final), _claim(final, whole, note=note) as scratch:
            if scratch is not None:
                if final.exists():
                    note(f"{final} is damaged: it is made again")
                make(scratch)
        return load(final)

    def runs(self) -> list[tuple[str, Path, Record]]:
        """Return (kind, folder, result) of every finished stage, by kind and address."""
        runs = []
        for kind, schema in SCHEMAS.items():
            for folder in sorted((self.root / kind).glob("[0-9a-f]*")):
                if (folder / "result.json").is_file():
                    runs.append((kind, folder, results.read(folder / "result.json", schema)))
        return runs

    def folders(self) -> Iterator[tuple[str, Path]]:
        """Yield every folder that has to have a manifest, with its kind: of stage, "features", or "checkpoint"."""
        for kind in (*SCHEMAS, CACHE):
            for folder in sorted((self.root / kind).glob("[0-9a-f]*")):
                yield kind, folder
            for folder in sorted((self.root / kind).glob(f".*{SAVED}/[0-9]*")):
                yield "checkpoint", folder

    def count(self, kind: str) -> tuple[int, int, int]:
        """Count the stages of a kind that are finished, have a scratch folder, have checkpoints."""
        folder = self.root / kind
        done = sum((run / "result.json").is_file() for run in folder.glob("[0-9a-f]*"))
        return done, len(list(folder.glob(".*.part"))), len(list(folder.glob(f".*{SAVED}")))

    def sweep(self) -> list[Path]:
        """Remove what dead processes left: scratch folders, runs without a result, checkpoints of finished ones; returns them."""
        return self._remove(_left)

    def leftovers(self) -> list[Path]:
        """Return what `sweep` would remove."""
        return self._free(_left, lambda folder: None)

    def remove(self, address: str) -> list[Path]:
        """Remove the finished stage with this address, or its checkpoints; returns their folders."""
        return self._remove(lambda folder: folder.suffix != ".part" and _address(folder) == address)

    def forget(self, stage: plan.Stage) -> None:
        """Remove the checkpoints of a finished stage."""
        shutil.rmtree(_saved(self.path(stage)), ignore_errors=True)

    def discard(self, stage: plan.Stage) -> None:
        """Remove a damaged stage, so that it is done again."""
        self._remove(lambda folder: folder == self.path(stage))

    def _remove(self, doomed: Callable[[Path], bool]) -> list[Path]:
        return self._free(doomed, lambda folder: folder.unlink() if folder.is_symlink() else shutil.rmtree(folder))

    def _free(self, wanted: Callable[[Path], bool], do: Callable[[Path], None]) -> list[Path]:
        """Call `do` for the wanted folders of runs and of the cache that no living process has locked; returns them."""
        from filelock import FileLock, Timeout

        freed = []
        for folder in sorted(path for kind in (*SCHEMAS, CACHE) for path in (self.root / kind).glob("*") if path.is_dir()):
            try:
                with FileLock(_lock(folder.with_name(_address(folder))), timeout=0):
                    if wanted(folder):
                        do(folder)
                        freed.append(folder)
            except Timeout:
                pass
        return freed


def of_another(folder: Path, address: str) -> bool:
    """Return whether a folder's `stage.json` is not that of the stage at this address, or cannot be read."""
    try:
        return plan.named(json.loads((folder / "stage.json").read_bytes())) != address
    except (OSError, ValueError):
        return True


def _left(folder: Path) -> bool:
    """Return whether nobody needs the folder once the process that wrote it is dead."""
    if folder.suffix == SAVED:
        return (folder.with_name(_address(folder)) / "result.json").is_file()
    return folder.suffix == ".part" or folder.parent.name != CACHE and not (folder / "result.json").is_file()


@contextmanager
def _claim(
    final: Path, done: Callable[[], bool], wait: bool = True, note: Callable[[str], None] = lambda text: None
) -> Iterator[Path | None]:
    """Yield a scratch folder that takes its final name on leaving, or None if it is `done` once we hold its lock.

    `note` says whom we wait for if that takes more than `SOON` seconds. What is on disk under the final name is never half of
    it; on any exception nothing is left.
    """
    from filelock import FileLock, Timeout

    final.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(_lock(final))
    try:
        lock.acquire(timeout=SOON if wait else 0)
    except Timeout:
        if not wait:
            raise Busy from None
        note(f"waiting for {final.name}: {owner.described(_owner(final))}")
        lock.acquire()
    try:
        if done():
            yield None
            return
        owner.write(_owner(final))
        with manifest.atomic_folder(final) as scratch:
            yield scratch
    finally:
        _owner(final).unlink(missing_ok=True)
        lock.release()


def _owner(final: Path) -> Path:
    return final.with_name(f".{final.name}.owner")


def _lock(final: Path) -> Path:
    return final.with_name(f".{final.name}.lock")


def _saved(final: Path) -> Path:
    return final.with_name(f".{final.name}{SAVED}")


def _address(folder: Path) -> str:
    return folder.name.removeprefix(".").removesuffix(".part").removesuffix(SAVED)
