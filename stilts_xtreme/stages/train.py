"""Run a Train stage: load features, train, score English dev, save."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from stilts_xtreme import results
from stilts_xtreme.data import read as data
from stilts_xtreme.engine import encoder, loading, mlm_head, sharding
from stilts_xtreme.engine import tokenizer as unigram
from stilts_xtreme.engine.features import Features, Joined
from stilts_xtreme.engine.flops import STATE
from stilts_xtreme.engine.train import Step, Stream, accelerator, learning_rates, train
from stilts_xtreme.models.heads import Limits
from stilts_xtreme.models.heads.common import Tokenizer
from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages import model_cache, schedule
from stilts_xtreme.stages.dev_evaluation import Dev, DevScorer, Scores, collapse, guessing, task_of
from stilts_xtreme.stages.events import EVERY, Event, Options, Progress, ProgressCallback
from stilts_xtreme.stages.feature_cache import FeatureCache, SplitKey
from stilts_xtreme.stages.lineage import lineage, read_checked
from stilts_xtreme.stages.saving import check_room, patiently
from stilts_xtreme.stages.tracking import tracked
from stilts_xtreme.stages.training_log import Checkpointer, Part, TrainingLog
from stilts_xtreme.store import Store, whole
from stilts_xtreme.tasks import metrics, mixture
from stilts_xtreme.tasks.catalogue import training
from stilts_xtreme.tasks.examples import Text
from stilts_xtreme.tasks.task import Task
from stilts_xtreme.utils import ranks, signals
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError


@dataclass(frozen=True)
class _Inputs:
    """What a training reads, each by the name of the training data; `facts` are dataset records by name and language."""

    facts: dict[str, dict[str, Record]]
    labels: dict[str, tuple[str, ...]]
    streams: dict[str, Stream]
    devs: dict[str, Dev]

    @property
    def sizes(self) -> dict[str, int]:
        """Number of training features by name."""
        return {name: len(stream.features) for name, stream in self.streams.items()}

    def vocabulary(self) -> np.ndarray | None:
        """Return the token ids that occur in training and dev data, sorted; None if the whole vocabulary is needed."""
        if any(stream.head == "mlm" for stream in self.streams.values()):  # it predicts over all tokens
            return None
        features = [source.features for kind in (self.streams, self.devs) for source in kind.values()]
        return Joined(cast(Sequence[Features | Joined], features)).vocabulary

    def records(self) -> list[Record]:
        """Return the dataset records: of training splits, then of dev splits."""
        training_splits = [record for by_language in self.facts.values() for record in by_language.values()]
        return [*training_splits, *(dev.facts for dev in self.devs.values())]


class _StepEvents:
    """Makes events of steps: every `EVERY` seconds, and of each step after which dev was scored."""

    def __init__(self, progress: Progress, log: TrainingLog, steps: int):
        self.progress, self.log, self.steps = progress, log, steps
        self.tokens_before = log.tokens  # of earlier parts of the training: the speed is that of this process
        self.began = self.last = time.monotonic()  # now, so that the speed does not include reading data

    def show(self, step: Step) -> None:
        if step.micro_batch:
            self.progress.say(f"out of memory: recipe.micro_batch is {step.micro_batch} from here on, the batch is the same")
        if (now := time.monotonic()) - self.last > EVERY or step.score is not None:
            self.last, stage = now, self.progress.stage
            speed = (self.log.tokens - self.tokens_before) / max(now - self.began, 1e-9)
            event = Event(plan.address(stage), "running", stage.label, step.number, self.steps, step.loss, speed)
            self.progress.callback(event)


def run(stage: plan.Train, store: Store, scratch: Path, options: Options, callback: ProgressCallback) -> None:
    """Train, and write the model, its log and the result into `scratch`; of several processes only the first writes.

    UserError if the recipe does not fit the encoder or the data; RunFailed if the disk is full; Interrupted by a signal, with
    the state saved.
    """
    began = time.monotonic()
    model_cache.forget()  # the last prediction's model would take the memory that optimizer and activations need
    progress, texts = Progress(stage, callback), _tokenizer_texts(stage)
    progress.note("training a tokenizer" if isinstance(stage.start, plan.Random) else "loading the encoder")
    start, tokenizer = _start(stage, store, texts)
    _check_encoder(stage, start, progress)
    limits = limits_of(stage.recipe)
    # Text that a tokenizer was trained on is in memory already: the cache encodes it from there and then lets go of it.
    inputs = _load(stage, FeatureCache(store, stage.where, tokenizer, limits, progress, texts))
    order = schedule.order(stage, inputs.sizes)  # a task for every step: the seed alone decides it, so a resumed run agrees

    model = _model(stage, store, start, inputs.labels)
    weights = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    # Looked at before anything is computed: hours later a model that does not fit on the disk would be lost.
    check_room(store.root, weights, STATE * weights, options.checkpoint_every, progress.say)
    runner = accelerator(stage.recipe.precision, options.device)
    if slower := encoder.fallback(start, runner.device):
        progress.say(slower)
    sharding.shard(model, runner.device, options.shard)
    scorer = DevScorer(model, inputs.devs, tokenizer, limits, runner.device)

    log = TrainingLog(scratch / "log.jsonl")
    checkpointer = Checkpointer(store.checkpoints(stage), log, options.checkpoint_every)
    snapshot = checkpointer.resume(progress.say)  # also restores the log, which must hold each step once
    done_before = snapshot.state.number if snapshot else 0
    part = Part(done_before, runner.device.type, torch.get_num_threads(), ranks.count(), torch.__version__)
    if changed := log.begin(part):
        progress.say(changed)
    signals.hold()  # from here on a signal waits for a step boundary, where the checkpointer saves the state
    events, rates = _StepEvents(progress, log, len(order)), learning_rates(stage.recipe, len(order))
    final: dict[str, Scores] = {}
    loop = train(
        model, inputs.streams, order, stage.recipe, stage.seed, tokenizer, runner, lambda _: scorer.mean(stage.labelled),
        inputs.vocabulary(), snapshot, checkpointer.on_step_end,
    )  # fmt: skip
    tracking = tracked(stage, store, options, rates, done_before, progress.say)
    with log.open(), ranks.inseparable(options.shard), tracking as track:
        for step in loop:
            log.add(step)  # first of all: a checkpoint copies the log, and the loop takes it once we ask for the next step
            track(log.last)
            if step.best:
                final = scorer.latest
            events.show(step)
        callback(Event(plan.address(stage), "running", stage.label, note="scoring English dev, writing"))
        # The loop has put the best weights back. Not scored with them yet: text among other tasks; and all tasks of a training
        # that was resumed after its best step.
        final = {task: final.get(task) or scorer.score(task) for task in stage.tasks if order}
    if options.shard:
        sharding.gather(model)
    if not ranks.first():  # the others were needed only to train and to gather sharded weights
        return
    model.cpu()
    notes = {task: {"threshold": final.get(task, {}).get("threshold"), "limits": vars(limits)} for task in stage.tasks}
    patiently(scratch, lambda: model.save(scratch, tokenizer, notes), progress.say)
    provenance = _provenance(runner.device, time.monotonic() - began, log)
    result = _result(stage, inputs, final, log, len(order), model, provenance)
    patiently(scratch, lambda: results.write(scratch / "result.json", result), progress.say)


def _check_encoder(stage: plan.Train, start: PreTrainedModel, progress: Progress) -> None:
    """Raise UserError if the recipe's rows are longer than the encoder reads; show a line on tensors that were not loaded."""
    if stage.recipe.max_length > (longest := encoder.longest(start)):
        raise UserError(
            f"{stage.label}: recipe.max_length: {stage.recipe.max_length} is more than this encoder reads ({longest} tokens)"
        )
    if extra := loading.unused(start):
        progress.say(extra, once=True)


