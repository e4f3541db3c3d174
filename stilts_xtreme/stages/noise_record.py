"""Record what noise did to every example of a prediction."""

import json
from pathlib import Path

from stilts_xtreme.data import read as data
from stilts_xtreme.noise import add_noise
from stilts_xtreme.pipeline import plan
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.sample import sampled
from stilts_xtreme.utils.bounded_io import Record


def record(stage: plan.Predict, scratch: Path) -> Record:
    """Write `noise-LANGUAGE.jsonl`, a line for each changed example.

    Returns by language the number of `words`, of words that noise could choose (`choosable`) and of words `changed`.
    """
    assert stage.noise is not None
    counts_by_language = {}
    for code in stage.languages:
        counts = {"words": 0, "choosable": 0, "changed": 0}
        with open(scratch / f"noise-{code}.jsonl", "w", encoding="utf-8", newline="\n") as file:
            examples = data.read(TASKS[stage.task], "test", code, stage.where).examples
            for example in sampled(TASKS[stage.task], examples, stage.test_examples):
                noised = add_noise(example, code, stage.noise)
                counts["words"] += noised.words
                counts["choosable"] += noised.eligible
                counts["changed"] += len(noised.edits)
                if noised.edits:
                    edits = [[edit.field, edit.word, edit.operation, edit.before, edit.after] for edit in noised.edits]
                    file.write(json.dumps({"id": example.id, "edits": edits}, ensure_ascii=False) + "\n")
        counts_by_language[code] = counts
    return counts_by_language
