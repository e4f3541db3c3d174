"""Events of a running stage, and the options of a run."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

from stilts_xtreme import results
from stilts_xtreme.pipeline import plan
from stilts_xtreme.store import Store
from stilts_xtreme.utils import signals
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import clock

EVERY = 0.5  # seconds between two progress events


@dataclass(frozen=True)
class Options:
    """How to run, no part of any address: `device` auto or cpu; `threads` None: see `stages.run.threads`;
    `checkpoint_every` seconds a stage keeps what it has so far; `processes` that share the work, which `shard` the layers'
    weights among them where they train; `track` names trackers, which show its trainings in `group`;
    `drop` the weights of trainings that nothing to be done starts from any more."""

    device: str = "auto"
    threads: int | None = None
    checkpoint_every: float = math.inf
    processes: int = 1
    shard: bool = False
    track: tuple[str, ...] = ()
    group: str = ""
    drop: bool = False


@dataclass(frozen=True)
class Event:
    """A stage's state (running, waiting for another process that does it, done, failed); while running its step, loss and tokens
    per second where it has them.

    `persistent`: what the note says must be read, and not only seen to pass; `once`: but only the first time.
    """

    address: str
    state: str
    label: str = ""
    step: int = 0
    steps: int = 0
    loss: float | None = None
    speed: float | None = None
    note: str = ""
    persistent: bool = False
    once: bool = False


ProgressCallback = Callable[[Event], None]


def done(stage: plan.Stage, store: Store) -> Event:
    """Report that a stage is finished; a training's score, steps and time are in the note, which is persistent."""
    name = plan.address(stage)
    if not isinstance(stage, plan.Train):
        return Event(name, "done", stage.label)
    try:
        result = store.result(stage)
    except UserError:  # whoever needs the result reports this; what is shown must not end a run
        return Event(name, "done", stage.label)
    scores = results.dev_scores(result)
    parts = [f"English dev {fmean(scores):.1f}" if scores else "no dev score", f"{result['steps']['done']:,} steps"]
    parts += [clock(result["provenance"]["seconds"])] + (["collapsed"] if result["collapsed"] else [])
    return Event(name, "done", stage.label, note=", ".join(parts), persistent=True)


@dataclass(frozen=True)
class Progress:
    """What a stage tells of itself while it runs; where it does, it stops if a signal came."""

    stage: plan.Stage
    callback: ProgressCallback

    def note(self, text: str) -> None:
        """Report what the stage is about to do; Interrupted if a signal came."""
        signals.check()
        self.callback(Event(plan.address(self.stage), "running", self.stage.label, note=text))

    def say(self, text: str, once: bool = False) -> None:
        """Report what has to be known of its work: that it goes on from a checkpoint, that something was damaged.

        `once`: the same text is shown for the first stage only.
        """
        self.callback(Event(plan.address(self.stage), "running", self.stage.label, note=text, persistent=True, once=once))

    def through(self, total: int, text: str) -> Callable[[int], None]:
        """Return a function to call with the number of further items, of `total`, that are done."""
        done, last = 0, time.monotonic()
        self.callback(Event(plan.address(self.stage), "running", self.stage.label, 0, total, note=text))

        def more(count: int) -> None:
            nonlocal done, last
            done += count
            signals.check()
            if (now := time.monotonic()) - last > EVERY:
                last = now
                self.callback(Event(plan.address(self.stage), "running", self.stage.label, done, total, note=text))

        return more


class SilentProgress(Progress):
    """Shows nothing."""

    def __init__(self) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def say(self, text: str, once: bool = False) -> None:
        pass
