"""What was submitted: a folder STORE/slurm/NAME for each job array, with the stages of its jobs, their logs and failures."""

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

from stilts_xtreme.store import Store
from stilts_xtreme.utils import atomic_io, bounded_io
from stilts_xtreme.utils.sanitize import visible

BATCHES = "packs.json"
NAME = re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}")
FINGERPRINT = re.compile(r"[0-9a-f]{12}")
MAX_BYTES = 16 * 2**20  # of a file that is read
TAIL = 64 * 2**10  # bytes read from the end of a log


@dataclass(frozen=True)
class ArrayTask:
    """A job's place: the name of its submission and its index in the array."""

    submission: str
    index: int


@dataclass(frozen=True)
class Submissions:
    """The submissions of a store, in the folder `root`."""

    root: Path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold a lock so that no other scheduler looks at the queue or submits meanwhile."""
        from filelock import FileLock

        with atomic_io.writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / ".lock")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def create(self, batches: Sequence[Sequence[str]]) -> Path:
        """Create the folder of a new submission whose jobs run these batches of fingerprints."""
        folder = self.root / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:8]}"
        with atomic_io.writing(folder):
            folder.mkdir(parents=True)
        atomic_io.put(folder / BATCHES, json.dumps([list(batch) for batch in batches]) + "\n")
        return folder

    def discard(self, folder: Path) -> None:
        """Remove a submission that Slurm refused."""
        shutil.rmtree(folder, ignore_errors=True)

    def batches(self, name: str) -> list[list[str]]:
        """Return the fingerprints that each job of a submission runs; empty for an unknown or damaged submission."""
        return read_batches(self.root / name) if NAME.fullmatch(name) else []

    def failures(self, task: ArrayTask) -> dict[str, dict[str, str]]:
        """Return fingerprint -> {"kind": "input" or "run", "said": message} for the stages that failed in this job."""
        folder = self.root / task.submission
        if folder.is_dir():
            os.listdir(folder)  # makes a network file system refresh its cache
        return _read_failures(folder / f"failed-{task.index}.json")

    def failed(self) -> set[str]:
        """Return the fingerprints of all stages that failed in a job."""
        return {name for path in self.root.glob("*/failed-*.json") for name in _read_failures(path)}

    def log(self, task: ArrayTask) -> Path | None:
        """Return the latest log of a job, if it wrote any."""
        return max((self.root / task.submission).glob(f"*_{task.index}_0_log.out"), default=None)

    def describe_log_end(self, task: ArrayTask) -> str:
        """Return the last line of the job's log and its path, as a clause."""
        path = self.log(task)
        if path is None:
            return "it wrote no log: it was never started, or its node does not see the store"
        try:
            with open(path, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
                text = file.read(TAIL).decode(errors="replace").split("\n")
        except OSError:
            text = []
        lines = [line.strip() for line in text if line.strip()]
        return f"its log ends with {visible(lines[-1])!r} ({path})" if lines else f"its log is empty ({path})"

    def remove_finished(self, store: Store) -> None:
        """Remove the submissions whose stages are all finished."""
        for folder in sorted(self.root.iterdir()) if self.root.is_dir() else ():
            if NAME.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
                if all(store.has(fingerprint) for batch in read_batches(folder) for fingerprint in batch):
                    shutil.rmtree(folder, ignore_errors=True)


def of_store(store: Store) -> Submissions:
    """Return the submissions of a store."""
    return Submissions(store.root.absolute() / "slurm")


def read_batches(folder: Path) -> list[list[str]]:
    """Return the fingerprints that each job of the submission in `folder` runs; empty if missing or damaged."""
    try:
        batches = json.loads(bounded_io.content(folder / BATCHES, MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return []
    valid = isinstance(batches, list) and all(
        isinstance(batch, list) and all(isinstance(name, str) and FINGERPRINT.fullmatch(name) for name in batch)
        for batch in batches
    )
    return batches if valid else []


def write_failures(folder: Path, index: int, failures: Mapping[str, Mapping[str, str]]) -> None:
    """Write which stages failed in job `index`, in the shape of `Submissions.failures`; empty: none failed."""
    atomic_io.put(folder / f"failed-{index}.json", json.dumps(failures, ensure_ascii=True) + "\n")


def _read_failures(path: Path) -> dict[str, dict[str, str]]:
    try:
        content = json.loads(bounded_io.content(path, MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    records = content.items() if isinstance(content, dict) else ()
    return {
        name: {"kind": str(record.get("kind")), "said": str(record.get("said"))}
        for name, record in records
        if isinstance(record, dict)
    }
