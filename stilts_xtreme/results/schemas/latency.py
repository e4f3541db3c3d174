"""The result of a latency study."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from stilts_xtreme.results.schemas.parts import (
    Above0,
    Amount,
    Code,
    Name,
    Number,
    Provenance,
    Row,
    Score,
    Seed,
    Share,
    Size,
    Word,
)

Variant = Literal["eager", "sorted", "packed", "compiled", "bf16", "packed-bf16", "int8", "onnx"]


class How(TypedDict):
    batch_sizes: Annotated[list[Size], Field(min_length=1)]
    lengths: list[Size]
    calls: Size
    warmup: Size
    block: Size
    passes: Size
    pool: Size
    threads: Size
    device: Word


class Tokens(TypedDict):
    tokens_per_pair: Above0
    tokens_per_character: Number
    tokens_per_word: NotRequired[Number | None]


class Accuracy(TypedDict):
    accuracy: Score


class Answers(TypedDict):
    accuracy: Score
    languages: dict[Code, Accuracy]
    same: Score
    largest: Amount


class LatencyRun(TypedDict):
    seed: Seed
    languages: dict[Code, Tokens]
    variants: Annotated[list[Variant], Field(min_length=1)]
    skipped: dict[Variant, str]
    answers: dict[Row, dict[Variant, Answers]]
    collapsed: bool


class Call(TypedDict):
    model: Row
    variant: Variant
    language: Code
    length: NotRequired[Size | None]
    p50: Above0
    p90: Above0
    p95: Above0
    p99: Above0
    mean: Above0


class Pass(TypedDict):
    model: Row
    variant: Variant
    language: Code
    batch: Size
    pairs: Size
    seconds: Annotated[list[Above0], Field(min_length=1)]


class Ratio(TypedDict):
    ratio: Above0
    deviation: NotRequired[Amount]
    low: NotRequired[Above0]
    high: NotRequired[Above0]


class Held(Ratio):
    variant: Literal[Variant, "all"]
    model: Row
    of: Literal["latency", "throughput"]
    verdict: Literal["equal", "open", "differs"]


class Saving(Ratio):
    variant: Variant
    batch: Size


class Tokenising(TypedDict):
    p50: Above0
    together: Amount


class Memory(TypedDict):
    peak: NotRequired[Amount | None]
    libraries: NotRequired[Amount | None]


class Environment(TypedDict):
    memory_bytes: NotRequired[Annotated[int, Field(ge=0, lt=2**62)]]
    taken_by_others: NotRequired[Share | None]


class Measured(TypedDict):
    environment: Environment
    latency: list[Call]
    throughput: list[Pass]
    tokenisation: dict[Code, Tokenising]
    memory: dict[Variant, Memory | None]
    preparation: dict[Variant, Amount]


class MeasuredRuns(TypedDict):
    runs: Annotated[list[Measured], Field(min_length=1)]
    models: list[Held]
    savings: list[Saving]


class LatencyStudy(TypedDict):
    name: Name
    question: str
    note: NotRequired[str | None]
    setup: str
    command: NotRequired[str | None]
    models: Annotated[list[Row], Field(min_length=1)]
    languages: Annotated[list[Code], Field(min_length=1)]
    how: How
    margin: Annotated[float, Field(gt=0, lt=1)]
    runs: Annotated[list[LatencyRun], Field(min_length=1)]
    data: dict[Word, object]
    measured: MeasuredRuns
    provenance: Provenance
