"""How fast this machine is at the parts of a stage: short runs of the real code, one process alone and several side by side."""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from stilts_xtreme import plan
from stilts_xtreme.errors import RunFailed
from stilts_xtreme.flops import Shape
from stilts_xtreme.forecast.measure import PATIENCE, child
from stilts_xtreme.forecast.speed import Asked, Calibration, Machine, Speed, torch_version

LARGE = 100_000_000  # weights of an encoder of which a CPU is given two layers only


def asked(shape: Shape, recipe: plan.Recipe, machine: Machine, seconds: float) -> Asked:
    """A calibration of this machine; a CPU is given two layers of a large encoder, the rest follows by arithmetic."""
    cut = machine.device == "cpu" and shape.parameters > LARGE and shape.layers > 2
    return Asked(shape, 2 if cut else shape.layers, recipe, machine, seconds)


def calibrate(asked: Asked, jobs: Sequence[int], tell: Callable[[str], None]) -> Calibration:
    """Speeds for each of the numbers of processes side by side; RunFailed where one of the processes ends early."""
    speeds = {}
    for count in jobs:
        heard = f"{count} side by side: " if count > 1 else ""
        speeds[count] = Speed(**_side_by_side(asked, count, lambda text, heard=heard: tell(heard + text)))
    today = datetime.now(UTC).date().isoformat()
    return Calibration(asked.machine, asked.shape, asked.recipe.precision, asked.layers, today, torch_version(), speeds)


def _side_by_side(asked: Asked, jobs: int, tell: Callable[[str], None]) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(jobs)
    pipes, children = [], []
    for _ in range(jobs):
        ours, theirs = context.Pipe(duplex=False)
        one = context.Process(target=child, args=(theirs, barrier, asked, time.time()), daemon=True)
        one.start()
        theirs.close()
        pipes.append(ours)
        children.append(one)
    try:
        found = [_hear(pipe, tell if number == 0 else None) for number, pipe in enumerate(pipes)]
    finally:
        for one in children:
            one.terminate()
            one.join()
    return _mean(found)


def _hear(pipe: Any, tell: Callable[[str], None] | None) -> dict[str, Any]:
    """A child's figures; before them it says what it does."""
    try:
        while pipe.poll(PATIENCE):
            told = pipe.recv()
            if not isinstance(told, str):
                return told
            if tell:
                tell(told)
    except EOFError:
        pass
    raise RunFailed("a calibrating process ended without a word; is there memory enough for this encoder?")


def _mean(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        name: _mean([one[name] for one in found]) if isinstance(value, Mapping) else statistics.fmean(one[name] for one in found)
        for name, value in found[0].items()
    }
