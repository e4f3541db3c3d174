"""Calibrate this machine: short runs of the real code, in a process alone and in several side by side."""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection

from stilts_xtreme.engine.flops import Shape
from stilts_xtreme.forecast.calibration import TIMEOUT, child
from stilts_xtreme.forecast.throughput import Calibration, CalibrationRequest, Machine, Throughput, torch_version
from stilts_xtreme.pipeline import plan
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import RunFailed

LARGE = 100_000_000  # weights from which on a CPU measures only two layers


def make_request(shape: Shape, recipe: plan.Recipe, machine: Machine, seconds: float) -> CalibrationRequest:
    """Describe a calibration of this machine; a CPU measures two layers of a large encoder, the rest is extrapolated."""
    reduced = machine.device == "cpu" and shape.parameters > LARGE and shape.layers > 2
    return CalibrationRequest(shape, 2 if reduced else shape.layers, recipe, machine, seconds)


def calibrate(request: CalibrationRequest, jobs: Sequence[int], callback: Callable[[str], None]) -> Calibration:
    """Measure the throughput for each number of processes side by side; RunFailed if a process ends early.

    `callback` gets a text before each measurement.
    """
    speeds = {}
    for count in jobs:
        prefix = f"{count} side by side: " if count > 1 else ""
        speeds[count] = Throughput(**_side_by_side(request, count, partial(_with_prefix, callback, prefix)))
    today = datetime.now(UTC).date().isoformat()
    return Calibration(request.machine, request.shape, request.recipe.precision, request.layers, today, torch_version(), speeds)


def _with_prefix(callback: Callable[[str], None], prefix: str, text: str) -> None:
    callback(prefix + text)


def _side_by_side(request: CalibrationRequest, jobs: int, callback: Callable[[str], None]) -> Record:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(jobs)
    pipes, children = [], []
    for _ in range(jobs):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=child, args=(theirs, barrier, request, time.time()), daemon=True)
        process.start()
        theirs.close()
        pipes.append(ours)
        children.append(process)
    try:
        figures = [_receive(pipe, callback if number == 0 else None) for number, pipe in enumerate(pipes)]
    finally:
        for process in children:
            process.terminate()
            process.join()
    return _mean(figures)


def _receive(pipe: Connection, callback: Callable[[str], None] | None) -> Record:
    """Return a child's figures; the texts it sends before go to the callback."""
    try:
        while pipe.poll(TIMEOUT):
            message = pipe.recv()
            if not isinstance(message, str):
                return message
            if callback:
                callback(message)
    except EOFError:
        pass
    raise RunFailed("a calibrating process ended without a word; is there memory enough for this encoder?")


def _mean(figures: Sequence[Record]) -> Record:
    """Average each figure over processes; nested mappings likewise."""
    averages: Record = {}
    for name, value in figures[0].items():
        values = [record[name] for record in figures]
        averages[name] = _mean(values) if isinstance(value, Mapping) else statistics.fmean(values)
    return averages
