"""Do a Train stage: read, encode, train, score English dev, save."""

import json
import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stilts_xtreme import plan, results
from stilts_xtreme.data import read as data
from stilts_xtreme.engine import batches, encoder, predict, tokenizer
from stilts_xtreme.engine.train import Stream, accelerator, train
from stilts_xtreme.errors import UserError
from stilts_xtreme.heads import HEADS, Limits
from stilts_xtreme.stages.events import Event, Options, Tell
from stilts_xtreme.stages.lineage import checked, lineage, seen
from stilts_xtreme.store import Store
from stilts_xtreme.tasks import mixture
from stilts_xtreme.tasks.catalogue import training
from stilts_xtreme.tasks.metrics import RANKED
from stilts_xtreme.tasks.task import Task, training_split

EVERY = 0.5  # seconds between two progress events


@dataclass(frozen=True)
class Dev:
    """A task's English dev data: the reading, the examples of it that are scored, those encoded."""

    reading: data.Reading
    examples: Sequence[Any]
    features: Sequence[batches.Feature]


def run(stage: plan.Train, store: Store, scratch: Path, options: Options, tell: Tell) -> None:
    """Train and write model, log and result into `scratch`."""
    began = time.monotonic()
    readings = _read(stage)
    start, words = _start(stage, store, readings)
    if stage.recipe.max_length > (longest := encoder.longest(start)):
        raise UserError(
            f"{stage.label}: recipe.max_length: {stage.recipe.max_length} is more than this encoder reads ({longest} tokens)"
        )
    labels = {task: _task(task).labels or _tags(readings[task].values()) for task in stage.tasks}
    limits = limits_of(stage.recipe)
    streams = {task: _stream(task, stage, readings[task], words, labels[task], limits) for task in stage.tasks}
    sizes = {task: len(streams[task].features) for task in stage.tasks}
    steps, order = _schedule(stage, sizes)
    devs = {task: _dev(task, stage, words, labels[task], limits) for task in stage.tasks}

    import torch

    torch.manual_seed(stage.seed)
    model = encoder.Model(start, {task: _task(task).head for task in stage.tasks}, labels, stage.recipe.dropout)
    runner = accelerator(stage.recipe.precision, options.device)
    model.to(runner.device)

    def score(model: encoder.Model) -> float:
        scores = [dev_scores(model, task, devs[task], words, limits, runner.device)["score"] for task in stage.labelled]
        return math.fsum(scores) / len(scores)

    last, best_step, tokens, told = None, 0, 0, began
    with open(scratch / "log.jsonl", "w", encoding="utf-8", newline="\n") as log:
        for step in train(model, streams, order, stage.recipe, stage.seed, words, runner, score):
            tokens, last = tokens + step.tokens, step
            best_step = step.number if step.best else best_step
            log.write(json.dumps(_line(step), allow_nan=True) + "\n")
            if (now := time.monotonic()) - told > EVERY or step.score is not None:
                told = now
                speed = tokens / max(now - began, 1e-9)
                tell(Event(plan.address(stage), "running", stage.label, step.number, steps, step.loss, speed))

    final = {task: dev_scores(model, task, devs[task], words, limits, runner.device) for task in stage.tasks} if steps else {}
    model.cpu()
    collapse = _collapse(stage.labelled, final, devs, last)
    notes = {task: {"threshold": final.get(task, {}).get("threshold"), "limits": vars(limits)} for task in stage.tasks}
    model.save(scratch, words, notes)
    result = {
        "schema": results.TRAINING,
        "address": plan.address(stage),
        "plan": plan.identity(stage),
        "chain": lineage(stage),
        "data": [
            *(_seen(stage, task, code, reading) for task in stage.tasks for code, reading in readings[task].items()),
            *(seen(_task(task).name, "dev", "en", devs[task].reading, stage.where) for task in stage.tasks),
        ],
        "examples": {task: _examples(stage, readings[task].values()) for task in stage.tasks},
        "features": sizes,
        "steps": {"planned": steps, "done": last.number if last else 0, "best": best_step},
        "rates": _rates(stage, sizes),
        "dev": {task: {name: value for name, value in scores.items() if name != "threshold"} for task, scores in final.items()},
        "collapsed": bool(collapse),
        "collapse": collapse,
        "parameters": sum(p.numel() for p in model.encoder.parameters()),
        "provenance": results.provenance(
            str(runner.device), time.monotonic() - began, {"tokens": tokens, "threads": torch.get_num_threads()}.items()
        ),
    }
    results.write(scratch / "result.json", result)


