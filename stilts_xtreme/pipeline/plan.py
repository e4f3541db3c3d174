"""Stages and their fingerprints (addresses): a resolved unit of work is named by a hash of what decides its result.

Nested stages count by their addresses; `planner.py` builds stages from specs. No part of an address: `where` data is, and the
`own_tasks` that a stage reads, as they were described for it (see `declare`).
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields

from stilts_xtreme.data import read as data
from stilts_xtreme.noise import Noise
from stilts_xtreme.tasks import catalogue
from stilts_xtreme.tasks.task import Task
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

CODE = {"train": 3, "predict": 3, "latency": 1}  # raised by hand when the same stage would give another result


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of a training stage; the defaults are those of the authors' public code (nyu-mll/jiant, xstilts guide).

    Either `epochs` or `steps` is set. `warmup` is a share of the steps; lengths count tokens; `micro_batch`
    (memory only) is not part of the address.
    """

    epochs: float | None = 3.0
    steps: int | None = None
    batch_size: int = 32
    micro_batch: int | None = None
    learning_rate: float = 1e-5
    weight_decay: float = 0.01
    beta2: float = 0.999
    epsilon: float = 1e-8
    warmup: float = 0.1
    clip: float = 1.0
    max_length: int = 256
    evaluate_every: int = 1000
    dev_limit: int = 500
    patience: int = 30
    group_by_length: bool = False
    dropout: float = 0.1
    examples: int | None = None
    precision: str = "fp32"
    doc_stride: int = 128
    max_answer_length: int = 30
    mask_rate: float = 0.15
    optimizer: str = "adamw"


@dataclass(frozen=True)
class Random:
    """An encoder of random weights; its tokenizer is trained on the text of the stage that starts from it."""

    hidden_size: int
    layers: int
    heads: int
    intermediate_size: int
    max_positions: int
    vocab_size: int


@dataclass(frozen=True)
class Pretrained:
    """A published encoder: hub id and revision, or a local folder, known by the digest of what it holds."""

    name: str
    revision: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class Reads:
    """A split in a language that a stage depends on, with the digest of its data."""

    task: str
    split: str
    language: str
    version: int
    digest: str


@dataclass(frozen=True)
class Train:
    """Train(start, mixture, recipe, seed): pre-training, intermediate training, mixtures and target fine-tuning alike.

    `tasks` are names of training data ("mnli", "mnli@de", see `catalogue.training`); `rates` are those of the labelled ones,
    which leave `text_share` of the steps to masked LM on text. `noise` is in the training data, never in dev data.
    """

    start: "Random | Pretrained | Train"
    tasks: tuple[str, ...]
    recipe: Recipe
    seed: int
    reads: tuple[Reads, ...]
    rates: str | tuple[tuple[str, float], ...] = "proportional"
    cap: int | None = None
    temperature: float = 1.0
    exponent: float | None = None
    text_share: float | None = None
    noise: Noise | None = None
    where: data.Where = field(default=None, compare=False)  # type: ignore[assignment]
    own_tasks: tuple[Task, ...] = field(default=(), compare=False, repr=False)

    @property
    def label(self) -> str:
        return _labelled("+".join(self.tasks), self.noise)

    @property
    def labelled(self) -> tuple[str, ...]:
        """The tasks without text, or text if there is nothing else: they set the length and select the best state."""
        return tuple(task for task in self.tasks if task != "text") or self.tasks

    @property
    def continues_text(self) -> bool:
        """Whether masked LM goes on from an encoder trained on it: then with its head, the only head that is handed on."""
        return "text" in self.tasks and not isinstance(self.start, Random)


@dataclass(frozen=True)
class Predict:
    """Predictions of a model for a task in `languages`; `layer`, `pooling` and `max_length` are for retrieval only;
    `noise` is in what is predicted. `test_examples`: at most so many of each language, see `tasks.sample` (None: all).
    `probabilities`: the files of predictions hold them, too."""

    model: "Pretrained | Train"
    task: str
    languages: tuple[str, ...]
    reads: tuple[Reads, ...]
    layer: int | None = None
    pooling: str | None = None
    max_length: int | None = None
    noise: Noise | None = None
    test_examples: int | None = None
    probabilities: bool = False
    where: data.Where = field(default=None, compare=False)  # type: ignore[assignment]
    own_tasks: tuple[Task, ...] = field(default=(), compare=False, repr=False)

    @property
    def label(self) -> str:
        return _labelled(self.task, self.noise)


@dataclass(frozen=True)
class Latency:
    """Inference of `models` timed in turns on a task's test examples; the first is what the others are compared with.

    `calls` at batch 1 for each model, variant and language, in blocks of `block`, after `warmup` calls; `passes` over `pool`
    examples for each larger batch size; `lengths` (tokens) are tried beside the natural ones. `examples` of each language
    (None: all) say what a variant costs in accuracy. Times are of a machine: `device` and `threads` decide what is measured.
    """

    models: tuple[Train, ...]
    task: str
    languages: tuple[str, ...]
    reads: tuple[Reads, ...]
    variants: tuple[str, ...]
    batch_sizes: tuple[int, ...]
    lengths: tuple[int, ...]
    calls: int
    warmup: int
    block: int
    passes: int
    pool: int
    threads: int
    device: str
    examples: int | None = None
    where: data.Where = field(default=None, compare=False)  # type: ignore[assignment]
    own_tasks: tuple[Task, ...] = field(default=(), compare=False, repr=False)

    @property
    def label(self) -> str:
        return f"{self.task} on {self.device}"


