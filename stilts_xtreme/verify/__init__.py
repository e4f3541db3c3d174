"""Whether files are what was written, scores what predictions give, and transfer zero-shot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stilts_xtreme import axes, plan
from stilts_xtreme.store import Store
from stilts_xtreme.verify import artefacts
from stilts_xtreme.verify.found import Found, Tell, together


def store(store_: Store, tell: Tell) -> Found:
    """All files of a store."""
    return artefacts.everything(store_, tell)


def study(spec: Any, cells: Sequence[axes.Cell], store_: Store, path: Path, tell: Tell) -> Found:
    """A study: its files; then, of whole ones, what they say they read, their scores, the result at `path`, and zero-shot."""
    from stilts_xtreme.verify import gathered, readings, scores, zero_shot

    stages = plan.ordered([cell.stage for cell in cells])
    files, sound = artefacts.of(stages, store_, tell)
    parts = [files, readings.recorded(sound, store_, tell)]
    parts.append(scores.derived([stage for stage in sound if isinstance(stage, plan.Predict)], store_, tell))
    if len(sound) < len(stages) or any(part.faults for part in parts[1:]):
        parts.append(Found((f"{path}: not looked at, since it is made from what is not sound; mend that first",)))
    else:
        parts.append(gathered.compared(spec, cells, store_, path))
    parts.append(zero_shot.check(cells, tell))
    return together(parts)
