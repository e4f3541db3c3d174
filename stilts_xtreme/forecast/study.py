"""Forecast a study: the stages to run, their FLOPs, their time here and on other devices, and the disk they need."""

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from stilts_xtreme.engine import flops
from stilts_xtreme.forecast import throughput, timeline
from stilts_xtreme.forecast.finished_runs import FinishedRuns
from stilts_xtreme.forecast.sizes import COMMITTED, COUNTED, READ, RELEASED, SplitSizes
from stilts_xtreme.forecast.throughput import Machine
from stilts_xtreme.forecast.timeline import DiskUse, Timeline
from stilts_xtreme.forecast.workload import Unknown, Workload, workload
from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages import language_predictions
from stilts_xtreme.stages.graph import remaining, starts
from stilts_xtreme.stages.saving import CHECKPOINTS
from stilts_xtreme.store import Store
from stilts_xtreme.utils.bounded_io import Record

MIN_WIDTH = 512  # below this width a GPU's time is kernel launches, and FLOPs do not predict it
UTILIZATION = 0.4  # of a vendor's peak: assumed for every GPU, measured on none
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
class RunOptions:
    """How the study will run: device, processes side by side, threads of each, seconds between checkpoints (`every`), and
    whether weights are dropped."""

    device: str
    jobs: int
    threads: int
    every: float
    drop: bool = False


@dataclass(frozen=True)
class TimeEstimate:
    """Hours on one kind of device: `wall` until the end with `jobs` processes, `busy` summed over them; `source` in words."""

    device: str
    jobs: int
    wall: float
    busy: float
    source: str


@dataclass(frozen=True)
class Forecast:
    """The result of a dry run; bytes, seconds, FLOPs and tokens are sums over the stages to do.

    `kinds`: kind of stage -> (to do, done, shared); `trained` and `scored`: tokens; `flops`: keys "train" and "score"; `disk`:
    bytes, keys "peak_keep", "end_keep", "peak_drop", "end_drop" and "features"; `languages`: language -> (examples, tokens) to
    predict; `unknown`: reason -> stages in no sum; `missing`: splits in no sum; `sources`: source of a split's size -> splits;
    `twins`: stages whose time is that of a finished one; `stages`: a record for each stage.
    """

    kinds: Mapping[str, tuple[int, int, int]]
    steps: int
    trained: float
    scored: float
    flops: Mapping[str, float]
    times: Sequence[TimeEstimate]
    disk: Mapping[str, float]
    languages: Mapping[str, tuple[float, float]]
    unknown: Mapping[str, int]
    missing: Sequence[str]
    sources: Mapping[str, int]
    twins: int
    stages: Sequence[Record]


def forecast(stages: Sequence[plan.Stage], requested: Sequence[str], store: Store | None, options: RunOptions) -> Forecast:
    """Forecast `stages`, of which those with the fingerprints `requested` are asked for (more than once: shared).

    `store` None: nothing is done, as where the data is not on this machine.
    """
    todo = remaining(stages, store) if store else list(stages)
    sizes = SplitSizes(store, stages[0].where)
    unfinished = {plan.address(stage): _unfinished_part(stage, store) for stage in todo}
    all_works = {name: workload(unfinished[name], flops.shape(plan.root(stage)), sizes) for name, stage in _named(todo)}
    works = {name: work for name, work in all_works.items() if isinstance(work, Workload)}
    known = [stage for name, stage in _named(todo) if name in works]
    new_features = _new_features(known, works)
    runs = FinishedRuns(store, options.device, options.threads) if store else None
    measured = {name: runs.seconds(stage) for name, stage in unfinished.items() if name in works} if runs else {}
    clock, (device, source) = _clock(known, works, new_features, measured, options)
    timelines = {word: timeline.simulate(known, clock, options.jobs, word == "drop") for word in ("keep", "drop")}
    own = timelines["drop" if options.drop else "keep"]
    seconds = {name: own.ends[name] - own.begins[name] for name in own.ends}
    here = TimeEstimate(device, options.jobs, own.seconds / 3600, math.fsum(seconds.values()) / 3600, source)
    return Forecast(
        kinds=_kinds(stages, todo, requested),
        steps=sum(work.steps for work in works.values()),
        trained=sum(work.tokens("train") for work in works.values()),
        scored=sum(work.tokens("score") for work in works.values()),
        flops={doing: sum(work.flops_of(doing) for work in works.values()) for doing in ("train", "score")},
        times=[here, *_other_devices(known, works)],
        disk=_disk(known, works, new_features, timelines, options),
        languages=_languages(works),
        unknown=dict(Counter(work.why for work in all_works.values() if isinstance(work, Unknown))),
        missing=sorted({name for work in works.values() for name in work.missing}),
        sources=dict(Counter(SOURCES[split.size.source] for work in works.values() for split in work.splits)),
        twins=sum(run_time is not None for run_time in measured.values()),
        stages=[_record(stage, works[name], seconds[name], own) for name, stage in _named(known)],
    )


