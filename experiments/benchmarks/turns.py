"""Taking turns: processes that work one step at a time, so that variants are compared side by side in one run.

Each variant has a process of its own: settings of a process cannot touch the other side, and memory and processor time
can be told apart. All of them are pinned to one core; one works while the others wait for their turn.
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

PRELOADED = ["experiments.benchmarks.stock", "experiments.benchmarks.ours"]  # imported once, before the processes fork


@dataclass(frozen=True)
class Answer:
    """What a step took: seconds by the clock and of the processor, and its loss where it has one."""

    seconds: float
    processor: float
    loss: float | None


@dataclass(frozen=True)
class Memory:
    """MiB resident before the model was built, with it, and at the highest since."""

    before: float
    built: float
    peak: float


class Turn:
    """The worker's end: `begin` waits to be let go and starts the clocks, `end` stops them and answers."""

    def __init__(self, driver: Connection):
        self._driver, self._before, self._built = driver, _resident("VmRSS"), 0.0

    def ready(self) -> None:
        """The model is built; from here on the memory counts."""
        gc.collect()
        try:
            Path("/proc/self/clear_refs").write_text("5")  # the highest mark forgets the building
        except OSError:
            pass
        self._built = _resident("VmRSS")
        self._driver.send("ready")

    def begin(self) -> None:
        self._driver.recv()
        self._clock, self._processor = time.perf_counter(), _processor()

    def end(self, loss: float | None = None) -> None:
        self._driver.send(Answer(time.perf_counter() - self._clock, _processor() - self._processor, loss))

    def finish(self, extra: Mapping[str, Any]) -> None:
        self._driver.send((Memory(self._before, self._built, _resident("VmHWM")), dict(extra)))


@dataclass(frozen=True)
class Told:
    """Everything a worker said: an answer a step, its memory, what else it wanted to say (of a parity run)."""

    answers: list[Answer]
    memory: Memory
    extra: dict[str, Any]


def together(jobs: Mapping[str, Any]) -> dict[str, Told]:
    """Run jobs of equal step counts side by side, step by step; who goes first changes from step to step."""
    with _workers(jobs) as drivers:
        for driver in drivers.values():
            _next(driver)  # ready
        names, (steps,) = list(jobs), {job.steps for job in jobs.values()}
        answers: dict[str, list[Answer]] = {name: [] for name in names}
        for step in range(steps):
            for name in names[step % len(names) :] + names[: step % len(names)]:
                drivers[name].send("go")
                answers[name].append(_next(drivers[name]))
        return {name: Told(answers[name], *_next(driver)) for name, driver in drivers.items()}


@contextmanager
def _workers(jobs: Mapping[str, Any]) -> Any:
    context = multiprocessing.get_context("forkserver")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    context.set_forkserver_preload(PRELOADED)
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


def _next(driver: Connection) -> Any:
    try:
        return driver.recv()
    except EOFError:
        raise RuntimeError("a worker died; what it said stands above") from None


def _work(job: Any, driver: Connection) -> None:
    """A worker's whole life."""
    import torch

    from experiments.benchmarks import ours, peak, stock

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    turn = Turn(driver)
    side = {"ours": ours, "peak": peak}.get(job.variant, stock)
    turn.finish(getattr(side, job.work)(job, turn))


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resident(which: str) -> float:
    """MiB: VmRSS is now, VmHWM the highest so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(which + ":"))
