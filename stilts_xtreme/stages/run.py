"""Run stages in the order they need each other, each at most once, in this process or in several."""

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stilts_xtreme import plan, stop
from stilts_xtreme.errors import Interrupted, RunFailed, UserError
from stilts_xtreme.stages.events import Event, Options, Tell
from stilts_xtreme.stages.needs import most_needed_first, starts
from stilts_xtreme.store import Busy, Store

PAUSE = 0.2  # seconds between two looks at what is going on
PATIENCE = 60.0  # seconds that a stage has to reach its next border once its process is to end


def run(todo: Sequence[plan.Stage], store: Store, options: Options, tell: Tell, jobs: int = 1, drop: bool = False) -> None:
    """Finish these stages; what they need is among them or finished. `drop`: in the order that `needs.Retention` is served by.

    A stage that fails does not stop those that do not need it; at the end RunFailed names the failures (UserError where the
    cause was the input). Stages that another process is doing are waited for while there is anything else to do. Stages that
    measure come last, one after another: nothing of ours runs beside them. Interrupted where a signal came; what was done by
    then is kept.
    """
    todo = most_needed_first(todo, drop)
    alone = [stage for stage in todo if isinstance(stage, plan.Latency)]
    beside = [stage for stage in todo if not isinstance(stage, plan.Latency)]
    how = _in_turn if jobs == 1 or len(beside) <= 1 else partial(_in_processes, jobs=jobs)
    failed = how(beside, store, options, tell)
    if failed := _in_turn(alone, store, options, tell, failed):
        raise _verdict(failed, todo)


def do(stage: plan.Stage, store: Store, options: Options, tell: Tell) -> bool:
    """Do one stage whose needs are finished, unless it is; False where another process is doing it now.

    RunFailed when memory runs out.
    """
    stop.check()
    try:
        with store.claim(stage, wait=False) as scratch:
            if scratch is not None:
                _do(stage, store, scratch, options, tell)
    except Busy:
        return False
    tell(Event(plan.address(stage), "done", stage.label))
    return True


def _do(stage: plan.Stage, store: Store, scratch: Path, options: Options, tell: Tell) -> None:
    tell(Event(plan.address(stage), "running", stage.label))
    _quiet(options, stage)
    import torch

    if isinstance(stage, plan.Train):
        from stilts_xtreme.stages import train as how
    elif isinstance(stage, plan.Latency):
        from stilts_xtreme.stages import latency as how  # type: ignore[no-redef]
    else:
        from stilts_xtreme.stages import predict as how  # type: ignore[no-redef]
    try:
        how.run(stage, store, scratch, options, tell)  # type: ignore[arg-type]
    except (torch.OutOfMemoryError, MemoryError) as fault:
        whose = "the GPU's memory" if isinstance(fault, torch.OutOfMemoryError) else "this machine's memory"
        hint = "; say a smaller recipe.micro_batch" if isinstance(stage, plan.Train) else ""
        raise RunFailed(f"{whose} is full ({(str(fault) or 'no more to be had').splitlines()[0]}){hint}") from None
    finally:
        stop.release()


def threads(stage: plan.Stage, options: Options) -> int:
    """Threads for a stage: as asked; else one for a small random encoder (more slow it down), every core for a published one."""
    if isinstance(stage, plan.Latency):
        return stage.threads
    if options.threads:
        return options.threads
    first = plan.chain(stage)[0]
    start = first.start if isinstance(first, plan.Train) else first.model  # type: ignore[union-attr]
    return 1 if isinstance(start, plan.Random) and start.hidden_size <= 256 else os.cpu_count() or 1


