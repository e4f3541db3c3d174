"""Read how far a training in another process is, from the end of its log."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from stilts_xtreme.pipeline import plan
from stilts_xtreme.store import Store

TAIL = 4096  # bytes in which the last line lies


@dataclass(frozen=True)
class LastStep:
    """The last logged step, its loss (None if missing), and the seconds since it was written (`ago`)."""

    step: int
    loss: float | None
    ago: float


def read_last_step(stage: plan.Stage, store: Store, now: float) -> LastStep | None:
    """Read the last step of a stage's log at the time `now` (Unix seconds).

    Returns None without a readable log: for a prediction, or a training that still reads its data.
    """
    return _parse_last_line(store.scratch(stage) / "log.jsonl", now)


def _parse_last_line(path: Path, now: float) -> LastStep | None:
    try:
        with open(path, "rb") as file:
            state = os.fstat(file.fileno())
            file.seek(max(0, state.st_size - TAIL))
            lines = file.read(TAIL).split(b"\n")
        entry = json.loads(lines[-2]) if len(lines) > 1 else {}  # what follows the last line feed is half a line
        step, loss = entry["step"], entry.get("loss")
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    valid = isinstance(step, int) and not isinstance(step, bool)
    return (
        LastStep(step, float(loss) if isinstance(loss, int | float) else None, max(0.0, now - state.st_mtime)) if valid else None
    )
