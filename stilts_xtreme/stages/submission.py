"""Stored predictions of finished evaluations, written as XTREME and XTREME-R take them."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from stilts_xtreme.data import read as data
from stilts_xtreme.pipeline import plan
from stilts_xtreme.scoring.submission import file_name
from stilts_xtreme.scoring.submission_write import format_predictions
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.task import Task
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

Records = list[Record]  # the lines of a stored test-LANGUAGE.jsonl
Answers = Sequence[object] | Mapping[str, object]


def whole(stages: Sequence[plan.Stage]) -> None:
    """UserError where evaluations among these stages are of samples: a submission needs every test example."""
    if any(isinstance(stage, plan.Predict) and stage.test_examples is not None for stage in stages):
        raise UserError("--submission: needs every test example, and test_examples takes a sample: leave one of the two out")


def write(stage: plan.Predict, store: Store, folder: Path) -> list[Path]:
    """Write `TASK/test-LANGUAGE.*` below `folder` for every language of a finished evaluation; returns the paths.

    UserError where a row of the test data has no prediction, or nobody hands in what the task's head predicts.
    """
    whole([stage])
    plan.declare([stage])
    paths, head = [], TASKS[stage.task].head
    for code in stage.languages:
        with open(store.path(stage) / f"test-{code}.jsonl", encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
        path = folder / file_name(stage.task, code, head)
        text = format_predictions(head, _answers(stage, code, records))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        paths.append(path)
    return paths


def _answers(stage: plan.Predict, code: str, records: Records) -> Answers:
    """Return what `format_predictions` takes: by the release's ids, or a list in the order of its rows."""
    if stage.task == "bucc2018":
        return [(record["foreign"], record["english"]) for record in records if record["kept"]]
    predictions, task = {record["id"]: record["prediction"] for record in records}, TASKS[stage.task]
    match task.head:
        case "tagging":  # sentences that the reading drops, without any word, are not in XTREME's files either
            return list(predictions.values())
        case "span_qa":
            answers: dict[str, str] = {}
            for name, release in _order(task, code, stage.where):
                if name in predictions:
                    answers.setdefault(release, predictions[name])  # an id can be answered once
            return answers
        case "embedding":
            return _indices(predictions, _sides(task, code, stage.where))
        case "classification" | "multiple_choice":
            rows = [name for name, _ in _order(task, code, stage.where)]
            if missing := [name for name in rows if name not in predictions]:
                raise UserError(
                    f"submission: {stage.task} ({code}): {len(missing)} of {len(rows)} rows have no prediction, the first is "
                    f"{missing[0]}; the benchmark scores every row by its line: use test data in which every row has a label"
                )
            return [predictions[name] for name in rows]
        case _:
            return predictions


def _indices(predictions: Mapping[str, str], sides: tuple[tuple[str, ...], tuple[str, ...]]) -> list[int]:
    """Return the predicted foreign sentence's place in its file, for each English sentence."""
    foreign, english = sides
    places = {name: place for place, name in enumerate(foreign)}
    return [places[predictions[name]] for name in english]


@lru_cache(maxsize=256)  # the evaluations of a study share their test sets
def _order(task: Task, code: str, where: data.Where) -> tuple[tuple[str, str], ...]:
    """Our id and the release's of every test row, in the order of the release."""
    return tuple((name, row["id"]) for name, row in data.rows(task, "test", code, where))


@lru_cache(maxsize=256)
def _sides(task: Task, code: str, where: data.Where) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Foreign ids and English ids in their order; Tatoeba's English by text, as XTREME sorts it when it prepares the data."""
    rows = list(data.rows(task, "test", code, where))
    english = [(row["text"].strip(), place, name) for place, (name, row) in enumerate(rows) if row["side"] == "english"]
    if task.name == "tatoeba":
        english.sort()
    return tuple(name for name, row in rows if row["side"] == "foreign"), tuple(name for *_, name in english)
