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
from stilts_xtreme.stages import bitext, kept, models, noisy, retrieval, scored
from stilts_xtreme.stages.answers import Answer, by_id
from stilts_xtreme.stages.encoded import Desk
from stilts_xtreme.stages.events import Options, Progress, Tell
from stilts_xtreme.stages.lineage import lineage
from stilts_xtreme.stages.saving import patiently
from stilts_xtreme.store import Store
from stilts_xtreme.tasks import constant, coverage, metrics
from stilts_xtreme.tasks.catalogue import TASKS


def run(stage: plan.Predict, store: Store, scratch: Path, options: Options, tell: Tell) -> None:
    """Predict, score and write `test-LANGUAGE.jsonl` and the result into `scratch`.

    Several processes predict together; the first alone has the answers, and scores and writes them.
    """
    began = time.monotonic()
    task = TASKS[stage.task]
    device = _device(options)
    how = retrieval.answers if task.pool else bitext.answers if task.head == "embedding" else answers
    languages: dict[str, dict[str, float]] = {}
    chances: dict[str, float] = {}
    gaps: dict[str, dict[str, Any]] = {}
    told: list[dict[str, Any]] = []
    progress = Progress(stage, tell)
    progress.note("loading the model")
    import torch

    threads = torch.get_num_threads()
    memory = kept.kept(store.checkpoints(stage), options.checkpoint_every, device.type, threads, progress.say)
    stop.hold()
    for answer in how(stage, store, device, progress, memory):
        code = answer.language
        _write(scratch, f"test-{code}.jsonl", answer, progress)
        languages[code] = scored.language(stage.task, answer.predictions, answer.examples, code)
        chances[code] = constant.chance(task, answer.examples, code)
        if gap := coverage.lacking(task, answer.examples, answer.labels, code):
            gaps[code] = gap
            progress.say(f"{stage.task} {code}: {coverage.in_words(gap)}")
        told += answer.told
    if not ranks.first():
        return

    collapsed = [link for link in plan.chain(stage)[:-1] if store.result(link)["collapsed"]]
    result = {
        "schema": results.EVALUATION,
        "address": plan.address(stage),
        "plan": plan.identity(stage),
        "chain": lineage(stage),
        "data": told,
        "task": stage.task,
        **scored.together(stage.task, languages),
        **({"reading": reading} if (reading := metrics.reading(task.metric)) else {}),
        "chance": scored.chance(chances),
        **({"lacking": gaps} if gaps else {}),
        **({} if stage.noise is None else {"noise": noisy.record(stage, scratch)}),
        "collapsed": bool(collapsed),
        "collapse": {plan.address(link): store.result(link)["collapse"] for link in collapsed},
        "provenance": results.provenance(
            str(device), time.monotonic() - began, {"threads": threads, "threads_of_parts": memory.threads}.items()
        ),
    }
    patiently(scratch, lambda: results.write(scratch / "result.json", result), progress.say)


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
    parts = {
        code: desk.encoded(
            stage.task, "test", code, head=notes["head"], labels=labels, training=False, noise=stage.noise,
            sample=stage.test_examples,
        )
        for code in stage.languages
    }
    together = Joined(part.features for part in parts.values())
    heard = progress.through(len(together), "features")
    outputs = iter(predict.outputs(model, source, together, words, device, heard, memory.sweep()))
    if not ranks.first():
        return
    extra = {"no_answer_threshold": notes["threshold"]} if notes["head"] == "span_qa" else {}
    for code, part in parts.items():
        examples, own = part.examples(), list(islice(outputs, len(part.features)))
        found = head.decode(own, part.features, examples, labels, limits, **extra)
        yield Answer(code, found, by_id(examples, found), examples, [part.told], tuple(labels))


def _device(options: Options) -> Any:
    import torch

    return torch.device("cuda" if options.device != "cpu" and torch.cuda.is_available() else "cpu")
