"""Mixtures of tasks, and the names of training data that stand in them."""

import re
from collections.abc import Container, Iterable
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import Field, Tag, ValidationInfo, field_validator

from stilts_xtreme.spec.checks import (
    Because,
    Count,
    Languages,
    Model,
    Problem,
    Share,
    Tail,
    Weight,
    form,
    refuse,
    twice,
    unknown,
    wrong,
)
from stilts_xtreme.spec.names import mixable, taken
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.languages import CODE

M = TypeVar("M")


def refuse_taken(mixtures: dict[str, M], meant: Container[str]) -> dict[str, M]:
    """Return mixtures by name; refuse those named like a task, or by a word that the spec has a meaning for."""
    twofold = [name for name in mixtures if taken(name) or name in meant]
    refuse(Problem(f"'{name}' already has a meaning: choose another name", (name,), on_key=True) for name in twofold)
    return mixtures


def training_data(words: Iterable[tuple[Tail, str]], names: Iterable[str], what: str, on_key: bool = False) -> list[Problem]:
    """Faults of names of training data: those in `names`, alone or in other languages ("mnli@de", "mnli@en+de")."""
    problems, bare = [], []
    for tail, word in words:
        if ">" in word:  # as rows of a report are called
            links = ", ".join(link.strip() for link in word[:60].split(">"))
            text = f"a chain in a study's `intermediate` is a list, [{links}]; elsewhere `start` says the training before"
            problems.append(Problem(f"'{word[:60]}' is no name: {text}", tail, on_key=on_key))
            continue
        base, mark, codes = word.partition("@")
        bare.append((tail, base if mark and base in TASKS else word))
        named = codes.split("+")
        shaped = all(re.fullmatch(CODE, code) for code in named) and len(set(named)) == len(named) and named != ["en"]
        if mark and base in TASKS and not shaped:
            text = (
                f"'{word[:60]}': after @ come languages, each once, such as {base}@de or {base}@en+de (English alone is {base})"
            )
            problems.append(Problem(text, tail, on_key=on_key))
    return unknown(bare, names, what, on_key) + problems


def _with_tasks() -> Exception:
    return wrong(Problem("goes with tasks only, and this mixture has none"))


class TextShare(Model):
    """Masked LM on text beside labelled tasks, or (`share` 1) in their place: `share` of the steps; a language's part of the text
    goes with its size to the power `exponent`; `languages` None: all there are."""

    share: Annotated[float, Field(gt=0, le=1), Because("a share of the steps; without text leave it out")]
    exponent: Share | None = None
    languages: Languages | None = None


Rates = Annotated[
    Annotated[Literal["proportional", "equal", "temperature"], Tag("rule")] | Annotated[dict[str, Weight], Tag("weights")],
    form({str: "rule", dict: "weights"}, "must be proportional, equal, temperature or a mapping of task: weight"),
]
Temperature = Annotated[float, Field(gt=0, le=1_000), Because("sizes count to the power of 1 over it; usual are 1 to 10")]


class Mixture(Model):
    """Tasks and the rule of their sampling rates; no task counts for more than `cap` examples (arXiv 1910.10683).

    Without tasks all steps are on text: masked LM that goes on.
    """

    own_names: ClassVar[tuple[str, ...]] = ()  # that stand for training data beside the tasks'

    text: TextShare | None = None
    tasks: Annotated[list[str], Field(validate_default=True)] = []
    rates: Rates = "proportional"
    cap: Count = 131072
    temperature: Temperature | None = Field(None, validate_default=True)

    @field_validator("tasks")
    @classmethod
    def _trainable(cls, tasks: list[str], info: ValidationInfo) -> list[str]:
        places = (((i,), task) for i, task in enumerate(tasks))
        text = info.data.get("text", ...)  # ...: faulty, and reported
        whole = text is not ... and text is not None and text.share == 1
        few = []
        if len(tasks) == 1 and text is None:
            few = [Problem("one task alone is no mixture: add a task, or text")]
        elif not tasks and not whole and text is not ...:
            few = [Problem("missing: name the tasks of the mixture, or give all its steps to text (share: 1)")]
        elif tasks and whole:
            few = [Problem("text takes all the steps (share: 1): leave tasks out, or lower its share")]
        refuse(
            [*training_data(places, (*mixable(), *cls.own_names), "a task with training data of its own"), *twice(tasks), *few]
        )
        return tasks

    @field_validator("rates")
    @classmethod
    def _same_tasks(cls, rates: str | dict[str, float], info: ValidationInfo) -> str | dict[str, float]:
        tasks = info.data.get("tasks")
        if tasks == []:
            raise _with_tasks()
        if isinstance(rates, dict) and tasks is not None:
            missing = [Problem(f"no weight is given for {task}") for task in tasks if task not in rates]
            refuse(unknown((((key,), key) for key in rates), tasks, "a task of this mixture", on_key=True) + missing)
        return rates

    @field_validator("cap")
    @classmethod
    def _cap_counts(cls, cap: int, info: ValidationInfo) -> int:
        if info.data.get("tasks") == []:
            raise _with_tasks()
        if info.data.get("rates") == "equal" or isinstance(info.data.get("rates"), dict):
            raise wrong(Problem("goes with rates: proportional or temperature only"))
        return cap

    @field_validator("temperature")
    @classmethod
    def _with_rule(cls, temperature: float | None, info: ValidationInfo) -> float | None:
        if "rates" in info.data and (info.data["rates"] == "temperature") != (temperature is not None):
            text = "missing: rates: temperature needs it" if temperature is None else "goes with rates: temperature only"
            raise wrong(Problem(text))
        return temperature
