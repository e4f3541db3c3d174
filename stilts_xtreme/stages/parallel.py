"""Stages in several processes side by side, as many as memory holds."""

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages import graph
from stilts_xtreme.stages.events import Event, Options, ProgressCallback
from stilts_xtreme.stages.memory_estimate import MemoryEstimates, select_that_fit
from stilts_xtreme.store import Store
from stilts_xtreme.utils import signals, system
from stilts_xtreme.utils.errors import Interrupted, RunFailed, UserError

PAUSE = 0.2  # seconds between two looks at what is going on
PATIENCE = 60.0  # seconds that a stage has to reach its next border once its process is to end
Do = Callable[[plan.Stage, Store, Options, ProgressCallback], bool]
if TYPE_CHECKING:
    from multiprocessing.queues import Queue

    Events = Queue["Event | _Begun"]


def run(
    todo: Sequence[plan.Stage],
    store: Store,
    options: Options,
    callback: ProgressCallback,
    do: Do,
    jobs: int,
    memory: int | None,
    estimates: MemoryEstimates,
) -> graph.Failed:
    """Do these stages by `do` in at most `jobs` processes, which hold `memory` bytes at most as far as the needs of stages are
    known (None: no bound); a stage that needs more runs alone. Returns the faults of stages that failed."""
    context = multiprocessing.get_context("spawn")
    events: Events = context.Queue()
    waiting = list(todo)
    running: dict[Future[bool], plan.Stage] = {}
    failed: graph.Failed = {}
    scheduler = _MemoryScheduler(memory, estimates, callback)
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_worker, initargs=(events,))
    signals.hold()  # the workers' work
    try:
        while waiting or running:
            signals.check()
            waiting = [stage for stage in waiting if not graph.blocked(stage, failed)]
            if len(running) < jobs:
                wanted = [stage for stage in waiting if graph.ready(stage, store)]
                for stage in scheduler.of(wanted, list(running.values()), jobs - len(running), pool):
                    waiting.remove(stage)
                    try:
                        running[pool.submit(_in_worker, do, stage, store, options)] = stage
                    except BrokenProcessPool as broken:
                        graph.note(failed, stage, broken, callback)
            finished, _ = wait(running, timeout=PAUSE, return_when=FIRST_COMPLETED)
            if waiting and not running:  # other processes are at what is left
                time.sleep(PAUSE)
            _pass_on(events, callback, scheduler)
            elsewhere = False
            for future in finished:
                stage = running.pop(future)
                scheduler.workers.pop(plan.address(stage), None)
                if error := future.exception():
                    if not isinstance(error, (UserError, RunFailed, BrokenProcessPool)):
                        raise error  # a fault of ours: the rest would only repeat it
                    graph.note(failed, stage, error, callback)
                elif future.result():
                    estimates.learn(stage)
                else:  # another process is doing it: behind what nobody does
                    waiting.append(stage)
                    elsewhere = True
            if elsewhere and running:
                time.sleep(PAUSE)  # else it would be asked for again at once
        _pass_on(events, callback, scheduler)
    except Interrupted:
        _end(pool, running)
        raise
    except BaseException:
        for process in _processes(pool):
            process.kill()
        pool.shutdown(wait=True, cancel_futures=True)
        store.sweep()  # what they were at
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        signals.release()
    return failed


class _MemoryScheduler:
    """Chooses the stages that fit into memory beside those that run; `workers`: the process of each, by address."""

    def __init__(self, memory: int | None, estimates: MemoryEstimates, callback: ProgressCallback):
        self.memory, self.estimates, self.callback = memory, estimates, callback
        self.workers: dict[str, int] = {}

    def of(
        self, wanted: Sequence[plan.Stage], running: Sequence[plan.Stage], slots: int, pool: ProcessPoolExecutor
    ) -> list[plan.Stage]:
        """Return the stages to begin now."""
        if self.memory is None:
            return list(wanted[:slots])
        idle = [system.held_memory(number) or 0 for number in _process_ids(pool) if number not in self.workers.values()]
        settled = len(self.workers) == len(running)  # else some that look idle have just been given something
        sizes = [self.estimates.of(stage) for stage in wanted]
        chosen = select_that_fit(sizes, [self._taken(stage) for stage in running], idle, self.memory, slots, settled)
        for i in chosen:
            if not running and (size := sizes[i]) is not None and size > self.memory:
                note = (
                    f"about {size / 2**30:.1f} GiB needed, more than the {self.memory / 2**30:.1f} GiB there are: it runs alone"
                )
                self.callback(Event(plan.address(wanted[i]), "running", wanted[i].label, note=note, persistent=True))
        return [wanted[i] for i in chosen]

    def _taken(self, stage: plan.Stage) -> int | None:
        """Bytes to count for a stage that runs: its needs, or what its process holds already where that is more."""
        needed, worker = self.estimates.of(stage), self.workers.get(plan.address(stage))
        held = None if worker is None else system.held_memory(worker)
        return needed if needed is None or held is None else max(needed, held)


def _processes(pool: ProcessPoolExecutor) -> list[BaseProcess]:
    return list((pool._processes or {}).values())


def _process_ids(pool: ProcessPoolExecutor) -> list[int]:
    return [process.pid for process in _processes(pool) if process.pid is not None]


def _end(pool: ProcessPoolExecutor, running: Mapping[Future[bool], plan.Stage]) -> None:
    """Let every worker reach its next step boundary and save its state."""
    for number in _process_ids(pool):
        os.kill(number, signal.SIGTERM)
    wait(running, timeout=PATIENCE)
    for process in _processes(pool):
        process.kill()


def _pass_on(events: "Events", callback: ProgressCallback, scheduler: _MemoryScheduler) -> None:
    while True:
        try:
            event = events.get_nowait()
        except queue.Empty:
            return
        if isinstance(event, _Begun):
            scheduler.workers[event.address] = event.process
        else:
            callback(event)


@dataclass(frozen=True)
class _Begun:
    """A process took up a stage."""

    address: str
    process: int


_EVENTS: "Events | None" = None


def _worker(events: "Events") -> None:
    global _EVENTS
    _EVENTS = events
    signals.listen_in_worker()  # the parent decides, and ends us with SIGTERM
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ask Linux to end this process with its parent: a killed parent cannot, and we would finish its stage alone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while _BUSY.locked() and time.monotonic() < deadline:  # the stage comes to its next border
        time.sleep(PAUSE)
    os._exit(143)  # the pool's own loop would wait for work for ever


_BUSY = threading.Lock()


def _in_worker(do: Do, stage: plan.Stage, store: Store, options: Options) -> bool:
    with _BUSY:
        signals.release()
        assert _EVENTS is not None  # set by `_worker`
        _EVENTS.put(_Begun(plan.address(stage), os.getpid()))
        try:
            return do(stage, store, options, _EVENTS.put)
        finally:
            signals.hold()
