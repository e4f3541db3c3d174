"""The log of a training, a line a step, and its checkpoints, which contain the log up to their step."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from io import FileIO
from pathlib import Path

from stilts_xtreme.engine import checkpoint
from stilts_xtreme.engine.train import Step
from stilts_xtreme.stages.saving import patiently
from stilts_xtreme.store import Checkpoints
from stilts_xtreme.utils import atomic_io, ranks, signals
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import Interrupted, RunFailed

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
class TrainingLog:
    """The log and what a result records of it: the last line, the step of the best score, the number of tokens, and the parts
    that the training was done in."""

    path: Path
    parts: list[Part] = field(default_factory=list)
    last: Record = field(default_factory=dict)
    best: int = 0
    tokens: int = 0
    say: Callable[[str], None] = lambda note: None
    _file: FileIO | None = None

    @contextmanager
    def open(self) -> Iterator[None]:
        """Append to the file; each line is visible to other processes at once."""
        with FileIO(self.path, "a") as self._file:
            yield

    def add(self, step: Step) -> None:
        """Write the line of a step. Loss rounded to 6 decimals; `score` and `best` only if dev was scored."""
        line = {"step": step.number, "task": step.task, "loss": round(step.loss, 6), "tokens": step.tokens}
        if step.score is not None:
            line |= {"score": step.score, "best": step.best}
        self._write((json.dumps(line, allow_nan=True) + "\n").encode())
        self._count(line)

    def _write(self, content: bytes) -> None:
        """Write all bytes, waiting while the disk is full."""
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

    def copy_to(self, folder: Path) -> None:
        """Copy the log and the parts into a checkpoint's folder."""
        shutil.copyfile(self.path, folder / self.path.name)
        (folder / PARTS).write_text(json.dumps([asdict(part) for part in self.parts]) + "\n", encoding="utf-8")

    def restore(self, folder: Path) -> None:
        """Start from the log and the parts of a checkpoint's folder."""
        shutil.copyfile(folder / self.path.name, self.path)
        self.parts = [Part(**part) for part in json.loads((folder / PARTS).read_text(encoding="utf-8"))]
        with open(self.path, encoding="utf-8") as file:
            for line in file:
                self._count(json.loads(line))

    def begin(self, part: Part) -> str:
        """Add the part that begins now; return in words what may make its results differ by rounding from the part before."""
        previous = self.parts[-1] if self.parts else part
        self.parts.append(part)
        names = ("device", "threads", "processes", "torch")
        changed = [f"{name} {getattr(previous, name)} before, {getattr(part, name)} now" for name in names
                   if getattr(previous, name) != getattr(part, name)]  # fmt: skip
        return f"{', '.join(changed)}: results differ by rounding from those of one run" if changed else ""

    def _count(self, line: Record) -> None:
        self.last, self.tokens = line, self.tokens + line["tokens"]
        self.best = line["step"] if line.get("best") else self.best


@dataclass
class Checkpointer:
    """Saves the state of a training every `every` seconds, and when a signal asks the process to stop."""

    checkpoints: Checkpoints
    log: TrainingLog
    every: float
    last_saved: float = field(default_factory=time.monotonic)

    def resume(self, note: Callable[[str], None]) -> checkpoint.Snapshot | None:
        """Load the newest intact checkpoint and its log; None if there is none."""
        self.log.say = note
        name = ranks.broadcast(lambda: next((folder.name for folder in self.checkpoints.sound(note)), None))
        if name is None:
            return None
        folder = self.checkpoints.folder / name
        snapshot = checkpoint.read(folder)
        self.log.restore(folder)
        note(f"going on after step {snapshot.state.number}")
        return snapshot

    def on_step_end(self, state: Callable[[], checkpoint.Snapshot]) -> None:
        """Save the state if it is due. Raises Interrupted, with the state saved, if any process is asked to stop.

        The first process writes; the others must call this as well, since each holds a part of a sharded state.
        """
        due = ranks.first() and time.monotonic() - self.last_saved >= self.every
        stopping, writing = ranks.totals(signals.asked(), due)  # of all processes: they must stop, or save, at the same step
        if stopping or writing:
            snapshot = state()
            ranks.broadcast(lambda: self._save(snapshot))
        if stopping:
            raise Interrupted

    def _save(self, snapshot: checkpoint.Snapshot) -> None:
        def write(folder: Path) -> None:
            checkpoint.write(folder, snapshot)
            self.log.copy_to(folder)

        try:
            self.checkpoints.save(snapshot.state.number, write, snapshot.bytes)
        except RunFailed as error:  # the disk is full: what was trained is in memory, and tried again when it is time
            if signals.asked() or not atomic_io.full(error):
                raise
            self.log.say(f"{error}; the training goes on without this checkpoint")
        self.last_saved = time.monotonic()
