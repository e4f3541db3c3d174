"""Do a Train stage: take its features, train, score English dev, save."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stilts_xtreme import plan, ranks, results, stop
from stilts_xtreme.data import read as data
from stilts_xtreme.engine import batches, encoder, language_model, loading, predict, sharding, tokenizer
from stilts_xtreme.engine.features import Joined
from stilts_xtreme.engine.train import Stream, accelerator, learning_rates, train
from stilts_xtreme.errors import UserError
from stilts_xtreme.flops import STATE
from stilts_xtreme.heads import HEADS, Limits
from stilts_xtreme.stages import models, schedule
from stilts_xtreme.stages.encoded import Asked, Desk
from stilts_xtreme.stages.events import EVERY, Event, Options, Progress, Tell
from stilts_xtreme.stages.journal import Journal, Part, Saver
from stilts_xtreme.stages.lineage import checked, lineage
from stilts_xtreme.stages.saving import check_room, patiently
from stilts_xtreme.stages.scored import headline
from stilts_xtreme.stages.tracking import tracked
from stilts_xtreme.store import Store, whole
from stilts_xtreme.tasks import constant, metrics, mixture
from stilts_xtreme.tasks.catalogue import training
from stilts_xtreme.tasks.task import Task


@dataclass(frozen=True)
class Dev:
    """A task's English dev data: the facts of the reading, the examples of it that are scored, those encoded."""

    facts: Mapping[str, Any]
    examples: Sequence[Any]
    features: Sequence[batches.Feature]


def run(stage: plan.Train, store: Store, scratch: Path, options: Options, tell: Tell) -> None:
    """Train and write model, log and result into `scratch`; of several processes the first one writes."""
    began = time.monotonic()
    models.forget()
    progress, held = Progress(stage, tell), _held(stage)
    progress.note("training a tokenizer" if isinstance(stage.start, plan.Random) else "loading the encoder")
    start, words = _start(stage, store, held)
    if stage.recipe.max_length > (longest := encoder.longest(start)):
        raise UserError(
            f"{stage.label}: recipe.max_length: {stage.recipe.max_length} is more than this encoder reads ({longest} tokens)"
        )
    if extra := loading.unused(start):
        progress.say(extra, once=True)
    limits = limits_of(stage.recipe)
    desk = Desk(store, stage.where, words, limits, progress, held)
    facts = _facts(stage, desk)
    labels = {task: _task(task).labels or _tags(_task(task), facts[task].values()) for task in stage.tasks}
    streams = {task: _stream(task, stage, desk, facts[task], labels[task]) for task in stage.tasks}
    sizes = {task: len(streams[task].features) for task in stage.tasks}
    order = schedule.order(stage, sizes)
    steps = len(order)
    devs = {task: _dev(task, stage, desk, labels[task]) for task in stage.tasks}

    import torch

    torch.manual_seed(stage.seed)
    model = encoder.Model(start, {task: _task(task).head for task in stage.tasks}, labels, stage.recipe.dropout)
    if (known := _language_model(stage, store)) is not None:
        model.heads[language_model.TASK].load_state_dict(known)
    weights = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    check_room(store.root, weights, STATE * weights, options.checkpoint_every, progress.say)
    runner = accelerator(stage.recipe.precision, options.device)
    if slower := encoder.fallback(start, runner.device):
        progress.say(slower)
    model.bf16 = stage.recipe.precision == "bf16"  # as the finished model will predict
    sharding.place(model, runner.device, options.shard)

    def scored(task: str) -> dict[str, Any]:
        return dev_scores(model, task, devs[task], words, limits, runner.device)

    latest, final = dict[str, Any](), dict[str, Any]()

    def score(_: encoder.Model) -> float:
        latest.update({task: scored(task) for task in stage.labelled})
        return math.fsum(scores["score"] for scores in latest.values()) / len(latest)

    met = None  # all tokens that are met; masked LM guesses among all there are
    if all(stream.head != "mlm" for stream in streams.values()):
        met = Joined([*(stream.features for stream in streams.values()), *(dev.features for dev in devs.values())]).vocabulary

    journal = Journal(scratch / "log.jsonl")
    saver = Saver(store.checkpoints(stage), journal, options.checkpoint_every)
    saved = saver.resume(progress.say)
    after = saved.state.number if saved else 0
    part = Part(after, runner.device.type, torch.get_num_threads(), ranks.count(), torch.__version__)
    if changed := journal.begin(part):
        progress.say(changed)
    stop.hold()
    told = first = time.monotonic()  # the speed leaves out the reading of data
    before = journal.tokens
    rates = learning_rates(stage.recipe, steps)
    tracking = tracked(stage, store, options, rates, after, progress.say)
    with journal.open(), ranks.inseparable(options.shard), tracking as track:
        for step in train(model, streams, order, stage.recipe, stage.seed, words, runner, score, met, saved, saver.border):
            journal.add(step)
            track(journal.last)
            if step.best:
                final = dict(latest)
            if step.micro_batch:
                progress.say(f"out of memory: recipe.micro_batch is {step.micro_batch} from here on, the batch is the same")
            if (now := time.monotonic()) - told > EVERY or step.score is not None:
                told = now
                speed = (journal.tokens - before) / max(now - first, 1e-9)
                tell(Event(plan.address(stage), "running", stage.label, step.number, steps, step.loss, speed))
        tell(Event(plan.address(stage), "running", stage.label, note="scoring English dev, writing"))
        # Not scored beside the state that is kept: text among other tasks, and all that a training that went on never saw again.
        final = {task: final.get(task) or scored(task) for task in stage.tasks if steps}
    if options.shard:
        sharding.assemble(model)
    if not ranks.first():
        return
    model.cpu()
    collapse = _collapse(stage.labelled, final, devs, journal.last)
    notes = {task: {"threshold": final.get(task, {}).get("threshold"), "limits": vars(limits)} for task in stage.tasks}
    patiently(scratch, lambda: model.save(scratch, words, notes), progress.say)
    result = {
        "schema": results.TRAINING,
        "address": plan.address(stage),
        "plan": plan.identity(stage),
        "chain": lineage(stage),
        "data": [
            *(told for task in stage.tasks for told in facts[task].values()),
            *(devs[task].facts for task in stage.tasks),
        ],
        "examples": {task: _examples(stage, facts[task].values()) for task in stage.tasks},
        "features": sizes,
        "steps": {"planned": steps, "done": journal.last.get("step", 0), "best": journal.best},
        "rates": schedule.rates(stage, sizes),
        "dev": {task: {name: value for name, value in scores.items() if name != "threshold"} for task, scores in final.items()},
        **({"reading": reading} if (reading := _reading(stage.labelled)) else {}),
        "chance": {task: guessing(task, devs[task]) for task in stage.labelled if task in final},
        "collapsed": bool(collapse),
        "collapse": collapse,
        "parameters": sum(p.numel() for p in model.encoder.parameters()),
        "provenance": results.provenance(
            str(runner.device),
            time.monotonic() - began,
            {
                "tokens": journal.tokens,
                "threads": torch.get_num_threads(),
                "processes": ranks.count(),
                "parts": [asdict(part) for part in journal.parts],
            }.items(),
        ),
    }
    patiently(scratch, lambda: results.write(scratch / "result.json", result), progress.say)


