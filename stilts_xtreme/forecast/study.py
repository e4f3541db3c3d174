"""The forecast of a study: what is to be done, what it computes, how long that takes here and elsewhere, what disk it needs."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from stilts_xtreme import flops, plan
from stilts_xtreme.forecast import speed, timeline
from stilts_xtreme.forecast.sizes import COMMITTED, COUNTED, READ, RELEASED, Sizes
from stilts_xtreme.forecast.twins import Twins
from stilts_xtreme.forecast.work import Unknown, Work, work
from stilts_xtreme.stages import parts
from stilts_xtreme.stages.graph import remaining, starts
from stilts_xtreme.stages.saving import CHECKPOINTS
from stilts_xtreme.store import Store

SMALL = 512  # width below which a GPU's time goes into launching kernels, and FLOPs say nothing
SHARE = 0.4  # of a vendor's peak: assumed for every GPU, measured on none
PEAKS = {
    "NVIDIA H100 SXM": {"bf16": 989.4e12, "fp32": 66.9e12},
    "NVIDIA A100": {"bf16": 312e12, "fp32": 19.5e12},
}  # FLOP/s of dense products, from the vendor's data sheets (fp32 without TF32)
NAMES = {"train": "trainings", "predict": "evaluations", "latency": "measurements"}
SOURCES = {
    COUNTED: "counted in this store",
    COMMITTED: "committed figures",
    RELEASED: "sizes of the full releases",
    READ: "read now, tokens by characters",
}


@dataclass(frozen=True)
class How:
    """How the study is to be run: on which device, processes side by side, threads each, seconds between checkpoints; whether
    weights are dropped."""

    device: str
    jobs: int
    threads: int
    every: float
    drop: bool = False


@dataclass(frozen=True)
class Time:
    """Hours on one kind of device: `wall` until the end with `jobs` processes, `busy` of all of them; and where from."""

    device: str
    jobs: int
    wall: float
    busy: float
    source: str


@dataclass(frozen=True)
class Forecast:
    """Everything a dry run says of a study. Bytes, seconds, FLOPs and tokens are of what is to be done; `kinds` counts stages as
    (to do, done, shared) by what they are; `unknown` stages, and readings that are `missing`, are in none of the sums."""

    kinds: Mapping[str, tuple[int, int, int]]
    steps: int
    trained: float
    scored: float
    flops: Mapping[str, float]
    times: Sequence[Time]
    disk: Mapping[str, float]
    languages: Mapping[str, tuple[float, float]]
    unknown: Mapping[str, int]
    missing: Sequence[str]
    sources: Mapping[str, int]
    twins: int
    stages: Sequence[Mapping[str, Any]]


def forecast(stages: Sequence[plan.Stage], wanted: Sequence[str], store: Store | None, how: How) -> Forecast:
    """The forecast for `stages`, of which those at the addresses `wanted` are asked for (more than once: shared).

    `store` None: nothing is done, as where the data is not here.
    """
    todo = remaining(stages, store) if store else list(stages)
    sizes = Sizes(store, stages[0].where)
    asked = {plan.address(stage): _asked(stage, store) for stage in todo}
    works = {plan.address(stage): work(asked[plan.address(stage)], flops.shape(plan.root(stage)), sizes) for stage in todo}
    known = [stage for stage in todo if isinstance(works[plan.address(stage)], Work)]
    done: dict[str, Work] = {name: found for name, found in works.items() if isinstance(found, Work)}
    fresh = _fresh(known, done)
    twins = Twins(store, how.device, how.threads) if store else None
    twin = {name: twins.seconds(stage) for name, stage in asked.items() if name in done} if twins else {}
    clock, source = _clock(known, done, fresh, twin, how)
    courses = {word: timeline.course(known, clock, how.jobs, word == "drop") for word in ("keep", "drop")}
    course = courses["drop" if how.drop else "keep"]
    seconds = {name: course.ends[name] - course.begins[name] for name in course.ends}
    return Forecast(
        kinds=_kinds(stages, todo, wanted),
        steps=sum(found.steps for found in done.values()),
        trained=sum(found.tokens("train") for found in done.values()),
        scored=sum(found.tokens("score") for found in done.values()),
        flops={doing: sum(found.flops_of(doing) for found in done.values()) for doing in ("train", "score")},
        times=[
            Time(source[0], how.jobs, course.seconds / 3600, math.fsum(seconds.values()) / 3600, source[1]),
            *_elsewhere(known, done),
        ],
        disk=_disk(known, done, fresh, courses, how),
        languages=_languages(done),
        unknown=dict(Counter(found.why for found in works.values() if isinstance(found, Unknown))),
        missing=sorted({name for found in done.values() for name in found.missing}),
        sources=dict(Counter(SOURCES[reading.size.source] for found in done.values() for reading in found.readings)),
        twins=sum(one is not None for one in twin.values()),
        stages=[_told(stage, done[plan.address(stage)], seconds[plan.address(stage)], course) for stage in known],
    )


def _fresh(stages: Sequence[plan.Stage], works: Mapping[str, Work]) -> dict[str, tuple[float, float]]:
    """Tokens that each stage is the first to encode, in the order they are done, and the bytes these take in the cache."""
    seen, found = set[Any](), dict[str, tuple[float, float]]()
    for stage in timeline.most_needed_first(stages):
        tokens = taken = 0.0
        head = stage.tasks if isinstance(stage, plan.Train) else stage.task
        for reading in works[plan.address(stage)].readings:
            key = plan.root(stage), reading.key, head if reading.training else None
            if key not in seen and not reading.size.cached:
                tokens, taken = tokens + reading.size.tokens, taken + reading.bytes
            seen.add(key)
        found[plan.address(stage)] = tokens, taken
    return found


def _asked(stage: plan.Stage, store: Store | None) -> plan.Stage:
    """The stage without what finished evaluations hold of it already."""
    if store is None or not isinstance(stage, plan.Predict):
        return stage
    return parts.rest(stage, parts.found(stage, store))


def _clock(
    stages: Sequence[plan.Stage], works: Mapping[str, Work], fresh: Mapping[str, tuple[float, float]],
    twin: Mapping[str, float | None], how: How,
) -> tuple[timeline.Seconds, tuple[str, str]]:  # fmt: skip
    """Seconds of a stage beside others; the device and where the figures come from. `twin`: what twins took, by address."""
    if not stages:
        return lambda stage, running: 0.0, (how.device, "nothing is to be done")
    machine, shape = speed.here(how.device, how.threads), flops.shape(plan.root(stages[0]))
    assert shape is not None
    precision = _precision(stages)
    found = speed.nearest(speed.kept(), machine, shape, precision)
    if found:
        exact = "" if found.shape == shape else f", for another encoder (width {found.shape.hidden})"
        source = machine.told, f"calibrated on this machine {found.date}{exact}"
    elif how.device == "cpu" and (found := speed.closest(speed.committed(), machine, shape, precision)):
        other = f"{found.machine.told}, {found.machine.threads} threads, width {found.shape.hidden}, {found.precision}"
        source = machine.told, f"committed figures of another machine ({other}); run `stilts calibrate` for your own"
    else:
        return _assumed(stages, works, machine)
    layers = shape.layers / found.measured  # a step's costs go with its layers

    @cache
    def took(name: str, running: int) -> float:
        if (known := twin.get(name)) is not None:
            return known
        rates = found.speed(running)
        return rates.seconds(works[name], layers) + rates.encoding(fresh[name][0])

    return lambda stage, running: took(plan.address(stage), running) if stage else found.speed(running).process, source


def _assumed(
    stages: Sequence[plan.Stage], works: Mapping[str, Work], machine: speed.Machine
) -> tuple[timeline.Seconds, tuple[str, str]]:
    """A GPU that nothing was measured on."""
    named = next((name for name in PEAKS if name.split()[1] in machine.name), None)
    rate = SHARE * PEAKS[named or "NVIDIA A100"][_precision(stages)]
    source = f"assumed, not measured: {SHARE:.0%} of the peak of {named or 'an A100'}; run `stilts calibrate`"
    return lambda stage, running: works[plan.address(stage)].flops / rate if stage else 0.0, (machine.told, source)


def _precision(stages: Sequence[plan.Stage]) -> str:
    """That of most trainings."""
    counts = Counter(link.recipe.precision for stage in stages for link in plan.chain(stage) if isinstance(link, plan.Train))
    return counts.most_common(1)[0][0] if counts else "fp32"


def _elsewhere(stages: Sequence[plan.Stage], works: Mapping[str, Work]) -> list[Time]:
    """Hours of one GPU, by its peak: nothing was measured there."""
    told = []
    shapes = [flops.shape(plan.root(stage)) for stage in stages]
    if any(shape.hidden < SMALL for shape in shapes if shape):
        return []
    for name, peaks in PEAKS.items():
        hours = sum(works[plan.address(stage)].flops / (SHARE * peaks[_precision([stage])]) for stage in stages) / 3600
        source = f"assumed, not measured: {SHARE:.0%} of the vendor's peak, the encoder's products alone: no loading, no mining"
        told.append(Time(name, 1, hours, hours, source))
    return told


def _disk(
    stages: Sequence[plan.Stage], works: Mapping[str, Work], fresh: Mapping[str, tuple[float, float]],
    courses: Mapping[str, timeline.Course], how: How,
) -> dict[str, float]:  # fmt: skip
    """Bytes beyond what is there: at peak and in the end, with weights kept and dropped, and those of the features among them."""

    def of(stage: plan.Stage) -> timeline.Bytes:
        name = plan.address(stage)
        shape = flops.shape(plan.root(stage)) if isinstance(stage, plan.Train) else None
        long = courses["keep"].ends[name] - courses["keep"].begins[name] > how.every
        state = CHECKPOINTS * flops.STATE * shape.bytes if shape and long else 0.0
        return timeline.Bytes(fresh[name][1], state, works[name].weights, works[name].rest)

    found = {}
    for word, course in courses.items():
        found[f"peak_{word}"], found[f"end_{word}"] = timeline.peak(course, stages, of, word == "drop")
    found["features"] = math.fsum(taken for _, taken in fresh.values())
    return found


def _kinds(stages: Sequence[plan.Stage], todo: Sequence[plan.Stage], wanted: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Stages to do, done, and shared (that more than one other stage, or evaluation asked for, builds on)."""
    uses = Counter(wanted)
    for stage in stages:
        uses.update(plan.address(start) for start in starts(stage))
    names, found = {plan.address(stage) for stage in todo}, dict[str, list[int]]()
    for stage in stages:
        row = found.setdefault(NAMES[plan.kind(stage)], [0, 0, 0])
        row[plan.address(stage) not in names] += 1
        row[2] += uses[plan.address(stage)] > 1
    return {name: (row[0], row[1], row[2]) for name, row in found.items()}


def _languages(works: Mapping[str, Work]) -> dict[str, tuple[float, float]]:
    """Examples and tokens that are predicted, by language."""
    found: dict[str, tuple[float, float]] = {}
    for one in works.values():
        for code, (examples, tokens) in one.languages.items():
            before = found.get(code, (0.0, 0.0))
            found[code] = before[0] + examples, before[1] + tokens
    return found


def _told(stage: plan.Stage, found: Work, seconds: float, course: timeline.Course) -> dict[str, Any]:
    name = plan.address(stage)
    return {
        "address": name,
        "kind": plan.kind(stage),
        "label": stage.label,
        "steps": found.steps,
        "tokens": round(found.tokens("train") + found.tokens("score")),
        "trained_tokens": round(found.tokens("train")),
        "flops": found.flops,
        "seconds": round(seconds, 2),
        "begins": round(course.begins[name], 1),
        "weights_bytes": round(found.weights),
    }
