"""Finish stages on this machine, in one process or several, with progress on the terminal."""

import math
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from stilts_xtreme.utils.errors import UserError

if TYPE_CHECKING:  # imported for real where stages are run
    from stilts_xtreme.pipeline.plan import Stage
    from stilts_xtreme.stages.events import Event, Options, ProgressCallback
    from stilts_xtreme.store import Store

    Do = Callable[[list[Stage], ProgressCallback], None]  # does stages that are to be done


def store_at(root: Path) -> "Store":
    """Return the store in a folder; UserError for a name that is not UTF-8."""
    from stilts_xtreme.store import Store

    try:
        str(root).encode()
    except UnicodeEncodeError:
        raise UserError(f"--store {root}: its name is not UTF-8, which libraries that write there ask for") from None
    return Store(root)


def options(
    device: str, threads: int | None, checkpoint_every: float = math.inf, processes: int | None = None, shard: bool = False,
    track: list[str] | None = None,
) -> "Options":  # fmt: skip
    """Return how stages are run; UserError for an unknown device or tracker, or another number of processes than was started."""
    from stilts_xtreme.stages import tracking
    from stilts_xtreme.stages.events import Options
    from stilts_xtreme.utils import ranks

    if device not in ("auto", "cpu"):
        raise UserError(f"--device {device}: give auto (a GPU where there is one) or cpu")
    if processes and ranks.count() not in (1, processes):
        raise UserError(f"--processes {processes}: {ranks.count()} processes were started already; leave it out")
    several = processes or ranks.count()
    if shard and several == 1:
        raise UserError("--shard: a single process cannot share the weights; give --processes, or start it with torchrun")
    return Options(device, threads, checkpoint_every, several, shard, tracking.known(track or ()))


def run(
    stages: "list[Stage]", store: "Store", options: "Options", jobs: int | None, memory: float | None = None
) -> None:  # fmt: skip
    """Finish these stages on this machine, `jobs` at a time (None: see `side_by_side`), within `memory` GiB (None: what is free).

    UserError and RunFailed as `stages.run.run`.
    """
    from stilts_xtreme.stages import run as running
    from stilts_xtreme.utils import ranks, system

    if options.processes > 1 and jobs not in (None, 1):
        raise UserError(f"--jobs {jobs}: with --processes stages are done in turn; leave --jobs or --processes out")

    def here(todo: "list[Stage]", callback: "ProgressCallback") -> None:
        bytes_ = system.free_memory() if memory is None else int(memory * 2**30)
        running.run(todo, store, options, callback, side_by_side(todo, options, jobs), bytes_, stages)

    finish(stages, store, here, options, tried=ranks.launched())


def side_by_side(todo: "list[Stage]", options: "Options", jobs: int | None) -> int:
    """Return how many stages run at a time: as asked, else as many as cores over threads; 1 on a GPU."""
    from stilts_xtreme.stages import run as running
    from stilts_xtreme.utils import system

    if jobs is not None:
        return jobs
    if options.processes > 1 or options.device != "cpu" and gpu():
        return 1
    return max(1, system.cores() // max((running.threads(stage, options) for stage in todo), default=1))


def finish(
    stages: "list[Stage]", store: "Store", do: "Do", options: "Options", tried: bool = False
) -> None:  # fmt: skip
    """Finish these stages with progress on the terminal: `do` does those that are not done. Of several processes only the first
    returns. `tried`: see `preflight.check`, which is called before and whose errors are raised."""
    from stilts_xtreme.stages import graph, preflight
    from stilts_xtreme.stages.progress import watch
    from stilts_xtreme.stages.weight_cleanup import WeightCleanup
    from stilts_xtreme.utils import ranks

    cleanup = WeightCleanup(stages, store) if options.drop and ranks.first() else None

    def unfinished() -> "list[Stage]":
        todo = graph.unfinished(stages, store, lambda note: print(note, file=sys.stderr))
        if cleanup:
            cleanup.sweep()  # what was done before
        preflight.check(todo, store, lambda note: print(note, file=sys.stderr), options.drop, tried)
        return todo

    notes: set[str] = set()

    def watched(todo: "list[Stage]", show: "ProgressCallback") -> None:
        def callback(event: "Event") -> None:
            if not event.once or event.note not in notes:
                show(event)
            if event.once:
                notes.add(event.note)
            if cleanup and event.state == "done":
                cleanup.after(event.address)

        do(todo, callback)

    if ranks.count() > 1:
        return _shared(stages, unfinished, watched, options.device)
    if not (todo := unfinished()):
        return
    if options.processes > 1:
        from stilts_xtreme.stages import launcher

        return launcher.again(options.processes)
    with watch(todo, max(0, len(stages) - len(todo))) as show:
        watched(todo, show)


def _shared(stages: "list[Stage]", unfinished: "Callable[[], list[Stage]]", do: "Do", device: str) -> None:
    from stilts_xtreme.pipeline import plan
    from stilts_xtreme.stages.progress import watch
    from stilts_xtreme.utils import ranks

    ranks.join(device)
    with ranks.together():
        ours = {plan.address(stage): stage for stage in plan.ordered(stages)}
        wanted = ranks.broadcast(lambda: [plan.address(stage) for stage in unfinished()])
        if other := [address for address in wanted if address not in ours]:
            raise UserError(f"process {ranks.rank()}: does not plan {other[0]}: its spec or its data is not that of process 0")
        todo = [ours[address] for address in wanted]
        with watch(todo, len(ours) - len(todo)) if ranks.first() else nullcontext(lambda event: None) as callback:
            do(todo, callback)
    ranks.leave()


def gpu() -> bool:
    """Return whether there is a GPU; on Linux without a driver this is known without importing torch."""
    if sys.platform == "linux" and not os.path.exists("/dev/kfd"):  # AMD's
        import ctypes

        try:
            ctypes.CDLL("libcuda.so.1")
        except OSError:
            return False
    import torch

    return torch.cuda.is_available()
