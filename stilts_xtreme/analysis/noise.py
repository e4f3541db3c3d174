"""What noise costs: every row's scores on noisy inputs beside its clean ones, and whether it loses less than others."""

from collections.abc import Mapping, Sequence
from typing import Any

from stilts_xtreme import axes, plan
from stilts_xtreme.analysis import losses
from stilts_xtreme.analysis.comparisons import AVERAGE, adjusted, by_language
from stilts_xtreme.analysis.contrasts import contrasts
from stilts_xtreme.analysis.effects import Drawing
from stilts_xtreme.analysis.losses import Loss
from stilts_xtreme.noise import policy
from stilts_xtreme.results.rows import Row
from stilts_xtreme.store import Store

Losses = Mapping[tuple[Row, str, float], Mapping[int, Loss]]  # by row, target and rate; by seed


def gather(spec: Any, cells: Sequence[axes.Cell], store: Store, drawing: Drawing) -> dict[str, Any]:
    """`noise`: the settings, the noisy evaluations, each row's drop (clean minus noisy), its drop less than the baseline's
    (`spared`, positive where it loses less), and at the highest rate its drop less than another row's (`between`).
    """
    if spec.noise is None:
        return {}
    clean = {(cell.row, cell.target, cell.seed): cell.stage for cell in cells if not cell.noise}
    noisy = [cell for cell in cells if cell.noise and (cell.row, cell.target, cell.seed) in clean]
    drops: dict[tuple[Row, str, float], dict[int, Loss]] = {}
    for cell in noisy:
        stage = clean[cell.row, cell.target, cell.seed]
        lost = losses.loss(drawing.scored(stage), drawing.scored(cell.stage))
        drops.setdefault((cell.row, cell.target, cell.noise), {})[cell.seed] = lost
    highest = max(spec.noise.rates)
    spared = [(row, Row(()), rate) for row, rate in dict.fromkeys((row, rate) for row, _, rate in drops) if not row.is_plain]
    between = [(row, other, highest) for row, other in contrasts(axes.rows(spec))]
    languages = sorted({code for cell in noisy for code in cell.stage.languages})
    return {
        "noise": {
            **spec.noise.model_dump(exclude={"dictionary"}),
            "kind": "typos" if spec.noise.dictionary is None else "dictionary",
            "policies": {code: policy(code).note or policy(code).layout for code in languages},
            "evaluations": [_evaluation(cell, clean[cell.row, cell.target, cell.seed], store, drawing) for cell in noisy],
            "drops": [_drop(row, target, rate, by_seed) for (row, target, rate), by_seed in drops.items()],
            "spared": _spared(drops, spared, spec.targets),
            "between": _spared(drops, between, spec.targets),
        }
    }


def _drop(row: Row, target: str, rate: float, by_seed: Mapping[int, Loss]) -> dict[str, Any]:
    languages = by_language({seed: found.points for seed, found in by_seed.items()})
    return {**row.record(), "target": target, "rate": rate, **losses.told(by_seed), "languages": languages}


def _spared(drops: Losses, pairs: Sequence[tuple[Row, Row, float]], targets: Sequence[str]) -> list[dict[str, Any]]:
    """How much less the first row of each pair loses than the second, by target and on average. Points and shares of clean
    scores are adjusted apart, and so are averages.
    """
    single, average = [], []
    for row, other, rate in pairs:
        place, less = {**row.record(), "against": other.name, "rate": rate}, {}
        for target in targets:
            own, base = drops.get((row, target, rate), {}), drops.get((other, target, rate), {})
            less[target] = {seed: base[seed] - lost for seed, lost in own.items() if seed in base}
        single += [{**place, "target": target, **losses.told(by_seed)} for target, by_seed in less.items() if by_seed]
        if mean := losses.averaged(list(less.values())):
            average.append({**place, "target": AVERAGE, **mean})
    return [*_adjusted(single), *_adjusted(average)]


def _adjusted(told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    shares = iter(adjusted([one["relative"] for one in told if "relative" in one]))
    return adjusted([one | ({"relative": next(shares)} if "relative" in one else {}) for one in told])


def _evaluation(cell: axes.Cell, clean: plan.Predict, store: Store, drawing: Drawing) -> dict[str, Any]:
    result = store.result(cell.stage)
    before, after = drawing.examples(clean), drawing.examples(cell.stage)
    return {
        "address": result["address"],
        **cell.row.record(),
        "target": cell.target,
        "seed": cell.seed,
        "rate": cell.noise,
        "score": result["score"],
        "languages": {
            code: {**scores, "flips": _flips(before[code].digests, after[code].digests)}
            for code, scores in result["languages"].items()
        },
        "words": result["noise"],
    }


def _flips(before: Sequence[str], after: Sequence[str]) -> float:
    """Share of examples, 0 to 100, whose prediction noise changes: predictions by their digests."""
    if len(before) != len(after):  # mined pairs
        return 100.0 * len({*before} ^ {*after}) / max(1, len(before) + len(after))
    return 100.0 * sum(a != b for a, b in zip(before, after, strict=True)) / max(1, len(before))
