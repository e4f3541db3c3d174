"""Numbers and names as results hold them."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from stilts_xtreme.utils.languages import PAIR

MOST = 1e9  # of any number that a page shows

Number = Annotated[float, Field(ge=-MOST, le=MOST)]
Amount = Annotated[float, Field(ge=0, le=MOST)]
Above0 = Annotated[float, Field(gt=1e-9, le=MOST)]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Size = Annotated[int, Field(ge=1, lt=2**31)]
Score = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
SeedKey = Annotated[str, Field(pattern=r"^[0-9]{1,10}$")]
Word = Annotated[str, Field(min_length=1, max_length=300)]
Row = Annotated[str, Field(pattern=r"^[^/\\\n\t]+$", max_length=300)]
Target = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]  # files and anchors of pages are named after it
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Code = Annotated[str, Field(pattern=rf"^{PAIR}$")]
Interval = Annotated[list[Number], Field(min_length=2, max_length=2)]
BySeed = dict[SeedKey, Number]


class Metrics(TypedDict, extra_items=Score):  # type: ignore[call-arg]  # pydantic reads it from 2.12 on
    """Metrics by name, and how many examples they are of."""

    n: NotRequired[Count]


class Lacking(TypedDict):
    labels: dict[Word, Count]
    at_most: Score


class Provenance(TypedDict):
    seconds: NotRequired[Amount]
    versions: NotRequired[dict[Word, str]]
    threads: NotRequired[list[Count]]


class RowFields(TypedDict):
    """A row by its label, and how its models are trained: `results.rows.Row`."""

    row: Row
    intermediate: list[Word]
    training_languages: Annotated[list[Code], Field(min_length=1)]
    training_noise: Share
    recipe: Name


class Effect(TypedDict):
    gain: Number
    values: NotRequired[BySeed]
    interval: Interval
    p: Share
    q: Share


class OnTarget(Effect, RowFields):
    target: Target


class LanguageGain(TypedDict):
    gain: Number
    deviation: NotRequired[Number | None]
    interval: NotRequired[Interval | None]
    p: NotRequired[Share | None]
    q: NotRequired[Share | None]
