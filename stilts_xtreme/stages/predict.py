"""Run a Predict stage: a model's predictions for a task in all its languages, as files, and their scores."""

import json
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch

from stilts_xtreme import results
from stilts_xtreme.engine import predict
from stilts_xtreme.engine.features import Joined
from stilts_xtreme.models.heads import HEADS, Limits, probabilities
from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages import aggregate, language_predictions, mining, model_cache, prediction_checkpoint, retrieval
from stilts_xtreme.stages.events import Options, Progress, ProgressCallback
from stilts_xtreme.stages.feature_cache import FeatureCache
from stilts_xtreme.stages.predictions import LanguagePredictions, records_by_id
from stilts_xtreme.stages.saving import patiently
from stilts_xtreme.store import Store
from stilts_xtreme.tasks import constant_baseline, coverage
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.task import Task
from stilts_xtreme.utils import ranks, signals


def run(stage: plan.Predict, store: Store, scratch: Path, options: Options, callback: ProgressCallback) -> None:
    """Predict, score and write `test-LANGUAGE.jsonl` and the result into `scratch`; languages that other evaluations of the store
    hold are taken from there (see `parts`).

    Several processes predict together; only the first gets the predictions, and scores and writes them.
    """
    began = time.monotonic()
    task = TASKS[stage.task]
    device = device_of(options.device)
    predict_languages = (
        retrieval.predict_languages if task.pool else mining.predict_languages if task.head == "embedding" else from_head
    )
    progress = Progress(stage, callback)
    reused = language_predictions.find(stage, store) if ranks.first() else {}
    remaining = language_predictions.rest(stage, ranks.broadcast(lambda: list(reused)))
    if reused:
        progress.note(f"predicted before: {' '.join(reused)}")
    threads, kind = torch.get_num_threads(), device.type
    if len(remaining.languages) < len(stage.languages):  # its batches are not those of all languages
        kind += f":{plan.address(remaining)}"
    checkpoint = prediction_checkpoint.open_checkpoint(
        store.checkpoints(stage), options.checkpoint_every, kind, threads, progress.say
    )
    signals.hold()
    finished = dict(reused)
    if remaining.languages:
        progress.note("loading the model")
        for predictions in predict_languages(remaining, store, device, progress, checkpoint):
            finished[predictions.language] = _part(task, predictions, scratch, progress)
    if not ranks.first():
        return

    counts = {"threads": threads, "threads_of_parts": checkpoint.threads}
    provenance = results.provenance(str(device), time.monotonic() - began, counts.items())

    def write() -> None:
        results.write(scratch / "result.json", language_predictions.result(stage, store, finished, scratch, provenance))

    patiently(scratch, write, progress.say)


def _part(task: Task, predictions: LanguagePredictions, scratch: Path, progress: Progress) -> language_predictions.Part:
    """Write and score the predictions of a language."""
    code = predictions.language
    _write(scratch, language_predictions.file_of(code), predictions, progress)
    if gap := coverage.lacking(task, predictions.examples, predictions.labels, code):
        progress.say(f"{task.name} {code}: {coverage.in_words(**gap)}")
    scores = aggregate.language(task.name, predictions.predictions, predictions.examples, code)
    chance = constant_baseline.chance(task, predictions.examples, code)
    return language_predictions.Part(scores, chance, gap, tuple(predictions.splits))


def _write(scratch: Path, name: str, predictions: LanguagePredictions, progress: Progress) -> None:
    def write() -> None:
        with open(scratch / name, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in predictions.records)

    patiently(scratch, write, progress.say)


def from_head(
    stage: plan.Predict, store: Store, device: torch.device, progress: Progress,
    checkpoint: prediction_checkpoint.PredictionCheckpoint,
) -> Iterator[LanguagePredictions]:  # fmt: skip
    """Predict with a trained head, with probabilities where the stage says so.

    Features of all languages share batches, so that similar lengths meet.
    """
    assert isinstance(stage.model, plan.Train)
    model, tokenizer, notes = model_cache.trained(stage, store, device)
    source, head, limits = model_cache.source(stage), HEADS[notes["head"]], Limits(**notes["limits"])
    labels = model.labels[source]
    cache = FeatureCache(store, stage.where, tokenizer, limits, progress)
    splits = {
        code: cache.encoded(
            stage.task,
            "test",
            code,
            head=notes["head"],
            labels=labels,
            training=False,
            noise=stage.noise,
            sample=stage.test_examples,
        )
        for code in stage.languages
    }
    together = Joined(part.features for part in splits.values())
    advance = progress.through(len(together), "features")
    unpack = probabilities.UNPACK.get(notes["head"]) if stage.probabilities else None
    outputs = iter(predict.outputs(model, source, together, tokenizer, device, advance, checkpoint.next_pass(), unpack))
    if not ranks.first():
        return
    extra = {"no_answer_threshold": notes["threshold"]} if notes["head"] == "span_qa" else {}
    for code, part in splits.items():
        examples, own = part.examples(), list(islice(outputs, len(part.features)))
        if not stage.probabilities:
            predicted = head.decode(own, part.features, examples, labels, limits, **extra)
            records = records_by_id(examples, predicted)
        else:
            name, threshold = notes["head"], notes["threshold"]
            answers = probabilities.predictions(name, own, part.features, examples, labels, limits, threshold)
            records = [{"id": answer.id, "prediction": answer.answer, **answer.record()} for answer in answers]
            predicted = [record["prediction"] for record in records]
        yield LanguagePredictions(code, predicted, records, examples, [part.stats], tuple(labels))


def device_of(name: str) -> torch.device:
    """Return the device of that name: "cpu", or "auto", a GPU if there is one."""
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
