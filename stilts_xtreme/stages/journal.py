"""The log of a training, a line a step, and the checkpoints that begin with it."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from stilts_xtreme import ranks, stop
from stilts_xtreme.engine import checkpoint
from stilts_xtreme.engine.train import Step
from stilts_xtreme.errors import Interrupted
from stilts_xtreme.store import Checkpoints


@dataclass
class Journal:
    """The log, and what a result says of it: the last line, the step of the best score, tokens in all."""

    path: Path
    last: dict[str, Any] = field(default_factory=dict)
    best: int = 0
    tokens: int = 0
    _file: TextIO | None = None

    @contextmanager
    def open(self) -> Iterator[None]:
        """Write on where it ends; each line is there for others at once."""
        with open(self.path, "a", buffering=1, encoding="utf-8", newline="\n") as self._file:
            yield

    def add(self, step: Step) -> None:
        """The line of a step."""
        line = {"step": step.number, "task": step.task, "loss": round(step.loss, 6), "tokens": step.tokens}
        if step.score is not None:
            line |= {"score": step.score, "best": step.best}
        assert self._file is not None
        self._file.write(json.dumps(line, allow_nan=True) + "\n")
        self._count(line)

    def take_over(self, earlier: Path) -> None:
        """Begin with the lines of a file."""
        shutil.copyfile(earlier, self.path)
        with open(self.path, encoding="utf-8") as file:
            for line in file:
                self._count(json.loads(line))

    def _count(self, line: dict[str, Any]) -> None:
        self.last, self.tokens = line, self.tokens + line["tokens"]
        self.best = line["step"] if line.get("best") else self.best


@dataclass
class Saver:
    """Keeps the state of a training every so many seconds, and where a signal asks us to stop."""

    checkpoints: Checkpoints
    journal: Journal
    every: float
    saved: float = field(default_factory=time.monotonic)

    def resume(self, note: Callable[[str], None]) -> checkpoint.Snapshot | None:
        """The state to go on from, its log taken over; None where there is none."""
        name = ranks.told(lambda: next((folder.name for folder in self.checkpoints.sound(note)), None))
        if name is None:
            return None
        folder = self.checkpoints.folder / name
        found = checkpoint.read(folder)
        self.journal.take_over(folder / self.journal.path.name)
        note(f"going on after step {found.state.number}")
        return found

    def border(self, state: Callable[[], checkpoint.Snapshot]) -> None:
        """Between two steps: keep the state if it is time to; Interrupted, with the state kept, if any of us is to stop.

        Of several processes the first one keeps it, but each has its part in telling it.
        """
        due = ranks.first() and time.monotonic() - self.saved >= self.every
        asked, due = ranks.totals(stop.asked(), due)
        if asked or due:
            found = state()
            ranks.told(lambda: self._save(found))
        if asked:
            raise Interrupted

    def _save(self, found: checkpoint.Snapshot) -> None:
        def write(folder: Path) -> None:
            checkpoint.write(folder, found)
            shutil.copyfile(self.journal.path, folder / self.journal.path.name)

        self.checkpoints.save(found.state.number, write, found.bytes)
        self.saved = time.monotonic()
