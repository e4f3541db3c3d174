"""Run stages in the order they need each other, each at most once, in this process or in several."""

import gc
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from stilts_xtreme.engine.third_party_output import quiet
from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages import graph, parallel
from stilts_xtreme.stages.events import Event, Options, ProgressCallback, done
from stilts_xtreme.stages.memory_estimate import MemoryEstimates
from stilts_xtreme.store import Busy, Store
from stilts_xtreme.utils import ranks, signals, system
from stilts_xtreme.utils.errors import RunFailed, UserError

PAUSE = 0.2  # seconds between two looks at what others are doing
# oneDNN and torch's layer above it keep the code of so many products (1,024 by default, of half a megabyte each in bf16). Token
# counts hardly repeat from batch to batch, so few are asked for again; a step of a model has some thirty.
PRODUCT_CACHES = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128", "LRU_CACHE_CAPACITY": "128"}
THREADS = 4  # of a published encoder, on every machine: sums over threads differ in their last bits (torch 2.13)


def run(
    todo: Sequence[plan.Stage], store: Store, options: Options, callback: ProgressCallback, jobs: int = 1,
    memory: int | None = None, others: Sequence[plan.Stage] = (),
) -> None:  # fmt: skip
    """Finish these stages, up to `jobs` side by side within `memory` bytes; what they need is among them or finished.

    `others`: stages of which finished ones tell what those like them need of memory.

    A stage that fails does not stop those that do not need it; at the end RunFailed names the failures (UserError where the
    cause was the input). Stages that another process is doing are waited for while there is anything else to do. Stages that
    measure come last, one by one: nothing of ours runs beside them. Interrupted where a signal came; what was done by then
    stays.
    """
    todo = graph.most_needed_first(todo, options.drop)
    alone = [stage for stage in todo if isinstance(stage, plan.Latency)]
    beside = [stage for stage in todo if not isinstance(stage, plan.Latency)]
    if jobs == 1 or len(beside) <= 1:
        failed = _in_turn(beside, store, options, callback)
    else:
        estimates = MemoryEstimates(others, store)
        failed = parallel.run(beside, store, options, callback, do, jobs, memory, estimates)
    if failed := _in_turn(alone, store, options, callback, failed):
        raise graph.summarize_failures(failed, todo)


def do(stage: plan.Stage, store: Store, options: Options, callback: ProgressCallback) -> bool:
    """Do a stage whose needs are finished, unless it is; False where another process is doing it now.

    RunFailed when memory runs out.
    """
    signals.check()
    plan.declare([stage])
    try:
        with ranks.together(), _claimed(stage, store) as scratch:
            if scratch is not None:
                _do(stage, store, scratch, options, callback)
                system.release_memory()  # what waits for the next stage counts with what it holds, and predictions are small
    except Busy:
        if ranks.first():
            callback(Event(plan.address(stage), "waiting", stage.label, note=store.whose(stage)))
        return False
    if ranks.first():
        callback(done(stage, store))
    return True


@contextmanager
def _claimed(stage: plan.Stage, store: Store) -> Iterator[Path | None]:
    """Give the stage's scratch folder (see `Store.claim`) to the first process, and a temporary folder to the others."""
    with ExitStack() as held:
        scratch: Path | None = None

        def claim() -> str:
            nonlocal scratch
            try:
                scratch = held.enter_context(store.claim(stage, wait=False))
            except Busy:
                return "busy"
            return "done" if scratch is None else "to do"

        if (state := ranks.broadcast(claim)) == "busy":
            raise Busy
        if state == "to do" and not ranks.first():
            scratch = Path(held.enter_context(TemporaryDirectory()))
        yield scratch


def _do(stage: plan.Stage, store: Store, scratch: Path, options: Options, callback: ProgressCallback) -> None:
    callback(Event(plan.address(stage), "running", stage.label, note="loading libraries"))
    quiet()
    for name, count in PRODUCT_CACHES.items():  # read when the first product is computed
        os.environ.setdefault(name, count)
    system.release_memory()  # of a stage that failed
    system.forget_peak()
    import torch

    torch.set_num_threads(threads(stage, options))

    try:
        match stage:
            case plan.Train():
                from stilts_xtreme.stages import train

                train.run(stage, store, scratch, options, callback)
            case plan.Predict():
                from stilts_xtreme.stages import predict

                predict.run(stage, store, scratch, options, callback)
            case plan.Latency():
                from stilts_xtreme.stages import latency

                latency.run(stage, store, scratch, options, callback)
    except (torch.OutOfMemoryError, MemoryError) as error:
        whose = "the GPU's memory" if isinstance(error, torch.OutOfMemoryError) else "this machine's memory"
        hint = "; say a smaller recipe.micro_batch" if isinstance(stage, plan.Train) else ""
        raise RunFailed(f"{whose} is full ({(str(error) or 'no more to be had').splitlines()[0]}){hint}") from None
    finally:
        signals.release()


def threads(stage: plan.Stage, options: Options) -> int:
    """Threads for a stage: as asked; else 1 for a small random encoder (more slow it down), `THREADS` for a published encoder,
    shared with the other processes that are at it. The machine has no say in it: results depend on the number of threads."""
    if isinstance(stage, plan.Latency):
        return stage.threads
    if options.threads:
        return options.threads
    start = plan.root(stage)
    return threads_of(start.hidden_size if isinstance(start, plan.Random) else None)


def threads_of(random_size: int | None) -> int:
    """Return the default number of threads for a random encoder of this hidden size, or (None) for a published encoder."""
    return 1 if random_size is not None and random_size <= 256 else max(1, THREADS // ranks.local()[1])


def _in_turn(
    todo: Sequence[plan.Stage],
    store: Store,
    options: Options,
    callback: ProgressCallback,
    before: Mapping[str, BaseException] = MappingProxyType({}),
) -> graph.Failed:
    """Do these stages in turn; return their faults after those `before`."""
    failed, waiting = dict(before), list(todo)
    while waiting:
        stuck = True
        for stage in list(waiting):
            if graph.blocked(stage, failed):
                waiting.remove(stage)
            elif graph.ready(stage, store):
                try:
                    done = do(stage, store, options, callback)
                except (UserError, RunFailed) as error:
                    graph.note(failed, stage, error, callback)
                    gc.collect()  # a training that failed is still tied to itself
                    done = True
                if done:
                    waiting.remove(stage)
                    stuck = False
        if waiting and stuck:  # other processes are at what is left
            signals.check()
            time.sleep(PAUSE)
    return failed