def _load(stage: plan.Train, cache: FeatureCache) -> _Inputs:
    """Load training and dev data from the cache; UserError where data is refused, or no training example is left."""
    facts = _facts(stage, cache)
    labels = {task: task_of(task).labels or _tags(task_of(task), facts[task].values()) for task in stage.tasks}
    streams = {task: _stream(task, stage, cache, facts[task], labels[task]) for task in stage.tasks}
    return _Inputs(facts, labels, streams, {task: _dev(task, stage, cache, labels[task]) for task in stage.tasks})


def _model(stage: plan.Train, store: Store, start: PreTrainedModel, labels: Mapping[str, tuple[str, ...]]) -> encoder.Model:
    """Put new heads on the encoder, or for text that goes on its head of before.

    Seeded here, so that the heads' weights depend on the seed alone, and not on what was loaded or trained before.
    """
    torch.manual_seed(stage.seed)
    model = encoder.Model(start, {task: task_of(task).head for task in stage.tasks}, labels, stage.recipe.dropout)
    if (head_weights := _language_model(stage, store)) is not None:
        model.heads[mlm_head.TASK].load_state_dict(head_weights)
    model.bf16 = stage.recipe.precision == "bf16"  # as the finished model will predict
    return model


def _provenance(device: torch.device, seconds: float, log: TrainingLog) -> Record:
    parts = [asdict(part) for part in log.parts]
    counts = {"tokens": log.tokens, "threads": torch.get_num_threads(), "processes": ranks.count(), "parts": parts}
    return results.provenance(str(device), seconds, counts.items())


