"""How far the running stages are and how many seconds are left, of each and of the whole; from what this run has seen so far."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages.events import Event


@dataclass
class Running:
    """A running stage: its last event with steps (or its last note), and where and when its steps were first counted."""

    event: Event
    began: float
    first: int = 0
    since: float = 0.0
    seen: float = 0.0

    def add(self, event: Event, now: float) -> None:
        """Take in an event. A new total or a new kind of step begins a new count."""
        if event.persistent:
            return  # a remark says nothing of the steps
        before, self.event = self.event, event
        if _counted(event) != _counted(before) or event.step < before.step:
            self.first, self.since = event.step, now
        self.seen = now

    def left(self, now: float) -> float | None:
        """Seconds until its last step at its mean speed so far; None where no total or no speed is known."""
        event = self.event
        if not event.steps or event.step <= self.first:
            return None
        rate = (self.seen - self.since) / (event.step - self.first)
        return max(0.0, rate * (event.steps - event.step) - (now - self.seen))


def _counted(event: Event) -> tuple[int, str]:
    """Return how many steps an event has in all, and what they count: those of a training, or what its note says."""
    return event.steps, event.note if event.speed is None else "training"


@dataclass
class Pace:
    """The stages that are to be done, beside `before` that were finished before, and what became of them so far."""

    todo: Sequence[plan.Stage]
    before: int = 0
    clock: Callable[[], float] = time.monotonic
    running: dict[str, Running] = field(default_factory=dict)
    waiting: dict[str, Event] = field(default_factory=dict)  # stages that other processes are doing
    finished: set[str] = field(default_factory=set)
    took: dict[tuple[str, str], list[float]] = field(default_factory=dict)  # seconds of finished stages, by kind and label

    def __post_init__(self) -> None:
        self.stages = {plan.address(stage): stage for stage in self.todo}
        self.began = self.clock()

    @property
    def total(self) -> int:
        """How many stages there are."""
        return self.before + len(self.stages.keys() | self.finished)

    @property
    def done(self) -> int:
        """How many stages are finished, or failed."""
        return self.before + len(self.finished)

    def add(self, event: Event) -> None:
        """Take in an event."""
        now, name = self.clock(), event.address
        if event.state == "waiting":
            self.running.pop(name, None)
            self.waiting[name] = event
            return
        self.waiting.pop(name, None)
        if event.state == "running":
            if name in self.running:
                self.running[name].add(event, now)
            else:
                self.running[name] = Running(event, now, event.step, now, now)
            return
        ended = self.running.pop(name, None)
        self.finished.add(name)
        if ended is not None and event.state == "done" and name in self.stages:
            self.took.setdefault(self._sort(name), []).append(now - ended.began)

    def kind(self, name: str) -> str:
        """Return the kind of the stage with this address; empty for what is no stage (the queue of a cluster)."""
        return plan.kind(self.stages[name]) if name in self.stages else ""

    @property
    def speed(self) -> float | None:
        """Tokens per second of all running stages; None where none tells."""
        speeds = [running.event.speed for running in self.running.values() if running.event.speed is not None]
        return sum(speeds) if speeds else None

    def left(self) -> tuple[float | None, bool]:
        """Seconds until all is done with as many stages side by side as now, and whether that is all: False where nothing is
        known yet of some stages, which then are in no sum. (None, False) where nothing is known of any."""
        now = self.clock()
        lefts = {name: running.left(now) for name, running in self.running.items()}
        known, unknown, longest = 0.0, 0, 0.0
        for name, seconds in lefts.items():
            if seconds is None and (usual := self._usual(name, now)) is not None:
                seconds = max(0.0, usual - (now - self.running[name].began))
            unknown += seconds is None and name in self.stages
            known, longest = known + (seconds or 0.0), max(longest, seconds or 0.0)
        rest = Counter(self._sort(name) for name in self.stages.keys() - self.finished - self.running.keys())
        examples = {self._sort(name): name for name in self.stages}
        for sort, count in rest.items():
            usual = self._usual(examples[sort], now)
            unknown += usual is None
            known += count * (usual or 0.0)
        if not known:
            return None, False
        return max(longest, known / max(1, sum(name in self.stages for name in self.running))), not unknown

    def _sort(self, name: str) -> tuple[str, str]:
        stage = self.stages[name]
        return plan.kind(stage), stage.label

    def _usual(self, name: str, now: float) -> float | None:
        """Seconds that a stage takes: as finished ones of its kind and label did, else those of its kind, else as it looks for
        running ones of its kind."""
        if name not in self.stages:
            return None
        kind, label = self._sort(name)
        seconds = self.took.get((kind, label)) or [
            each for (other, _), times in self.took.items() if other == kind for each in times
        ]
        if not seconds:
            others = [running for other, running in self.running.items() if other != name and self.kind(other) == kind]
            seconds = [now - running.began + left for running in others if (left := running.left(now)) is not None]
        return fmean(seconds) if seconds else None
