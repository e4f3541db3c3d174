"""Run a Train stage: load features, train, score English dev, save."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stilts_xtreme import plan, ranks, results, stop
from stilts_xtreme.data import read as data
from stilts_xtreme.engine import batches, encoder, language_model, loading, predict, sharding
from stilts_xtreme.engine import tokenizer as unigram
from stilts_xtreme.engine.features import Joined
from stilts_xtreme.engine.train import Stream, accelerator, learning_rates, train
from stilts_xtreme.errors import UserError
from stilts_xtreme.flops import STATE
from stilts_xtreme.heads import HEADS, Limits
from stilts_xtreme.stages import models, schedule
from stilts_xtreme.stages.aggregate import headline
from stilts_xtreme.stages.events import EVERY, Event, Options, Progress, ProgressCallback
from stilts_xtreme.stages.feature_cache import FeatureCache, SplitKey
from stilts_xtreme.stages.lineage import lineage, read_checked
from stilts_xtreme.stages.saving import check_room, patiently
from stilts_xtreme.stages.tracking import tracked
from stilts_xtreme.stages.training_log import Checkpointer, Part, TrainingLog
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


def run(stage: plan.Train, store: Store, scratch: Path, options: Options, callback: ProgressCallback) -> None:
    """Train, and write the model, its log and the result into `scratch`; of several processes only the first writes.

    UserError if the recipe does not fit the encoder or the data; RunFailed if the disk is full; Interrupted by a signal, with
    the state saved.
    """
    began = time.monotonic()
    models.forget()  # the memory of the last prediction's model
    progress, texts = Progress(stage, callback), _tokenizer_texts(stage)
    progress.note("training a tokenizer" if isinstance(stage.start, plan.Random) else "loading the encoder")
    start, tokenizer = _start(stage, store, texts)
    if stage.recipe.max_length > (longest := encoder.longest(start)):
        raise UserError(
            f"{stage.label}: recipe.max_length: {stage.recipe.max_length} is more than this encoder reads ({longest} tokens)"
        )
    if extra := loading.unused(start):
        progress.say(extra, once=True)
    limits = limits_of(stage.recipe)
    cache = FeatureCache(store, stage.where, tokenizer, limits, progress, texts)
    facts = _facts(stage, cache)
    labels = {task: _task(task).labels or _tags(_task(task), facts[task].values()) for task in stage.tasks}
    streams = {task: _stream(task, stage, cache, facts[task], labels[task]) for task in stage.tasks}
    sizes = {task: len(streams[task].features) for task in stage.tasks}
    order = schedule.order(stage, sizes)
    steps = len(order)
    devs = {task: _dev(task, stage, cache, labels[task]) for task in stage.tasks}

    import torch

    torch.manual_seed(stage.seed)
    model = encoder.Model(start, {task: _task(task).head for task in stage.tasks}, labels, stage.recipe.dropout)
    if (head_weights := _language_model(stage, store)) is not None:
        model.heads[language_model.TASK].load_state_dict(head_weights)
    weights = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    check_room(store.root, weights, STATE * weights, options.checkpoint_every, progress.say)
    runner = accelerator(stage.recipe.precision, options.device)
    if slower := encoder.fallback(start, runner.device):
        progress.say(slower)
    model.bf16 = stage.recipe.precision == "bf16"  # as the finished model will predict
    sharding.place(model, runner.device, options.shard)

    def score_dev(task: str) -> dict[str, Any]:
        return dev_scores(model, task, devs[task], tokenizer, limits, runner.device)

    latest, final = dict[str, Any](), dict[str, Any]()

    def score(_: encoder.Model) -> float:
        latest.update({task: score_dev(task) for task in stage.labelled})
        return math.fsum(scores["score"] for scores in latest.values()) / len(latest)

    # Only the embeddings of tokens in the data need training. Masked LM predicts over the whole vocabulary, so it keeps all.
    vocabulary = None
    if all(stream.head != "mlm" for stream in streams.values()):
        vocabulary = Joined(
            [*(stream.features for stream in streams.values()), *(dev.features for dev in devs.values())]
        ).vocabulary

    log = TrainingLog(scratch / "log.jsonl")
    checkpointer = Checkpointer(store.checkpoints(stage), log, options.checkpoint_every)
    snapshot = checkpointer.resume(progress.say)
    done_before = snapshot.state.number if snapshot else 0
    part = Part(done_before, runner.device.type, torch.get_num_threads(), ranks.count(), torch.__version__)
    if changed := log.begin(part):
        progress.say(changed)
    stop.hold()  # from here on a signal waits for a step boundary, where the checkpointer saves the state
    last_event = began_steps = time.monotonic()  # the speed must not include reading data
    before = log.tokens
    rates = learning_rates(stage.recipe, steps)
    tracking = tracked(stage, store, options, rates, done_before, progress.say)
    loop = train(
        model, streams, order, stage.recipe, stage.seed, tokenizer, runner, score, vocabulary, snapshot, checkpointer.on_step_end
    )
    with log.open(), ranks.inseparable(options.shard), tracking as track:
        for step in loop:
            log.add(step)
            track(log.last)
            if step.best:
                final = dict(latest)
            if step.micro_batch:
                progress.say(f"out of memory: recipe.micro_batch is {step.micro_batch} from here on, the batch is the same")
            if (now := time.monotonic()) - last_event > EVERY or step.score is not None:
                last_event = now
                speed = (log.tokens - before) / max(now - began_steps, 1e-9)
                callback(Event(plan.address(stage), "running", stage.label, step.number, steps, step.loss, speed))
        callback(Event(plan.address(stage), "running", stage.label, note="scoring English dev, writing"))
        # Tasks without scores of the best state: text among other tasks, and all that a training that went on never saw again.
        final = {task: final.get(task) or score_dev(task) for task in stage.tasks if steps}
    if options.shard:
        sharding.assemble(model)
    if not ranks.first():  # the others were needed only to train and to gather sharded weights
        return
    model.cpu()
    collapse = _collapse(stage.labelled, final, devs, log.last)
    notes = {task: {"threshold": final.get(task, {}).get("threshold"), "limits": vars(limits)} for task in stage.tasks}
    patiently(scratch, lambda: model.save(scratch, tokenizer, notes), progress.say)
    result = {
        "schema": results.TRAINING,
        "address": plan.address(stage),
        "plan": plan.identity(stage),
        "chain": lineage(stage),
        "data": [
            *(record for task in stage.tasks for record in facts[task].values()),
            *(devs[task].facts for task in stage.tasks),
        ],
        "examples": {task: _examples(stage, facts[task].values()) for task in stage.tasks},
        "features": sizes,
        "steps": {"planned": steps, "done": log.last.get("step", 0), "best": log.best},
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
                "tokens": log.tokens,
                "threads": torch.get_num_threads(),
                "processes": ranks.count(),
                "parts": [asdict(part) for part in log.parts],
            }.items(),
        ),
    }
    patiently(scratch, lambda: results.write(scratch / "result.json", result), progress.say)


def _task(name: str) -> Task:
    """Return the task whose training data has this name."""
    return training(name)[0]


def limits_of(recipe: plan.Recipe) -> Limits:
    """Return the limits that heads need from a recipe."""
    return Limits(recipe.max_length, recipe.doc_stride, recipe.max_answer_length, recipe.mask_rate)


def dev_scores(model: encoder.Model, task: str, dev: Dev, tokenizer: Any, limits: Limits, device: Any) -> dict[str, Any]:
    """Score English dev: the metrics, their headline mean as `score`, and for span QA the no-answer threshold tuned on it."""
    kind = _task(task).head
    if kind == "mlm":
        accuracy = predict.masked_accuracy(model, task, dev.features, tokenizer, device)
        return {"masked_accuracy": accuracy, "score": accuracy, "n": len(dev.examples)}
    outputs = predict.outputs(model, task, dev.features, tokenizer, device)
    return ranks.told(lambda: _score_outputs(model, task, dev, outputs, limits))  # who does not have them must decide alike


def _score_outputs(model: encoder.Model, task: str, dev: Dev, outputs: Sequence[Any], limits: Limits) -> dict[str, Any]:
    kind = _task(task).head
    head, threshold = HEADS[kind], {}
    if kind == "span_qa":
        unanswerable = any(not example.answers for example in dev.examples)
        threshold["threshold"] = head.tune_threshold(outputs, dev.features, dev.examples, limits) if unanswerable else None
        answers = head.decode(
            outputs, dev.features, dev.examples, model.labels[task], limits, no_answer_threshold=threshold["threshold"]
        )
    else:
        answers = head.decode(outputs, dev.features, dev.examples, model.labels[task], limits)
    metrics = _task(task).metric(answers, dev.examples, "en")
    return {**metrics, "score": headline(task, metrics), "n": len(dev.examples), **threshold}


def _codes(stage: plan.Train, name: str) -> tuple[str, ...]:
    """Languages of the training data of this name; text is read in every language the stage names."""
    task, codes = training(name)
    if task.head != "mlm":
        return codes
    return tuple(read.language for read in stage.reads if read.task == task.name and read.split == "train")


def _tokenizer_texts(stage: plan.Train) -> dict[SplitKey, data.Reading]:
    """Read the text that a new tokenizer is trained on, by split; empty if the stage's start has a tokenizer."""
    if not isinstance(stage.start, plan.Random):
        return {}
    return {("text", "train", code): read_checked("text", "train", code, stage.where) for code in _codes(stage, "text")}


