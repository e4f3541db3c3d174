"""Do a Predict stage: one model's predictions for one task in each language, as files, and their scores."""

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stilts_xtreme import plan, results
from stilts_xtreme.engine import encoder, predict, products
from stilts_xtreme.errors import RunFailed, UserError
from stilts_xtreme.heads import HEADS, Limits, embedding
from stilts_xtreme.scoring import retrieval
from stilts_xtreme.stages import retrieval as pooled
from stilts_xtreme.stages.events import Event, Options, Tell
from stilts_xtreme.stages.lineage import checked, lineage, seen
from stilts_xtreme.stages.train import headline
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.metrics import gold_pairs


def run(stage: plan.Predict, store: Store, scratch: Path, options: Options, tell: Tell) -> None:
    """Predict, score and write `test-LANGUAGE.jsonl` and the result into `scratch`."""
    began = time.monotonic()
    task = TASKS[stage.task]
    device = _device(options)
    pool = pooled.gather(stage) if task.pool else None
    if pool:
        answer = pooled.ranker(stage, store, device, pool, lambda note: tell(_running(stage, 0, note)))
    else:
        answer = _retriever(stage, store, device) if task.head == "embedding" else _decoder(stage, store, device)
    languages: dict[str, dict[str, float]] = {}
    told = []
    for number, code in enumerate(stage.languages, start=1):
        tell(_running(stage, number - 1, code))
        reading = pool.readings[code] if pool else checked(stage.task, "test", code, stage.where)
        examples = pool.queries[code] if pool else reading.examples
        predictions, records = answer(code, examples)
        with open(scratch / f"test-{code}.jsonl", "w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        languages[code] = {**task.metric(predictions, examples, code), "n": count(task, examples)}
        told.append(seen(stage.task, "test", code, reading, stage.where))
        if stage.task == "bucc2018":
            dev = checked(stage.task, "dev", code, stage.where)
            told.append(seen(stage.task, "dev", code, dev, stage.where))
    told += pool.told if pool else []

    names = sorted({name for scores in languages.values() for name in scores} - {"n"})
    metrics = {name: math.fsum(scores[name] for scores in languages.values()) / len(languages) for name in names}
    collapsed = [link for link in plan.chain(stage)[:-1] if store.result(link)["collapsed"]]
    result = {
        "schema": results.EVALUATION,
        "address": plan.address(stage),
        "plan": plan.identity(stage),
        "chain": lineage(stage),
        "data": told,
        "task": stage.task,
        "languages": languages,
        "metrics": metrics,
        "score": headline(stage.task, metrics),
        "collapsed": bool(collapsed),
        "collapse": {plan.address(link): store.result(link)["collapse"] for link in collapsed},
        "provenance": results.provenance(str(device), time.monotonic() - began),
    }
    results.write(scratch / "result.json", result)


def _running(stage: plan.Predict, done: int, note: str) -> Event:
    return Event(plan.address(stage), "running", stage.label, done, len(stage.languages), note=note)


def count(task: Any, examples: Sequence[Any]) -> int:
    """How many things are scored: examples, or the gold pairs of a bitext."""
    return len(gold_pairs(examples)) if task.head == "embedding" else len(examples)


def _device(options: Options) -> Any:
    import torch

    return torch.device("cuda" if options.device != "cpu" and torch.cuda.is_available() else "cpu")


def _decoder(stage: plan.Predict, store: Store, device: Any) -> Any:
    """From a trained model: (language, examples) -> predictions and what is kept of them."""
    assert isinstance(stage.model, plan.Train)
    source = stage.model.tasks[0]
    model, words, notes = encoder.load_model(store.path(stage.model), source)
    model.to(device)
    head, limits = HEADS[notes["head"]], Limits(**notes["limits"])
    extra = {"no_answer_threshold": notes["threshold"]} if notes["head"] == "span_qa" else {}

    def answer(_: str, examples: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        features = head.encode(examples, words, model.labels[source], limits, training=False)
        outputs = predict.outputs(model, source, features, words, device)
        found = head.decode(outputs, features, examples, model.labels[source], limits, **extra)
        return found, [{"id": example.id, "prediction": value} for example, value in zip(examples, found, strict=True)]

    return answer


def _retriever(stage: plan.Predict, store: Store, device: Any) -> Any:
    """From an encoder without a head: nearest neighbours (Tatoeba) or mined pairs (BUCC) with a threshold chosen on dev."""
    if isinstance(stage.model, plan.Train):
        model, words = encoder.load(store.path(stage.model))
    else:
        model, words = encoder.load(stage.model.name, stage.model.revision)
    model.to(device)
    depth = model.config.num_hidden_layers
    assert stage.layer is not None and stage.pooling is not None and stage.max_length is not None
    if stage.max_length > (longest := encoder.longest(model)):
        raise UserError(f"setup.retrieval.max_length: {stage.max_length} is more than this encoder reads ({longest} tokens)")
    if not 0 <= stage.layer <= depth:
        raise UserError(f"setup.retrieval.layer: {stage.layer} is not a hidden state of this encoder (0 to {depth})")
    limits = Limits(max_length=stage.max_length)

    def sides(examples: Sequence[Any]) -> tuple[list[Any], list[Any], Any, Any]:
        foreign = [e for e in examples if e.side == "foreign"]
        english = [e for e in examples if e.side == "english"]
        made = []
        for group in (foreign, english):
            features = embedding.encode(group, words, (), limits, training=False)
            made.append(predict.vectors(model, features, words, stage.layer, stage.pooling, device))
        if not all(np.isfinite(vectors).all() for vectors in made):
            raise RunFailed(f"{stage.task}: the encoder's sentence vectors are not finite: its training was lost")
        return foreign, english, made[0], made[1]

    def nearest(_: str, examples: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        foreign, english, there, here = sides(examples)
        found = [foreign[i].id for i in retrieval.nearest(here, there)]
        return found, [{"id": query.id, "prediction": hit} for query, hit in zip(english, found, strict=True)]

    def mined(examples: Sequence[Any]) -> tuple[list[tuple[str, str, float]], set[tuple[str, str]]]:
        once = {(e.side, e.text): e for e in reversed(examples)}  # a repeated text counts as its first sentence
        foreign, english, there, here = sides(list(reversed(once.values())))
        found = retrieval.mine(there, here, product=products.fastest())
        pairs = [(foreign[i].id, english[j].id, float(score)) for i, j, score in found]
        return pairs, gold_pairs(examples)

    def bitext(code: str, examples: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        dev = checked(stage.task, "dev", code, stage.where)
        if dev.examples == tuple(examples):
            raise UserError(
                f"{stage.task} ({code}): dev and test are the same sentences: the threshold would be chosen on what is scored"
            )
        pairs, gold = mined(dev.examples)
        if not gold:
            raise UserError(
                f"{stage.task}: no gold pairs in the dev data for {code}: there is nothing to choose the threshold on"
            )
        threshold = retrieval.best_threshold(pairs, gold)
        pairs, _ = mined(examples)
        kept = [(foreign, english) for foreign, english, score in pairs if score >= threshold]
        return kept, [{"foreign": f, "english": e, "score": s, "kept": s >= threshold} for f, e, s in pairs]

    return bitext if stage.task == "bucc2018" else nearest
