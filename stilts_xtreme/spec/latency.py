"""The spec of a latency study: which models are timed, how they are run, and how often."""

from typing import Annotated, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator

from stilts_xtreme.scoring.timing import MIN_ROUNDS
from stilts_xtreme.spec.checks import (
    BatchSize,
    Because,
    Count,
    Languages,
    Length,
    Model,
    Name,
    Problem,
    Seed,
    refuse,
    twice,
    unknown,
)
from stilts_xtreme.spec.mixtures import refuse_taken
from stilts_xtreme.spec.names import intermediates, paired
from stilts_xtreme.spec.setup import Setup, too_long
from stilts_xtreme.spec.study import MOST, StudyMixture, scalable
from stilts_xtreme.utils.bounded_io import Record

Variant = Literal["eager", "sorted", "packed", "compiled", "bf16", "packed-bf16", "int8", "onnx"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)


class Latency(Model):
    """Models that differ in their intermediate training ("none" is what the others are held against), timed on a target.

    `calls` at batch 1 come in blocks of `block` by turns, after `warmup` calls; larger `batch_sizes` take `passes` turns over
    `pool` pairs of each language. `lengths` are numbers of tokens to fill rows up to, beside their own; `examples` (None: all)
    the pairs of each language that accuracy is taken on. `at`: as in a study.
    """

    kind: Literal["latency"]
    name: Name
    at: dict[Name, Record] = {}
    question: str = ""
    setup: Setup
    mixtures: dict[Name, StudyMixture] = {}
    models: Annotated[list[str], Field(min_length=1)]
    target: str = "xnli"
    languages: Languages | None = None
    seeds: Annotated[list[Seed], Field(min_length=1)] = [1]
    variants: Annotated[list[Variant], Field(min_length=1)] = [*VARIANTS]
    batch_sizes: Annotated[list[BatchSize], Field(min_length=1)] = [1, 8, 32, 128]
    lengths: list[Length] = []
    calls: Count = 200
    warmup: Count = 20
    block: Count = Field(10, validate_default=True)
    passes: Count = 5
    pool: Count = 256
    threads: Annotated[int, Field(ge=1, le=4_096), Because("threads of a process, no more than the machine has cores")] = 1
    examples: Count | None = None

    @field_validator("at")
    @classmethod
    def _own_keys(cls, at: dict[str, Record]) -> dict[str, Record]:
        return scalable(at, cls.model_fields)

    @field_validator("mixtures")
    @classmethod
    def _free_names(cls, mixtures: dict[str, StudyMixture]) -> dict[str, StudyMixture]:
        return refuse_taken(mixtures, ("none",))

    @field_validator("models")
    @classmethod
    def _known(cls, models: list[str], info: ValidationInfo) -> list[str]:
        if "mixtures" not in info.data:
            return models
        names = ("none", *intermediates(), *info.data["mixtures"])
        places = (((i,), name) for i, name in enumerate(models))
        first = [] if "none" in models else [Problem("'none' is missing: it is what the others are held against")]
        refuse([*unknown(places, names, "an intermediate task or a mixture of this study"), *twice(models), *first])
        return models

    @field_validator("target")
    @classmethod
    def _pairs(cls, target: str) -> str:
        refuse(unknown([((), target)], paired(), "a target of text pairs with a label each"))
        return target

    @field_validator("variants")
    @classmethod
    def _with_eager(cls, variants: list[str]) -> list[str]:
        first = [] if "eager" in variants else [Problem("'eager' is missing: it is what the others are held against")]
        refuse([*twice(variants), *first])
        return variants

    @field_validator("seeds")
    @classmethod
    def _not_too_many(cls, seeds: list[int], info: ValidationInfo) -> list[int]:
        if (count := len(info.data.get("models", ())) * len(seeds)) > MOST:
            refuse([Problem(f"the axes make {count:,} models, more than {MOST:,}: divide the study")])
        return seeds

    @field_validator("languages", "seeds", "batch_sizes")
    @classmethod
    def _once(cls, items: list[int] | list[str] | None) -> list[int] | list[str] | None:
        refuse(twice(items or ()))
        return items

    @field_validator("lengths")
    @classmethod
    def _fit(cls, lengths: list[int], info: ValidationInfo) -> list[int]:
        setup = info.data.get("setup")
        encoder = setup.encoder if setup is not None else None
        refuse([*twice(lengths), *(p for i, length in enumerate(lengths) for p in too_long(length, encoder, (i,)))])
        return lengths

    @field_validator("block")
    @classmethod
    def _several_blocks(cls, block: int, info: ValidationInfo) -> int:
        calls = info.data.get("calls")
        if calls is not None and calls < MIN_ROUNDS * block:
            text = f"calls ({calls}) make fewer than {MIN_ROUNDS} blocks of {block}: too few for an interval"
            refuse([Problem(text)])
        return block
