"""A study's result, from which its pages are drawn."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from stilts_xtreme.results.schemas.parts import (
    BySeed,
    Code,
    Count,
    Interval,
    Lacking,
    LanguageGain,
    Metrics,
    Name,
    Number,
    Provenance,
    Row,
    RowFields,
    Score,
    Seed,
    SeedKey,
    Share,
    Target,
    Word,
)
from stilts_xtreme.results.schemas.sections import Arm, LanguageGroups, Noise, Orders, Pair, Pooled, Resources, Sizes


class Task(TypedDict):
    headline: Annotated[list[Word], Field(min_length=1)]
    chance: NotRequired[Score | None]
    chance_languages: NotRequired[dict[Code, Score]]
    reading: NotRequired[Word]
    trains_on: NotRequired[str | None]
    head: NotRequired[str | None]


class Evaluation(RowFields):
    address: NotRequired[Word]
    target: Target
    seed: Seed
    score: Score
    metrics: NotRequired[Metrics | None]
    languages: dict[Code, Metrics]
    lacking: NotRequired[dict[Code, Lacking]]
    collapsed: NotRequired[bool]
    chain: NotRequired[list[Word]]


class Training(TypedDict):
    address: Word
    label: Word
    group: NotRequired[str]
    start: NotRequired[Word | None]
    tasks: list[Word]
    hyperparameters: NotRequired[Word]
    mixture: NotRequired[Word]
    text_share: NotRequired[Share | None]
    seed: Seed
    steps: Count
    dev: NotRequired[Score | None]
    collapsed: NotRequired[bool]
    collapse: NotRequired[dict[Word, str] | None]
    examples: NotRequired[dict[Word, Count] | None]


class Deviation(TypedDict):
    drawn: NotRequired[Number | None]


class Comparison(RowFields):
    baseline: Row
    target: Target
    gain: Number
    values: BySeed
    interval: Interval | None
    p: Share | None
    q: Share | None
    examples: NotRequired[Count | None]
    languages: NotRequired[dict[Code, LanguageGain] | None]
    deviation: NotRequired[Deviation | None]


class Average(TypedDict):
    gain: Number
    interval: Interval


class English(TypedDict):
    picks: dict[Target, Row]
    scores: dict[Target, dict[SeedKey, Score]]
    average: Average


class Halves(TypedDict):
    picks: dict[Target, list[Row]]
    scores: dict[Target, dict[SeedKey, Score]]
    gain: Number


Best = TypedDict("Best", {"english-dev": NotRequired[English | None], "other-half": NotRequired[Halves | None]})


class Text(TypedDict):
    share: NotRequired[Share]


class Mixture(TypedDict):
    tasks: NotRequired[list[Word]]
    text: NotRequired[Text | None]


class Encoder(TypedDict):
    random: NotRequired[dict[Word, object]]
    pretrained: NotRequired[dict[Word, Word]]


class Reading(TypedDict):
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    examples: Count
    sampled: NotRequired[Count]


class Data(TypedDict, extra_items=object):  # type: ignore[call-arg]
    readings: NotRequired[dict[Word, Reading]]


class Study(TypedDict):
    name: Name
    question: str
    note: NotRequired[str | None]
    setup: NotRequired[str | None]
    command: NotRequired[str | None]
    benchmark: NotRequired[Word]
    rows: Annotated[list[RowFields], Field(min_length=1)]
    targets: Annotated[list[Target], Field(min_length=1)]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    tasks: dict[Target, Task]
    languages: NotRequired[list[Code] | dict[Target, list[Code]]]
    test_examples: NotRequired[Count | dict[str, Count]]
    mixtures: NotRequired[dict[Word, Mixture] | None]
    training_languages: NotRequired[list[list[Code]] | None]
    recipes: NotRequired[dict[Word, dict[Word, object]] | None]
    evaluations: list[Evaluation]
    trainings: list[Training]
    comparisons: NotRequired[list[Comparison] | None]
    best: NotRequired[Best | None]
    arms: NotRequired[list[Arm] | None]
    pairs: NotRequired[list[Pair] | None]
    pooled: NotRequired[list[Pooled] | None]
    noise: NotRequired[Noise | None]
    orders: NotRequired[Orders | None]
    resources: NotRequired[Resources | None]
    language_groups: NotRequired[LanguageGroups | None]
    sizes: NotRequired[Sizes | None]
    data: NotRequired[Data | None]
    encoder: NotRequired[Encoder]
    code: NotRequired[dict[Word, Count]]
    hyperparameters: NotRequired[dict[Word, dict[Word, object]]]
    predictions: NotRequired[dict[Target, dict[Word, object]]]
    provenance: NotRequired[Provenance | None]