def _task(name: str) -> Task:
    """The task whose training data goes by this name."""
    return training(name)[0]


def _seen(stage: plan.Train, name: str, language: str, reading: data.Reading) -> dict[str, Any]:
    """A training reading as the result records it."""
    return seen(_task(name).name, training_split(_task(name), language), language, reading, stage.where)


def limits_of(recipe: plan.Recipe) -> Limits:
    """What the heads need of a recipe."""
    return Limits(recipe.max_length, recipe.doc_stride, recipe.max_answer_length, recipe.mask_rate)


def dev_scores(model: encoder.Model, task: str, dev: Dev, words: Any, limits: Limits, device: Any) -> dict[str, Any]:
    """The task's metrics on English dev, their headline mean as `score`; for span QA also the no-answer threshold tuned on it."""
    kind = _task(task).head
    if kind == "mlm":
        accuracy = predict.masked_accuracy(model, task, dev.features, words, device)
        return {"masked_accuracy": accuracy, "score": accuracy, "n": len(dev.examples)}
    head, told = HEADS[kind], {}
    outputs = predict.outputs(model, task, dev.features, words, device)
    if kind == "span_qa":
        unanswerable = any(not example.answers for example in dev.examples)
        told["threshold"] = head.tune_threshold(outputs, dev.features, dev.examples, limits) if unanswerable else None
        answers = head.decode(
            outputs, dev.features, dev.examples, model.labels[task], limits, no_answer_threshold=told["threshold"]
        )
    else:
        answers = head.decode(outputs, dev.features, dev.examples, model.labels[task], limits)
    metrics = _task(task).metric(answers, dev.examples, "en")
    return {**metrics, "score": headline(task, metrics), "n": len(dev.examples), **told}


def headline(task: str, metrics: Mapping[str, float]) -> float:
    """The task's score: the mean of its headline metrics."""
    names = _task(task).headline
    return math.fsum(metrics[name] for name in names) / len(names)


def _read(stage: plan.Train) -> dict[str, dict[str, data.Reading]]:
    """Training readings by name and language; text is read in every language the stage names."""
    found = {}
    for name in stage.tasks:
        task, codes = training(name)
        if task.head == "mlm":
            codes = tuple(read.language for read in stage.reads if read.task == task.name and read.split == "train")
        found[name] = {code: checked(task.name, training_split(task, code), code, stage.where) for code in codes}
    return found


def _start(stage: plan.Train, store: Store, readings: Mapping[str, Mapping[str, data.Reading]]) -> tuple[Any, Any]:
    if isinstance(stage.start, plan.Random):
        text = readings["text"]
        sizes = {code: len(reading.examples) for code, reading in text.items()}
        shares = mixture.powers(sizes, stage.exponent)
        taken = mixture.quotas(shares, min(sum(sizes.values()), tokenizer_lines(stage)))
        lines = [example.text for code, reading in text.items() for example in reading.examples[: taken[code]]]
        words = tokenizer.train(lines, stage.start.vocab_size)
        return encoder.random_encoder(stage.start, words, stage.seed), words
    if isinstance(stage.start, plan.Pretrained):
        return encoder.load(stage.start.name, stage.start.revision)
    return encoder.load(store.path(stage.start))


def tokenizer_lines(stage: plan.Train) -> int:
    """Lines of text the tokenizer is trained on, at most: five for each piece of its vocabulary."""
    assert isinstance(stage.start, plan.Random)
    return 5 * stage.start.vocab_size


def _tags(readings: Any) -> tuple[str, ...]:
    """The open tag set of the training data (CCG); empty for heads without labels."""
    return tuple(sorted({tag for reading in readings for e in reading.examples for tag in getattr(e, "tags", ())}))


def _stream(
    task: str, stage: plan.Train, readings: Mapping[str, data.Reading], words: Any, labels: tuple[str, ...], limits: Limits
) -> Stream:
    import numpy as np

    head, features, groups = _task(task).head, [], {}
    for code, reading in readings.items():
        examples: Sequence[Any] = reading.examples
        if stage.recipe.examples is not None and stage.recipe.examples < len(examples):
            kept = np.random.default_rng([stage.seed, 104]).permutation(len(examples))[: stage.recipe.examples]
            examples = [examples[i] for i in kept]
        encoded = HEADS[head].encode(examples, words, labels, limits, training=True)
        if not encoded:
            raise UserError(f"{task} ({code}): no training example is left after encoding; raise recipe.max_length")
        groups[code] = range(len(features), len(features) + len(encoded))
        features += encoded
    sizes = {code: len(members) for code, members in groups.items()}
    if head == "mlm" and stage.recipe.examples is not None:  # a language counts by all its text, however little of it is taken
        sizes = {code: len(reading.examples) for code, reading in readings.items()}
    return Stream(head, features, groups, mixture.powers(sizes, stage.exponent if head == "mlm" else None))