def _result(
    stage: plan.Train, inputs: _Inputs, final: Mapping[str, Scores], log: TrainingLog, steps: int, model: encoder.Model,
    provenance: Record,
) -> Record:  # fmt: skip
    """Return the result of the training, as result.json holds it."""
    reasons = collapse(stage.labelled, final, inputs.devs, log.last)
    return {
        "schema": results.TRAINING,
        "address": plan.address(stage),
        "plan": plan.identity(stage),
        "chain": lineage(stage),
        "data": inputs.records(),
        "examples": {task: _examples(stage, inputs.facts[task].values()) for task in stage.tasks},
        "features": inputs.sizes,
        "steps": {"planned": steps, "done": log.last.get("step", 0), "best": log.best},
        "rates": schedule.rates(stage, inputs.sizes),
        "dev": {task: {name: value for name, value in scores.items() if name != "threshold"} for task, scores in final.items()},
        **({"reading": reading} if (reading := _reading(stage.labelled)) else {}),
        "chance": {task: guessing(task, inputs.devs[task]) for task in stage.labelled if task in final},
        "collapsed": bool(reasons),
        "collapse": reasons,
        "parameters": sum(p.numel() for p in model.encoder.parameters()),
        "provenance": provenance,
    }


def limits_of(recipe: plan.Recipe) -> Limits:
    """Return the limits that heads need from a recipe."""
    return Limits(recipe.max_length, recipe.doc_stride, recipe.max_answer_length, recipe.mask_rate)


def _codes(stage: plan.Train, name: str) -> tuple[str, ...]:
    """Return the languages of the training data of this name; text is read in every language the stage names."""
    task, codes = training(name)
    if task.head != "mlm":
        return codes
    return tuple(read.language for read in stage.reads if read.task == task.name and read.split == "train")


def _tokenizer_texts(stage: plan.Train) -> dict[SplitKey, data.Reading]:
    """Read the text that a new tokenizer is trained on, by split; empty if the stage's start has a tokenizer."""
    if not isinstance(stage.start, plan.Random):
        return {}
    return {("text", "train", code): read_checked("text", "train", code, stage.where) for code in _codes(stage, "text")}


