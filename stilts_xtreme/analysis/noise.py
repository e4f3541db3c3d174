"""What noise costs: every row's scores on noisy inputs beside its clean ones, and whether it loses less than others."""

from collections.abc import Iterable, Mapping, Sequence

from stilts_xtreme.analysis import losses
from stilts_xtreme.analysis.bootstrap_scores import BootstrapScores, by_row
from stilts_xtreme.analysis.comparisons import language_gains
from stilts_xtreme.analysis.contrasts import contrasts
from stilts_xtreme.analysis.effects import AVERAGE, target_effects, with_q, with_q_averages_apart
from stilts_xtreme.analysis.losses import Loss, Losses
from stilts_xtreme.noise import policy
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.results.rows import Row
from stilts_xtreme.spec.study import Study
from stilts_xtreme.store import Store
from stilts_xtreme.utils.bounded_io import Record

Drops = Mapping[tuple[Row, str, float], Losses]  # by row, target and rate


def gather(spec: Study, cells: Sequence[grid.Cell], store: Store, scores: BootstrapScores) -> Record:
    """Return `noise`: its settings, the noisy evaluations, each row's drop (clean minus noisy), how much less than the baseline
    it drops (`spared`, positive where it loses less), and at the highest rate how much less than another row (`between`).
    """
    if spec.noise is None:
        return {}
    clean = by_row(cells)
    noisy = [
        (cell, clean[cell.row, cell.target][cell.seed])
        for cell in cells
        if cell.noise and cell.seed in clean.get((cell.row, cell.target), {})
    ]
    drops: dict[tuple[Row, str, float], dict[int, Loss]] = {}
    for cell, stage in noisy:
        lost = losses.loss(scores.scored(stage), scores.scored(cell.stage))
        drops.setdefault((cell.row, cell.target, cell.noise), {})[cell.seed] = lost
    highest = max(spec.noise.rates)
    spared = [(row, Row(()), rate) for row, rate in dict.fromkeys((row, rate) for row, _, rate in drops) if not row.is_plain]
    between = [(row, other, highest) for row, other in contrasts(grid.rows(spec))]
    languages = sorted({code for cell, _ in noisy for code in cell.stage.languages})
    return {
        "noise": {
            **spec.noise.model_dump(exclude={"dictionary"}),
            "kind": "typos" if spec.noise.dictionary is None else "dictionary",
            "policies": {code: policy(code).note or policy(code).layout for code in languages},
            "evaluations": [_evaluation(cell, stage, store, scores) for cell, stage in noisy],
            "drops": [_drop(row, target, rate, by_seed) for (row, target, rate), by_seed in drops.items()],
            "spared": _drop_differences(drops, spared, spec.targets),
            "between": _drop_differences(drops, between, spec.targets),
        }
    }


def _drop(row: Row, target: str, rate: float, by_seed: Losses) -> Record:
    languages = language_gains({seed: lost.points for seed, lost in by_seed.items()})
    return {**row.record(), "target": target, "rate": rate, **losses.effect(by_seed), "languages": languages}


def _drop_differences(drops: Drops, pairs: Iterable[tuple[Row, Row, float]], targets: Sequence[str]) -> list[Record]:
    """Return how much less the first row of each pair loses than the second, by target and on average.

    Points and shares of clean scores are families of their own, and so are averages.
    """
    records = []
    for row, other, rate in pairs:
        fields = {**row.record(), "against": other.name, "rate": rate}
        columns: dict[str, Losses] = {}
        for target in targets:
            own, base = drops.get((row, target, rate), {}), drops.get((other, target, rate), {})
            columns[target] = {seed: base[seed] - lost for seed, lost in own.items() if seed in base}
        records += target_effects(fields, columns, losses.effect, losses.average_effect)
    return _with_relative_q(with_q_averages_apart(records))


def _with_relative_q(records: Sequence[Record]) -> list[Record]:
    """Return the records, their `relative` effects with `q`: those on targets are a family, those on average another."""
    known = [record for record in records if "relative" in record]
    families = ([record["relative"] for record in known if (record["target"] == AVERAGE) == average] for average in (False, True))
    tested = iter([effect for family in families for effect in with_q(family)])
    return [{**record, "relative": next(tested)} if "relative" in record else record for record in records]


def _evaluation(cell: grid.Cell, clean: plan.Predict, store: Store, scores: BootstrapScores) -> Record:
    result = store.result(cell.stage)
    before, after = scores.examples(clean), scores.examples(cell.stage)
    return {
        "address": result["address"],
        **cell.row.record(),
        "target": cell.target,
        "seed": cell.seed,
        "rate": cell.noise,
        "score": result["score"],
        "languages": {
            code: {**metrics, "flips": _flips(before[code].digests, after[code].digests)}
            for code, metrics in result["languages"].items()
        },
        "words": result["noise"],
    }


def _flips(before: Sequence[str], after: Sequence[str]) -> float:
    """Return the share of examples, 0 to 100, whose prediction noise changes, by the digests of predictions."""
    if len(before) != len(after):  # mined pairs
        return 100.0 * len({*before} ^ {*after}) / max(1, len(before) + len(after))
    return 100.0 * sum(a != b for a, b in zip(before, after, strict=True)) / max(1, len(before))
