"""A latency study's finished measurements gathered into one result, with what they say of models and variants."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from stilts_xtreme import axes, plan, results
from stilts_xtreme.data import read as data
from stilts_xtreme.scoring.timing import MARGIN, over_seeds, ratio, verdict
from stilts_xtreme.stages.latency import AGAIN
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS

Row = Mapping[str, Any]


def gather(spec: Any, timed: Sequence[axes.Timed], store: Store, command: str) -> dict[str, Any]:
    """The study as `stilts/latency-study@1`: models go by their names, `none again` is the control."""
    told = [_named(one, store.result(one.stage)) for one in timed]
    plans, measured = told[0]["plan"], [_measured(one) for one in told]
    return {
        "schema": results.LATENCY_STUDY,
        "name": spec.name,
        "question": spec.question,
        "setup": spec.setup.name,
        "note": spec.setup.note,
        "command": command,
        "models": list(timed[0].names),
        "mixtures": {name: mixture.model_dump(exclude_none=True) for name, mixture in spec.mixtures.items()},
        "target": spec.target,
        "chance": TASKS[spec.target].chance,
        "languages": list(timed[0].stage.languages),
        "how": {name: plans[name] for name in _HOW},
        "seeds": list(spec.seeds),
        "margin": MARGIN,
        "runs": [{key: one[key] for key in _KEPT} | {"seed": at.seed} for one, at in zip(told, timed, strict=True)],
        "data": {"source": data.name(timed[0].stage.where)},
        "provenance": results.provenance_of(told),
        "measured": {"runs": measured, **together(measured)},
    }


_HOW = ("variants", "batch_sizes", "lengths", "calls", "warmup", "block", "passes", "pool", "threads", "device", "examples")
_KEPT = ("address", "languages", "variants", "skipped", "answers", "parameters", "collapsed", "collapse", "models")


def _named(timed: axes.Timed, result: dict[str, Any]) -> dict[str, Any]:
    """The stage's result with the study's names in place of addresses."""
    names = {plan.address(model): name for name, model in zip(timed.names, timed.stage.models, strict=True)}
    names[AGAIN] = f"{timed.names[0]} again"
    measured = dict(result["measured"])
    for key in ("latency", "throughput"):
        measured[key] = [{**row, "model": names[row["model"]]} for row in measured[key]]
    answers = {names[model]: found for model, found in result["answers"].items()}
    models = {name: address for address, name in names.items() if address != AGAIN}
    return {**result, "measured": measured, "answers": answers, "models": models}


def _measured(told: dict[str, Any]) -> dict[str, Any]:
    """Times as they were taken, what models differ by, and what variants save."""
    measured = told["measured"]
    natural = [row for row in measured["latency"] if "length" not in row]
    passes = measured["throughput"]
    base = natural[0]["model"] if natural else ""
    names = list(dict.fromkeys(row["model"] for row in natural))
    sizes = list(dict.fromkeys(row["batch"] for row in passes))
    models = []
    for variant in told["variants"]:
        for name in names[1:]:
            for kind, rows in (("latency", natural), ("throughput", passes)):
                found = _held([row for row in rows if row["variant"] == variant], "model", name, base)
                if found:
                    models.append({"variant": variant, "model": name, "of": kind, **found, "verdict": verdict(found)})
    savings = []
    for variant in told["variants"]:
        for size in (1, *sizes):
            rows = natural if size == 1 else passes
            ours = [row for row in rows if row["model"] == base and row.get("batch", 1) == size]
            if found := _held(ours, "variant", variant, "eager"):
                savings.append({"variant": variant, "batch": size, **found})
    return {**measured, "models": models, "savings": savings}


def together(runs: Sequence[Row]) -> dict[str, list[Row]]:
    """`models` and `savings` over all seeds, of what every seed has; with several, models over all variants as well (`all`)."""
    models = _shared(runs, "models", ("variant", "model", "of"))
    if len(runs) > 1:
        by: dict[tuple[str, str], list[Sequence[Row]]] = {}
        for key, rows in models:
            by.setdefault((key["model"], key["of"]), []).append(rows)
        for (name, of), variants in by.items():
            seeds = [math.fsum(math.log(row["ratio"]) for row in seed) for seed in zip(*variants, strict=True)]
            means: list[Row] = [{"ratio": math.exp(total / len(variants))} for total in seeds]
            models.append(({"variant": "all", "model": name, "of": of}, means))
    pooled = [{**key, **over_seeds(rows)} for key, rows in models]
    savings: list[Row] = [{**key, **over_seeds(rows)} for key, rows in _shared(runs, "savings", ("variant", "batch"))]
    judged: list[Row] = [{**row, "verdict": verdict(row)} for row in pooled]
    return {"models": judged, "savings": savings}


def _shared(runs: Sequence[Row], kind: str, names: Sequence[str]) -> list[tuple[dict[str, Any], list[Row]]]:
    """Rows that every seed has, one a seed, by what they are of, in the order of the first."""
    seeds = [{tuple(row[name] for name in names): row for row in run[kind]} for run in runs]
    keys = [key for key in seeds[0] if all(key in seed for seed in seeds)]
    return [(dict(zip(names, key, strict=True)), [seed[key] for seed in seeds]) for key in keys]


def _held(rows: Sequence[Row], key: str, ours: str, base: str) -> dict[str, Any]:
    """The time of `ours` over that of `base`, turn by turn in everything both were timed on; empty where there is nothing.

    Calls: a round is a turn, with a block in every language. Passes, which are few: each language of a pass is one.
    """
    found: dict[str, dict[Any, list[float]]] = {ours: {}, base: {}}
    for row in rows:
        if row[key] in found:
            found[row[key]][row["language"], row.get("batch")] = row.get("rounds") or row["seconds"]
    shared = [place for place in found[base] if place in found[ours]]
    if not shared:
        return {}
    calls = all(size is None for _, size in shared)
    groups = [shared] if calls else [[one for one in shared if one[0] == code] for code in dict.fromkeys(c for c, _ in shared)]
    turns = [
        [turn for places in groups for turn in zip(*(found[name][place] for place in places), strict=True)]
        for name in (ours, base)
    ]
    return ratio(turns[0], turns[1])
