"""What a prediction has made so far: kept beside the run batch by batch, so that it can go on after it was stopped."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stilts_xtreme import disk, ranks, stop
from stilts_xtreme.errors import RunFailed
from stilts_xtreme.store import Checkpoints

ARRAYS = "arrays.safetensors"
THREADS = "threads"  # in the metadata of a file
AT_MOST = 1 << 30  # bytes that wait to be written


@dataclass
class Kept:
    """The batches of a stage's sweeps, which are numbered in the order they are begun.

    The batches of a sweep are the same at every run on a device of the same kind; those of another kind are not looked at.
    `known`: the file of each array that is there from before. `threads` of earlier processes that made what is known, and, last,
    of this one.
    """

    checkpoints: Checkpoints
    every: float
    device: str
    known: dict[str, Path]
    threads: list[int] = field(default_factory=list)
    pending: dict[str, np.ndarray] = field(default_factory=dict)
    say: Callable[[str], None] = lambda note: None
    size: int = 0  # bytes of what is pending
    saved: float = field(default_factory=time.monotonic)
    sweeps: int = 0

    def sweep(self) -> "Sweep":
        """The next sweep's."""
        self.sweeps += 1
        return Sweep(self, f"{self.device}/{self.sweeps}")

    def put(self, name: str, arrays: list[np.ndarray]) -> None:
        """Take a batch's arrays; written where it is time or they are many, and where we are asked to stop."""
        self.pending |= {f"{name}/{i}": np.ascontiguousarray(array) for i, array in enumerate(arrays)}
        self.size += sum(array.nbytes for array in arrays)
        if stop.asked() or time.monotonic() - self.saved > self.every or self.size > AT_MOST:
            self._save()
        stop.check()

    def _save(self) -> None:
        from safetensors.numpy import save_file

        pending, size, self.saved = self.pending, self.size, time.monotonic()
        number = self.checkpoints.last() + 1
        metadata = {THREADS: str(self.threads[-1])} if self.threads else None
        try:
            self.checkpoints.save(number, lambda folder: save_file(pending, folder / ARRAYS, metadata), size)
        except RunFailed as fault:  # the disk is full: what was predicted is in memory, and tried again when it is time
            if stop.asked() or size > AT_MOST or not disk.full(fault):
                raise
            return self.say(f"{fault}; the prediction goes on without keeping this")
        self.pending, self.size = {}, 0


@dataclass(frozen=True)
class Sweep:
    """One sweep of features through a model; see `predict.Kept`."""

    kept: Kept
    name: str

    def recall(self, batch: int) -> list[np.ndarray] | None:
        from safetensors import safe_open

        first, found = f"{self.name}/{batch}/0", []
        if first not in self.kept.known:
            return None
        with safe_open(self.kept.known[first], "np") as file:  # a batch is written at once: all of it is in one file
            while (name := f"{self.name}/{batch}/{len(found)}") in self.kept.known:
                found.append(file.get_tensor(name))
        return found

    def keep(self, batch: int, arrays: list[np.ndarray]) -> None:
        self.kept.put(f"{self.name}/{batch}", arrays)


def kept(checkpoints: Checkpoints, every: float, device: str, threads: int, note: Callable[[str], None]) -> Kept:
    """What a stage kept before it was stopped, if anything; written again every so many seconds.

    Of several processes only the first one looks there, and is asked to keep anything.
    """
    from safetensors import safe_open

    known: dict[str, Path] = {}
    earlier: list[int] = []
    for folder in checkpoints.sound(note) if ranks.first() else ():
        with safe_open(folder / ARRAYS, "np") as file:
            known |= dict.fromkeys(file.keys(), folder / ARRAYS)
            earlier.append(int(file.metadata()[THREADS]))
    if known:
        note("going on with what it had predicted before it was stopped")
    others = sorted({*earlier} - {threads})
    if others:
        note(f"threads {', '.join(map(str, others))} before, {threads} now: results may differ by rounding from those of one run")
    return Kept(checkpoints, every, device, known, [*others, threads], say=note)