def _named(stages: Sequence[plan.Stage]) -> list[tuple[str, plan.Stage]]:
    """Return (fingerprint, stage) pairs."""
    return [(plan.address(stage), stage) for stage in stages]


def _new_features(stages: Sequence[plan.Stage], works: Mapping[str, Workload]) -> dict[str, tuple[float, float]]:
    """Return fingerprint -> (tokens, bytes in the cache) of the features that a stage is the first to encode."""
    seen, new = set[Hashable](), dict[str, tuple[float, float]]()
    for stage in timeline.most_needed_first(stages):
        tokens = bytes_ = 0.0
        head = stage.tasks if isinstance(stage, plan.Train) else stage.task
        for split in works[plan.address(stage)].splits:
            key = plan.root(stage), split.key, head if split.training else None
            if key not in seen and not split.size.cached:
                tokens, bytes_ = tokens + split.size.tokens, bytes_ + split.bytes
            seen.add(key)
        new[plan.address(stage)] = tokens, bytes_
    return new


def _unfinished_part(stage: plan.Stage, store: Store | None) -> plan.Stage:
    """Return the stage without the languages that finished evaluations already have."""
    if store is None or not isinstance(stage, plan.Predict):
        return stage
    return language_predictions.rest(stage, language_predictions.find(stage, store))


def _clock(
    stages: Sequence[plan.Stage], works: Mapping[str, Workload], new_features: Mapping[str, tuple[float, float]],
    measured: Mapping[str, float | None], options: RunOptions,
) -> tuple[timeline.Seconds, tuple[str, str]]:  # fmt: skip
    """Return the run time of a stage as a function, and (device, source of the figures).

    `measured`: fingerprint -> seconds of finished stages with the same work, which take precedence.
    """
    if not stages:
        return lambda stage, running: 0.0, (options.device, "nothing is to be done")
    machine, shape = throughput.this_machine(options.device, options.threads), flops.shape(plan.root(stages[0]))
    assert shape is not None
    precision = _precision(stages)
    calibration = throughput.nearest_size(throughput.user_calibrations(), machine, shape, precision)
    if calibration:
        exact = "" if calibration.shape == shape else f", for another encoder (width {calibration.shape.hidden})"
        source = f"calibrated on this machine {calibration.date}{exact}"
    else:
        packaged = throughput.packaged_calibrations() if options.device == "cpu" else []
        calibration = throughput.nearest_machine(packaged, machine, shape, precision)
        if not calibration:
            return _assumed(stages, works, machine)
        other = f"{calibration.machine.description}, {calibration.machine.threads} threads"
        other = f"{other}, width {calibration.shape.hidden}, {calibration.precision}"
        source = f"committed figures of another machine ({other}); run `stilts calibrate` for your own"
    layers = shape.layers / calibration.measured  # a step's costs are proportional to the layers
    rates = calibration.throughput

    @cache
    def run_time(name: str, running: int) -> float:
        if (seconds := measured.get(name)) is not None:
            return seconds
        return rates(running).seconds(works[name], layers) + rates(running).encoding(new_features[name][0])

    def clock(stage: plan.Stage | None, running: int) -> float:
        return run_time(plan.address(stage), running) if stage else rates(running).process

    return clock, (machine.description, source)