def _start(stage: plan.Train, store: Store, text: Mapping[SplitKey, data.Reading]) -> tuple[PreTrainedModel, Tokenizer]:
    """Return the encoder and tokenizer that the stage starts from; new ones are made from `text` and the stage's seed."""
    if isinstance(stage.start, plan.Random):
        sizes = {code: len(reading.examples) for (_, _, code), reading in text.items()}
        shares = mixture.powers(sizes, stage.exponent)
        taken = mixture.quotas(shares, min(sum(sizes.values()), tokenizer_lines(stage)))
        chosen = [example for (_, _, code), reading in text.items() for example in reading.examples[: taken[code]]]
        lines = [example.text for example in cast(Sequence[Text], chosen)]
        tokenizer = unigram.train(lines, stage.start.vocab_size)
        return encoder.random_encoder(stage.start, tokenizer, stage.seed), tokenizer
    if isinstance(stage.start, plan.Pretrained):
        return encoder.load(stage.start.name, stage.start.revision)
    return encoder.load(whole(store.path(stage.start)))


def _language_model(stage: plan.Train, store: Store) -> dict[str, Tensor] | None:
    """Return the weights of the masked-LM head that a training on text goes on with, its start's; None: a new head."""
    if not stage.continues_text:
        return None
    if isinstance(stage.start, plan.Pretrained):
        return mlm_head.published(stage.start.name, stage.start.revision)
    assert isinstance(stage.start, plan.Train)
    return mlm_head.trained(store.path(stage.start))


def tokenizer_lines(stage: plan.Train) -> int:
    """Return how many lines of text a tokenizer is trained on at most: five for each piece of its vocabulary."""
    assert isinstance(stage.start, plan.Random)
    return 5 * stage.start.vocab_size


def _facts(stage: plan.Train, cache: FeatureCache) -> dict[str, dict[str, Record]]:
    """Return the dataset records of the training splits, by name and language."""
    return {name: {code: cache.facts(*_split(stage, name, code)) for code in _codes(stage, name)} for name in stage.tasks}


def _split(stage: plan.Train, name: str, code: str) -> SplitKey:
    """Return task, split and language of the training data of this name."""
    task = task_of(name)
    return task.name, data.training_split(task, code, stage.where), code


def _tags(task: Task, facts: Iterable[Record]) -> tuple[str, ...]:
    """Return the open tag set of the training data (CCG); empty for heads without labels."""
    return tuple(sorted({tag for stats in facts for tag in stats["labels"]})) if task.head == "tagging" else ()


def _stream(
    name: str, stage: plan.Train, cache: FeatureCache, facts: dict[str, Record], labels: tuple[str, ...]
) -> Stream:
    """Return the features of a task's training data; adds the numbers of their tokens to `facts`, by language."""
    task, limit, begin = task_of(name), stage.recipe.examples, 0
    parts, groups = list[Features](), dict[str, range]()
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


def _examples(stage: plan.Train, facts: Iterable[Record]) -> int:
    """Count the training examples used, over all languages."""
    return sum(min(stats["examples"], stage.recipe.examples or stats["examples"]) for stats in facts)


def _dev(name: str, stage: plan.Train, cache: FeatureCache, labels: tuple[str, ...]) -> Dev:
    """Load at most `dev_limit` English dev examples: the same for all seeds, whose scores are compared."""
    task, limit = task_of(name), stage.recipe.dev_limit
    stats = cache.facts(task.name, "dev", "en")
    cut = stats["examples"] > limit
    chosen = np.sort(np.random.default_rng(0).permutation(stats["examples"])[:limit]) if cut else None
    encoded = cache.encoded(task.name, "dev", "en", head=task.head, labels=labels, training=False, chosen=chosen)
    return Dev(encoded.stats, encoded.examples(), encoded.features)


def _reading(tasks: Sequence[str]) -> str:
    """Return how the dev F1 is counted (`metrics.reading`), if that is the same for all tasks; empty otherwise."""
    readings = {metrics.reading(task_of(task).metric) for task in tasks}
    return readings.pop() if len(readings) == 1 else ""
