"""Run stages in the order they need each other, each at most once, in this process or in several."""

import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from stilts_xtreme import plan
from stilts_xtreme.errors import RunFailed, UserError
from stilts_xtreme.stages.events import Event, Options, Tell
from stilts_xtreme.store import Store


def run(stages: Sequence[plan.Stage], store: Store, options: Options, tell: Tell, jobs: int = 1) -> None:
    """Finish these stages and all they need; finished ones are left alone.

    A stage that fails does not stop those that do not need it; then RunFailed names the failures (UserError where the cause
    was the input).
    """
    todo = [stage for stage in plan.ordered(stages) if not store.done(stage)]
    if jobs == 1 or len(todo) <= 1:
        for stage in todo:
            do(stage, store, options, tell)
        return
    _in_processes(todo, store, options, tell, jobs)


def do(stage: plan.Stage, store: Store, options: Options, tell: Tell) -> None:
    """Do one stage whose needs are finished, unless another process has done it meanwhile."""
    name = plan.address(stage)
    tell(Event(name, "running", stage.label))
    with store.claim(stage) as scratch:
        if scratch is not None:
            _quiet(options, stage)
            if isinstance(stage, plan.Train):
                from stilts_xtreme.stages import train as how
            else:
                from stilts_xtreme.stages import predict as how  # type: ignore[no-redef]
            how.run(stage, store, scratch, options, tell)  # type: ignore[arg-type]
    tell(Event(name, "done", stage.label))


def threads(stage: plan.Stage, options: Options) -> int:
    """Threads for a stage: as asked; else one for a small random encoder (more slow it down), every core for a published one."""
    if options.threads:
        return options.threads
    first = plan.chain(stage)[0]
    start = first.start if isinstance(first, plan.Train) else first.model
    return 1 if isinstance(start, plan.Random) and start.hidden_size <= 256 else os.cpu_count() or 1


def _quiet(options: Options, stage: plan.Stage) -> None:
    """Set threads, and keep the libraries' own progress bars and notices off the terminal."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch
    import transformers

    torch.set_num_threads(threads(stage, options))
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def _in_processes(todo: Sequence[plan.Stage], store: Store, options: Options, tell: Tell, jobs: int) -> None:
    context = multiprocessing.get_context("spawn")
    events = context.Queue()
    waiting = {plan.address(stage): stage for stage in _most_needed_first(todo)}
    running: dict[Future[None], str] = {}
    failed: dict[str, BaseException] = {}
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_worker, initargs=(events,))
    try:
        while waiting or running:
            for name, stage in list(waiting.items()):
                earlier = plan.before(stage)
                if earlier and plan.address(earlier) in failed:
                    failed[name] = RunFailed(f"needs {plan.address(earlier)}, which failed")
                    del waiting[name]
                elif len(running) < jobs and (earlier is None or store.done(earlier)):
                    running[pool.submit(_in_worker, stage, store, options)] = name
                    del waiting[name]
            if running:
                finished, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                _pass_on(events, tell)
                for future in finished:
                    name = running.pop(future)
                    if fault := future.exception():
                        if not isinstance(fault, (UserError, RunFailed, BrokenProcessPool)):
                            raise fault  # a fault of ours: the rest would only repeat it
                        failed[name] = fault
                        tell(Event(name, "failed", note=str(fault)))
        _pass_on(events, tell)
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if failed:
        raise _verdict(failed, {plan.address(stage): stage for stage in todo})


def _most_needed_first(todo: Sequence[plan.Stage]) -> list[plan.Stage]:
    """The stages that others wait for before those that none does: so no process is idle at the end while one trains."""
    needed = Counter(plan.address(link) for stage in todo for link in plan.chain(stage))
    return sorted(todo, key=lambda stage: -needed[plan.address(stage)])


def _verdict(failed: dict[str, BaseException], stages: dict[str, plan.Stage]) -> Exception:
    told = []
    for name, fault in failed.items():
        why = "a worker process was killed (out of memory?)" if isinstance(fault, BrokenProcessPool) else str(fault)
        told.append(f"{plan.kind(stages[name])} {stages[name].label} ({name}): {why}")
    only_user = all(isinstance(fault, UserError) or "which failed" in str(fault) for fault in failed.values())
    return (UserError if only_user else RunFailed)("\n".join(told))


_EVENTS: Any = None


def _worker(events: Any) -> None:
    global _EVENTS
    _EVENTS = events
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and ends us with SIGTERM
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception, so that the scratch folder is removed
    threading.Thread(target=_end_with_parent, daemon=True).start()


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
