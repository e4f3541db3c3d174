"""Copy the log of a training to TensorBoard, trackio or wandb, where the user asks for it."""

import importlib.util
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Protocol, TypeVar

from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages.events import EVERY, Options
from stilts_xtreme.store import Store
from stilts_xtreme.utils import ranks
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

TRACKERS = ("tensorboard", "trackio", "wandb")  # each a package and an extra of that name
PROJECT = "stilts"
POINTS = 1000  # of a curve, beside those where English dev was scored
PATIENCE = 60.0  # seconds that a tracker has to end
LABEL = 80  # letters of a run's name that its tasks take
RECORD = "stilts-last-step.txt"  # in the folder of an offline run of wandb
T = TypeVar("T")
Line = Record  # of log.jsonl


class _Failed:
    """What `_safe` returns where a tracker fails."""


class _Tracker(Protocol):
    """As much of accelerate's trackers as is used here."""

    def log(self, values: dict[str, float], step: int) -> None: ...


@dataclass
class _Open:
    """A tracker at work, and how it ends; steps up to `floor` it knows from before. `record`: a file for the last step that was
    logged, where the tracker does not know it itself."""

    tracker: _Tracker
    floor: int
    finish: Callable[[], None]
    record: Path | None = None

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Log a step once, whatever happens in between: recorded first, it may be lost but is never logged twice."""
        if step > self.floor:
            if self.record:
                self.record.write_text(f"{step}\n", encoding="utf-8")
            self.tracker.log(dict(values), step=step)


def known(names: Sequence[str]) -> tuple[str, ...]:
    """Return the trackers of these names, each once; UserError for others, and where a package is missing."""
    for name in names:
        if name not in TRACKERS:
            raise UserError(f"--track {name}: give {', '.join(TRACKERS[:-1])} or {TRACKERS[-1]}")
        if importlib.util.find_spec(name) is None:
            raise UserError(f'--track {name}: {name} is not installed: pip install "stilts-xtreme[{name}]"')
    return tuple(dict.fromkeys(names))


@contextmanager
def tracked(
    stage: plan.Train, store: Store, options: Options, rates: Sequence[float], after: int, say: Callable[[str], None]
) -> Iterator[Callable[[Line], None]]:
    """Yield a function that takes the lines of the log from step `after` on: about `POINTS` of them go to each tracker, with the
    learning rate (`rates`, by step) and the speed.

    A tracker that fails is reported once, by `say`, and left out from then on: no training ends because of it.
    """
    started = {name: _safe(name, say, partial(_start, name, stage, store, options, after)) for name in _here(options)}
    open_ = {name: tracker for name, tracker in started.items() if isinstance(tracker, _Open)}
    if not open_:
        yield lambda line: None
        return
    every, began, tokens = max(1, len(rates) // POINTS), time.monotonic(), 0

    def log_line(line: Line) -> None:
        nonlocal began, tokens
        number, now, tokens = line["step"], time.monotonic(), tokens + line["tokens"]
        scored = "score" in line
        if number % every and not scored and number < len(rates):
            return
        values = {"loss": line["loss"], "learning_rate": rates[number - 1]}
        if len(stage.tasks) > 1:
            values[f"loss/{line['task']}"] = line["loss"]
        if scored:
            values["dev/score"] = line["score"]
        elif now - began > EVERY:  # a GPU's steps arrive many at once
            values["tokens_per_second"] = tokens / (now - began)
        if scored or now - began > EVERY:  # scoring is no training
            began, tokens = now, 0
        for name, tracker in list(open_.items()):
            if isinstance(_safe(name, say, partial(tracker.log, values, number)), _Failed):
                del open_[name]

    try:
        yield log_line
    finally:
        for name, tracker in open_.items():
            _safe(name, say, tracker.finish)


def _here(options: Options) -> tuple[str, ...]:
    """Return the trackers asked for, in the process that also writes the log."""
    return options.track if ranks.first() else ()


def _in_time(finish: Callable[[], None]) -> None:
    """End a tracker that may wait for a network for ever (trackio itself does not); TimeoutError where it takes too long."""
    faults: list[Exception] = []

    def end() -> None:
        try:
            finish()
        except Exception as fault:
            faults.append(fault)

    ending = threading.Thread(target=end, daemon=True)
    ending.start()
    ending.join(PATIENCE)
    if ending.is_alive():
        raise TimeoutError(f"it has not ended in {PATIENCE:g} s")
    for fault in faults:
        raise fault


def _safe(name: str, say: Callable[[str], None], do: Callable[[], T]) -> T | _Failed:
    """Return what `do` returns; where it fails, `say` gets a line. What trackers print is not for our stdout."""
    try:
        with redirect_stdout(StringIO()):
            return do()
    except Exception as fault:  # whatever a tracker raises
        why = (str(fault).strip() or repr(fault)).splitlines()[0][:200]
        say(f"--track {name} has failed and is left out: {why}")
        return _Failed()


def _start(name: str, stage: plan.Train, store: Store, options: Options, after: int) -> _Open:
    """Start a stage's run, named by its tasks and its address, in the group of its study; an earlier run is continued."""
    from accelerate import tracking

    title, group, identity = f"{stage.label[:LABEL]}-{plan.address(stage)}", options.group or "stages", plan.identity(stage)
    if name == "tensorboard":  # hides what was logged after the checkpoint that training goes on from
        folder = store.root / "tensorboard" / group
        tracker = tracking.TensorBoardTracker(title, logging_dir=folder, purge_step=after + 1)
        tracker.start()
        if not after:  # as text: its table of hyperparameters would be a run of its own
            tracker.log({"plan": f"```json\n{json.dumps(identity, indent=1, ensure_ascii=False)}\n```"}, step=0)
        return _Open(tracker, 0, tracker.finish)
    again: Record = {"name": title, "group": group, "config": identity, "resume": "allow"}
    if name == "trackio":
        import trackio

        tracker = tracking.TrackioTracker(PROJECT, **again)
        tracker.start()
        return _Open(tracker, getattr(tracker.run, "_next_step", 0) - 1, trackio.finish)  # which also forgets the run
    import wandb

    again |= {"id": plan.address(stage), "settings": wandb.Settings(silent=True, console="off", init_timeout=PATIENCE)}
    if "WANDB_DIR" not in os.environ:
        store.root.mkdir(parents=True, exist_ok=True)
        again["dir"] = str(store.root)
    tracker = tracking.WandBTracker(os.environ.get("WANDB_PROJECT") or PROJECT, **again)
    tracker.start()
    finish = partial(_in_time, tracker.finish)
    if not tracker.run.offline:
        return _Open(tracker, tracker.run.starting_step - 1, finish)
    folder = Path(tracker.run.dir).parent  # an offline run begins at step 0 whatever earlier runs of its id have logged
    logged = [_step(earlier / RECORD) for earlier in folder.parent.glob(f"*-{plan.address(stage)}")]
    return _Open(tracker, max(logged, default=0), finish, folder / RECORD)


def _step(record: Path) -> int:
    """Return the last step that an offline run logged; 0 where it says none."""
    try:
        return int(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
