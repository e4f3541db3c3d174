"""Which stages led to a result, how each was done, and which data it saw."""

from stilts_xtreme.data import expected, parallel
from stilts_xtreme.data.read import Reading, Where, read
from stilts_xtreme.pipeline import plan
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.readers.columns import Layout
from stilts_xtreme.tasks.task import NamedFiles, Task
from stilts_xtreme.utils.bounded_io import Record


def lineage(stage: plan.Stage) -> list[Record]:
    """Return the fully resolved plan of every stage from the first encoder to this stage.

    `reads` are task/split/language@digest with twelve digits of each digest; `read_for` has whole digests by role.
    """
    records = []
    for link in plan.chain(stage):
        tasks = list(link.tasks) if isinstance(link, plan.Train) else [link.task]
        reads = [f"{read.task}/{read.split}/{read.language}@{read.digest[:12]}" for read in link.reads]
        roles = {role: [f"{r.task}/{r.split}/{r.language}@{r.digest}" for r in reads] for role, reads in read_for(link).items()}
        records.append({"address": plan.address(link), **plan.identity(link), "tasks": tasks, "reads": reads, "read_for": roles})
    return records


def read_for(stage: plan.Stage) -> dict[str, list[plan.Reads]]:
    """Return the stage's readings by what they are read for: training (labelled), text (unlabelled), selection, evaluation.

    Selection is of a state, of an answer's threshold, or (bitext mining) of a cosine's threshold.
    """
    reads_by_role: dict[str, list[plan.Reads]] = {}
    for reference in stage.reads:
        if reference.split == "dev":
            role = "selection"
        elif isinstance(stage, plan.Train):
            role = "text" if TASKS[reference.task].head == "mlm" else "training"
        else:
            role = "evaluation"
        reads_by_role.setdefault(role, []).append(reference)
    return reads_by_role


def read_checked(task: str, split: str, language: str, where: Where) -> Reading:
    """Read the split a stage works on; UserError where it is not what the release is known to hold."""
    reading = read(TASKS[task], split, language, where)
    expected.verify(TASKS[task], split, language, reading, where)
    return reading


def dataset_record(task: str, split: str, language: str, reading: Reading, where: Where) -> Record:
    """Return a reading's record in a result: source, digest, counts, label histogram, and the size it was checked against.

    `dropped_by`, `noted`, `places` and `derived` are those of `data.counts.Counts`; older results lack them. Of a task that the
    user described also what `_described` gives, which a later process need not know otherwise.
    """
    expected_size = expected.number(TASKS[task], split, language, where)
    counts = parallel.with_difference(TASKS[task], split, language, where, reading.counts)
    record = {
        "task": task,
        "split": split,
        "language": language,
        "source": reading.source,
        "digest": reading.digest,
        "rows": reading.rows,
        "dropped": reading.dropped,
        "examples": len(reading.examples),
        "labels": dict(reading.labels),
        **counts.record(),
        **_described(TASKS[task]),
    }
    return record if expected_size is None else {**record, "expected": expected_size}


def _described(task: Task) -> Record:
    """Return a described task's record in a result: its licence, the digest of its description, the columns of a row's parts."""
    if not task.described:
        return {}
    layout = next(source.reader for source in task.sources if isinstance(source, NamedFiles))
    assert isinstance(layout, Layout)
    columns = {"examples": layout.kind, "format": layout.form, "columns": dict(layout.parts), "labels": list(layout.labels)}
    return {"licence": task.licence, "description": task.described, "layout": columns}