def _examples(stage: plan.Train, readings: Iterable[data.Reading]) -> int:
    """Training examples used, over all languages."""
    return sum(min(len(reading.examples), stage.recipe.examples or len(reading.examples)) for reading in readings)


def _dev(task: str, stage: plan.Train, words: Any, labels: tuple[str, ...], limits: Limits) -> Dev:
    """The first `dev_limit` English dev examples, in an order that does not depend on the seed."""
    import numpy as np

    reading = checked(_task(task).name, "dev", "en", stage.where)
    examples = reading.examples
    if len(examples) > stage.recipe.dev_limit:
        chosen = np.random.default_rng(0).permutation(len(examples))[: stage.recipe.dev_limit]
        examples = tuple(examples[i] for i in sorted(chosen))
    return Dev(reading, examples, HEADS[_task(task).head].encode(examples, words, labels, limits, training=False))


def _rates(stage: plan.Train, sizes: Mapping[str, int]) -> dict[str, float]:
    rule = stage.rates if isinstance(stage.rates, str) else dict(stage.rates)
    labelled = mixture.rates({task: sizes[task] for task in stage.labelled}, rule, stage.cap, stage.temperature)
    if stage.text_share is None:
        return labelled
    return {**{task: rate * (1 - stage.text_share) for task, rate in labelled.items()}, "text": stage.text_share}


def _schedule(stage: plan.Train, sizes: Mapping[str, int]) -> tuple[int, list[str]]:
    recipe = stage.recipe
    steps = recipe.steps
    if steps is None:
        assert recipe.epochs is not None
        counted = {task: sizes[task] for task in stage.labelled}  # text comes on top of the labelled tasks' epochs
        whole = recipe.epochs * mixture.epoch_steps(counted, recipe.batch_size, stage.cap)
        steps = max(1, round(whole / (1 - (stage.text_share or 0.0))))
    return steps, mixture.schedule(_rates(stage, sizes), steps, stage.seed)


def _collapse(tasks: Sequence[str], final: Mapping[str, Any], devs: Mapping[str, Dev], last: Any) -> dict[str, str]:
    """Why each task counts as collapsed, if it does: a loss that is not finite, or English dev no better than guessing."""
    if last is not None and not math.isfinite(last.loss):
        return {last.task: f"loss is {last.loss} at step {last.number}"}
    told = {}
    for task in tasks if final else ():
        scores = final[task]
        guess = guessing(task, devs[task])
        noise = 2 * math.sqrt(guess * (100 - guess) / max(scores["n"], 1))
        if scores["score"] <= guess + noise:
            told[task] = f"English dev score {scores['score']:.1f} is no better than guessing ({guess:.1f}, n {scores['n']})"
    return told


def guessing(task: str, dev: Dev) -> float:
    """Score (0 to 100) of giving the same answer always: the commonest label, choice, tag or token; for span QA no answer.

    Of candidates, the 20 that are most often right: with one query each, the mean reciprocal rank of a random order.
    """
    kind = _task(task).head
    if kind == "mlm":
        tokens = Counter(token for feature in dev.features for row in feature["rows"] for token in row[1:-1])
        return 100.0 * max(tokens.values()) / tokens.total()
    if kind == "span_qa":
        same: list[Any] = [""] * len(dev.examples)
    elif kind == "tagging":
        tag = _commonest(tag for example in dev.examples for tag in example.tags)
        same = [(tag,) * len(example.tags) for example in dev.examples]
    elif kind == "dual_encoder":
        right = Counter(answer for example in dev.examples for answer in example.answers)
        same = [[answer for answer, _ in right.most_common(RANKED)]] * len(dev.examples)
    else:
        same = [_commonest(example.label for example in dev.examples)] * len(dev.examples)
    return headline(task, _task(task).metric(same, dev.examples, "en"))


def _commonest(answers: Iterable[Any]) -> Any:
    return Counter(answers).most_common(1)[0][0]


def _line(step: Any) -> dict[str, Any]:
    line = {"step": step.number, "task": step.task, "loss": round(step.loss, 6), "tokens": step.tokens}
    return line if step.score is None else {**line, "score": step.score, "best": step.best}
