"""What the noise of a prediction did to every example, written beside it."""

import json
from pathlib import Path
from typing import Any

from stilts_xtreme import plan
from stilts_xtreme.data import read as data
from stilts_xtreme.noise import add_noise
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.sample import sampled


def record(stage: plan.Predict, scratch: Path) -> dict[str, Any]:
    """Write `noise-LANGUAGE.jsonl`, a line for each changed example; returns how many words there were, might and did change."""
    assert stage.noise is not None
    told = {}
    for code in stage.languages:
        counts = {"words": 0, "choosable": 0, "changed": 0}
        with open(scratch / f"noise-{code}.jsonl", "w", encoding="utf-8", newline="\n") as file:
            examples = data.read(TASKS[stage.task], "test", code, stage.where).examples
            for example in sampled(TASKS[stage.task], examples, stage.test_examples):
                found = add_noise(example, code, stage.noise)
                counts["words"] += found.words
                counts["choosable"] += found.eligible
                counts["changed"] += len(found.edits)
                if found.edits:
                    edits = [[edit.field, edit.word, edit.operation, edit.before, edit.after] for edit in found.edits]
                    file.write(json.dumps({"id": example.id, "edits": edits}, ensure_ascii=False) + "\n")
        told[code] = counts
    return told
