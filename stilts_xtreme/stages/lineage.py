"""Which stages led to a result, and which data each of them saw."""

from typing import Any

from stilts_xtreme import plan
from stilts_xtreme.data.read import Reading


def lineage(stage: plan.Stage) -> list[dict[str, Any]]:
    """The chain from the first encoder to this stage: address, tasks, seed and readings of each."""
    told = []
    for link in plan.chain(stage):
        tasks = list(link.tasks) if isinstance(link, plan.Train) else [link.task]
        entry: dict[str, Any] = {"address": plan.address(link), "kind": plan.kind(link), "tasks": tasks}
        if isinstance(link, plan.Train):
            entry["seed"] = link.seed
        entry["reads"] = [f"{read.task}/{read.split}/{read.language}@{read.digest[:12]}" for read in link.reads]
        told.append(entry)
    return told


def seen(reading: Reading, stage: plan.Stage, task: str) -> dict[str, Any]:
    """A reading as a result records it: source, digest, counts, label histogram."""
    return {
        "task": task,
        "source": reading.source,
        "digest": reading.digest,
        "rows": reading.rows,
        "dropped": reading.dropped,
        "labels": dict(reading.labels),
    }
