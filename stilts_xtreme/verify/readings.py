"""What results say they read, against the plan that the study's spec gives."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from stilts_xtreme import plan
from stilts_xtreme.stages.lineage import lineage
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.verify.artefacts import redo
from stilts_xtreme.verify.found import Found, Tell


def recorded(stages: Sequence[plan.Stage], store: Store, tell: Tell) -> Found:
    """Every result's plan, chain and readings; results of before readings had roles have none to compare."""
    told, counts = [], Counter[str]()
    for done, stage in enumerate(stages, 1):
        result = store.result(stage)
        counts["readings"] += len(result["data"])
        if wrong := _wrong(stage, result):
            told.append(f"{store.path(stage) / 'result.json'}: {wrong}; {redo(store.path(stage))}")
        tell("results", done, len(stages))
    return Found(tuple(told), counts)


def _wrong(stage: plan.Stage, result: dict[str, Any]) -> str:
    """The first thing that is not as planned; empty where all is."""
    if (result["address"], result["plan"]) != (plan.address(stage), _plain(plan.identity(stage))):
        return "address and plan are those of another stage"
    planned = {(read.task, read.split, read.language): read.digest for read in stage.reads}
    found = {(one["task"], one["split"], one["language"]): one["digest"] for one in result["data"]}
    for reading, digest in found.items():
        if planned.get(reading) != digest:
            return f"data: {' '.join(reading)} was read, which is not what the plan holds"
    joined = {(name, split, language) for task, split, language in found for name in TASKS[task].joins}
    if lost := [reading for reading in planned if reading not in found and reading not in joined]:
        return f"data: {' '.join(lost[0])} is in the plan and was not read"
    for told, link in zip(result["chain"], mine := _plain(lineage(stage)), strict=False):
        if different := [key for key in link if told.get(key, link[key] if key == "read_for" else None) != link[key]]:
            return f"chain: {link['address']}: {different[0]} is not what the plan holds"
    return "" if len(result["chain"]) == len(mine) else "chain: not as long as the plan's"


def _plain(content: Any) -> Any:
    return json.loads(json.dumps(content))
