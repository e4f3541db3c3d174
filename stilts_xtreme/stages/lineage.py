"""Which stages led to a result, how each was done, and which data it saw."""

from typing import Any

from stilts_xtreme import plan
from stilts_xtreme.data import expected
from stilts_xtreme.data.read import Reading, Where, read
from stilts_xtreme.tasks.catalogue import TASKS


def lineage(stage: plan.Stage) -> list[dict[str, Any]]:
    """The fully resolved plan of every stage from the first encoder to this one; readings as task/split/language@digest."""
    told = []
    for link in plan.chain(stage):
        tasks = list(link.tasks) if isinstance(link, plan.Train) else [link.task]
        reads = [f"{read.task}/{read.split}/{read.language}@{read.digest[:12]}" for read in link.reads]
        told.append({"address": plan.address(link), **plan.identity(link), "tasks": tasks, "reads": reads})
    return told


def checked(task: str, split: str, language: str, where: Where) -> Reading:
    """The reading a stage works on; UserError where it is not what the release is known to hold."""
    reading = read(TASKS[task], split, language, where)
    expected.verify(TASKS[task], split, language, reading, where)
    return reading


def seen(task: str, split: str, language: str, reading: Reading, where: Where) -> dict[str, Any]:
    """A reading as a result records it: source, digest, counts, label histogram, and the size it was checked against, if any."""
    wanted = expected.number(TASKS[task], split, language, where)
    told = {
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
    return told if wanted is None else {**told, "expected": wanted}
