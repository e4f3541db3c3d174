"""From a spec to stages with addresses: every default made explicit, every common stage the same object.

A stage's address is a hash of what decides its result; nested stages count by their addresses.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

from stilts_xtreme.data import read as data
from stilts_xtreme.errors import UserError
from stilts_xtreme.tasks.catalogue import TASKS

CODE = {"train": 1, "predict": 1}  # raised by hand when the same stage would give another result


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one training stage; the defaults are the authors' public re-implementation's (nyu-mll/jiant, xstilts guide).

    Exactly one of `epochs` and `steps` is set. `warmup` is a share of the steps; lengths count tokens; `micro_batch` (memory only)
    is not part of the address.
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
    """A published encoder: hub id or local folder, and its revision."""

    name: str
    revision: str | None = None


@dataclass(frozen=True)
class Reads:
    """One reading that a stage depends on, with the digest of what stands there."""

    task: str
    split: str
    language: str
    version: int
    digest: str


@dataclass(frozen=True)
class Train:
    """Train(start, mixture, recipe, seed): pre-training, intermediate training, mixtures and target fine-tuning alike."""

    start: "Random | Pretrained | Train"
    tasks: tuple[str, ...]
    recipe: Recipe
    seed: int
    reads: tuple[Reads, ...]
    rates: str | tuple[tuple[str, float], ...] = "proportional"
    cap: int | None = None
    temperature: float = 1.0
    exponent: float | None = None
    where: data.Where = field(default=None, compare=False)  # type: ignore[assignment]

    @property
    def label(self) -> str:
        return "+".join(self.tasks)


@dataclass(frozen=True)
class Predict:
    """Predictions of one model for one task in `languages`; `layer`, `pooling` and `max_length` are for retrieval only."""

    model: "Pretrained | Train"
    task: str
    languages: tuple[str, ...]
    reads: tuple[Reads, ...]
    layer: int | None = None
    pooling: str | None = None
    max_length: int | None = None
    where: data.Where = field(default=None, compare=False)  # type: ignore[assignment]

    @property
    def label(self) -> str:
        return self.task


Stage = Train | Predict


def kind(stage: Stage) -> str:
    return "train" if isinstance(stage, Train) else "predict"


def before(stage: Stage) -> Train | None:
    """The stage that this one starts from, if any."""
    start = stage.start if isinstance(stage, Train) else stage.model
    return start if isinstance(start, Train) else None


def chain(stage: Stage) -> list[Stage]:
    """The stages from the first to this one."""
    earlier = before(stage)
    return [*(chain(earlier) if earlier else []), stage]


def identity(stage: Stage) -> dict[str, Any]:
    """What decides the stage's result, as plain JSON; the stage it starts from counts by its address."""
    told = {f.name: getattr(stage, f.name) for f in fields(stage) if f.name != "where"}
    slot = "start" if isinstance(stage, Train) else "model"
    origin = told[slot]
    told[slot] = {"stage": address(origin)} if isinstance(origin, Train) else {type(origin).__name__.lower(): asdict(origin)}
    told["reads"] = [asdict(read) for read in stage.reads]
    if isinstance(stage, Train):
        told["recipe"] = {name: value for name, value in asdict(stage.recipe).items() if name != "micro_batch"}
    told = {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}
    return {"kind": kind(stage), "code": CODE[kind(stage)], **told}


_ADDRESSES: dict[int, tuple[Stage, str]] = {}  # by id(): hashing a stage walks its whole chain; the stage is kept so its id stays its own