Stage = Train | Predict | Latency


def _labelled(name: str, noise: Noise | None) -> str:
    return f"{name} (noise {noise.rate:g})" if noise is not None else name


def kind(stage: Stage) -> str:
    return "train" if isinstance(stage, Train) else "predict" if isinstance(stage, Predict) else "latency"


def before(stage: Stage) -> Train | None:
    """Return the training that a stage starts from, if any; of several models the last."""
    start = stage.start if isinstance(stage, Train) else stage.model if isinstance(stage, Predict) else stage.models[-1]
    return start if isinstance(start, Train) else None


def chain(stage: Stage) -> list[Stage]:
    """Return the stages from the first to this stage."""
    if isinstance(stage, Latency):
        return [*ordered(stage.models), stage]
    earlier = before(stage)
    return [*(chain(earlier) if earlier else []), stage]


def root(stage: Stage) -> Random | Pretrained:
    """Return the encoder that the stage's chain begins with."""
    first = chain(stage)[0]
    assert not isinstance(first, Latency)  # trainings stand before it
    origin = first.start if isinstance(first, Train) else first.model
    assert not isinstance(origin, Train)  # that would be a stage before the first
    return origin


def identity(stage: Stage) -> Record:
    """Return what decides the stage's result, as JSON; the stage it starts from counts by its address."""
    content = {f.name: getattr(stage, f.name) for f in fields(stage) if f.name not in ("where", "own_tasks")}
    if isinstance(stage, Latency):
        content["models"] = [address(model) for model in stage.models]
    else:
        slot = "start" if isinstance(stage, Train) else "model"
        origin = content[slot]
        nested = {"stage": address(origin)} if isinstance(origin, Train) else {type(origin).__name__.lower(): _origin(origin)}
        content[slot] = nested
    content["reads"] = [asdict(read) for read in stage.reads]
    if isinstance(stage, Train):
        recipe = {name: value for name, value in asdict(stage.recipe).items() if name != "micro_batch"}
        if recipe["optimizer"] == "adamw":  # as it was when there was no other: addresses stay what they were
            del recipe["optimizer"]
        content["recipe"] = recipe
        if stage.text_share is None:  # as it was before mixtures could hold text: addresses stay what they were
            del content["text_share"]
        if stage.continues_text:  # since its head is handed on; other stages' addresses stay what they were
            content["masked_lm"] = "continued"
    if (noise := content.pop("noise", None)) is not None:  # likewise
        content["noise"] = noise.identity()
    if content.get("test_examples", ...) is None:  # likewise
        del content["test_examples"]
    if content.get("probabilities") is False:  # likewise
        del content["probabilities"]
    content = {name: list(value) if isinstance(value, tuple) else value for name, value in content.items()}
    return {"kind": kind(stage), "code": CODE[kind(stage)], **content}


def _origin(origin: Random | Pretrained) -> Record:
    """Return an encoder's identity; of a local folder its digest alone, since a path says nothing about what it holds."""
    content = {name: value for name, value in asdict(origin).items() if name != "digest"}
    return {"digest": origin.digest} if isinstance(origin, Pretrained) and origin.digest else content


_ADDRESSES: dict[
    int, tuple[Stage, str]
] = {}  # by id(): hashing a stage walks its whole chain; holding the stage keeps its id its own


def address(stage: Stage) -> str:
    """Return the stage's address: `named` of its identity."""
    if id(stage) not in _ADDRESSES:
        _ADDRESSES[id(stage)] = stage, named(identity(stage))
    return _ADDRESSES[id(stage)][1]


def named(identity: Record) -> str:
    """Return twelve hexadecimal digits of an identity's SHA-256."""
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def family(stage: Train) -> str:
    """Return a hash like the address, but the same for stages that differ only in the seeds of their chain."""
    links = [{**identity(link), "seed": None, "start": None} for link in chain(stage)]
    canonical = json.dumps([_origin(root(stage)), links], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def ordered(stages: Sequence[Stage]) -> list[Stage]:
    """Return these stages and all they need, each once, every stage after the training it starts from."""
    return list({address(link): link for stage in stages for link in chain(stage)}.values())


def declare(stages: Sequence[Stage]) -> None:
    """Make the names of the tasks of one's own mean what they meant when these stages, and those before them, were planned.

    Whoever looks tasks up for stages calls it first: another spec may have described others of these names since. UserError where
    the stages themselves differ in what a name means.
    """
    own: dict[str, Task] = {}
    for task in (task for stage in ordered(stages) for task in stage.own_tasks):
        if own.setdefault(task.name, task) != task:
            raise UserError(
                f"{task.name}: two specs describe a task of this name differently: run one after the other, or rename one"
            )
    for task in own.values():
        catalogue.add(task)


def walk(stages: Sequence[Stage]) -> Iterator[tuple[int, Stage]]:
    """Yield the stages as a tree, depth first: (depth, stage), shared stages once."""
    children: dict[str | None, list[Stage]] = {}
    for stage in ordered(stages):
        earlier = before(stage)
        children.setdefault(address(earlier) if earlier else None, []).append(stage)

    def below(key: str | None, depth: int) -> Iterator[tuple[int, Stage]]:
        for stage in children.get(key, []):
            yield depth, stage
            yield from below(address(stage), depth + 1)

    yield from below(None, 0)
