"""The study: axes whose product is a list of evaluations."""

from collections.abc import Iterable
from math import factorial, prod
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from stilts_xtreme.scoring.benchmarks import BenchmarkName
from stilts_xtreme.spec.checks import (
    Because,
    Count,
    Inside,
    Languages,
    Model,
    Name,
    Pairs,
    Problem,
    Seed,
    Share,
    form,
    refuse,
    twice,
    unknown,
    wrong,
)
from stilts_xtreme.spec.mixtures import Mixture, refuse_taken, training_data
from stilts_xtreme.spec.names import intermediates, mixable, targets, trained_targets, why_no_target, with_probabilities
from stilts_xtreme.spec.setup import RecipeSpec, Setup
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.bounded_io import Record

TARGET = "target"  # in a study's mixture: the training data of each row's target
WHOLE = {"none", "untrained"}  # entries that stand alone
SCALED_BY = ("kind", "setup", "at")  # keys that no setup can change
MOST = 10_000  # evaluations of a study; planning takes a second for so many

Entry = Annotated[
    Annotated[str, Tag("name")] | Annotated[list[str], Field(min_length=1), Tag("chain")],
    form({str: "name", list: "chain"}, "must be a name, or a list of names trained in that order"),
]

Tested = Annotated[
    Annotated[Pairs, Tag("codes")] | Annotated[dict[str, Pairs], Field(min_length=1), Tag("by target")],
    form({list: "codes", dict: "by target"}, "must be a list of language codes, or a mapping of targets to such lists"),
]

Sampled = Annotated[
    Annotated[Count, Tag("number")] | Annotated[dict[str, Count], Field(min_length=1), Tag("by target")],
    Discriminator(
        lambda value: "by target" if isinstance(value, dict) else "number",
        custom_error_type="form",
        custom_error_message="must be a number, or a mapping of targets to numbers",
    ),
]

Drawn = Annotated[int, Field(ge=1, le=MOST), Because("each order is a row, and a study holds no more evaluations")]


class StudyMixture(Mixture):
    """A mixture whose tasks may include `target`: the training data of the target that is evaluated.

    `last`: nothing is fine-tuned after it; its own head for the target predicts. `recipe` is laid over the setup's.
    """

    own_names: ClassVar[tuple[str, ...]] = (TARGET,)

    last: Annotated[bool, Field(validate_default=True)] = False
    recipe: RecipeSpec = RecipeSpec()

    @field_validator("last")
    @classmethod
    def _has_head(cls, last: bool, info: ValidationInfo) -> bool:
        if last and "tasks" in info.data and TARGET not in info.data["tasks"]:
            raise wrong(Problem(f"a mixture that comes last needs a head for the target: name {TARGET} among its tasks"))
        return last


class Orders(Model):
    """Further rows: chains of all these tasks, every order of them, or `random` different ones drawn with `seed`."""

    tasks: Annotated[list[str], Field(min_length=2, max_length=9)]
    random: Drawn | None = Field(None, validate_default=True)
    seed: Seed = 0

    @field_validator("tasks")
    @classmethod
    def _trainable(cls, tasks: list[str]) -> list[str]:
        places = (((i,), task) for i, task in enumerate(tasks))
        refuse([*training_data(places, intermediates(), "an intermediate task"), *twice(tasks)])
        return tasks

    @field_validator("random")
    @classmethod
    def _not_too_many(cls, random: int | None, info: ValidationInfo) -> int | None:
        if random is None and len(info.data.get("tasks", ())) > 4:
            raise wrong(Problem("missing: more than four tasks have over a hundred orders, say how many to draw"))
        return random


class NoiseSpec(Model):
    """Typographical noise: models are also evaluated on test inputs with a share of `rates` of their words changed.

    `training`: shares of changed words in the target's training data, a row each. `dictionary` is a file of real errors, for use
    in place of slips of the keyboard.
    """

    rates: Annotated[list[Inside], Field(min_length=1)]
    training: list[Share] = [0.0]
    seed: Seed = 0
    dictionary: Annotated[str, Field(min_length=1)] | None = None

    @field_validator("rates", "training")
    @classmethod
    def _once(cls, rates: list[float]) -> list[float]:
        refuse(twice(rates))
        return rates


