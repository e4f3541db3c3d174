"""Run stages in the order they need each other, each at most once, in this process or in several."""

import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from types import MappingProxyType
from typing import Any

from stilts_xtreme import plan
from stilts_xtreme.errors import RunFailed, UserError
from stilts_xtreme.stages.events import Event, Options, Tell
from stilts_xtreme.store import Store


def run(stages: Sequence[plan.Stage], store: Store, options: Options, tell: Tell, jobs: int = 1) -> None:
    """Finish these stages and all they need; finished ones are left alone.

    A stage that fails does not stop those that do not need it; at the end RunFailed names the failures (UserError where the
    cause was the input). Stages that measure come last, one after another: nothing of ours runs beside them.
    """
    todo = _most_needed_first([stage for stage in plan.ordered(stages) if not store.done(stage)])
    alone = [stage for stage in todo if isinstance(stage, plan.Latency)]
    beside = [stage for stage in todo if not isinstance(stage, plan.Latency)]
    how = _in_turn if jobs == 1 or len(beside) <= 1 else partial(_in_processes, jobs=jobs)
    failed = how(beside, store, options, tell)
    if failed := _in_turn(alone, store, options, tell, failed):
        raise _verdict(failed, todo)


def do(stage: plan.Stage, store: Store, options: Options, tell: Tell) -> None:
    """Do one stage whose needs are finished, unless another process has done it meanwhile. RunFailed when memory runs out."""
    name = plan.address(stage)
    tell(Event(name, "running", stage.label))
    with store.claim(stage) as scratch:
        if scratch is not None:
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
                hint = "; say a smaller recipe.micro_batch" if isinstance(stage, plan.Train) else ""
                raise RunFailed(f"out of memory ({str(fault).splitlines()[0]}){hint}") from None
    tell(Event(name, "done", stage.label))


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
    failed: Failed = dict(before)
    for stage in todo:
        try:
            if not _blocked(stage, failed):
                do(stage, store, options, tell)
        except (UserError, RunFailed) as fault:
            _note(failed, stage, fault, tell)
    return failed


def _in_processes(todo: Sequence[plan.Stage], store: Store, options: Options, tell: Tell, jobs: int) -> Failed:
    context = multiprocessing.get_context("spawn")
    events = context.Queue()
    waiting = list(todo)
    running: dict[Future[None], plan.Stage] = {}
    failed: Failed = {}
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_worker, initargs=(events,))
    try:
        while waiting or running:
            for stage in list(waiting):
                earlier = plan.before(stage)
                if _blocked(stage, failed):
                    waiting.remove(stage)
                elif len(running) < jobs and (earlier is None or store.done(earlier)):
                    waiting.remove(stage)
                    try:
                        running[pool.submit(_in_worker, stage, store, options)] = stage
                    except BrokenProcessPool as fault:
                        _note(failed, stage, fault, tell)
            finished, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
            _pass_on(events, tell)
            for future in finished:
                stage = running.pop(future)
                if fault := future.exception():
                    if not isinstance(fault, (UserError, RunFailed, BrokenProcessPool)):
                        raise fault  # a fault of ours: the rest would only repeat it
                    _note(failed, stage, fault, tell)
        _pass_on(events, tell)
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return failed


def _blocked(stage: plan.Stage, failed: Failed) -> bool:
    """Whether any stage that this one builds on has failed."""
    return any(plan.address(link) in failed for link in plan.chain(stage)[:-1])


def _note(failed: Failed, stage: plan.Stage, fault: BaseException, tell: Tell) -> None:
    failed[plan.address(stage)] = fault
    tell(Event(plan.address(stage), "failed", stage.label, note=str(fault)))


def _most_needed_first(todo: Sequence[plan.Stage]) -> list[plan.Stage]:
    """The stages that others wait for before those that none does: so no process is idle at the end while one trains."""
    needed = Counter(plan.address(link) for stage in todo for link in plan.chain(stage))
    return sorted(todo, key=lambda stage: -needed[plan.address(stage)])


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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and ends us with SIGTERM
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception, so that the scratch folder is removed


def _end_with_parent() -> None:
    """A parent that was killed cannot end us: without this, we would finish its stage alone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)  # for the stage to take its scratch folder away; then the pool's own loop would wait for work for ever
    os._exit(143)


def _in_worker(stage: plan.Stage, store: Store, options: Options) -> None:
    do(stage, store, options, _EVENTS.put)


def _pass_on(events: Any, tell: Tell) -> None:
    while True:
        try:
            tell(events.get_nowait())
        except queue.Empty:
            return
