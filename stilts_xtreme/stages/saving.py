"""Saving what was computed on a disk that may be full: sizes are looked at before, and a save that fails waits for room."""

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from stilts_xtreme.utils import atomic_io, signals
from stilts_xtreme.utils.errors import RunFailed
from stilts_xtreme.utils.sanitize import size

PAUSE = 5.0  # seconds between two tries
PATIENCE = 3600.0  # seconds that a save waits for room
CHECKPOINTS = 3  # that may stand on disk while a training runs: two, and the one being written


def patiently(folder: Path, write: Callable[[], None], say: Callable[[str], None]) -> None:
    """Call `write`, which writes into `folder`, again until it succeeds, where the disk is full.

    In the meantime what it wrote is removed and `say` called once. After `PATIENCE` seconds, or once a signal came, the fault is
    raised (see `atomic_io.writing`). Any other fault is raised at once.
    """
    before, began, announced = set(folder.iterdir()), time.monotonic(), False
    while True:
        try:
            return write()
        except Exception as fault:
            if not atomic_io.full(fault) or signals.asked() or time.monotonic() - began > PATIENCE:
                raise
        for path in set(folder.iterdir()) - before:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not announced:
            say(
                f"{folder}: the disk is full ({size(atomic_io.free(folder) or 0)} free): the results stay in memory and are "
                f"written once there is room; it waits for at most {PATIENCE / 60:.0f} minutes"
            )
        announced = True
        time.sleep(PAUSE)


def check_room(folder: Path, weights: int, state: int, every: float, say: Callable[[str], None]) -> None:
    """Look, before a training, whether what it will write fits on the disk of `folder`.

    `weights`: bytes of the trained model; `state`: bytes of a checkpoint, written every `every` seconds. RunFailed where the
    model does not fit; where only checkpoints do not, `say` gets a line.
    """
    if fault := lacking(folder, "the trained model takes", weights):
        raise RunFailed(fault)
    what, then = f"{CHECKPOINTS} checkpoints and the trained model take", "a checkpoint that does not fit is left out"
    if math.isfinite(every) and (short := lacking(folder, what, weights + CHECKPOINTS * state, then)):
        say(f"{short}, and what is stopped then goes on from an earlier one")


def lacking(folder: Path, what: str, needed: float, then: str = "make room, or give another --store") -> str:
    """Describe in a line that so many bytes do not fit on the disk of `folder`; empty where they do, or that is not known.

    `what` takes them, as the beginning of a sentence; `then` is what to do or what will be.
    """
    free = atomic_io.free(folder)
    if free is None or needed <= free:
        return ""
    return f"{folder}: {what} {size(needed)}, and {size(free)} are free: {then}"
