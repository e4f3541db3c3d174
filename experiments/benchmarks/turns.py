"""Taking turns: processes that work one step at a time, so that variants are compared side by side in one run.

Each variant has a process of its own: settings of a process cannot touch the other side, and memory and processor time
can be told apart. On a CPU all of them are pinned to one core; one works while the others wait for their turn.

A GPU is told what to do and works later, so there a turn is a block of steps with nothing left to do at its ends.
"""

import gc
import multiprocessing
import os
import resource
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from stilts_xtreme.utils import system

PRELOADED = ["experiments.benchmarks.stock", "experiments.benchmarks.ours"]  # imported once, before the processes fork


@dataclass(frozen=True)
class Answer:
    """What a step (or block of them) took: seconds by the clock and of the processor, and its loss where it has one."""

    seconds: float
    processor: float
    loss: float | None


@dataclass(frozen=True)
class Fault:
    """What a worker says last if it fails."""

    reason: str


@dataclass(frozen=True)
class Memory:
    """MiB resident (on a GPU: allocated there) before the model was built, with it, and at the highest since."""

    before: float
    built: float
    peak: float


class Turn:
    """The worker's end: `begin` waits to be let go and starts the clocks, `end` stops them and answers."""

    def __init__(self, driver: Connection, device: str = "cpu", block: int = 1):
        self._driver, self._device, self._block, self._done = driver, device, block, 0
        self._before, self._built = _memory(device, highest=False), 0.0

    def ready(self) -> None:
        """The model is built; from here on the memory counts."""
        gc.collect()
        system.release_memory()  # what only the building took, on either side
        _forget(self._device)
        self._built = _memory(self._device, highest=False)
        self._driver.send("ready")

    def begin(self) -> None:
        if self._done % self._block:
            return
        self._driver.recv()
        _wait(self._device)
        self._clock, self._processor = time.perf_counter(), _processor()

    def end(self, loss: Any = None) -> None:
        """`loss` may be a tensor: it is read only at a block's end, after the clocks."""
        self._done += 1
        if self._done % self._block:
            return
        _wait(self._device)
        seconds, processor = time.perf_counter() - self._clock, _processor() - self._processor
        self._driver.send(Answer(seconds, processor, None if loss is None else float(loss)))

    def finish(self, extra: Mapping[str, Any]) -> None:
        self._driver.send((Memory(self._before, self._built, _memory(self._device, highest=True)), dict(extra)))


@dataclass(frozen=True)
class Told:
    """Everything a worker said: an answer a block of steps, its memory, what else it wanted to say (of a parity run)."""

    answers: list[Answer]
    memory: Memory
    extra: dict[str, Any]


def together(jobs: Mapping[str, Any], until: float | None = None) -> dict[str, Told]:
    """Run jobs of equal block counts side by side, block by block; who goes first changes from block to block.

    TimeoutError where a worker has not answered when `time.monotonic()` says `until`.
    """
    with _workers(jobs) as drivers:
        return in_turn(drivers, jobs, until)


def in_turn(drivers: Mapping[str, Connection], jobs: Mapping[str, Any], until: float | None = None) -> dict[str, Told]:
    """The same with workers that are there, at the other ends of these connections."""
    for name in jobs:
        _next(drivers, name, until)  # ready
    names, (blocks,) = list(jobs), {job.steps // job.block for job in jobs.values()}
    answers: dict[str, list[Answer]] = {name: [] for name in names}
    for block in range(blocks):
        for name in names[block % len(names) :] + names[: block % len(names)]:
            drivers[name].send("go")
            answers[name].append(_next(drivers, name, until))
    return {name: Told(answers[name], *_next(drivers, name, until)) for name in names}


@contextmanager
def _workers(jobs: Mapping[str, Any]) -> Any:
    if all(job.device == "cpu" for job in jobs.values()):
        context = multiprocessing.get_context("forkserver")
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = "1"
        context.set_forkserver_preload(PRELOADED)
    else:  # a process forked from one that has so much as asked for a GPU cannot use it
        context = multiprocessing.get_context("spawn")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    processes, drivers = [], {}
    try:
        for name, job in jobs.items():
            drivers[name], theirs = context.Pipe()
            processes.append(context.Process(target=_work, args=(job, theirs), daemon=True))
            processes[-1].start()
            theirs.close()
        yield drivers
        for process in processes:
            process.join()
    finally:
        for process in processes:
            if process.is_alive():
                process.terminate()
                process.join()


def _next(drivers: Mapping[str, Connection], name: str, until: float | None) -> Any:
    if until is not None and not drivers[name].poll(max(0.0, until - time.monotonic())):
        raise TimeoutError(f"{name}: no answer in time")
    try:
        told = drivers[name].recv()
    except (EOFError, ConnectionError):
        raise RuntimeError(f"{name}: the worker died; what it said stands above") from None
    if isinstance(told, Fault):
        raise RuntimeError(f"{name}: {told.reason}")
    return told


def _work(job: Any, driver: Connection) -> None:
    """A worker's whole life."""
    import torch

    from experiments.benchmarks import ours, peak, stock

    if job.device == "cpu":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        torch.set_num_threads(1)
    else:
        torch.cuda.init()
    turn = Turn(driver, job.device, job.block)
    side = {"ours": ours, "peak": peak}.get(job.variant, stock)
    try:
        turn.finish(getattr(side, job.work)(job, turn))
    except Exception as fault:
        driver.send(Fault(f"{type(fault).__name__}: {(str(fault).splitlines() or [''])[0]}"))
        raise


def _wait(device: str) -> None:
    """Until the device has done all that it was told."""
    if device != "cpu":
        import torch

        torch.cuda.synchronize()


def _forget(device: str) -> None:
    """The highest mark forgets the building of the model."""
    if device != "cpu":
        import torch

        torch.cuda.reset_peak_memory_stats()
        return
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def _memory(device: str, highest: bool) -> float:
    """MiB."""
    if device != "cpu":
        import torch

        return (torch.cuda.max_memory_allocated() if highest else torch.cuda.memory_allocated()) / 2**20
    return _resident("VmHWM" if highest else "VmRSS")


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resident(which: str) -> float:
    """MiB: VmRSS is now, VmHWM the highest so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(which + ":"))
