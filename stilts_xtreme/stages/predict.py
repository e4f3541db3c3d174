"""Do a Predict stage: one model's predictions for one task in all its languages, as files, and their scores."""

import json
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from stilts_xtreme import plan, ranks, results, stop
from stilts_xtreme.engine import predict
from stilts_xtreme.engine.features import Joined
from stilts_xtreme.heads import HEADS, Limits
from stilts_xtreme.stages import bitext, kept, models, parts, retrieval, scored
from stilts_xtreme.stages.answers import Answer, by_id
from stilts_xtreme.stages.encoded import Desk
from stilts_xtreme.stages.events import Options, Progress, Tell
from stilts_xtreme.stages.saving import patiently
from stilts_xtreme.store import Store
from stilts_xtreme.tasks import constant, coverage
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.task import Task


def run(stage: plan.Predict, store: Store, scratch: Path, options: Options, tell: Tell) -> None:
    """Predict, score and write `test-LANGUAGE.jsonl` and the result into `scratch`; languages that other evaluations of the store
    hold are taken from there (see `parts`).

    Several processes predict together; the first alone has the answers, and scores and writes them.
    """
    began = time.monotonic()
    task = TASKS[stage.task]
    device = _device(options)
    how = retrieval.answers if task.pool else bitext.answers if task.head == "embedding" else answers
    progress = Progress(stage, tell)
    taken = parts.found(stage, store) if ranks.first() else {}
    asked = parts.rest(stage, ranks.told(lambda: list(taken)))
    if taken:
        progress.note(f"predicted before: {' '.join(taken)}")
    import torch

    threads, kind = torch.get_num_threads(), device.type
    if len(asked.languages) < len(stage.languages):  # its batches are not those of all languages
        kind += f":{plan.address(asked)}"
    memory = kept.kept(store.checkpoints(stage), options.checkpoint_every, kind, threads, progress.say)
    stop.hold()
    made = dict(taken)
    if asked.languages:
        progress.note("loading the model")
        for answer in how(asked, store, device, progress, memory):
            made[answer.language] = _part(task, answer, scratch, progress)
    if not ranks.first():
        return

    counts = {"threads": threads, "threads_of_parts": memory.threads}
    provenance = results.provenance(str(device), time.monotonic() - began, counts.items())

    def write() -> None:
        results.write(scratch / "result.json", parts.result(stage, store, made, scratch, provenance))

    patiently(scratch, write, progress.say)


def _part(task: Task, answer: Answer, scratch: Path, progress: Progress) -> parts.Part:
    """A language's predictions, written and scored."""
    code = answer.language
    _write(scratch, parts.file_of(code), answer, progress)
    if gap := coverage.lacking(task, answer.examples, answer.labels, code):
        progress.say(f"{task.name} {code}: {coverage.in_words(gap)}")
    scores = scored.language(task.name, answer.predictions, answer.examples, code)
    return parts.Part(scores, constant.chance(task, answer.examples, code), gap, tuple(answer.told))


def _write(scratch: Path, name: str, answer: Answer, progress: Progress) -> None:
    def write() -> None:
        with open(scratch / name, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in answer.records)

    patiently(scratch, write, progress.say)


def answers(stage: plan.Predict, store: Store, device: Any, progress: Progress, memory: kept.Kept) -> Iterator[Answer]:
    """From a trained model: the features of all languages go through it together, so that like lengths meet."""
    assert isinstance(stage.model, plan.Train)
    model, words, notes = models.trained(stage, store, device)
    source, head, limits = models.source(stage), HEADS[notes["head"]], Limits(**notes["limits"])
    labels = model.labels[source]
    desk = Desk(store, stage.where, words, limits, progress)
    read = {
        code: desk.encoded(
            stage.task, "test", code, head=notes["head"], labels=labels, training=False, noise=stage.noise,
            sample=stage.test_examples,
        )
        for code in stage.languages
    }
    together = Joined(part.features for part in read.values())
    heard = progress.through(len(together), "features")
    outputs = iter(predict.outputs(model, source, together, words, device, heard, memory.sweep()))
    if not ranks.first():
        return
    extra = {"no_answer_threshold": notes["threshold"]} if notes["head"] == "span_qa" else {}
    for code, part in read.items():
        examples, own = part.examples(), list(islice(outputs, len(part.features)))
        found = head.decode(own, part.features, examples, labels, limits, **extra)
        yield Answer(code, found, by_id(examples, found), examples, [part.told], tuple(labels))


def _device(options: Options) -> Any:
    import torch

    return torch.device("cuda" if options.device != "cpu" and torch.cuda.is_available() else "cpu")
