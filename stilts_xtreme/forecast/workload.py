"""Compute the work of a stage: steps, tokens, FLOPs, bytes. No data is read except through `SplitSizes`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from stilts_xtreme.data import expected
from stilts_xtreme.data import read as data
from stilts_xtreme.engine.flops import BACKWARD, FLOAT, Shape
from stilts_xtreme.forecast.sizes import SplitSize, SplitSizes, Truncation
from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages import schedule
from stilts_xtreme.tasks import mixture
from stilts_xtreme.tasks.catalogue import TASKS, training

# Bytes, measured on the miniature studies: a line of a training log; the other small files of a stage (8 to 14 thousand).
LOG_LINE, SMALL_FILES = 63, 12_000
RECORDS = {
    "classification": 50, "multiple_choice": 42, "tagging": 105, "span_qa": 62, "embedding": 60, "dual_encoder": 245,
}  # bytes of a prediction's record, measured on the miniature studies (40 to 276)  # fmt: skip
COLUMNS, TEXT = 40, 8  # bytes of a feature's own columns; of an example's text in the feature cache, per token


@dataclass(frozen=True)
class WorkPart:
    """Work of a head: `doing` is "train" or "score" (prediction, dev scores). `calls` are optimizer steps."""

    doing: str
    head: str
    calls: float
    features: float
    rows: float
    tokens: float
    flops: float


@dataclass(frozen=True)
class EncodedSplit:
    """A split that a stage encodes unless it is in the cache; `key` holds everything that decides its features."""

    key: tuple[object, ...]
    size: SplitSize
    training: bool

    @property
    def bytes(self) -> float:
        """Bytes of its features and examples in the cache."""
        size = self.size
        return 4 * size.tokens + 8 * size.rows + COLUMNS * size.features + (0 if self.training else TEXT * size.tokens) + 3000


@dataclass(frozen=True)
class Workload:
    """The work of a stage.

    `lines`: text lines to train a tokenizer on; `pairs`: sentence pairs to compare (mining, ranking) times the width; `weights`
    and `loads`: bytes of weights to write and to read; `rest`: bytes that remain when weights are dropped; `languages`: language
    -> (examples, tokens) to predict; `missing`: splits of unknown size, which are in no sum.
    """

    parts: tuple[WorkPart, ...] = ()
    splits: tuple[EncodedSplit, ...] = ()
    steps: int = 0
    lines: float = 0.0
    pairs: float = 0.0
    weights: float = 0.0
    loads: float = 0.0
    rest: float = 0.0
    languages: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @cached_property
    def flops(self) -> float:
        return sum(part.flops for part in self.parts)

    def flops_of(self, doing: str) -> float:
        """Return the FLOPs of training ("train") or scoring ("score")."""
        return sum(part.flops for part in self.parts if part.doing == doing)

    def tokens(self, doing: str) -> float:
        """Return the tokens of training ("train") or scoring ("score")."""
        return sum(part.tokens for part in self.parts if part.doing == doing)


@dataclass(frozen=True)
class Unknown:
    """A stage whose work cannot be computed; `why` names what is not known."""

    why: str


def workload(stage: plan.Stage, shape: Shape | None, sizes: SplitSizes) -> Workload | Unknown:
    """Compute the work of a stage with an encoder of this shape."""
    if isinstance(stage, plan.Latency):
        return Unknown("measurements of speed")
    if shape is None:
        return Unknown("the encoder's shape")
    try:
        return _train(stage, shape, sizes) if isinstance(stage, plan.Train) else _predict(stage, shape, sizes)
    except LookupError as error:
        return Unknown(f"the size of {error.args[0]}")


def _train(stage: plan.Train, shape: Shape, sizes: SplitSizes) -> Workload:
    recipe, digests = stage.recipe, {(read.task, read.split, read.language): read.digest for read in stage.reads}
    truncation, splits, lines = Truncation(recipe.max_length, recipe.doc_stride), list[EncodedSplit](), 0.0
    per_task, dev = dict[str, SplitSize](), dict[str, SplitSize]()

    def add_split(task: str, split: str, code: str, limit: int | None, is_training: bool) -> SplitSize:
        size = sizes.of(task, split, code, digests[task, split, code], truncation, is_training)
        if size is None:
            raise LookupError(f"{task} {split} {code}")
        limited = size.limited(limit)
        sample_seed = stage.seed if is_training and limited is not size else None
        key = (task, split, code, truncation, is_training, limit if limited is not size else None, sample_seed)
        noise = stage.noise if is_training else None
        splits.append(EncodedSplit((*key, noise), limited, is_training))
        return limited

    for name in stage.tasks:
        task, codes = training(name)
        if task.head == "mlm":
            codes = tuple(read.language for read in stage.reads if (read.task, read.split) == ("text", "train"))
        parts = [
            add_split(task.name, data.training_split(task, code, stage.where), code, recipe.examples, True) for code in codes
        ]
        shares = None
        if task.head == "mlm":
            shares = mixture.powers({code: part.features for code, part in zip(codes, parts, strict=True)}, stage.exponent)
            lines = sum(part.examples for part in parts)
        per_task[name] = _mean(parts, list(shares.values()) if shares else None)
        dev[name] = add_split(task.name, "dev", "en", recipe.dev_limit, False)

    counts = {name: round(size.features) for name, size in per_task.items()}
    steps = schedule.steps(stage, counts)
    work = []
    for name, calls in mixture.quotas(schedule.rates(stage, counts), steps).items():
        size, kind = per_task[name], training(name)[0].head
        features = float(calls * recipe.batch_size)
        rows = features * size.rows / max(size.features, 1e-9)
        part = _part("train", name, kind, calls, features, rows, size.length, shape, recipe, 1 + BACKWARD)
        work.append(replace(part, flops=part.flops + calls * shape.muon()) if recipe.optimizer == "muon" else part)
    scorings = schedule.scorings(recipe, steps)
    for name, size in dev.items():
        times = scorings if name in stage.labelled else min(steps, 1)  # text among other tasks is scored at the end only
        kind = training(name)[0].head
        work.append(_part("score", name, kind, times, times * size.features, times * size.rows, size.length, shape, recipe, 1.0))
    random = isinstance(stage.start, plan.Random)
    return Workload(
        parts=tuple(part for part in work if part.features),
        splits=tuple(splits),
        steps=steps,
        lines=min(lines, 5.0 * shape.vocabulary) if random else 0.0,
        weights=shape.bytes + _head_bytes(stage, shape) + shape.tokenizer,
        loads=0.0 if random else float(shape.bytes),
        rest=LOG_LINE * steps + SMALL_FILES,
    )


def _part(
    doing: str, name: str, kind: str, calls: float, features: float, rows: float, length: float,
    shape: Shape, recipe: plan.Recipe, times: float,
) -> WorkPart:  # fmt: skip
    tokens = rows * length
    head = shape.head(kind, rows, tokens, len(training(name)[0].labels), recipe.mask_rate)
    read = shape.read(kind, rows, tokens, recipe.mask_rate)
    return WorkPart(doing, kind, calls, features, rows, tokens, times * (shape.forward(tokens, length, read=read) + head))


def _predict(stage: plan.Predict, shape: Shape, sizes: SplitSizes) -> Workload:
    task, digests = TASKS[stage.task], {(read.task, read.split, read.language): read.digest for read in stage.reads}
    recipe = stage.model.recipe if isinstance(stage.model, plan.Train) else plan.Recipe()
    truncation = Truncation(stage.max_length or recipe.max_length, recipe.doc_stride)
    splits, parts, missing, pairs, pool = list[EncodedSplit](), list[WorkPart](), list[str](), 0.0, 0.0
    languages = dict[str, tuple[float, float]]()
    for task_name, split, code in digests:
        size = sizes.of(task_name, split, code, digests[task_name, split, code], truncation, False)
        if size is None:
            missing.append(f"{task_name} {split} {code}")
            continue
        altered = (stage.noise, stage.test_examples) if split == "test" else (None, None)
        side = size.examples / 2
        if split == "test":
            size = size.limited(_predicted_examples(stage, code, size.examples))
        splits.append(EncodedSplit((task_name, split, code, truncation, False, None, None, *altered), size, False))
        read = size.rows if stage.pooling == "cls" else shape.read(task.head, size.rows, size.tokens, recipe.mask_rate)
        flops = shape.forward(size.tokens, size.length, stage.layer, read)
        flops += shape.head(task.head, size.rows, size.tokens, len(task.labels), recipe.mask_rate)
        parts.append(WorkPart("score", task.head, 0, size.features, size.rows, size.tokens, flops))
        before = languages.get(code, (0.0, 0.0))
        languages[code] = before[0] + size.examples, before[1] + size.tokens
        if task.head == "embedding":  # one side's sentences against the other's
            pairs += side * (size.examples - side) * shape.hidden
        pool += size.examples if split == "pool" else 0
    predicted = sum(split.size.examples for split in splits if split.key[1] == "test")
    pairs += pool * predicted * shape.hidden
    return Workload(
        parts=tuple(parts),
        splits=tuple(splits),
        pairs=pairs,
        loads=float(shape.bytes),
        rest=RECORDS[task.head] * predicted + SMALL_FILES,
        languages=languages,
        missing=tuple(missing),
    )


def _predicted_examples(stage: plan.Predict, code: str, examples: float) -> float:
    """Return how many of a language's test examples (bitexts: sentences of both sides) are predicted, see `tasks.sample`."""
    if stage.test_examples is None:
        return examples
    if TASKS[stage.task].head != "embedding":
        return min(examples, stage.test_examples)
    pairs = examples / 2  # one side stays whole, the other is sampled; in BUCC the sample is a share of its gold pairs
    if stage.task == "bucc2018" and (release := expected.expected(stage.task, "test", code)) is not None:
        return pairs * (1 + min(1.0, stage.test_examples / release.number))
    return pairs + min(pairs, stage.test_examples)


def _mean(parts: list[SplitSize], shares: list[float] | None) -> SplitSize:
    """Average the splits of several languages as they are sampled: in proportion to their features, or by `shares`."""
    if len(parts) == 1:
        return parts[0]
    total = sum(part.features for part in parts)
    weights = shares or [part.features / max(total, 1e-9) for part in parts]
    rows = sum(weight * part.rows / max(part.features, 1e-9) for weight, part in zip(weights, parts, strict=True))
    tokens = sum(weight * part.tokens / max(part.features, 1e-9) for weight, part in zip(weights, parts, strict=True))
    return SplitSize(sum(part.examples for part in parts), total, total * rows, total * tokens, parts[0].source)


def _head_bytes(stage: plan.Train, shape: Shape) -> float:
    """Return the bytes of the heads' weights: a dense layer each; masked LM has a bias for each token too."""
    kinds = [training(name)[0].head for name in stage.tasks]
    dense = sum(kind in ("classification", "multiple_choice", "mlm") for kind in kinds) * shape.hidden**2
    return FLOAT * (dense + shape.vocabulary * kinds.count("mlm"))
