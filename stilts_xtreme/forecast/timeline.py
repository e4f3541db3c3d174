"""How the stages of a study follow one another in several processes, and what stands on disk meanwhile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from stilts_xtreme import plan
from stilts_xtreme.stages.graph import most_needed_first, starts

Seconds = Callable[[plan.Stage | None, int], float]


@dataclass(frozen=True)
class Course:
    """When each stage (by address) begins and ends, in seconds from the start."""

    begins: Mapping[str, float]
    ends: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """Until the last one ends."""
        return max(self.ends.values(), default=0.0)


def course(todo: Sequence[plan.Stage], seconds: Seconds, jobs: int, drop: bool = False) -> Course:
    """As `stages.run` does it: a process that is free takes the first stage, in the order of `needs`, whose needs are done.

    `seconds(stage, running)`: what a stage takes while so many run; processes slow one another down. The first stages that the
    processes take begin with None as the stage: what a new process takes. What a stage needs is among `todo` or done before.
    """
    order = most_needed_first(todo, drop)
    places = {plan.address(stage): place for place, stage in enumerate(order)}
    waits = [sum(plan.address(start) in places for start in starts(stage)) for stage in order]
    users: dict[str, list[int]] = {}
    for place, stage in enumerate(order):
        for start in starts(stage):
            users.setdefault(plan.address(start), []).append(place)
    ready = [place for place, count in enumerate(waits) if not count]  # a heap: rising numbers are one
    begins, ends = dict[str, float](), dict[str, float]()
    running: dict[str, list[plan.Stage | None]] = {}  # what each still has to do: a process's start, the stage
    share: dict[str, float] = {}  # of the first of these that is left
    now, processes = 0.0, 0
    while ready or running:
        while ready and len(running) < jobs:
            stage = order[heappop(ready)]
            name, fresh = plan.address(stage), len(running) == processes  # none is idle
            running[name], share[name], begins[name] = [None, stage] if fresh else [stage], 1.0, now
            processes += fresh
        whole = {name: max(seconds(parts[0], len(running)), 1e-9) for name, parts in running.items()}
        name = min(running, key=lambda one: share[one] * whole[one])
        passed = share[name] * whole[name]
        now += passed
        for other in running:
            share[other] -= passed / whole[other]
        share[name] = 1.0
        running[name].pop(0)
        if not running[name]:
            del running[name]
            ends[name] = now
            for place in users.get(name, ()):
                waits[place] -= 1
                if not waits[place]:
                    heappush(ready, place)
    return Course(begins, ends)


@dataclass(frozen=True)
class Bytes:
    """What a stage puts on disk: `cache` bytes as it begins, `scratch` ones while it runs, then `weights` and the `rest`."""

    cache: float = 0.0
    scratch: float = 0.0
    weights: float = 0.0
    rest: float = 0.0


def peak(course: Course, todo: Sequence[plan.Stage], of: Callable[[plan.Stage], Bytes], drop: bool) -> tuple[float, float]:
    """Bytes on disk at most, and in the end, beyond what is there before; with the weights dropped once nobody needs them."""
    users: dict[str, set[str]] = {plan.address(stage): set() for stage in todo}
    for stage in todo:
        for start in starts(stage):
            if plan.address(start) in users:
                users[plan.address(start)].add(plan.address(stage))
    stages = {plan.address(stage): stage for stage in todo}
    moments = [(when, 1, name) for name, when in course.begins.items()] + [(when, 0, name) for name, when in course.ends.items()]
    now = most = 0.0
    kept: dict[str, float] = {}
    for _, begins, name in sorted(moments):
        own = of(stages[name])
        if begins:
            now += own.cache + own.scratch
            most = max(most, now)
            continue
        now += own.weights + own.rest
        most = max(most, now)  # beside its checkpoints for a moment
        now -= own.scratch
        kept[name] = own.weights
        for start in map(plan.address, starts(stages[name])):
            users.get(start, set()).discard(name)
        for one in (name, *map(plan.address, starts(stages[name]))):
            if drop and one in kept and not users[one]:
                now -= kept.pop(one)
    return most, now