def _task(name: str) -> Task:
    """The task whose training data goes by this name."""
    return training(name)[0]


def limits_of(recipe: plan.Recipe) -> Limits:
    """What the heads need of a recipe."""
    return Limits(recipe.max_length, recipe.doc_stride, recipe.max_answer_length, recipe.mask_rate)


def dev_scores(model: encoder.Model, task: str, dev: Dev, words: Any, limits: Limits, device: Any) -> dict[str, Any]:
    """The task's metrics on English dev, their headline mean as `score`; for span QA also the no-answer threshold tuned on it."""
    kind = _task(task).head
    if kind == "mlm":
        accuracy = predict.masked_accuracy(model, task, dev.features, words, device)
        return {"masked_accuracy": accuracy, "score": accuracy, "n": len(dev.examples)}
    outputs = predict.outputs(model, task, dev.features, words, device)
    return ranks.told(lambda: _scored(model, task, dev, outputs, limits))  # who does not have them must decide alike


def _scored(model: encoder.Model, task: str, dev: Dev, outputs: Sequence[Any], limits: Limits) -> dict[str, Any]:
    kind = _task(task).head
    head, told = HEADS[kind], {}
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


def _codes(stage: plan.Train, name: str) -> tuple[str, ...]:
    """Languages of the training data of this name; text is read in every language the stage names."""
    task, codes = training(name)
    if task.head != "mlm":
        return codes
    return tuple(read.language for read in stage.reads if read.task == task.name and read.split == "train")


def _held(stage: plan.Train) -> dict[Asked, data.Reading]:
    """The text that a tokenizer is trained on before anything can be encoded; nothing where there is a tokenizer."""
    if not isinstance(stage.start, plan.Random):
        return {}
    return {("text", "train", code): checked("text", "train", code, stage.where) for code in _codes(stage, "text")}


def _start(stage: plan.Train, store: Store, text: Mapping[Asked, data.Reading]) -> tuple[Any, Any]:
    if isinstance(stage.start, plan.Random):
        sizes = {code: len(reading.examples) for (_, _, code), reading in text.items()}
        shares = mixture.powers(sizes, stage.exponent)
        taken = mixture.quotas(shares, min(sum(sizes.values()), tokenizer_lines(stage)))
        lines = [example.text for (_, _, code), reading in text.items() for example in reading.examples[: taken[code]]]
        words = tokenizer.train(lines, stage.start.vocab_size)
        return encoder.random_encoder(stage.start, words, stage.seed), words
    if isinstance(stage.start, plan.Pretrained):
        return encoder.load(stage.start.name, stage.start.revision)
    return encoder.load(whole(store.path(stage.start)))


