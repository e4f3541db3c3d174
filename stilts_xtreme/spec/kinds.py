"""The kinds of spec beside the setup: what each may hold, with checks across fields on the later field."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from stilts_xtreme.scoring.benchmarks import BENCHMARKS
from stilts_xtreme.spec.checks import (
    Above0,
    Count,
    Inside,
    Languages,
    Model,
    Name,
    Pairs,
    Problem,
    Seed,
    Share,
    Tail,
    refuse,
    twice,
    unknown,
    wrong,
)
from stilts_xtreme.spec.setup import TRAINED_TARGETS, RecipeSpec, Setup, too_long
from stilts_xtreme.tasks.catalogue import INTERMEDIATES, TARGETS, TASKS
from stilts_xtreme.tasks.task import Task

TRAINED = ("classification", "multiple_choice", "tagging", "span_qa")  # heads that are trained on labels
MIXABLE = tuple(name for name, task in TASKS.items() if task.head in TRAINED and task.trains_on is None)


def _training(words: Iterable[tuple[Tail, str]], names: Iterable[str], what: str, on_key: bool = False) -> list[Problem]:
    """Faults of names of training data: one of `names`, or such a one in other languages ("mnli@de", "mnli@en+de")."""
    problems, bare = [], []
    for tail, word in words:
        base, mark, codes = word.partition("@")
        bare.append((tail, base if mark and base in TASKS else word))
        named = codes.split("+")
        shaped = all(re.fullmatch(r"[a-z]{2,3}", code) for code in named) and len(set(named)) == len(named) and named != ["en"]
        if mark and base in TASKS and not shaped:
            text = (
                f"'{word[:60]}': after @ come languages, each once, such as {base}@de or {base}@en+de (English alone is {base})"
            )
            problems.append(Problem(text, tail, on_key=on_key))
    return unknown(bare, names, what, on_key) + problems


class TextShare(Model):
    """Masked LM on text beside labelled tasks: `share` of the steps; a language's part of the text goes with its size to the
    power `exponent`; `languages` None: all there are."""

    share: Inside
    exponent: Share | None = None
    languages: Languages | None = None


def _rates_form(value: Any) -> str | None:
    return "weights" if isinstance(value, dict) else "rule" if isinstance(value, str) else None


Rates = Annotated[
    Annotated[Literal["proportional", "equal", "temperature"], Tag("rule")] | Annotated[dict[str, Above0], Tag("weights")],
    Discriminator(
        _rates_form,
        custom_error_type="form",
        custom_error_message="must be proportional, equal, temperature or a mapping of task: weight",
    ),
]


class Mixture(Model):
    """Tasks and the rule of their sampling rates; no task counts for more than `cap` examples (arXiv 1910.10683)."""

    text: TextShare | None = None
    tasks: Annotated[list[str], Field(min_length=1)]
    rates: Rates = "proportional"
    cap: Count = 131072
    temperature: Above0 | None = Field(None, validate_default=True)

    @field_validator("tasks")
    @classmethod
    def _trainable(cls, tasks: list[str], info: ValidationInfo) -> list[str]:
        places = (((i,), task) for i, task in enumerate(tasks))
        alone = len(tasks) == 1 and info.data.get("text", ...) is None
        few = [Problem("one task alone is no mixture: add a task, or text")] if alone else []
        refuse([*_training(places, MIXABLE, "a task with training data of its own"), *twice(tasks), *few])
        return tasks

    @field_validator("rates")
    @classmethod
    def _same_tasks(cls, rates: Any, info: ValidationInfo) -> Any:
        tasks = info.data.get("tasks")
        if isinstance(rates, dict) and tasks is not None:
            missing = [Problem(f"no weight is given for {task}") for task in tasks if task not in rates]
            refuse(unknown((((key,), key) for key in rates), tasks, "a task of this mixture", on_key=True) + missing)
        return rates

    @field_validator("cap")
    @classmethod
    def _cap_counts(cls, cap: int, info: ValidationInfo) -> int:
        if info.data.get("rates") == "equal" or isinstance(info.data.get("rates"), dict):
            raise wrong(Problem("goes with rates: proportional or temperature only"))
        return cap

    @field_validator("temperature")
    @classmethod
    def _with_rule(cls, temperature: float | None, info: ValidationInfo) -> float | None:
        if "rates" in info.data and (info.data["rates"] == "temperature") != (temperature is not None):
            said = temperature is not None
            raise wrong(Problem("goes with rates: temperature only" if said else "missing: rates: temperature needs it"))
        return temperature


def _kind(value: Any) -> str | None:
    said = value.get("kind") if isinstance(value, dict) else value
    return said if isinstance(said, str) else None


def _nested(*kinds: str) -> Discriminator:
    """Picks a nested spec's model by its kind."""
    text = f"must be a spec of kind {' or '.join(kinds)} (written out, or the path of its file) or none"
    return Discriminator(_kind, custom_error_type="kind", custom_error_message=text, custom_error_context={"kinds": kinds})


