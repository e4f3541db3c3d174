"""Checkpoints of a prediction, batch by batch, so that it can go on after it was stopped."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stilts_xtreme.store import Checkpoints
from stilts_xtreme.utils import atomic_io, ranks, signals
from stilts_xtreme.utils.errors import RunFailed

ARRAYS = "arrays.safetensors"
THREADS = "threads"  # in the metadata of a file
AT_MOST = 1 << 30  # bytes that wait to be written


@dataclass
class PredictionCheckpoint:
    """The finished batches of a stage's passes over its features; passes are numbered in the order they begin.

    The batches of a pass are the same at every run on a device of the same kind; those of another kind are not looked at.
    `known`: the file of each array that was saved before. `threads`: the numbers of threads of the processes that computed them,
    and, last, of this process.
    """

    checkpoints: Checkpoints
    every: float
    device: str
    known: dict[str, Path]
    threads: list[int] = field(default_factory=list)
    pending: dict[str, np.ndarray] = field(default_factory=dict)
    say: Callable[[str], None] = lambda note: None
    size: int = 0  # bytes of what is pending
    last_saved: float = field(default_factory=time.monotonic)
    passes: int = 0

    def next_pass(self) -> "Pass":
        """Begin the next pass."""
        self.passes += 1
        return Pass(self, f"{self.device}/{self.passes}")

    def put(self, name: str, arrays: list[np.ndarray]) -> None:
        """Add a batch's arrays. Written when due, above `AT_MOST` bytes, and when the process is asked to stop (Interrupted)."""
        self.pending |= {f"{name}/{i}": np.ascontiguousarray(array) for i, array in enumerate(arrays)}
        self.size += sum(array.nbytes for array in arrays)
        if signals.asked() or time.monotonic() - self.last_saved > self.every or self.size > AT_MOST:
            self._save()
        signals.check()

    def _save(self) -> None:
        from safetensors.numpy import save_file

        pending, size, self.last_saved = self.pending, self.size, time.monotonic()
        number = self.checkpoints.last() + 1
        metadata = {THREADS: str(self.threads[-1])} if self.threads else None
        try:
            self.checkpoints.save(number, lambda folder: save_file(pending, folder / ARRAYS, metadata), size)
        except RunFailed as error:  # the disk is full: what was predicted is in memory, and tried again when it is time
            if signals.asked() or size > AT_MOST or not atomic_io.full(error):
                raise
            return self.say(f"{error}; the prediction goes on without keeping this")
        self.pending, self.size = {}, 0


@dataclass(frozen=True)
class Pass:
    """One pass of features through a model; see `engine.predict`."""

    checkpoint: PredictionCheckpoint
    name: str

    def load_batch(self, batch: int) -> list[np.ndarray] | None:
        from safetensors import safe_open

        first, arrays = f"{self.name}/{batch}/0", list[np.ndarray]()
        if first not in self.checkpoint.known:
            return None
        with safe_open(self.checkpoint.known[first], "np") as file:  # a batch is written at once, so all of it is in this file
            while (name := f"{self.name}/{batch}/{len(arrays)}") in self.checkpoint.known:
                arrays.append(file.get_tensor(name))
        return arrays

    def save_batch(self, batch: int, arrays: list[np.ndarray]) -> None:
        self.checkpoint.put(f"{self.name}/{batch}", arrays)


def open_checkpoint(
    checkpoints: Checkpoints, every: float, device: str, threads: int, note: Callable[[str], None]
) -> PredictionCheckpoint:
    """Open what a stage saved before it was stopped, if anything; new batches are written every `every` seconds.

    Of several processes only the first reads and writes.
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
    other_threads = sorted({*earlier} - {threads})
    if other_threads:
        note(
            f"threads {', '.join(map(str, other_threads))} before, {threads} now: "
            "results may differ by rounding from those of one run"
        )
    return PredictionCheckpoint(checkpoints, every, device, known, [*other_threads, threads], say=note)