def address(stage: Stage) -> str:
    """Twelve hexadecimal digits of the SHA-256 of the stage's identity."""
    if id(stage) not in _ADDRESSES:
        canonical = json.dumps(identity(stage), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        _ADDRESSES[id(stage)] = stage, hashlib.sha256(canonical.encode()).hexdigest()[:12]
    return _ADDRESSES[id(stage)][1]


@dataclass(frozen=True)
class Cell:
    """One evaluation of a study."""

    intermediate: str
    target: str
    seed: int
    stage: Predict


class Planner:
    """Builds the stages of one setup, each once (equal stages are the same object)."""

    def __init__(self, setup: Any):
        self.setup = setup
        self.where = _where(setup)
        self._stages: dict[Stage, Stage] = {}
        self._reads: dict[tuple[str, str, str], Reads] = {}

    def _same(self, stage: Any) -> Any:
        return self._stages.setdefault(stage, stage)

    def reads(self, task: str, split: str, language: str) -> Reads:
        key = task, split, language
        if key not in self._reads:
            found = data.digest(TASKS[task], split, language, self.where)
            self._reads[key] = Reads(task, split, language, TASKS[task].version, found)
        return self._reads[key]

    def encoder(self, seed: int, trained: bool = True) -> Train | Pretrained:
        """The setup's first encoder: published, or trained here by masked LM from random weights (`trained=False`: not trained)."""
        encoder, pretraining = self.setup.encoder, self.setup.pretraining
        if encoder.pretrained is not None:
            return Pretrained(encoder.pretrained.name, encoder.pretrained.revision)
        recipe = lay(self.setup.recipes.default, pretraining.recipe)
        languages = pretraining.languages or data.languages(TASKS["text"], self.where)
        return self._same(
            Train(
                start=Random(**encoder.random.model_dump()),
                tasks=("text",),
                recipe=recipe if trained else replace(recipe, steps=0, epochs=None),
                seed=seed,
                reads=tuple(self.reads("text", "train", code) for code in languages) + (self.reads("text", "dev", "en"),),
                exponent=pretraining.exponent,
                where=self.where,
            )
        )

    def train(self, start: Any, tasks: Sequence[str], recipe: Recipe, seed: int, mixture: Any = None) -> Train:
        """One training stage on the English data of `tasks`."""
        parts = [name for task in tasks for name in (task, *TASKS[task].joins)]
        reads = dict.fromkeys([self.reads(name, "train", "en") for name in parts] + [self.reads(name, "dev", "en") for name in tasks])
        how = {}
        if mixture is not None:
            given = mixture.rates
            how = {"rates": tuple(sorted(given.items())) if isinstance(given, Mapping) else given, "cap": mixture.cap}
            how |= {"temperature": mixture.temperature} if mixture.temperature else {}
        return self._same(Train(start, tuple(tasks), recipe, seed, tuple(reads), where=self.where, **how))

    def intermediate(self, task: str, start: Any, seed: int, recipe: Any = None) -> Train:
        recipes = self.setup.recipes
        laid = lay(recipes.default, recipes.intermediate.get("default"), recipes.intermediate.get(task), recipe)
        return self.train(start, [task], laid, seed)

    def mixture(self, mixture: Any, start: Any, seed: int, recipe: Any = None) -> Train:
        recipes = self.setup.recipes
        laid = lay(recipes.default, recipes.intermediate.get("default"), recipes.multitask, recipe)
        return self.train(start, mixture.tasks, laid, seed, mixture)

    def target(self, task: str, start: Any, seed: int, recipe: Any = None) -> Train:
        """Fine-tuning for a target, on the English data of the task it is trained on."""
        recipes, source = self.setup.recipes, TASKS[task].source_task
        return self.train(start, [source], lay(recipes.default, recipes.target.get("default"), recipes.target.get(source), recipe), seed)

    def predict(self, model: Any, task: str, languages: Sequence[str] | None = None) -> Predict:
        """Zero-shot predictions for `task` in `languages` (None: every language it has here)."""
        present = data.languages(TASKS[task], self.where)
        missing = [code for code in languages or () if code not in present]
        if missing:
            raise UserError(f"{task}: no test data for {', '.join(missing)} in {data.name(self.where)}; there is: {' '.join(present) or 'none'}")
        if not present:
            raise UserError(f"{task}: no test data in any language in {data.name(self.where)}. To get it: {TASKS[task].about}")
        chosen = tuple(code for code in present if languages is None or code in languages)
        reads = [self.reads(task, "test", code) for code in chosen]
        if TASKS[task].head != "embedding":
            return self._same(Predict(model, task, chosen, tuple(reads), where=self.where))
        if task == "bucc2018":
            reads += [self.reads(task, "dev", code) for code in chosen]
        retrieval = self.setup.retrieval
        return self._same(
            Predict(model, task, chosen, tuple(reads), retrieval.layer, retrieval.pooling, retrieval.max_length, where=self.where)
        )

    def begin(self, name: str | Sequence[str], mixtures: Mapping[str, Any], seed: int) -> Any:
        """What a study's `intermediate` entry stands for: an encoder, a task, a mixture, or a chain of those in order."""
        if name in ("none", "untrained"):
            return self.encoder(seed, trained=name == "none")
        start = self.encoder(seed)
        for link in [name] if isinstance(name, str) else name:
            start = self.mixture(mixtures[link], start, seed) if link in mixtures else self.intermediate(link, start, seed)
        return start

    def evaluate(self, start: Any, task: str, seed: int) -> Predict:
        """Train for `task` from `start` where it is trained at all, then predict."""
        return self.predict(start if TASKS[task].head == "embedding" else self.target(task, start, seed), task)


def resolve(spec: Any) -> Stage:
    """The stage that an intermediate, multitask, target or evaluation spec asks for."""
    return _stage(spec, Planner(spec.setup))


def study(spec: Any) -> list[Cell]:
    """A study's evaluations: intermediate x target x seed, common stages shared. UserError telling all data that is not there."""
    planner, cells, faults = Planner(spec.setup), [], []
    for name, target, seed in product(spec.intermediate, spec.targets, spec.seeds):
        try:
            cells.append(Cell(label(name), target, seed, planner.evaluate(planner.begin(name, spec.mixtures, seed), target, seed)))
        except UserError as fault:
            faults.append(str(fault))
    if faults:
        raise UserError("\n".join(dict.fromkeys(faults)))
    return cells


def label(intermediate: str | Sequence[str]) -> str:
    """How a study's `intermediate` entry is written in results: a chain as `squad>mnli`."""
    return intermediate if isinstance(intermediate, str) else ">".join(intermediate)


def ordered(stages: Sequence[Stage]) -> list[Stage]:
    """These stages and all they need, each once, every stage after the one it starts from."""
    return list({address(link): link for stage in stages for link in chain(stage)}.values())


def lay(*layers: Any) -> Recipe:
    """The defaults, then each recipe over the one before; saying `steps` unsays `epochs` and the other way round."""
    said: dict[str, Any] = {}
    for layer in layers:
        new = layer.model_dump(exclude_none=True) if layer is not None else {}
        if "steps" in new:
            said["epochs"] = None
        elif "epochs" in new:
            said["steps"] = None
        said |= new
    return Recipe(**said)


def _where(setup: Any) -> data.Where:
    source = setup.data
    if source.miniature is not None:
        return data.Miniature(source.miniature.seed)
    if source.files is not None:
        return data.Folder(Path(source.files.path), source.files.cut)
    return data.HubCache(Path(source.hub.folder) if source.hub.folder else None)


def _stage(spec: Any, planner: Planner) -> Any:
    if spec == "none":
        return None
    if spec.kind == "evaluation":
        model = _stage(spec.model, planner) or planner.encoder(spec.seed)
        return planner.predict(model, spec.task or spec.model.task, spec.languages)
    start = _stage(spec.start, planner) or planner.encoder(spec.seed)
    if spec.kind == "multitask":
        return planner.mixture(spec, start, spec.seed, spec.recipe)
    build = planner.target if spec.kind == "target" else planner.intermediate
    return build(spec.task, start, spec.seed, spec.recipe)


def walk(stages: Sequence[Stage]) -> Iterator[tuple[int, Stage]]:
    """The stages as a tree, depth first: (depth, stage), shared stages once."""
    children: dict[str | None, list[Stage]] = {}
    for stage in ordered(stages):
        earlier = before(stage)
        children.setdefault(address(earlier) if earlier else None, []).append(stage)

    def below(key: str | None, depth: int) -> Iterator[tuple[int, Stage]]:
        for stage in children.get(key, []):
            yield depth, stage
            yield from below(address(stage), depth + 1)

    yield from below(None, 0)