def _quiet(options: Options, stage: plan.Stage) -> None:
    """Set threads, and keep the libraries' own progress bars and notices off the terminal."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch
    import transformers

    torch.set_num_threads(threads(stage, options))
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


Failed = dict[str, BaseException]


def _in_turn(
    todo: Sequence[plan.Stage],
    store: Store,
    options: Options,
    tell: Tell,
    before: Mapping[str, BaseException] = MappingProxyType({}),
) -> Failed:
    """The faults of these stages, beside those that came `before`."""
    failed, waiting = dict(before), list(todo)
    while waiting:
        stuck = True
        for stage in list(waiting):
            if _blocked(stage, failed):
                waiting.remove(stage)
            elif _ready(stage, store):
                try:
                    done = do(stage, store, options, tell)
                except (UserError, RunFailed) as fault:
                    _note(failed, stage, fault, tell)
                    done = True
                if done:
                    waiting.remove(stage)
                    stuck = False
        if waiting and stuck:  # other processes are at what is left
            stop.check()
            time.sleep(PAUSE)
    return failed


def _in_processes(todo: Sequence[plan.Stage], store: Store, options: Options, tell: Tell, jobs: int) -> Failed:
    context = multiprocessing.get_context("spawn")
    events = context.Queue()
    waiting = list(todo)
    running: dict[Future[bool], plan.Stage] = {}
    failed: Failed = {}
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_worker, initargs=(events,))
    stop.hold()  # the workers' work
    try:
        while waiting or running:
            stop.check()
            for stage in list(waiting):
                if _blocked(stage, failed):
                    waiting.remove(stage)
                elif len(running) < jobs and _ready(stage, store):
                    waiting.remove(stage)
                    try:
                        running[pool.submit(_in_worker, stage, store, options)] = stage
                    except BrokenProcessPool as fault:
                        _note(failed, stage, fault, tell)
            finished, _ = wait(running, timeout=PAUSE, return_when=FIRST_COMPLETED)
            if waiting and not running:  # other processes are at what is left
                time.sleep(PAUSE)
            _pass_on(events, tell)
            for future in finished:
                stage = running.pop(future)
                if fault := future.exception():
                    if not isinstance(fault, (UserError, RunFailed, BrokenProcessPool)):
                        raise fault  # a fault of ours: the rest would only repeat it
                    _note(failed, stage, fault, tell)
                elif not future.result():  # another process is doing it: behind what nobody does
                    waiting.append(stage)
        _pass_on(events, tell)
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
        stop.release()
    return failed


def _ready(stage: plan.Stage, store: Store) -> bool:
    return all(store.done(start) for start in starts(stage))


def _processes(pool: ProcessPoolExecutor) -> list[Any]:
    return list((pool._processes or {}).values())


def _end(pool: ProcessPoolExecutor, running: Mapping[Future[bool], plan.Stage]) -> None:
    """Let every worker come to its next border and keep what it has."""
    for process in _processes(pool):
        os.kill(process.pid, signal.SIGTERM)
    wait(running, timeout=PATIENCE)
    for process in _processes(pool):
        process.kill()


def _blocked(stage: plan.Stage, failed: Failed) -> bool:
    """Whether any stage that this one builds on has failed."""
    return any(plan.address(link) in failed for link in plan.chain(stage)[:-1])


def _note(failed: Failed, stage: plan.Stage, fault: BaseException, tell: Tell) -> None:
    failed[plan.address(stage)] = fault
    tell(Event(plan.address(stage), "failed", stage.label, note=str(fault)))


def _verdict(failed: Failed, todo: Sequence[plan.Stage]) -> Exception:
    told = []
    for stage in todo:
        if fault := failed.get(plan.address(stage)):
            why = "a worker process was killed (out of memory?)" if isinstance(fault, BrokenProcessPool) else str(fault)
            told.append(f"{plan.kind(stage)} {stage.label} ({plan.address(stage)}): {why}")
    if blocked := sum(_blocked(stage, failed) for stage in todo):
        told.append(f"{blocked} stages that need what failed were not begun")
    only_input = all(isinstance(fault, UserError) for fault in failed.values())
    return (UserError if only_input else RunFailed)("\n".join(told))


_EVENTS: Any = None


def _worker(events: Any) -> None:
    global _EVENTS
    _EVENTS = events
    stop.listen_in_worker()  # the parent decides, and ends us with SIGTERM
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed cannot end us: without this, we would finish its stage alone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while _BUSY.locked() and time.monotonic() < deadline:  # the stage comes to its next border
        time.sleep(PAUSE)
    os._exit(143)  # the pool's own loop would wait for work for ever


_BUSY = threading.Lock()


def _in_worker(stage: plan.Stage, store: Store, options: Options) -> bool:
    with _BUSY:
        stop.release()
        try:
            return do(stage, store, options, _EVENTS.put)
        finally:
            stop.hold()


def _pass_on(events: Any, tell: Tell) -> None:
    while True:
        try:
            tell(events.get_nowait())
        except queue.Empty:
            return