def scalable(at: dict[str, Record], fields: Iterable[str]) -> dict[str, Record]:
    """The sections of `at`, whose keys must be among a spec's `fields` and such that a setup can change them."""
    keys = [key for key in fields if key not in SCALED_BY]
    sections = (((name, key), key) for name, section in at.items() for key in section)
    refuse(unknown(sections, keys, "a key that may differ between setups", on_key=True))
    return at


class Study(Model):
    """Axes whose product is a list of evaluations: intermediate x training languages x noise x recipes x targets x seeds.

    An entry of `intermediate`: a task, a mixture, a chain of those, "none", or "untrained" (a random encoder as it is).
    `languages`: those that are evaluated, for all targets (each leaves out what it has no test data in) or by target (one that is
    not named: those of the benchmark); English is evaluated beside them where the target has it, since gaps and zero-shot
    claims need it. `test_examples`: a fixed sample of so many of each language is evaluated, the same for every row and seed (see
    `tasks.sample`): of all targets, or by target (of a target not named: all examples). `probabilities`: the files of predictions
    hold them, too, but for those of retrieval, which has none. `recipes` are names of recipes laid over the target's; an empty
    recipe is the setup's own. `weights`: whether a training's are kept, or dropped as soon as nothing that is to be done in this
    study starts from them; no part of any address. `at`: by the name of a setup, what is laid over the study's own keys where it
    is run at that setup (null takes a key out).
    """

    kind: Literal["study"]
    name: Name
    at: dict[Name, Record] = {}
    question: str = ""
    setup: Setup
    mixtures: dict[Name, StudyMixture] = {}
    intermediate: Annotated[list[Entry], Field(min_length=1)]
    orders: Orders | None = None
    targets: Annotated[list[str], Field(min_length=1)]
    benchmark: BenchmarkName = "xtreme"
    languages: Tested | None = None
    training_languages: Annotated[list[Languages], Field(min_length=1)] = [["en"]]
    recipes: Annotated[dict[Name, RecipeSpec], Field(min_length=1)] = {"usual": RecipeSpec()}
    noise: NoiseSpec | None = None
    test_examples: Sampled | None = None
    probabilities: bool = False
    weights: Literal["keep", "drop"] = "keep"
    seeds: Annotated[list[Seed], Field(min_length=1)] = [1]

    @field_validator("at")
    @classmethod
    def _own_keys(cls, at: dict[str, Record]) -> dict[str, Record]:
        return scalable(at, cls.model_fields)

    @field_validator("mixtures")
    @classmethod
    def _free_names(cls, mixtures: dict[str, StudyMixture]) -> dict[str, StudyMixture]:
        return refuse_taken(mixtures, (*WHOLE, TARGET))

    @field_validator("intermediate")
    @classmethod
    def _known(cls, entries: list[str | list[str]], info: ValidationInfo) -> list[str | list[str]]:
        if "mixtures" not in info.data:
            return entries
        mixtures = info.data["mixtures"]
        known = (*intermediates(), *mixtures)
        single = [((i,), entry) for i, entry in enumerate(entries) if isinstance(entry, str)]
        links = [((i, j), link) for i, entry in enumerate(entries) if not isinstance(entry, str) for j, link in enumerate(entry)]
        problems = training_data(single, (*sorted(WHOLE), *known), "an intermediate task or a mixture of this study")
        problems += [Problem(f"'{link}' cannot stand in a chain", tail) for tail, link in links if link in WHOLE]
        links = [(tail, link) for tail, link in links if link not in WHOLE]
        problems += training_data(links, known, "an intermediate task or a mixture of this study")
        problems += [
            Problem(f"'{link}' comes last: nothing can follow it", (i, j))
            for i, entry in enumerate(entries)
            for j, link in enumerate(entry[:-1] if not isinstance(entry, str) else ())
            if link in mixtures and mixtures[link].last
        ]
        setup = info.data.get("setup")
        if setup is not None and setup.encoder.random is None:
            untrained = [tail for tail, name in single if name == "untrained"]
            problems += [Problem("a published encoder has no untrained form", tail) for tail in untrained]
        refuse([*problems, *twice(entry if isinstance(entry, str) else ">".join(entry) for entry in entries)])
        return entries

    @field_validator("targets")
    @classmethod
    def _targets(cls, named: list[str], info: ValidationInfo) -> list[str]:
        known = targets()
        problems = unknown((((i,), name) for i, name in enumerate(named)), known, "a target", why=why_no_target)
        problems += twice(named)
        mixed = [name for name, mixture in info.data.get("mixtures", {}).items() if TARGET in mixture.tasks]
        problems += [
            Problem(f"{name} has no training data that the mixture {mixed[0]} could hold as its target", (i,))
            for i, name in enumerate(named)
            if mixed and name in known and (name not in trained_targets() or TASKS[name].source_task not in mixable())
        ]
        refuse(problems)
        return named

    @field_validator("languages")
    @classmethod
    def _of_targets(
        cls, languages: list[str] | dict[str, list[str]] | None, info: ValidationInfo
    ) -> list[str] | dict[str, list[str]] | None:
        if isinstance(languages, dict):
            inside = [Problem(p.text, (key, *p.tail)) for key, codes in languages.items() for p in twice(codes)]
            keys = (((key,), key) for key in languages)
            refuse([*inside, *unknown(keys, info.data.get("targets", ()), "a target of this study", on_key=True)])
        else:
            refuse(twice(languages or ()))
        return languages

    @field_validator("test_examples")
    @classmethod
    def _sampled(cls, sizes: int | dict[str, int] | None) -> int | dict[str, int] | None:
        keys = (((key,), key) for key in sizes) if isinstance(sizes, dict) else ()
        refuse(unknown(keys, targets(), "a target", on_key=True))  # a target that `targets=[...]` has left out does no harm
        return sizes

    @field_validator("probabilities")
    @classmethod
    def _some_have(cls, probabilities: bool, info: ValidationInfo) -> bool:
        named = info.data.get("targets", ())
        if probabilities and named and not any(name in with_probabilities() for name in named):
            raise wrong(Problem("all targets are retrieval, whose predictions have none: leave it out"))
        return probabilities

    @field_validator("training_languages")
    @classmethod
    def _different(cls, entries: list[list[str]]) -> list[list[str]]:
        inside = [Problem(p.text, (i, *p.tail)) for i, entry in enumerate(entries) for p in twice(entry)]
        refuse([*inside, *twice("+".join(sorted(entry)) for entry in entries)])
        return entries

    @field_validator("recipes", "noise")
    @classmethod
    def _fine_tuned(
        cls, given: dict[str, RecipeSpec] | NoiseSpec | None, info: ValidationInfo
    ) -> dict[str, RecipeSpec] | NoiseSpec | None:
        """What changes fine-tuning has nothing to change after a mixture that comes last."""
        last = [name for name, mixture in info.data.get("mixtures", {}).items() if mixture.last]
        changes = any(given.training) if isinstance(given, NoiseSpec) else given is not None and len(given) > 1
        if last and changes:
            raise wrong(Problem(f"the mixture {last[0]} comes last: nothing is fine-tuned after it that this could change"))
        return given

    @field_validator("seeds")
    @classmethod
    def _seeds(cls, seeds: list[int], info: ValidationInfo) -> list[int]:
        refuse(twice(seeds))
        orders, noise = info.data.get("orders"), info.data.get("noise")
        sizes = [len(info.data[name]) for name in ("targets", "training_languages", "recipes") if name in info.data]
        ordered = min(orders.random or MOST, factorial(len(orders.tasks))) if orders else 0
        rows = len(info.data.get("intermediate", ())) + ordered
        noisy = len(noise.training) * (1 + len(noise.rates)) if noise else 1
        if (count := prod([rows, noisy, len(seeds), *sizes])) > MOST:
            raise wrong(Problem(f"the axes make {count:,} evaluations, more than {MOST:,}: divide the study"))
        return seeds
