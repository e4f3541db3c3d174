"""What the models of a spec share: the base, ranges, and faults that point below the field that is checked."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, PrivateAttr
from pydantic_core import PydanticCustomError

from stilts_xtreme.tasks.catalogue import add
from stilts_xtreme.tasks.task import Task
from stilts_xtreme.utils.languages import CODE, PAIR, canonical

Tail = tuple[str | int, ...]  # keys and list positions, from a field downwards


@dataclass(frozen=True)
class Problem:
    """Something wrong below a field: at `tail` from there (its key, if `on_key`); `names` are what `word` may have meant.

    `conflict` names a field beside it that it cannot stand with: where an override set either of them, the message names the
    override that takes the other out.
    """

    text: str
    tail: Tail = ()
    word: str = ""
    names: tuple[str, ...] = ()
    on_key: bool = False
    conflict: str = ""


def wrong(*problems: Problem) -> PydanticCustomError:
    return PydanticCustomError("spec", "{text}", {"text": problems[0].text, "problems": problems})


def unknown(
    words: Iterable[tuple[Tail, str]], names: Iterable[str], what: str, on_key: bool = False,
    why: Callable[[str], str] = lambda word: "",
) -> list[Problem]:  # fmt: skip
    """Return a problem for each word that is not among the names of `what`; `why` says more of a word."""
    names = tuple(names)
    strange = ((tail, word) for tail, word in words if word not in names)
    return [Problem(f"'{word[:60]}' is not {what}{why(word)}", tail, word, names, on_key) for tail, word in strange]


def twice(items: Iterable[Hashable]) -> Iterator[Problem]:
    seen = set()
    for i, item in enumerate(items):
        if item in seen:
            yield Problem(f"'{str(item)[:60]}' stands in the list twice", (i,))
        seen.add(item)


def refuse(problems: Iterable[Problem]) -> None:
    if problems := tuple(problems):
        raise wrong(*problems)


def form(tags: Mapping[type, str], message: str) -> Discriminator:
    """Pick the tag of a union by a value's type; `message` for every other type."""
    return Discriminator(
        lambda value: next((tag for kind, tag in tags.items() if type(value) is kind), None),
        custom_error_type="form",
        custom_error_message=message,
    )


@dataclass(frozen=True)
class Because:
    """Why a number has the range it has: the end of the message where it is left."""

    text: str


Count = Annotated[int, Field(ge=1, lt=2**31), Because("a count, from 1 on")]
Seed = Annotated[int, Field(ge=0, lt=2**32), Because("a whole number of 32 bits, without a sign")]
Weight = Annotated[float, Field(gt=0, le=1e9), Because("weights of tasks beside one another; leave a task of none out")]
Share = Annotated[float, Field(ge=0, le=1), Because("a share: 1 is all")]
Inside = Annotated[float, Field(gt=0, lt=1), Because("a share, between none and all")]
Length = Annotated[int, Field(ge=8, le=65_536), Because("tokens of a sequence, its special tokens included; usual are 64 to 512")]
BatchSize = Annotated[int, Field(ge=1, le=65_536), Because("examples at once; usual are 8 to 512")]
Layer = Annotated[int, Field(ge=0, le=1_000), Because("hidden states are counted from 0, the output of the embeddings")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
# A code of FLORES-200 says the script ("ace_Arab"); a code that is in the table becomes the table's own.
Code = Annotated[str, Field(pattern=rf"^{CODE}$"), AfterValidator(canonical)]
Languages = Annotated[list[Code], Field(min_length=1)]
Pair = Annotated[str, Field(pattern=rf"^{PAIR}$"), AfterValidator(canonical)]  # "de-en": MLQA
Pairs = Annotated[list[Pair], Field(min_length=1)]


class Model(BaseModel):
    """`_described`: of a whole spec, the user's own tasks that it names, by name."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    _described: Mapping[str, Task] = PrivateAttr(default_factory=dict)

    def declare_tasks(self) -> None:
        """Make the names of its own tasks mean these tasks in this process, where another spec may have named others so."""
        for task in self._described.values():
            add(task)
