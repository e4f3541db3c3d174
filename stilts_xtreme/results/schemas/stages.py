"""The results of single stages, as far as lists and studies read them."""

from typing import NotRequired

from typing_extensions import TypedDict

from stilts_xtreme.results.schemas.parts import Code, Count, Lacking, Metrics, Score, Word
from stilts_xtreme.utils.bounded_io import Record


class _Stage(TypedDict):
    address: Word
    plan: Record
    collapsed: bool
    collapse: Record
    provenance: Record


class Steps(TypedDict):
    planned: Count
    done: Count


class Plan(TypedDict):
    tasks: list[Word]


class Dev(Metrics):
    score: Score


class Chance(TypedDict):
    languages: dict[Code, Score]
    score: Score


class Training(_Stage):
    plan: Plan  # type: ignore[misc]  # with more keys
    steps: Steps
    dev: dict[Word, Dev]
    chance: NotRequired[dict[Word, Score]]
    examples: dict[Word, Count]


class Link(TypedDict):
    address: Word


class Evaluation(_Stage):
    task: Word
    chain: list[Link]
    score: Score
    metrics: Metrics
    languages: dict[Code, Metrics]
    chance: NotRequired[Chance]
    reading: NotRequired[Word]
    lacking: NotRequired[dict[Code, Lacking]]


class Latency(_Stage):
    task: Word
    variants: list[Word]
    skipped: dict[Word, str]
    answers: Record
    languages: dict[Code, object]
    measured: Record
