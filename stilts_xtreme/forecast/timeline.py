"""Simulate when the stages of a study run in several processes, and how much disk they use meanwhile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages.graph import most_needed_first, starts

Seconds = Callable[[plan.Stage | None, int], float]


@dataclass(frozen=True)
class Timeline:
    """When each stage (by fingerprint) begins and ends, in seconds from the start."""

    begins: Mapping[str, float]
    ends: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """Seconds until the last stage ends."""
        return max(self.ends.values(), default=0.0)


def simulate(todo: Sequence[plan.Stage], seconds: Seconds, jobs: int, drop: bool = False) -> Timeline:
    """Simulate `stages.run`: a free process takes the first ready stage, in the order of `most_needed_first`.

    `seconds(stage, running)`: run time of a stage while so many run, since processes slow each other down; with None as the
    stage, the start-up time of a new process. The inputs of a stage are among `todo` or finished.
    """
    order = most_needed_first(todo, drop)
    indices = {plan.address(stage): index for index, stage in enumerate(order)}
    missing = [sum(plan.address(start) in indices for start in starts(stage)) for stage in order]
    users: dict[str, list[int]] = {}
    for index, stage in enumerate(order):
        for start in starts(stage):
            users.setdefault(plan.address(start), []).append(index)
    ready = [index for index, count in enumerate(missing) if not count]  # ascending, so already a heap
    begins, ends = dict[str, float](), dict[str, float]()
    running: dict[str, list[plan.Stage | None]] = {}  # remaining parts: a process's start-up, the stage
    fraction: dict[str, float] = {}  # left of the first remaining part
    now, processes = 0.0, 0
    while ready or running:
        while ready and len(running) < jobs:
            stage = order[heappop(ready)]
            name, starts_process = plan.address(stage), len(running) == processes  # no process is idle
            running[name], fraction[name], begins[name] = [None, stage] if starts_process else [stage], 1.0, now
            processes += starts_process
        whole = {name: max(seconds(parts[0], len(running)), 1e-9) for name, parts in running.items()}
        name = min(running, key=lambda other: fraction[other] * whole[other])
        passed = fraction[name] * whole[name]
        now += passed
        for other in running:
            fraction[other] -= passed / whole[other]
        fraction[name] = 1.0
        running[name].pop(0)
        if not running[name]:
            del running[name]
            ends[name] = now
            for index in users.get(name, ()):
                missing[index] -= 1
                if not missing[index]:
                    heappush(ready, index)
    return Timeline(begins, ends)


@dataclass(frozen=True)
class DiskUse:
    """Bytes a stage writes: `cache` at its start, `scratch` while it runs (then removed), `weights` and the `rest` at its end."""

    cache: float = 0.0
    scratch: float = 0.0
    weights: float = 0.0
    rest: float = 0.0


def disk_use(
    timeline: Timeline, todo: Sequence[plan.Stage], of: Callable[[plan.Stage], DiskUse], drop: bool
) -> tuple[float, float]:
    """Return the bytes on disk at the peak and at the end, beyond those before; with `drop`, unused weights are removed."""
    users: dict[str, set[str]] = {plan.address(stage): set() for stage in todo}
    for stage in todo:
        for start in starts(stage):
            if plan.address(start) in users:
                users[plan.address(start)].add(plan.address(stage))
    stages = {plan.address(stage): stage for stage in todo}
    moments = [(when, 1, name) for name, when in timeline.begins.items()]
    moments += [(when, 0, name) for name, when in timeline.ends.items()]
    now = peak = 0.0
    weights: dict[str, float] = {}
    for _, begins, name in sorted(moments):
        own = of(stages[name])
        if begins:
            now += own.cache + own.scratch
            peak = max(peak, now)
            continue
        now += own.weights + own.rest
        peak = max(peak, now)  # weights are beside the checkpoints for a moment
        now -= own.scratch
        weights[name] = own.weights
        inputs = [plan.address(start) for start in starts(stages[name])]
        for used in inputs:
            users.get(used, set()).discard(name)
        for candidate in (name, *inputs):
            if drop and candidate in weights and not users[candidate]:
                now -= weights.pop(candidate)
    return peak, now