def _start(stage: plan.Train, store: Store, text: Mapping[SplitKey, data.Reading]) -> tuple[Any, Any]:
    if isinstance(stage.start, plan.Random):
        sizes = {code: len(reading.examples) for (_, _, code), reading in text.items()}
        shares = mixture.powers(sizes, stage.exponent)
        taken = mixture.quotas(shares, min(sum(sizes.values()), tokenizer_lines(stage)))
        lines = [example.text for (_, _, code), reading in text.items() for example in reading.examples[: taken[code]]]
        tokenizer = unigram.train(lines, stage.start.vocab_size)
        return encoder.random_encoder(stage.start, tokenizer, stage.seed), tokenizer
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


def _facts(stage: plan.Train, cache: FeatureCache) -> dict[str, dict[str, dict[str, Any]]]:
    """What is recorded of the training readings, by name and language."""
    return {name: {code: cache.facts(*_split(stage, name, code)) for code in _codes(stage, name)} for name in stage.tasks}


def _split(stage: plan.Train, name: str, code: str) -> SplitKey:
    """Task, split and language of what is trained on."""
    task = _task(name)
    return task.name, data.training_split(task, code, stage.where), code


def _tags(task: Task, facts: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The open tag set of the training data (CCG); empty for heads without labels."""
    return tuple(sorted({tag for stats in facts for tag in stats["labels"]})) if task.head == "tagging" else ()


def _stream(
    name: str, stage: plan.Train, cache: FeatureCache, facts: dict[str, dict[str, Any]], labels: tuple[str, ...]
) -> Stream:
    """The features of a task's training data; `facts` gets the numbers of their tokens."""
    import numpy as np

    task, limit, parts, groups, begin = _task(name), stage.recipe.examples, [], {}, 0
    for code, stats in list(facts.items()):
        cut = limit is not None and limit < stats["examples"]
        chosen = np.random.default_rng([stage.seed, 104]).permutation(stats["examples"])[:limit] if cut else None
        split_key = _split(stage, name, code)
        encoded = cache.encoded(*split_key, head=task.head, labels=labels, training=True, chosen=chosen, noise=stage.noise)
        features, facts[code] = encoded.features, encoded.stats
        if not features:
            raise UserError(f"{name} ({code}): no training example is left after encoding; raise recipe.max_length")
        groups[code] = range(begin, begin := begin + len(features))
        parts.append(features)
    sizes = {code: len(members) for code, members in groups.items()}
    if task.head == "mlm" and limit is not None:  # a language counts by all its text, however little of it is taken
        sizes = {code: stats["examples"] for code, stats in facts.items()}
    return Stream(task.head, Joined(parts), groups, mixture.powers(sizes, stage.exponent if task.head == "mlm" else None))


def _examples(stage: plan.Train, facts: Iterable[Mapping[str, Any]]) -> int:
    """Training examples used, over all languages."""
    return sum(min(stats["examples"], stage.recipe.examples or stats["examples"]) for stats in facts)


def _dev(name: str, stage: plan.Train, cache: FeatureCache, labels: tuple[str, ...]) -> Dev:
    """The first `dev_limit` English dev examples, in an order that does not depend on the seed."""
    import numpy as np

    task, limit = _task(name), stage.recipe.dev_limit
    stats = cache.facts(task.name, "dev", "en")
    cut = stats["examples"] > limit
    chosen = np.sort(np.random.default_rng(0).permutation(stats["examples"])[:limit]) if cut else None
    encoded = cache.encoded(task.name, "dev", "en", head=task.head, labels=labels, training=False, chosen=chosen)
    return Dev(encoded.stats, encoded.examples(), encoded.features)


def _reading(tasks: Sequence[str]) -> str:
    """Which reading the dev F1 is of, where all of the tasks are scored by it; empty otherwise."""
    readings = {metrics.reading(_task(task).metric) for task in tasks}
    return readings.pop() if len(readings) == 1 else ""


def _collapse(tasks: Sequence[str], final: Mapping[str, Any], devs: Mapping[str, Dev], last: Mapping[str, Any]) -> dict[str, str]:
    """Why each task counts as collapsed, if it does: a loss that is not finite, or English dev no better than guessing."""
    if last and not math.isfinite(last["loss"]):
        return {last["task"]: f"loss is {last['loss']} at step {last['step']}"}
    reasons = {}
    for task in tasks if final else ():
        scores, guess = final[task], guessing(task, devs[task])
        if scores["score"] <= constant.within_chance(guess, scores["n"]):
            reasons[task] = f"English dev score {scores['score']:.1f} is no better than guessing ({guess:.1f}, n {scores['n']})"
    return reasons


def guessing(task: str, dev: Dev) -> float:
    """Score (0 to 100) of giving the same answer always (see `tasks.constant`), in masked LM the commonest token."""
    if _task(task).head == "mlm":
        tokens = Counter(token for feature in dev.features for row in feature["rows"] for token in row[1:-1])
        return 100.0 * max(tokens.values()) / tokens.total()
    return constant.chance(_task(task), dev.examples, "en")
