"""What each test example of a finished evaluation adds to its score: the examples of the bootstrap."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stilts_xtreme.data import read as data
from stilts_xtreme.pipeline import plan
from stilts_xtreme.store import Store
from stilts_xtreme.tasks import metrics
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.sample import sampled

EXAMPLES = "examples.json"  # in the folder of an evaluation that came in a bundle, in place of its predictions
TestData = tuple[str, tuple[str, ...], int | None, data.Where]  # task, languages, sample, source


@dataclass(frozen=True)
class ExampleScores:
    """A language's examples, whose score is 100 * sum(numerators) / sum(denominators).

    `ids`, `numerators` and `denominators` [examples] are parallel. `digests` [predictions] are equal where predictions are; mined
    pairs have a digest per pair, not per example.
    """

    ids: tuple[str, ...]
    numerators: NDArray[np.float64]
    denominators: NDArray[np.float64]
    digests: tuple[str, ...]


class ExampleScorer:
    """Scores the examples of evaluations; gold data is read only once, since many models answer the same."""

    def __init__(self, store: Store):
        self._store = store
        self._gold: dict[TestData, Mapping[str, Sequence[Any]]] = {}

    def scores(self, stage: plan.Predict) -> dict[str, ExampleScores]:
        """Return the example scores of a finished evaluation, by language."""
        folder = self._store.path(stage)
        if bundled(folder):
            return load((folder / EXAMPLES).read_bytes())
        task, gold, scores = TASKS[stage.task], self.gold(stage), {}
        for code in stage.languages:
            predictions = read(folder / f"test-{code}.jsonl")
            ids, numerators, denominators = zip(*metrics.parts(task.metric, predictions, gold[code], code), strict=True)
            digests = tuple(f"{zlib.crc32(json.dumps(prediction).encode()):08x}" for prediction in predictions)
            scores[code] = ExampleScores(ids, np.array(numerators), np.array(denominators), digests)
        return scores

    def gold(self, stage: plan.Predict) -> Mapping[str, Sequence[Any]]:
        """Return the examples that an evaluation answers, by language, without any noise."""
        key = test_data(stage)
        if key not in self._gold:
            task = TASKS[stage.task]
            examples = {code: data.read(task, "test", code, stage.where).examples for code in stage.languages}
            if task.pool:  # what is right depends on what there is to find
                from stilts_xtreme.stages.retrieval_splits import build_pool

                pool = {code: data.read(task, "pool", code, stage.where).examples for code in task.pools(stage.languages)}
                examples = dict(build_pool(task, examples, pool).queries)  # type: ignore[arg-type]  # of a task with a pool
            self._gold[key] = {code: sampled(task, rows, stage.test_examples) for code, rows in examples.items()}
        return self._gold[key]


def test_data(stage: plan.Predict) -> TestData:
    """Return what decides the examples that an evaluation answers."""
    return stage.task, stage.languages, stage.test_examples, stage.where


def read(path: Path) -> list[Any]:
    """Return the predictions of a file as the task's metric takes them: a prediction per example, or mined pairs."""
    with open(path, encoding="utf-8") as file:  # not splitlines, which would break a line at U+2028 in an answer
        lines = [json.loads(line) for line in file]
    if lines and "kept" in lines[0]:
        return [(line["foreign"], line["english"]) for line in lines if line["kept"]]
    return [line["prediction"] for line in lines]


def bundled(folder: Path) -> bool:
    """Whether an evaluation has example scores in place of its predictions."""
    return (folder / EXAMPLES).is_file()


def dump(scores: Mapping[str, ExampleScores]) -> bytes:
    """Return example scores by language as JSON."""
    content = {
        code: {
            "ids": list(part.ids), "numerators": part.numerators.tolist(), "denominators": part.denominators.tolist(),
            "digests": list(part.digests),
        }
        for code, part in scores.items()
    }  # fmt: skip
    return json.dumps(content, sort_keys=True).encode()


def load(content: bytes) -> dict[str, ExampleScores]:
    """Read what `dump` wrote. ValueError, KeyError or TypeError for anything else."""
    scores = {}
    for code, part in json.loads(content).items():
        numerators, denominators = np.array(part["numerators"], float), np.array(part["denominators"], float)
        ids, digests = tuple(map(str, part["ids"])), tuple(map(str, part["digests"]))
        if not len(ids) == len(numerators) == len(denominators):
            raise ValueError(f"{code}: {len(ids)} ids, {len(numerators)} numerators, {len(denominators)} denominators")
        if not (np.isfinite(numerators).all() and np.isfinite(denominators).all()):
            raise ValueError(f"{code}: a score that is not finite")
        scores[code] = ExampleScores(ids, numerators, denominators, digests)
    return scores
