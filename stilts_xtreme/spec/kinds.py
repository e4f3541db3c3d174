"""The kinds of spec beside the setup: what each may hold, with checks across fields on the later field."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from stilts_xtreme.scoring.benchmarks import BENCHMARKS, BenchmarkName
from stilts_xtreme.spec.checks import Count, Languages, Model, Pairs, Problem, Seed, refuse, twice, unknown, wrong
from stilts_xtreme.spec.latency import Latency
from stilts_xtreme.spec.mixtures import Mixture, training_data
from stilts_xtreme.spec.names import intermediates, targets, trained_targets, why_no_target, with_probabilities
from stilts_xtreme.spec.setup import RecipeSpec, Setup, too_long
from stilts_xtreme.spec.study import Study
from stilts_xtreme.spec.task import TaskSpec
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.task import Task


def _kind(value: object) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else value
    return kind if isinstance(kind, str) else None


def _nested(*kinds: str) -> Discriminator:
    """Picks a nested spec's model by its kind."""
    text = f"must be a spec of kind {' or '.join(kinds)} (written out, or the path of its file) or none"
    return Discriminator(_kind, custom_error_type="kind", custom_error_message=text, custom_error_context={"kinds": kinds})  # type: ignore[dict-item]  # our messages read it


class _Stage(Model):
    """A training: from where, on what, how."""

    setup: Setup
    start: "Start" = "none"
    seed: Seed = 1
    recipe: RecipeSpec = RecipeSpec()

    @field_validator("recipe")
    @classmethod
    def _length_fits(cls, recipe: RecipeSpec, info: ValidationInfo) -> RecipeSpec:
        setup = info.data.get("setup")
        refuse(too_long(recipe.max_length, setup.encoder if setup is not None else None, ("max_length",)))
        return recipe


class Intermediate(_Stage):
    """Train an encoder on an intermediate task, in English or translated ("mnli@de")."""

    kind: Literal["intermediate"]
    task: str

    @field_validator("task")
    @classmethod
    def _exists(cls, task: str) -> str:
        refuse(training_data([((), task)], intermediates(), "an intermediate task"))
        return task


class Multitask(_Stage, Mixture):
    """Train an encoder on a mixture of tasks."""

    kind: Literal["multitask"]


class Target(_Stage):
    """Fine-tune on a target's data, in English (zero-shot) or in `training_languages` (translated, or the task's own)."""

    kind: Literal["target"]
    task: str
    training_languages: Languages = ["en"]

    @field_validator("task")
    @classmethod
    def _trained(cls, task: str) -> str:
        if task in targets() and task not in trained_targets():
            text = "make it the task of a spec of kind evaluation, with model: none or an intermediate training"
            raise wrong(Problem(f"{task} is never trained: {text}"))
        refuse(unknown([((), task)], trained_targets(), "a target that is trained", why=why_no_target))
        return task

    @field_validator("training_languages")
    @classmethod
    def _once(cls, languages: list[str]) -> list[str]:
        refuse(twice(languages))
        return languages


Start = Annotated[
    Annotated[Intermediate, Tag("intermediate")]
    | Annotated[Multitask, Tag("multitask")]
    | Annotated[Literal["none"], Tag("none")],
    _nested("intermediate", "multitask"),
]
AnyModel = Annotated[
    Annotated[Target, Tag("target")]
    | Annotated[Intermediate, Tag("intermediate")]
    | Annotated[Multitask, Tag("multitask")]
    | Annotated[Literal["none"], Tag("none")],
    _nested("target", "intermediate", "multitask"),
]


def _trained_for(task: str, info: ValidationInfo) -> Task:
    """The target whose training an evaluation's model needs: the task itself, but for what a benchmark says otherwise."""
    return TASKS[BENCHMARKS[info.data.get("benchmark", "xtreme")].encoders.get(task, task)]


class Evaluation(Model):
    """Predictions of a model for a target, scored; `task` None: the model's own; `languages` None: those of the benchmark;
    `test_examples`: as of a study; `probabilities`: in the files of predictions, too."""

    kind: Literal["evaluation"]
    setup: Setup
    model: AnyModel
    benchmark: BenchmarkName = "xtreme"
    task: str | None = Field(None, validate_default=True)
    languages: Pairs | None = None
    test_examples: Count | None = None
    probabilities: bool = False
    seed: Seed = 1

    @field_validator("task")
    @classmethod
    def _model_fits(cls, task: str | None, info: ValidationInfo) -> str | None:
        if task is not None:
            refuse(unknown([((), task)], targets(), "a target", why=why_no_target))
        model = info.data.get("model")
        if model is None:
            return task
        trained_first = BENCHMARKS[info.data.get("benchmark", "xtreme")].encoders
        untrained = [name for name in targets() if name not in trained_targets() and name not in trained_first]
        if not isinstance(model, Target):
            if task not in untrained:
                what = "none" if model == "none" else f"of kind {model.kind}"
                asked = f", not on {task}" if task else ": say which"
                text = f"a model {what} can be evaluated on {' and '.join(untrained)} only{asked}"
                raise wrong(Problem(text + "; for another task the model is of kind target"))
        elif task in untrained:
            text = f"{task} takes the encoder before fine-tuning: a model of kind intermediate or multitask, or none"
            raise wrong(Problem(text))
        elif task is not None and (needed := _trained_for(task, info).source_task) != (has := TASKS[model.task].source_task):
            raise wrong(Problem(f"{task} needs a model trained on {needed}; this one is trained on {has}"))
        return task

    @field_validator("languages")
    @classmethod
    def _once(cls, languages: list[str] | None) -> list[str] | None:
        refuse(twice(languages or ()))
        return languages

    @field_validator("probabilities")
    @classmethod
    def _has_some(cls, probabilities: bool, info: ValidationInfo) -> bool:
        model = info.data.get("model")
        task = info.data.get("task") or (model.task if isinstance(model, Target) else None)
        if probabilities and task is not None and task not in with_probabilities():
            raise wrong(Problem(f"{task} is retrieval, whose predictions have none: leave it out"))
        return probabilities


Spec = Intermediate | Multitask | Target | Evaluation | Study | Latency | Setup | TaskSpec
KINDS: dict[str, type[Spec]] = {
    "intermediate": Intermediate,
    "multitask": Multitask,
    "target": Target,
    "evaluation": Evaluation,
    "study": Study,
    "latency": Latency,
    "setup": Setup,
    "task": TaskSpec,
}
