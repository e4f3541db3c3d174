"""What was submitted: a folder below STORE/slurm for each array, with what its jobs are to do, their logs, and what failed."""

import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stilts_xtreme import disk, files
from stilts_xtreme.shown import visible
from stilts_xtreme.store import Store

PACKS = "packs.json"
NAME = re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}")
ADDRESS = re.compile(r"[0-9a-f]{12}")
LARGEST = 16 * 2**20  # bytes of a file of ours
TAIL = 64 * 2**10  # bytes of a log's end that are looked at


@dataclass(frozen=True)
class Slot:
    """One job's place in one round."""

    round: str
    index: int


@dataclass(frozen=True)
class Rounds:
    """The rounds of one store."""

    root: Path

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While it lasts no other driver looks at the queue or submits: none submits what another is about to."""
        from filelock import FileLock

        with disk.writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / ".lock")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def new(self, packs: Sequence[Sequence[str]]) -> Path:
        """A new round's folder, where it stands which addresses each job does."""
        folder = self.root / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:8]}"
        with disk.writing(folder):
            folder.mkdir(parents=True)
        disk.put(folder / PACKS, json.dumps([list(pack) for pack in packs]) + "\n")
        return folder

    def discard(self, folder: Path) -> None:
        """Remove a round of which nothing was submitted."""
        shutil.rmtree(folder, ignore_errors=True)

    def packs(self, name: str) -> list[list[str]]:
        """The addresses that each job of a round does; empty where there is no such round here."""
        return packs(self.root / name) if NAME.fullmatch(name) else []

    def failures(self, slot: Slot) -> dict[str, dict[str, str]]:
        """What the slot's job says of stages that failed: by address `kind` (input or run) and `said`."""
        folder = self.root / slot.round
        if folder.is_dir():
            os.listdir(folder)  # a cluster's file system looks again
        return _failures(folder / f"failed-{slot.index}.json")

    def failed(self) -> set[str]:
        """Addresses of all stages that jobs say have failed."""
        return {name for path in self.root.glob("*/failed-*.json") for name in _failures(path)}

    def log(self, slot: Slot) -> Path | None:
        """The log of a slot's job, where it wrote one."""
        return max((self.root / slot.round).glob(f"*_{slot.index}_0_log.out"), default=None)

    def last_words(self, slot: Slot) -> str:
        """The last line of the job's log and where it is, as a clause."""
        path = self.log(slot)
        if path is None:
            return "it wrote no log: it was never started, or its node does not see the store"
        try:
            with open(path, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
                lines = file.read(TAIL).decode(errors="replace").split("\n")
        except OSError:
            lines = []
        said = [line.strip() for line in lines if line.strip()]
        return f"its log ends with {visible(said[-1])!r} ({path})" if said else f"its log is empty ({path})"

    def tidy(self, store: Store) -> None:
        """Remove the rounds that have nothing left to do."""
        for folder in sorted(self.root.iterdir()) if self.root.is_dir() else ():
            if NAME.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
                if all(store.has(address) for pack in packs(folder) for address in pack):
                    shutil.rmtree(folder, ignore_errors=True)


def at(store: Store) -> Rounds:
    """The rounds of a store."""
    return Rounds(store.root.absolute() / "slurm")


def packs(folder: Path) -> list[list[str]]:
    """The addresses that each job of the round in `folder` does; empty where it is none."""
    try:
        found = json.loads(files.content(folder / PACKS, LARGEST))
    except (OSError, ValueError, RecursionError):
        return []
    sound = isinstance(found, list) and all(
        isinstance(pack, list) and all(isinstance(name, str) and ADDRESS.fullmatch(name) for name in pack) for pack in found
    )
    return found if sound else []


def _failures(path: Path) -> dict[str, dict[str, str]]:
    try:
        found = json.loads(files.content(path, LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    told = {name: one for name, one in found.items() if isinstance(one, dict)} if isinstance(found, dict) else {}
    return {name: {"kind": str(one.get("kind")), "said": str(one.get("said"))} for name, one in told.items()}


def tell_failures(folder: Path, index: int, told: Mapping[str, Mapping[str, str]]) -> None:
    """Write what failed in a job, by address; without any, that nothing did."""
    disk.put(folder / f"failed-{index}.json", json.dumps(told, ensure_ascii=True) + "\n")
