"""Which stages led to a result, how each was done, and which data it saw."""

from typing import Any

from stilts_xtreme import plan
from stilts_xtreme.data.read import Reading


def lineage(stage: plan.Stage) -> list[dict[str, Any]]:
    """The fully resolved plan of every stage from the first encoder to this one; readings as task/split/language@digest."""
    told = []
    for link in plan.chain(stage):
        tasks = list(link.tasks) if isinstance(link, plan.Train) else [link.task]
        reads = [f"{read.task}/{read.split}/{read.language}@{read.digest[:12]}" for read in link.reads]
        told.append({"address": plan.address(link), **plan.identity(link), "tasks": tasks, "reads": reads})
    return told


def seen(task: str, split: str, language: str, reading: Reading) -> dict[str, Any]:
    """A reading as a result records it: source, digest, counts, label histogram."""
    return {
        "task": task,
        "split": split,
        "language": language,
        "source": reading.source,
        "digest": reading.digest,
        "rows": reading.rows,
        "dropped": reading.dropped,
        "examples": len(reading.examples),
        "labels": dict(reading.labels),
    }
