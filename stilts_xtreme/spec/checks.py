"""What the models of a spec share: the base, ranges, and faults that point below the field they were found on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

Tail = tuple[str | int, ...]  # keys and list positions, from a field downwards


@dataclass(frozen=True)
class Problem:
    """One thing wrong below a field: at `tail` from there (its key, if `on_key`); `word` may have meant one of `names`."""

    text: str
    tail: Tail = ()
    word: str = ""
    names: tuple[str, ...] = ()
    on_key: bool = False


def wrong(*problems: Problem) -> PydanticCustomError:
    return PydanticCustomError("spec", "{text}", {"text": problems[0].text, "problems": problems})


def unknown(words: Iterable[tuple[Tail, str]], names: Iterable[str], what: str, on_key: bool = False) -> list[Problem]:
    names = tuple(names)
    return [Problem(f"'{word[:60]}' is not {what}", tail, word, names, on_key) for tail, word in words if word not in names]


def twice(items: Iterable[Any]) -> Iterator[Problem]:
    seen = set()
    for i, item in enumerate(items):
        if item in seen:
            yield Problem(f"'{str(item)[:60]}' stands in the list twice", (i,))
        seen.add(item)


def refuse(problems: Iterable[Problem]) -> None:
    if problems := tuple(problems):
        raise wrong(*problems)


Count = Annotated[int, Field(ge=1, lt=2**31)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Above0 = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Inside = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Code = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Languages = Annotated[list[Code], Field(min_length=1)]
Pairs = Annotated[list[Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[a-z]{2,3})?$")]], Field(min_length=1)]  # "de-en": MLQA


class Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
