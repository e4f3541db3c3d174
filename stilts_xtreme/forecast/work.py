"""What a stage has to do: steps, tokens, FLOPs, bytes. Nothing is read, encoded or timed for it but what `Sizes` knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from stilts_xtreme import plan
from stilts_xtreme.data import expected
from stilts_xtreme.data import read as data
from stilts_xtreme.flops import BACKWARD, FLOAT, Shape
from stilts_xtreme.forecast.sizes import Cut, Size, Sizes
from stilts_xtreme.stages import schedule
from stilts_xtreme.tasks import mixture
from stilts_xtreme.tasks.catalogue import TASKS, training

LINE, SMALL = 63, 12_000  # bytes of a line of a training's log; of the other small files of a stage (measured: 8 to 14 thousand)
RECORDS = {
    "classification": 50, "multiple_choice": 42, "tagging": 105, "span_qa": 62, "embedding": 60, "dual_encoder": 245,
}  # bytes of a record of a prediction: in the miniature world 40 to 276  # fmt: skip
COLUMNS, TEXT = 40, 8  # bytes of a feature's own columns; of an example's text kept beside the features, per token


@dataclass(frozen=True)
class Part:
    """Work of one kind under one head: training, or scoring (prediction, dev scores). `calls` are optimizer steps."""

    doing: str
    head: str
    calls: float
    features: float
    rows: float
    tokens: float
    flops: float


@dataclass(frozen=True)
class Reading:
    """One reading that a stage encodes unless it is in the cache, by what decides its features."""

    key: tuple[object, ...]
    size: Size
    training: bool

    @property
    def bytes(self) -> float:
        """Of its features and examples in the cache."""
        size = self.size
        return 4 * size.tokens + 8 * size.rows + COLUMNS * size.features + (0 if self.training else TEXT * size.tokens) + 3000


@dataclass(frozen=True)
class Work:
    """A stage's work. `lines` a tokenizer is trained on; `pairs` of sentences that are compared (mining, ranking), times width;
    `weights` bytes that it writes, `loads` those it reads; `rest` bytes that stay when the weights are dropped. `languages`:
    examples and tokens predicted, by language. `missing`: readings of a prediction of which nothing is known, in no sum."""

    parts: tuple[Part, ...] = ()
    readings: tuple[Reading, ...] = ()
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
        """FLOPs of training ("train") or scoring ("score")."""
        return sum(part.flops for part in self.parts if part.doing == doing)

    def tokens(self, doing: str) -> float:
        """Tokens trained on ("train") or scored ("score")."""
        return sum(part.tokens for part in self.parts if part.doing == doing)


@dataclass(frozen=True)
class Unknown:
    """A stage whose work cannot be known, and what would have to be."""

    why: str


def work(stage: plan.Stage, shape: Shape | None, sizes: Sizes) -> Work | Unknown:
    """What the stage has to do with an encoder of this shape."""
    if isinstance(stage, plan.Latency):
        return Unknown("measurements of speed")
    if shape is None:
        return Unknown("the encoder's shape")
    try:
        return _train(stage, shape, sizes) if isinstance(stage, plan.Train) else _predict(stage, shape, sizes)
    except LookupError as fault:
        return Unknown(f"the size of {fault.args[0]}")


def _train(stage: plan.Train, shape: Shape, sizes: Sizes) -> Work:
    recipe, digests = stage.recipe, {(read.task, read.split, read.language): read.digest for read in stage.reads}
    cut, found, per_task, dev, lines = Cut(recipe.max_length, recipe.doc_stride), list[Reading](), {}, {}, 0.0

    def take(task: str, split: str, code: str, limit: int | None, is_training: bool) -> Size:
        size = sizes.of(task, split, code, digests[task, split, code], cut, is_training)
        if size is None:
            raise LookupError(f"{task} {split} {code}")
        taken = size.of(limit)
        drawn = stage.seed if is_training and taken is not size else None
        key = (task, split, code, cut, is_training, limit if taken is not size else None, drawn)
        noise = stage.noise if is_training else None
        found.append(Reading((*key, noise), taken, is_training))
        return taken

    for name in stage.tasks:
        task, codes = training(name)
        if task.head == "mlm":
            codes = tuple(read.language for read in stage.reads if (read.task, read.split) == ("text", "train"))
        parts = [take(task.name, data.training_split(task, code, stage.where), code, recipe.examples, True) for code in codes]
        shares = None
        if task.head == "mlm":
            shares = mixture.powers({code: part.features for code, part in zip(codes, parts, strict=True)}, stage.exponent)
            lines = sum(part.examples for part in parts)
        per_task[name] = _mean(parts, list(shares.values()) if shares else None)
        dev[name] = take(task.name, "dev", "en", recipe.dev_limit, False)

    counts = {name: round(size.features) for name, size in per_task.items()}
    steps = schedule.steps(stage, counts)
    made = []
    for name, calls in mixture.quotas(schedule.rates(stage, counts), steps).items():
        size, kind = per_task[name], training(name)[0].head
        features = float(calls * recipe.batch_size)
        rows = features * size.rows / max(size.features, 1e-9)
        part = _part("train", name, kind, calls, features, rows, size.length, shape, recipe, 1 + BACKWARD)
        made.append(replace(part, flops=part.flops + calls * shape.muon()) if recipe.optimizer == "muon" else part)
    scorings = schedule.scorings(recipe, steps)
    for name, size in dev.items():
        times = scorings if name in stage.labelled else min(steps, 1)  # text among other tasks in the end only
        kind = training(name)[0].head
        made.append(_part("score", name, kind, times, times * size.features, times * size.rows, size.length, shape, recipe, 1.0))
    random = isinstance(stage.start, plan.Random)
    return Work(
        parts=tuple(part for part in made if part.features),
        readings=tuple(found),
        steps=steps,
        lines=min(lines, 5.0 * shape.vocabulary) if random else 0.0,
        weights=shape.bytes + _head_bytes(stage, shape) + shape.tokenizer,
        loads=0.0 if random else float(shape.bytes),
        rest=LINE * steps + SMALL,
    )


def _part(
    doing: str, name: str, kind: str, calls: float, features: float, rows: float, length: float,
    shape: Shape, recipe: plan.Recipe, times: float,
) -> Part:  # fmt: skip
    tokens = rows * length
    head = shape.head(kind, rows, tokens, len(training(name)[0].labels), recipe.mask_rate)
    read = shape.read(kind, rows, tokens, recipe.mask_rate)
    return Part(doing, kind, calls, features, rows, tokens, times * (shape.forward(tokens, length, read=read) + head))


def _predict(stage: plan.Predict, shape: Shape, sizes: Sizes) -> Work:
    task, digests = TASKS[stage.task], {(read.task, read.split, read.language): read.digest for read in stage.reads}
    recipe = stage.model.recipe if isinstance(stage.model, plan.Train) else plan.Recipe()
    cut = Cut(stage.max_length or recipe.max_length, recipe.doc_stride)
    found, made, missing, languages, pairs, pool = list[Reading](), list[Part](), list[str](), {}, 0.0, 0.0
    for task_name, split, code in digests:
        size = sizes.of(task_name, split, code, digests[task_name, split, code], cut, False)
        if size is None:
            missing.append(f"{task_name} {split} {code}")
            continue
        altered = (stage.noise, stage.test_examples) if split == "test" else (None, None)
        side = size.examples / 2
        if split == "test":
            size = size.of(_asked(stage, code, size.examples))
        found.append(Reading((task_name, split, code, cut, False, None, None, *altered), size, False))
        read = size.rows if stage.pooling == "cls" else shape.read(task.head, size.rows, size.tokens, recipe.mask_rate)
        flops = shape.forward(size.tokens, size.length, stage.layer, read)
        flops += shape.head(task.head, size.rows, size.tokens, len(task.labels), recipe.mask_rate)
        made.append(Part("score", task.head, 0, size.features, size.rows, size.tokens, flops))
        before = languages.get(code, (0.0, 0.0))
        languages[code] = before[0] + size.examples, before[1] + size.tokens
        if task.head == "embedding":  # one side's sentences against the other's
            pairs += side * (size.examples - side) * shape.hidden
        pool += size.examples if split == "pool" else 0
    asked = sum(reading.size.examples for reading in found if reading.key[1] == "test")
    pairs += pool * asked * shape.hidden
    return Work(
        parts=tuple(made),
        readings=tuple(found),
        pairs=pairs,
        loads=float(shape.bytes),
        rest=RECORDS[task.head] * asked + SMALL,
        languages=languages,
        missing=tuple(missing),
    )


def _asked(stage: plan.Predict, code: str, examples: float) -> float:
    """How many of a language's test examples (of a bitext: sentences of both sides) are predicted, see `tasks.sample`."""
    if stage.test_examples is None:
        return examples
    if TASKS[stage.task].head != "embedding":
        return min(examples, stage.test_examples)
    pairs = examples / 2  # one side stays whole; of the other the sample, which in BUCC is a share of its gold pairs
    if stage.task == "bucc2018" and (release := expected.expected(stage.task, "test", code)) is not None:
        return pairs * (1 + min(1.0, stage.test_examples / release.number))
    return pairs + min(pairs, stage.test_examples)


def _mean(parts: list[Size], shares: list[float] | None) -> Size:
    """Readings of several languages as they are drawn: in proportion to their features, or by `shares` of the examples."""
    if len(parts) == 1:
        return parts[0]
    total = sum(part.features for part in parts)
    weights = shares or [part.features / max(total, 1e-9) for part in parts]
    rows = sum(weight * part.rows / max(part.features, 1e-9) for weight, part in zip(weights, parts, strict=True))
    tokens = sum(weight * part.tokens / max(part.features, 1e-9) for weight, part in zip(weights, parts, strict=True))
    return Size(sum(part.examples for part in parts), total, total * rows, total * tokens, parts[0].source)


def _head_bytes(stage: plan.Train, shape: Shape) -> float:
    """Of the heads' weights: a dense layer each (classification, choices, masked LM, which has a bias for each token, too)."""
    kinds = [training(name)[0].head for name in stage.tasks]
    dense = sum(kind in ("classification", "multiple_choice", "mlm") for kind in kinds) * shape.hidden**2
    return FLOAT * (dense + shape.vocabulary * kinds.count("mlm"))
