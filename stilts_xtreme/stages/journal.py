"""The log of a training, a line a step, and the checkpoints that begin with it."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

from stilts_xtreme import disk, ranks, stop
from stilts_xtreme.engine import checkpoint
from stilts_xtreme.engine.train import Step
from stilts_xtreme.errors import Interrupted, RunFailed
from stilts_xtreme.stages.saving import patiently
from stilts_xtreme.store import Checkpoints

PARTS = "parts.json"


@dataclass(frozen=True)
class Part:
    """An uninterrupted part of a training: the step it went on after (0: the beginning), and all that rounding depends on."""

    after: int
    device: str
    threads: int
    processes: int
    torch: str  # its version


@dataclass
class Journal:
    """The log, and what a result says of it: the last line, the step of the best score, tokens in all; and the parts that the
    training was done in."""

    path: Path
    parts: list[Part] = field(default_factory=list)
    last: dict[str, Any] = field(default_factory=dict)
    best: int = 0
    tokens: int = 0
    say: Callable[[str], None] = lambda note: None
    _file: FileIO | None = None

    @contextmanager
    def open(self) -> Iterator[None]:
        """Write on where it ends; each line is there for others at once."""
        with FileIO(self.path, "a") as self._file:
            yield

    def add(self, step: Step) -> None:
        """The line of a step."""
        line = {"step": step.number, "task": step.task, "loss": round(step.loss, 6), "tokens": step.tokens}
        if step.score is not None:
            line |= {"score": step.score, "best": step.best}
        self._write((json.dumps(line, allow_nan=True) + "\n").encode())
        self._count(line)

    def _write(self, content: bytes) -> None:
        """Write it whole, also where the disk is full for a while."""
        assert self._file is not None
        file, left = self._file, memoryview(content)

        def write() -> None:
            nonlocal left
            while left:
                left = left[file.write(left) :]

        try:
            write()
        except OSError:  # raised again at once where it is none of a full disk; a step that can write looks at no folder
            patiently(self.path.parent, write, self.say)

    def keep(self, folder: Path) -> None:
        """Copy the log and the parts into a checkpoint's folder."""
        shutil.copyfile(self.path, folder / self.path.name)
        (folder / PARTS).write_text(json.dumps([asdict(part) for part in self.parts]) + "\n", encoding="utf-8")

    def take_over(self, folder: Path) -> None:
        """Begin with the log and the parts of a checkpoint."""
        shutil.copyfile(folder / self.path.name, self.path)
        self.parts = [Part(**part) for part in json.loads((folder / PARTS).read_text(encoding="utf-8"))]
        with open(self.path, encoding="utf-8") as file:
            for line in file:
                self._count(json.loads(line))

    def begin(self, part: Part) -> str:
        """Add the part that begins now; in words, how it differs from the one before where its results may differ by rounding."""
        before = self.parts[-1] if self.parts else part
        self.parts.append(part)
        names = ("device", "threads", "processes", "torch")
        changed = [f"{name} {getattr(before, name)} before, {getattr(part, name)} now" for name in names
                   if getattr(before, name) != getattr(part, name)]  # fmt: skip
        return f"{', '.join(changed)}: results differ by rounding from those of one run" if changed else ""

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
        self.journal.say = note
        name = ranks.told(lambda: next((folder.name for folder in self.checkpoints.sound(note)), None))
        if name is None:
            return None
        folder = self.checkpoints.folder / name
        found = checkpoint.read(folder)
        self.journal.take_over(folder)
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
            self.journal.keep(folder)

        try:
            self.checkpoints.save(found.state.number, write, found.bytes)
        except RunFailed as fault:  # the disk is full: what was trained is in memory, and tried again when it is time
            if stop.asked() or not disk.full(fault):
                raise
            self.journal.say(f"{fault}; the training goes on without this checkpoint")
        self.saved = time.monotonic()
