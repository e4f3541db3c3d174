"""What noise costs: every row's scores on noisy inputs beside its clean ones, and whether it loses less than its baseline."""

from collections.abc import Mapping, Sequence
from typing import Any

from stilts_xtreme import axes, plan
from stilts_xtreme.noise import policy
from stilts_xtreme.stages import effects
from stilts_xtreme.stages.comparisons import adjusted
from stilts_xtreme.stages.effects import Drawing, Scored
from stilts_xtreme.stages.judged import read
from stilts_xtreme.store import Store


def gather(spec: Any, cells: Sequence[axes.Cell], store: Store, drawing: Drawing) -> dict[str, Any]:
    """`noise`: the settings, the noisy evaluations, each row's drop (clean minus noisy) and its drop less than the baseline's."""
    if spec.noise is None:
        return {}
    clean = {(cell.intermediate, cell.target, cell.seed): cell.stage for cell in cells if not cell.noise}
    noisy = [cell for cell in cells if cell.noise and (cell.intermediate, cell.target, cell.seed) in clean]
    drops: dict[tuple[str, str, float], dict[int, Scored]] = {}
    for cell in noisy:
        stage = clean[cell.intermediate, cell.target, cell.seed]
        drop = drawing.scored(stage) - drawing.scored(cell.stage)
        drops.setdefault((cell.intermediate, cell.target, cell.noise), {})[cell.seed] = drop
    spared = {
        (row, target, rate): {seed: base[seed] - own for seed, own in by_seed.items() if seed in base}
        for (row, target, rate), by_seed in drops.items()
        if row != axes.BASELINE and (base := drops.get((axes.BASELINE, target, rate))) is not None
    }
    languages = sorted({code for cell in noisy for code in cell.stage.languages})
    return {
        "noise": {
            **spec.noise.model_dump(exclude={"dictionary"}),
            "kind": "typos" if spec.noise.dictionary is None else "dictionary",
            "policies": {code: policy(code).note or policy(code).layout for code in languages},
            "evaluations": [_evaluation(cell, clean[cell.intermediate, cell.target, cell.seed], store) for cell in noisy],
            "drops": _told(drops),
            "spared": adjusted(_told(spared)),
        }
    }


def _told(found: Mapping[tuple[str, str, float], Mapping[int, Scored]]) -> list[dict[str, Any]]:
    return [
        {"row": row, "column": target, "rate": rate, **effects.effect(by_seed, effects.even(_codes(by_seed)))}
        for (row, target, rate), by_seed in found.items()
        if by_seed
    ]


def _codes(by_seed: Mapping[int, Scored]) -> tuple[str, ...]:
    return next(iter(by_seed.values())).languages


def _evaluation(cell: axes.Cell, clean: plan.Predict, store: Store) -> dict[str, Any]:
    result = store.result(cell.stage)
    return {
        "address": result["address"],
        "intermediate": cell.intermediate,
        "target": cell.target,
        "seed": cell.seed,
        "rate": cell.noise,
        "score": result["score"],
        "languages": {
            code: {**scores, "flips": _flips(store, clean, cell.stage, code)} for code, scores in result["languages"].items()
        },
        "words": result["noise"],
    }


def _flips(store: Store, clean: plan.Predict, noisy: plan.Predict, code: str) -> float:
    """Share of examples, 0 to 100, whose prediction noise changes."""
    before, after = (read(store.path(stage) / f"test-{code}.jsonl") for stage in (clean, noisy))
    if len(before) != len(after):  # mined pairs
        return 100.0 * len({*map(tuple, before)} ^ {*map(tuple, after)}) / max(1, len(before) + len(after))
    return 100.0 * sum(a != b for a, b in zip(before, after, strict=True)) / max(1, len(before))
