"""The setup: data, first encoder and recipes, a setup per scale.

Checks across fields stand on the later field, so that a fault does not hide another.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from stilts_xtreme.spec.checks import (
    BatchSize,
    Because,
    Count,
    Languages,
    Layer,
    Length,
    Model,
    Name,
    Problem,
    Seed,
    Share,
    Tail,
    refuse,
    unknown,
    wrong,
)
from stilts_xtreme.spec.names import intermediates, trained_targets
from stilts_xtreme.tasks.catalogue import TASKS, trained_on

MOST_STEPS = 10_000_000  # XLM-R's own pre-training took 1.5 million (arXiv 1911.02116)
Epochs = Annotated[float, Field(gt=0, le=1_000), Because("passes over the training data; usual are 1 to 10")]
Steps = Annotated[int, Field(ge=0, le=MOST_STEPS), Because("optimizer steps; XLM-R's pre-training took 1.5 million")]
LearningRate = Annotated[
    float, Field(gt=0, le=1), Because("AdamW changes a weight by about this much at a step; usual are 1e-6 to 5e-3")
]
WeightDecay = Annotated[float, Field(ge=0, le=1), Because("a share of each weight, times the learning rate; usual is 0.01")]
Epsilon = Annotated[float, Field(gt=0, le=0.1), Because("a larger one outweighs the gradients; usual are 1e-8 to 1e-6")]
Width = Annotated[int, Field(ge=1, le=1_048_576), Because("numbers in a vector; XLM-R Large has 1024 and 4096")]
Vocabulary = Annotated[int, Field(ge=1, le=10_000_000), Because("pieces of the tokenizer; XLM-R's has 250,002")]


class RecipeSpec(Model):
    """Hyperparameters as far as set (None: an earlier layer or the default holds); meanings: `plan.Recipe`."""

    epochs: Epochs | None = None
    steps: Steps | None = None
    batch_size: BatchSize | None = None
    micro_batch: BatchSize | None = None
    learning_rate: LearningRate | None = None
    weight_decay: WeightDecay | None = None
    beta2: Annotated[float, Field(gt=0, lt=1), Because("a decay rate; usual are 0.95 to 0.999")] | None = None
    epsilon: Epsilon | None = None
    warmup: Annotated[float, Field(ge=0, le=1), Because("a share of the steps, not their number")] | None = None
    clip: Annotated[float, Field(gt=0), Because("a norm; a large number clips nothing")] | None = None
    max_length: Length | None = None
    evaluate_every: Annotated[int, Field(ge=0, le=MOST_STEPS), Because("steps; 0 scores at the end only")] | None = None
    dev_limit: Count | None = None
    patience: Count | None = None
    group_by_length: bool | None = None
    dropout: Annotated[float, Field(ge=0, le=0.9), Because("the share of values set to 0; usual are 0 to 0.3")] | None = None
    examples: Count | None = None
    precision: Literal["fp32", "bf16"] | None = None
    doc_stride: Annotated[int, Field(ge=1, le=65_536), Because("tokens from a window to the next")] | None = None
    max_answer_length: Annotated[int, Field(ge=1, le=65_536), Because("tokens of an answer; usual are 15 to 30")] | None = None
    mask_rate: Annotated[float, Field(gt=0, lt=1), Because("a share of the tokens; usual are 0.15 to 0.4")] | None = None
    optimizer: Literal["adamw", "muon"] | None = None

    @field_validator("steps")
    @classmethod
    def _one_length(cls, steps: int | None, info: ValidationInfo) -> int | None:
        if steps is not None and info.data.get("epochs") is not None:
            raise wrong(Problem("epochs is said too: keep one of them, or set the other to null", conflict="epochs"))
        return steps


class RandomEncoder(Model):
    """Shape of an XLM-R of random weights; `max_positions` counts two more than the tokens it can hold, as XLM-R's own does."""

    hidden_size: Width
    layers: Annotated[int, Field(ge=1, le=1_000), Because("transformer layers; XLM-R Large has 24")]
    heads: Annotated[int, Field(ge=1, le=1_024), Because("attention heads of a layer; XLM-R Large has 16")]
    intermediate_size: Width
    max_positions: Annotated[int, Field(ge=10, le=65_538), Because("two more than the tokens of a sequence")]
    vocab_size: Vocabulary

    @field_validator("heads")
    @classmethod
    def _divides(cls, heads: int, info: ValidationInfo) -> int:
        width = info.data.get("hidden_size")
        if width is not None and width % heads:
            raise wrong(Problem(f"hidden_size {width} cannot be divided by {heads} heads"))
        return heads


class PretrainedEncoder(Model):
    """A hub id or a local folder (`./` or `../` at its beginning: relative to the file that says it)."""

    name: Annotated[str, Field(min_length=1)]
    revision: Annotated[str, Field(min_length=1)] | None = None


class _OneOf(Model):
    """Exactly one of the fields is set."""

    @field_validator("*")
    @classmethod
    def _not_two(cls, value: Model | None, info: ValidationInfo) -> Model | None:
        names = list(cls.model_fields)
        earlier = names[: names.index(info.field_name or "")]
        present = [name for name in earlier if info.data.get(name, True) is not None]  # a faulty field counts, too
        if value is not None and present:
            raise wrong(Problem(f"{present[0]} is said too: keep one of {', '.join(names)}", conflict=present[0]))
        return value

    @model_validator(mode="after")
    def _not_none(self) -> Self:
        names = list(type(self).model_fields)
        if all(getattr(self, name) is None for name in names):
            raise wrong(Problem(f"give one of {', '.join(names)} (as a mapping; an empty one is written {{}})"))
        return self


