"""The parts of a study's result that answer a question of its own."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from stilts_xtreme.results.schemas.parts import (
    Amount,
    BySeed,
    Code,
    Count,
    Effect,
    Interval,
    LanguageGain,
    Number,
    OnTarget,
    Row,
    RowFields,
    Score,
    Seed,
    SeedKey,
    Share,
    Target,
    Word,
)


class Arm(RowFields):
    sources: list[Word]
    way: Literal["first", "joint", "joint, then target", "first, then joint", "first, then joint, then target"]
    rule: str
    text: NotRequired[Share]


class Pair(OnTarget):
    kind: Literal["way", "rule", "without", "single", "text", "languages"]
    against: Row


class Pooled(Effect):
    kind: Literal["text"]
    pairs: Count
    target: Target


class Relative(Effect):
    q: NotRequired[Share]  # type: ignore[misc]  # a drop is an estimate alone, a difference of drops is tested


class Drop(RowFields):
    target: Target
    rate: Share
    gain: Number
    interval: Interval
    relative: NotRequired[Relative]
    languages: NotRequired[dict[Code, LanguageGain]]


class Spared(OnTarget):
    against: Row
    rate: Share
    relative: NotRequired[Effect]


class NoisyScores(TypedDict):
    flips: Score


class Words(TypedDict):
    words: Count
    choosable: Count
    changed: Count


class NoisyEvaluation(RowFields):
    target: Target
    seed: Seed
    rate: Share
    score: Score
    languages: dict[Code, NoisyScores]
    words: NotRequired[dict[Code, Words] | None]


class Noise(TypedDict):
    rates: Annotated[list[Share], Field(min_length=1)]
    kind: Literal["typos", "dictionary"]
    policies: dict[Code, str]
    evaluations: list[NoisyEvaluation]
    drops: list[Drop]
    spared: list[Spared]
    between: NotRequired[list[Spared]]


class Component(TypedDict):
    component: Number
    negative: NotRequired[bool]


class Variance(TypedDict):
    order: Component
    seed: Component
    rest: Component


class Tested(TypedDict):
    p: Share
    q: Share
    least: Share
    arrangements: Count
    exact: NotRequired[bool]


class BestOrder(TypedDict):
    order: Row
    above: Number
    expected: NotRequired[Number | None]
    elsewhere: NotRequired[Number | None]


class NamedOrder(TypedDict):
    name: Word
    orders: list[Row]
    rank: Number
    difference: Number
    interval: NotRequired[Interval | None]
    p: Share
    q: Share


class Against(RowFields):
    gain: Number
    interval: NotRequired[Interval | None]
    p: Share
    q: Share


class Mixed(Against):
    against: Literal["mean", "best", "best elsewhere"]


class Last(Against):
    baseline: Row


class Tuning(TypedDict):
    """How the rows of a panel are fine-tuned: as its title says it, and the fields."""

    way: str
    training_languages: list[Code]
    training_noise: Share
    recipe: Word


class Panel(Tuning):
    target: Target
    subset: Word
    languages: NotRequired[list[Code]]
    seeds: list[Seed]
    scores: dict[Row, dict[SeedKey, Score]]
    best: NotRequired[BestOrder | None]
    differ: NotRequired[Tested | None]
    variance: NotRequired[Variance | None]
    named: NotRequired[list[NamedOrder]]
    mixtures: NotRequired[list[Mixed]]
    last: NotRequired[list[Last]]


class Absent(Tuning):
    target: Target


class Orders(TypedDict):
    rows: list[Row]
    drawn: NotRequired[Count | None]
    steps: NotRequired[dict[Row, Count]]
    panels: list[Panel]
    absent: NotRequired[list[Absent]]


Group = Literal["low", "mid", "high", "unseen", "unclassified"]


class Language(TypedDict):
    group: Group | None
    lines: Count | None


class GroupScores(RowFields):
    target: Target
    group: Group
    languages: list[Code]
    scores: dict[SeedKey, Score]
    gaps: NotRequired[BySeed]


class GroupGain(OnTarget):
    group: Group


class Slope(OnTarget):
    n: Count
    over_languages: NotRequired[Interval | None]


class Resources(TypedDict):
    axis: Word
    languages: dict[Code, Language]
    scores: list[GroupScores]
    groups: list[GroupGain]
    narrowed: list[GroupGain]
    slopes: list[Slope]


LanguageFacts = TypedDict(
    "LanguageFacts", {"class": Word, "pretraining": Word, "script": Word, "family": Word, "text": Amount | None}
)


class KindGain(OnTarget):
    grouping: Literal["class", "pretraining", "script", "family"]
    group: Word
    languages: list[Code]
    n: Count


class SeenGain(OnTarget):
    n: Count
    against: Count


class LanguageGroups(TypedDict):
    axis: Word
    languages: dict[Code, LanguageFacts]
    groups: list[KindGain]
    seen: list[SeenGain]
    slopes: list[Slope]


class Point(RowFields):
    of: Row
    target: Target
    examples: Count


class Interaction(OnTarget):
    examples: Annotated[list[Count], Field(min_length=2, max_length=2)]


class Sizes(TypedDict):
    points: list[Point]
    interactions: list[Interaction]
