"""Check the data that results record as read against the plan of the study's spec."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages.lineage import lineage
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.verify.file_check import fix_stage
from stilts_xtreme.verify.report import CheckReport, ProgressCallback


def check_data(stages: Sequence[plan.Stage], store: Store, callback: ProgressCallback) -> CheckReport:
    """Check every result's plan, chain and data; results older than the key `read_for` are not checked for it."""
    errors, counts = [], Counter[str]()
    for done, stage in enumerate(stages, 1):
        result = store.result(stage)
        counts["readings"] += len(result["data"])
        if problem := _first_problem(stage, result):
            errors.append(f"{store.path(stage) / 'result.json'}: {problem}; {fix_stage(store.path(stage))}")
        callback("results", done, len(stages))
    return CheckReport(tuple(errors), counts)


def _first_problem(stage: plan.Stage, result: Record) -> str:
    """Return the first difference from the plan, as a clause; empty without any."""
    if (result["address"], result["plan"]) != (plan.address(stage), _as_json(plan.identity(stage))):
        return "address and plan are those of another stage"
    planned = {(read.task, read.split, read.language): read.digest for read in stage.reads}
    recorded = {(split["task"], split["split"], split["language"]): split["digest"] for split in result["data"]}
    for key, digest in recorded.items():
        if planned.get(key) != digest:
            return f"data: {' '.join(key)} was read, which is not what the plan holds"
    joined = {(name, split, language) for task, split, language in recorded for name in TASKS[task].joins}
    if missing := [key for key in planned if key not in recorded and key not in joined]:
        return f"data: {' '.join(missing[0])} is in the plan and was not read"
    expected = _as_json(lineage(stage))
    for link, expected_link in zip(result["chain"], expected, strict=False):
        for name, value in expected_link.items():
            if link.get(name, value if name == "read_for" else None) != value:
                return f"chain: {expected_link['address']}: {name} is not what the plan holds"
    return "" if len(result["chain"]) == len(expected) else "chain: not as long as the plan's"


T = TypeVar("T", Record, list[Record])


def _as_json(content: T) -> T:
    """Convert tuples to lists and so on, as in a file."""
    return json.loads(json.dumps(content))