class EncoderSpec(_OneOf):
    random: RandomEncoder | None = None
    pretrained: PretrainedEncoder | None = None


class MiniatureData(Model):
    seed: Seed = 0


class FilesData(Model):
    """A folder of releases, relative to the file that says it; `cut` derives missing splits from the split that is there."""

    path: Annotated[str, Field(min_length=1)]
    cut: bool = False


class HubData(Model):
    """The hub, at a task's own revision where it has any; tasks that stand below `folder` are read there (licensed data, say)."""

    folder: Annotated[str, Field(min_length=1)] | None = None


class DataSpec(_OneOf):
    miniature: MiniatureData | None = None
    files: FilesData | None = None
    hub: HubData | None = None


class Pretraining(Model):
    """Masked-LM training of a random encoder; a language's share of the text goes with its size to the power `exponent`."""

    languages: Languages | None = None
    exponent: Share = 0.5
    recipe: RecipeSpec


class Retrieval(Model):
    """Sentence vectors: hidden state `layer` (0: embedding output; None: `shape.retrieval_layer`), pooled.

    `max_length` None: 512 tokens, or what the encoder reads if that is less.
    """

    layer: Layer | None = None
    pooling: Literal["mean", "cls"] = "mean"
    max_length: Length | None = None


class Recipes(Model):
    """Recipes laid over one another; a target's is keyed by the task it is trained on (xnli's by mnli)."""

    default: RecipeSpec
    intermediate: dict[str, RecipeSpec] = {}
    target: dict[str, RecipeSpec] = {}
    multitask: RecipeSpec | None = None

    @field_validator("intermediate")
    @classmethod
    def _intermediates(cls, recipes: dict[str, RecipeSpec]) -> dict[str, RecipeSpec]:
        refuse(unknown((((key,), key) for key in recipes), ("default", *intermediates()), "an intermediate task", on_key=True))
        return recipes

    @field_validator("target")
    @classmethod
    def _targets(cls, recipes: dict[str, RecipeSpec]) -> dict[str, RecipeSpec]:
        keys = dict.fromkeys(["default", *(source for name in trained_targets() for source in trained_on(name))])
        moved = {key: TASKS[key].source_task for key in recipes if key in trained_targets() and key not in keys}
        problems = [Problem(f"{key} is trained on {task}: write {task}", (key,), on_key=True) for key, task in moved.items()]
        rest = (((key,), key) for key in recipes if key not in moved)
        refuse(problems + unknown(rest, keys, "a task that targets are trained on", on_key=True))
        return recipes

    def all(self) -> Iterator[tuple[tuple[str, ...], RecipeSpec]]:
        """Every recipe with the way to it."""
        yield ("default",), self.default
        yield from ((("intermediate", key), recipe) for key, recipe in self.intermediate.items())
        yield from ((("target", key), recipe) for key, recipe in self.target.items())
        if self.multitask is not None:
            yield ("multitask",), self.multitask


def too_long(length: int | None, encoder: EncoderSpec | None, tail: Tail) -> list[Problem]:
    room = encoder.random.max_positions - 2 if encoder is not None and encoder.random is not None else None
    if room is None or length is None or length <= room:
        return []
    return [Problem(f"{length} tokens do not fit the encoder: max_positions {room + 2} has room for {room}", tail)]


class Setup(Model):
    """Data, first encoder and recipes: a setup per scale."""

    kind: Literal["setup"] = "setup"
    name: Name
    note: str = ""
    data: DataSpec
    encoder: EncoderSpec
    pretraining: Pretraining | None = Field(None, validate_default=True)
    retrieval: Retrieval = Retrieval()
    recipes: Recipes

    @field_validator("pretraining")
    @classmethod
    def _only_random(cls, pretraining: Pretraining | None, info: ValidationInfo) -> Pretraining | None:
        encoder = info.data.get("encoder")
        if encoder is not None and encoder.random is not None and pretraining is None:
            raise wrong(Problem("missing: a random encoder is trained by masked LM first"))
        if encoder is not None and encoder.random is None and pretraining is not None:
            raise wrong(Problem("goes with a random encoder only", conflict="encoder"))
        if pretraining is not None:
            refuse(too_long(pretraining.recipe.max_length, encoder, ("recipe", "max_length")))
        return pretraining

    @field_validator("retrieval")
    @classmethod
    def _layer_exists(cls, retrieval: Retrieval, info: ValidationInfo) -> Retrieval:
        encoder = info.data.get("encoder")
        problems = too_long(retrieval.max_length, encoder, ("max_length",))
        layer = retrieval.layer or 0
        if encoder is not None and encoder.random is not None and layer > encoder.random.layers:
            problems.append(Problem(f"the encoder has only the states 0 (embeddings) to {encoder.random.layers}", ("layer",)))
        refuse(problems)
        return retrieval

    @field_validator("recipes")
    @classmethod
    def _lengths_fit(cls, recipes: Recipes, info: ValidationInfo) -> Recipes:
        encoder = info.data.get("encoder")
        problems = [p for tail, recipe in recipes.all() for p in too_long(recipe.max_length, encoder, (*tail, "max_length"))]
        if encoder is not None and encoder.random is not None and recipes.default.max_length is None:
            text = "max_length is missing: a random encoder's recipes say how many tokens they cut to"
            problems.append(Problem(text, ("default",)))
        refuse(problems)
        return recipes
