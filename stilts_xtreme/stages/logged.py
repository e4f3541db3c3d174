"""What a training that another process does has written of itself so far."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from stilts_xtreme import plan
from stilts_xtreme.store import Store

TAIL = 4096  # bytes in which the last line lies


@dataclass(frozen=True)
class Logged:
    """The last step that stands in the log, its loss, and how many seconds ago that was written."""

    step: int
    loss: float | None
    ago: float


def last(stage: plan.Stage, store: Store, now: float) -> Logged | None:
    """Where a stage stands at the time `now`; None where it has no log: a prediction, or a training that still reads its data."""
    return _last(store.scratch(stage) / "log.jsonl", now)


def _last(path: Path, now: float) -> Logged | None:
    try:
        with open(path, "rb") as file:
            state = os.fstat(file.fileno())
            file.seek(max(0, state.st_size - TAIL))
            lines = file.read(TAIL).split(b"\n")
        told = json.loads(lines[-2]) if len(lines) > 1 else {}  # what follows the last line feed is half a line
        step, loss = told["step"], told.get("loss")
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    sound = isinstance(step, int) and not isinstance(step, bool)
    return Logged(step, float(loss) if isinstance(loss, int | float) else None, max(0.0, now - state.st_mtime)) if sound else None
