"""A finished prediction's examples, each with what it adds to the score: what a bootstrap draws from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stilts_xtreme import plan
from stilts_xtreme.data import read as data
from stilts_xtreme.store import Store
from stilts_xtreme.tasks import metrics
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.sample import sampled


@dataclass(frozen=True)
class Judged:
    """The score of a language is 100 times the sum of `tops` by that of `bottoms`; one of each for every id."""

    ids: tuple[str, ...]
    tops: NDArray[np.float64]
    bottoms: NDArray[np.float64]


class Judge:
    """Reads predictions and the examples they answer; readings are kept, since many models answer the same."""

    def __init__(self, store: Store):
        self._store = store
        self._examples: dict[Any, Mapping[str, Sequence[Any]]] = {}

    def judged(self, stage: plan.Predict) -> dict[str, Judged]:
        """What every example of a finished prediction adds to its score, by language."""
        task, examples, found = TASKS[stage.task], self.asked(stage), {}
        for code in stage.languages:
            predictions = read(self._store.path(stage) / f"test-{code}.jsonl")
            ids, tops, bottoms = zip(*metrics.parts(task.metric, predictions, examples[code], code), strict=True)
            found[code] = Judged(ids, np.array(tops), np.array(bottoms))
        return found

    def asked(self, stage: plan.Predict) -> Mapping[str, Sequence[Any]]:
        """The examples that a prediction answers, by language, without any noise."""
        key = stage.task, stage.languages, stage.test_examples, stage.where
        if key not in self._examples:
            task = TASKS[stage.task]
            asked = {code: data.read(task, "test", code, stage.where).examples for code in stage.languages}
            if task.pool:  # what is right depends on what there is to find
                from stilts_xtreme.stages.pool import gather

                pool = {code: data.read(task, "pool", code, stage.where).examples for code in task.pools(stage.languages)}
                asked = dict(gather(task, asked, pool).queries)
            self._examples[key] = {code: sampled(task, examples, stage.test_examples) for code, examples in asked.items()}
        return self._examples[key]


def read(path: Path) -> list[Any]:
    """The predictions of a file as the task's metric takes them: one for each example asked, or mined pairs."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if lines and "kept" in lines[0]:
        return [(line["foreign"], line["english"]) for line in lines if line["kept"]]
    return [line["prediction"] for line in lines]
