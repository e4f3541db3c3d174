"""A latency study's finished measurements gathered into one result, with what they say of models and variants."""

import math
from collections.abc import Sequence

from stilts_xtreme import results
from stilts_xtreme.data import read as data
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.scoring.timing import MARGIN, over_seeds, ratio, verdict
from stilts_xtreme.spec.latency import Latency
from stilts_xtreme.stages.latency import AGAIN
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.bounded_io import Record

HOW = ("variants", "batch_sizes", "lengths", "calls", "warmup", "block", "passes", "pool", "threads", "device", "examples")
OF_A_RUN = ("address", "languages", "variants", "skipped", "answers", "parameters", "collapsed", "collapse", "models")


def gather(spec: Latency, timed: Sequence[grid.Timed], store: Store, command: str) -> Record:
    """Return the study as `stilts/latency-study@1`: models go by their names, `none again` is the control."""
    runs = [_with_names(stage, store.result(stage.stage)) for stage in timed]
    settings, measured = runs[0]["plan"], [_measured(run) for run in runs]
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
        "how": {name: settings[name] for name in HOW},
        "seeds": list(spec.seeds),
        "margin": MARGIN,
        "runs": [{key: run[key] for key in OF_A_RUN} | {"seed": stage.seed} for run, stage in zip(runs, timed, strict=True)],
        "data": {"source": data.name(timed[0].stage.where)},
        "provenance": results.provenance_of(runs),
        "measured": {"runs": measured, **together(measured)},
    }


def _with_names(timed: grid.Timed, result: Record) -> Record:
    """Return the stage's result with the study's names in place of addresses."""
    names = {plan.address(model): name for name, model in zip(timed.names, timed.stage.models, strict=True)}
    names[AGAIN] = f"{timed.names[0]} again"
    measured = dict(result["measured"])
    for key in ("latency", "throughput"):
        measured[key] = [{**row, "model": names[row["model"]]} for row in measured[key]]
    answers = {names[model]: by_variant for model, by_variant in result["answers"].items()}
    models = {name: address for address, name in names.items() if address != AGAIN}
    return {**result, "measured": measured, "answers": answers, "models": models}


def _measured(run: Record) -> Record:
    """Return times as they were taken, how much models differ (`models`), and what variants save (`savings`)."""
    measured = run["measured"]
    calls = [row for row in measured["latency"] if "length" not in row]
    passes = measured["throughput"]
    base = calls[0]["model"] if calls else ""
    names = list(dict.fromkeys(row["model"] for row in calls))
    sizes = list(dict.fromkeys(row["batch"] for row in passes))
    models = []
    for variant in run["variants"]:
        for name in names[1:]:
            for kind, rows in (("latency", calls), ("throughput", passes)):
                difference = _ratio([row for row in rows if row["variant"] == variant], "model", name, base)
                if difference:
                    models.append({"variant": variant, "model": name, "of": kind, **difference, "verdict": verdict(difference)})
    savings = []
    for variant in run["variants"]:
        for size in (1, *sizes):
            rows = calls if size == 1 else passes
            ours = [row for row in rows if row["model"] == base and row.get("batch", 1) == size]
            if saving := _ratio(ours, "variant", variant, "eager"):
                savings.append({"variant": variant, "batch": size, **saving})
    return {**measured, "models": models, "savings": savings}


def together(runs: Sequence[Record]) -> dict[str, list[Record]]:
    """Return `models` and `savings` over seeds, of what every seed has; with several seeds also models over all variants."""
    models = _shared(runs, "models", ("variant", "model", "of"))
    if len(runs) > 1:
        by_model: dict[tuple[str, str], list[list[Record]]] = {}
        for fields, rows in models:
            by_model.setdefault((fields["model"], fields["of"]), []).append(rows)
        for (name, of), variants in by_model.items():
            logs = [math.fsum(math.log(row["ratio"]) for row in seed) for seed in zip(*variants, strict=True)]
            means: list[Record] = [{"ratio": math.exp(total / len(variants))} for total in logs]
            models.append(({"variant": "all", "model": name, "of": of}, means))
    pooled = [{**fields, **over_seeds(rows)} for fields, rows in models]
    savings = [{**fields, **over_seeds(rows)} for fields, rows in _shared(runs, "savings", ("variant", "batch"))]
    return {"models": [{**row, "verdict": verdict(row)} for row in pooled], "savings": savings}


def _shared(runs: Sequence[Record], kind: str, names: Sequence[str]) -> list[tuple[Record, list[Record]]]:
    """Return what every seed has: the fields `names`, and its rows, a row per seed; in the order of the first seed."""
    seeds = [{tuple(row[name] for name in names): row for row in run[kind]} for run in runs]
    keys = [key for key in seeds[0] if all(key in seed for seed in seeds)]
    return [(dict(zip(names, key, strict=True)), [seed[key] for seed in seeds]) for key in keys]


def _ratio(rows: Sequence[Record], key: str, ours: str, base: str) -> Record:
    """Return the time of `ours` over that of `base`, turn by turn in everything both were timed on; empty where there is nothing.

    Calls: a round is a turn, with a block in every language. Passes, which are few: each language of a pass is a turn.
    """
    times: dict[str, dict[tuple[str, int | None], list[float]]] = {ours: {}, base: {}}  # by language and batch size
    for row in rows:
        if row[key] in times:
            times[row[key]][row["language"], row.get("batch")] = row.get("rounds") or row["seconds"]
    shared = [timed for timed in times[base] if timed in times[ours]]
    if not shared:
        return {}
    calls = all(size is None for _, size in shared)
    by_language = [[timed for timed in shared if timed[0] == code] for code in dict.fromkeys(code for code, _ in shared)]
    turns = [
        [turn for group in ([shared] if calls else by_language) for turn in zip(*(times[name][at] for at in group), strict=True)]
        for name in (ours, base)
    ]
    return ratio(turns[0], turns[1])