def _language_model(stage: plan.Train, store: Store) -> Any:
    """The masked-LM head that a training on text goes on with: its start's. None: a new one."""
    if not stage.continues_text:
        return None
    if isinstance(stage.start, plan.Pretrained):
        return language_model.published(stage.start.name, stage.start.revision)
    return language_model.trained(store.path(stage.start))


def tokenizer_lines(stage: plan.Train) -> int:
    """Lines of text the tokenizer is trained on, at most: five for each piece of its vocabulary."""
    assert isinstance(stage.start, plan.Random)
    return 5 * stage.start.vocab_size


def _facts(stage: plan.Train, desk: Desk) -> dict[str, dict[str, dict[str, Any]]]:
    """What is recorded of the training readings, by name and language."""
    return {name: {code: desk.facts(*_split(stage, name, code)) for code in _codes(stage, name)} for name in stage.tasks}


def _split(stage: plan.Train, name: str, code: str) -> Asked:
    """Task, split and language of what is trained on."""
    task = _task(name)
    return task.name, data.training_split(task, code, stage.where), code


def _tags(task: Task, facts: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The open tag set of the training data (CCG); empty for heads without labels."""
    return tuple(sorted({tag for told in facts for tag in told["labels"]})) if task.head == "tagging" else ()


def _stream(name: str, stage: plan.Train, desk: Desk, facts: dict[str, dict[str, Any]], labels: tuple[str, ...]) -> Stream:
    """The features of a task's training data; `facts` gets the numbers of their tokens."""
    import numpy as np

    task, limit, parts, groups, at = _task(name), stage.recipe.examples, [], {}, 0
    for code, told in list(facts.items()):
        cut = limit is not None and limit < told["examples"]
        chosen = np.random.default_rng([stage.seed, 104]).permutation(told["examples"])[:limit] if cut else None
        asked = _split(stage, name, code)
        encoded = desk.encoded(*asked, head=task.head, labels=labels, training=True, chosen=chosen, noise=stage.noise)
        features, facts[code] = encoded.features, encoded.told
        if not features:
            raise UserError(f"{name} ({code}): no training example is left after encoding; raise recipe.max_length")
        groups[code] = range(at, at := at + len(features))
        parts.append(features)
    sizes = {code: len(members) for code, members in groups.items()}
    if task.head == "mlm" and limit is not None:  # a language counts by all its text, however little of it is taken
        sizes = {code: told["examples"] for code, told in facts.items()}
    return Stream(task.head, Joined(parts), groups, mixture.powers(sizes, stage.exponent if task.head == "mlm" else None))


def _examples(stage: plan.Train, facts: Iterable[Mapping[str, Any]]) -> int:
    """Training examples used, over all languages."""
    return sum(min(told["examples"], stage.recipe.examples or told["examples"]) for told in facts)


def _dev(name: str, stage: plan.Train, desk: Desk, labels: tuple[str, ...]) -> Dev:
    """The first `dev_limit` English dev examples, in an order that does not depend on the seed."""
    import numpy as np

    task, limit = _task(name), stage.recipe.dev_limit
    told = desk.facts(task.name, "dev", "en")
    cut = told["examples"] > limit
    chosen = np.sort(np.random.default_rng(0).permutation(told["examples"])[:limit]) if cut else None
    encoded = desk.encoded(task.name, "dev", "en", head=task.head, labels=labels, training=False, chosen=chosen)
    return Dev(encoded.told, encoded.examples(), encoded.features)


def _reading(tasks: Sequence[str]) -> str:
    """Which reading the dev F1 is of, where all of the tasks are scored by it; empty otherwise."""
    readings = {metrics.reading(_task(task).metric) for task in tasks}
    return readings.pop() if len(readings) == 1 else ""


def _collapse(tasks: Sequence[str], final: Mapping[str, Any], devs: Mapping[str, Dev], last: Mapping[str, Any]) -> dict[str, str]:
    """Why each task counts as collapsed, if it does: a loss that is not finite, or English dev no better than guessing."""
    if last and not math.isfinite(last["loss"]):
        return {last["task"]: f"loss is {last['loss']} at step {last['step']}"}
    told = {}
    for task in tasks if final else ():
        scores, guess = final[task], guessing(task, devs[task])
        if scores["score"] <= constant.within_chance(guess, scores["n"]):
            told[task] = f"English dev score {scores['score']:.1f} is no better than guessing ({guess:.1f}, n {scores['n']})"
    return told


def guessing(task: str, dev: Dev) -> float:
    """Score (0 to 100) of giving the same answer always (see `tasks.constant`), in masked LM the commonest token."""
    if _task(task).head == "mlm":
        tokens = Counter(token for feature in dev.features for row in feature["rows"] for token in row[1:-1])
        return 100.0 * max(tokens.values()) / tokens.total()
    return constant.chance(_task(task), dev.examples, "en")