class _Stage(Model):
    """One training: from where, on what, how."""

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
    """Train an encoder on one intermediate task, in English or translated ("mnli@de")."""

    kind: Literal["intermediate"]
    task: str

    @field_validator("task")
    @classmethod
    def _exists(cls, task: str) -> str:
        refuse(_training([((), task)], INTERMEDIATES, "an intermediate task"))
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
        if task in TARGETS and task not in TRAINED_TARGETS:
            raise wrong(Problem(f"{task} is never trained: evaluate an encoder on it (kind: evaluation)"))
        refuse(unknown([((), task)], TRAINED_TARGETS, "a target that is trained"))
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


BenchmarkName = Literal["xtreme", "xtreme-r"]


def _trained_for(task: str, info: ValidationInfo) -> Task:
    """The target whose training an evaluation's model needs: the task itself, but for what a benchmark says otherwise."""
    return TASKS[BENCHMARKS[info.data.get("benchmark", "xtreme")].encoders.get(task, task)]


class Evaluation(Model):
    """Predictions of a model for a target, scored; `task` None: the model's own; `languages` None: those of the benchmark."""

    kind: Literal["evaluation"]
    setup: Setup
    model: AnyModel
    benchmark: BenchmarkName = "xtreme"
    task: str | None = Field(None, validate_default=True)
    languages: Pairs | None = None
    seed: Seed = 1

    @field_validator("task")
    @classmethod
    def _model_fits(cls, task: str | None, info: ValidationInfo) -> str | None:
        if task is not None:
            refuse(unknown([((), task)], TARGETS, "a target"))
        model = info.data.get("model")
        if model is None:
            return task
        trained_first = BENCHMARKS[info.data.get("benchmark", "xtreme")].encoders
        untrained = [name for name in TARGETS if name not in TRAINED_TARGETS and name not in trained_first]
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


Entry = Annotated[
    Annotated[str, Tag("name")] | Annotated[list[str], Field(min_length=1), Tag("chain")],
    Discriminator(
        lambda value: "chain" if isinstance(value, list) else "name" if isinstance(value, str) else None,
        custom_error_type="form",
        custom_error_message="must be a name, or a list of names trained in that order",
    ),
]


class Study(Model):
    """Axes whose product is a list of evaluations: intermediate x training languages x targets x seeds.

    An entry of `intermediate`: a task, a mixture, a chain of those, "none", or "untrained" (a random encoder as it is).
    """

    kind: Literal["study"]
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]
    question: str = ""
    setup: Setup
    mixtures: dict[Name, Mixture] = {}
    intermediate: Annotated[list[Entry], Field(min_length=1)]
    targets: Annotated[list[str], Field(min_length=1)]
    benchmark: BenchmarkName = "xtreme"
    training_languages: Annotated[list[Languages], Field(min_length=1)] = [["en"]]
    seeds: Annotated[list[Seed], Field(min_length=1)] = [1]

    @field_validator("mixtures")
    @classmethod
    def _free_names(cls, mixtures: dict[str, Mixture]) -> dict[str, Mixture]:
        taken = [name for name in mixtures if name in TASKS or name in ("none", "untrained")]
        refuse(Problem(f"'{name}' already has a meaning: choose another name", (name,), on_key=True) for name in taken)
        return mixtures

    @field_validator("intermediate")
    @classmethod
    def _known(cls, entries: list[str | list[str]], info: ValidationInfo) -> list[str | list[str]]:
        if "mixtures" not in info.data:
            return entries
        known = (*INTERMEDIATES, *info.data["mixtures"])
        single = [((i,), entry) for i, entry in enumerate(entries) if isinstance(entry, str)]
        links = [((i, j), link) for i, entry in enumerate(entries) if not isinstance(entry, str) for j, link in enumerate(entry)]
        problems = _training(single, ("none", "untrained", *known), "an intermediate task or a mixture of this study")
        problems += [Problem(f"'{link}' cannot stand in a chain", tail) for tail, link in links if link in ("none", "untrained")]
        links = [(tail, link) for tail, link in links if link not in ("none", "untrained")]
        problems += _training(links, known, "an intermediate task or a mixture of this study")
        setup = info.data.get("setup")
        if setup is not None and setup.encoder.random is None:
            untrained = [tail for tail, name in single if name == "untrained"]
            problems += [Problem("a published encoder has no untrained form", tail) for tail in untrained]
        refuse([*problems, *twice(entry if isinstance(entry, str) else ">".join(entry) for entry in entries)])
        return entries

    @field_validator("targets")
    @classmethod
    def _targets(cls, targets: list[str]) -> list[str]:
        refuse([*unknown((((i,), name) for i, name in enumerate(targets)), TARGETS, "a target"), *twice(targets)])
        return targets

    @field_validator("training_languages")
    @classmethod
    def _different(cls, entries: list[list[str]]) -> list[list[str]]:
        inside = [Problem(p.text, (i, *p.tail)) for i, entry in enumerate(entries) for p in twice(entry)]
        refuse([*inside, *twice("+".join(sorted(entry)) for entry in entries)])
        return entries

    @field_validator("seeds")
    @classmethod
    def _seeds(cls, seeds: list[int]) -> list[int]:
        refuse(twice(seeds))
        return seeds


Spec = Intermediate | Multitask | Target | Evaluation | Study | Setup
KINDS: dict[str, type[Model]] = {
    "intermediate": Intermediate,
    "multitask": Multitask,
    "target": Target,
    "evaluation": Evaluation,
    "study": Study,
    "setup": Setup,
}