def _assumed(
    stages: Sequence[plan.Stage], works: Mapping[str, Workload], machine: Machine
) -> tuple[timeline.Seconds, tuple[str, str]]:
    """Return what `_clock` does for a GPU without any measurement, from a vendor's peak."""
    vendor = next((name for name in PEAKS if name.split()[1] in machine.name), None)
    rate = UTILIZATION * PEAKS[vendor or "NVIDIA A100"][_precision(stages)]
    source = f"assumed, not measured: {UTILIZATION:.0%} of the peak of {vendor or 'an A100'}; run `stilts calibrate`"
    return lambda stage, running: works[plan.address(stage)].flops / rate if stage else 0.0, (machine.description, source)


def _precision(stages: Sequence[plan.Stage]) -> str:
    """Return the precision of most trainings."""
    counts = Counter(link.recipe.precision for stage in stages for link in plan.chain(stage) if isinstance(link, plan.Train))
    return counts.most_common(1)[0][0] if counts else "fp32"


def _other_devices(stages: Sequence[plan.Stage], works: Mapping[str, Workload]) -> list[TimeEstimate]:
    """Return the hours on a GPU of each vendor's data sheet, from its peak and without any measurement."""
    shapes = [flops.shape(plan.root(stage)) for stage in stages]
    if any(shape.hidden < MIN_WIDTH for shape in shapes if shape):
        return []
    estimates = []
    for name, peaks in PEAKS.items():
        hours = sum(works[plan.address(stage)].flops / (UTILIZATION * peaks[_precision([stage])]) for stage in stages) / 3600
        share = f"{UTILIZATION:.0%} of the vendor's peak"
        source = f"assumed, not measured: {share}, the encoder's products alone: no loading, no mining"
        estimates.append(TimeEstimate(name, 1, hours, hours, source))
    return estimates


def _disk(
    stages: Sequence[plan.Stage], works: Mapping[str, Workload], new_features: Mapping[str, tuple[float, float]],
    timelines: Mapping[str, Timeline], options: RunOptions,
) -> dict[str, float]:  # fmt: skip
    """Return the bytes beyond those on disk now, in the shape of `Forecast.disk`."""

    def of(stage: plan.Stage) -> DiskUse:
        name = plan.address(stage)
        shape = flops.shape(plan.root(stage)) if isinstance(stage, plan.Train) else None
        long = timelines["keep"].ends[name] - timelines["keep"].begins[name] > options.every
        state = CHECKPOINTS * flops.STATE * shape.bytes if shape and long else 0.0
        return DiskUse(new_features[name][1], state, works[name].weights, works[name].rest)

    figures = {}
    for word, simulated in timelines.items():
        figures[f"peak_{word}"], figures[f"end_{word}"] = timeline.disk_use(simulated, stages, of, word == "drop")
    figures["features"] = math.fsum(bytes_ for _, bytes_ in new_features.values())
    return figures


def _kinds(stages: Sequence[plan.Stage], todo: Sequence[plan.Stage], requested: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Count stages to do, done, and shared (those used by more than one stage or requested evaluation), by kind."""
    uses = Counter(requested)
    for stage in stages:
        uses.update(plan.address(start) for start in starts(stage))
    unfinished, counts = {plan.address(stage) for stage in todo}, dict[str, list[int]]()
    for name, stage in _named(stages):
        row = counts.setdefault(NAMES[plan.kind(stage)], [0, 0, 0])
        row[name not in unfinished] += 1
        row[2] += uses[name] > 1
    return {name: (row[0], row[1], row[2]) for name, row in counts.items()}


def _languages(works: Mapping[str, Workload]) -> dict[str, tuple[float, float]]:
    """Return language -> (examples, tokens) predicted."""
    sums: dict[str, tuple[float, float]] = {}
    for work in works.values():
        for code, (examples, tokens) in work.languages.items():
            before = sums.get(code, (0.0, 0.0))
            sums[code] = before[0] + examples, before[1] + tokens
    return sums


def _record(stage: plan.Stage, work: Workload, seconds: float, own: Timeline) -> Record:
    name = plan.address(stage)
    return {
        "address": name,
        "kind": plan.kind(stage),
        "label": stage.label,
        "steps": work.steps,
        "tokens": round(work.tokens("train") + work.tokens("score")),
        "trained_tokens": round(work.tokens("train")),
        "flops": work.flops,
        "seconds": round(seconds, 2),
        "begins": round(own.begins[name], 1),
        "weights_bytes": round(work.weights),
    }
