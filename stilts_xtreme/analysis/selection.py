"""The best intermediate of each target, chosen without the scores it is then given: on English dev, and as the paper did.

On English dev: the row whose fine-tuned models score best there, on average over seeds. Targets that are never trained have no
dev data; for them it is the row with the largest gain on English dev over the targets that are trained.

The paper chose on dev data of all languages, which is not zero-shot. The nearest to it here: half of the test examples choose,
the other half are scored, and the other way round.
"""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from stilts_xtreme import results
from stilts_xtreme.analysis.bootstrap_scores import BootstrapScores, Estimate, Evaluations, Scored, by_row, mean_estimate
from stilts_xtreme.analysis.effects import Gains, effect_record
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.results.rows import Row
from stilts_xtreme.store import Store
from stilts_xtreme.utils.bounded_io import Record

NONE = Row(())  # without intermediate training, fine-tuned as usual
Dev = Mapping[tuple[Row, str], float]  # English dev by row and target, mean over seeds


def gather(cells: Sequence[grid.Cell], gains: Gains, store: Store, scores: BootstrapScores) -> Record:
    """Return `best`: by way of choosing the picks, their scores by target and seed, and on average the gain over the baseline.

    Empty where a study has no baseline, nothing to choose among, or unfinished evaluations.
    """
    rows = [row for row in dict.fromkeys(cell.row for cell in cells) if row.is_usual and not row.is_control]
    targets = list(dict.fromkeys(cell.target for cell in cells))
    seeds = sorted({cell.seed for cell in cells})
    evaluations = by_row(cells)
    complete = all(set(evaluations.get((row, target), {})) == set(seeds) for row in rows for target in targets)
    if NONE not in rows or len(rows) < 2 or not complete:
        return {}
    picks = english(_dev(evaluations, rows, targets, store), rows, targets)
    return {
        "best": {
            "english-dev": _picked(picks, evaluations, gains, scores) if picks else {},
            "other-half": _halves(rows, targets, seeds, evaluations, scores),
        }
    }


def english(dev: Dev, rows: Sequence[Row], targets: Sequence[str]) -> dict[str, Row]:
    """Return the row picked for each target, the first of equals; empty where no target has dev data.

    A target without dev data takes the row that gains most on the others.
    """
    trained = [target for target in targets if (NONE, target) in dev]
    picks = {target: max(rows, key=lambda row: dev[row, target]) for target in trained}
    if not trained:
        return {}
    elsewhere = max(rows, key=lambda row: sum(dev[row, target] - dev[NONE, target] for target in trained))
    return {target: picks.get(target, elsewhere) for target in targets}


def _dev(evaluations: Evaluations, rows: Sequence[Row], targets: Sequence[str], store: Store) -> Dev:
    dev = {}
    for target in targets:
        first = next(iter(evaluations[rows[0], target].values()))
        if plan.before(first) is None or first.layer is not None:
            continue  # an encoder as it is
        for row in rows:
            models = [plan.before(stage) for _, stage in sorted(evaluations[row, target].items())]
            scores = [results.dev_scores(store.result(model)) for model in models if model is not None]
            dev[row, target] = float(np.mean([np.mean(score) for score in scores]))
    return dev


def _picked(picks: Mapping[str, Row], evaluations: Evaluations, gains: Gains, scores: BootstrapScores) -> Record:
    """Return the picks' names, scores by target and seed, and the effect on the average over targets."""
    by_target = {target: dict(sorted(evaluations[row, target].items())) for target, row in picks.items()}
    means = {
        target: {str(seed): float(scores.scored(stage).values.mean()) for seed, stage in stages.items()}
        for target, stages in by_target.items()
    }
    averages = {
        seed: mean_estimate([_gain(gains.get((row, target), {}).get(seed), scores.times) for target, row in picks.items()])
        for seed in next(iter(by_target.values()))
    }
    names = {target: row.name for target, row in picks.items()}
    return {"picks": names, "scores": means, "average": effect_record(averages)}


def _gain(difference: Scored | None, times: int) -> Estimate:
    """Return the gain over all languages; 0 where the baseline itself is picked."""
    return Estimate(0.0, np.zeros(times)) if difference is None else difference.weighted()


def _halves(
    rows: Sequence[Row], targets: Sequence[str], seeds: Sequence[int], evaluations: Evaluations, scores: BootstrapScores
) -> Record:
    """Return, with either half choosing and the other scored, the picks and their scores by target and seed, and their gain."""
    picks: dict[str, list[str]] = {}
    chosen: dict[str, dict[str, float]] = {}
    baselines: dict[str, dict[str, float]] = {}
    for target in targets:
        halves = {(row, seed): _split(evaluations[row, target][seed], scores) for row in rows for seed in seeds}
        chosen[target], baselines[target] = ({str(seed): 0.0 for seed in seeds} for _ in range(2))
        for choosing, scored in ((0, 1), (1, 0)):
            pick = max(rows, key=lambda row: sum(halves[row, seed][choosing] for seed in seeds))
            picks.setdefault(target, []).append(pick.name)
            for seed in seeds:
                chosen[target][str(seed)] += halves[pick, seed][scored] / 2
                baselines[target][str(seed)] += halves[NONE, seed][scored] / 2
    gains = {
        seed: float(np.mean([chosen[target][seed] - baselines[target][seed] for target in targets])) for seed in map(str, seeds)
    }
    return {"picks": picks, "scores": chosen, "gain": float(np.mean(list(gains.values()))), "values": gains}


def _split(stage: plan.Predict, scores: BootstrapScores) -> tuple[float, float]:
    """Return the score, mean over languages, of either half of the examples, divided by their ids: alike for all models."""
    halves: tuple[list[float], list[float]] = ([], [])
    for examples in scores.examples(stage).values():
        second = np.array([zlib.crc32(name.encode()) % 2 == 1 for name in examples.ids])
        for half, chosen in zip(halves, (~second, second), strict=True):
            below = examples.denominators[chosen].sum()
            half.append(100 * examples.numerators[chosen].sum() / below if below else 0.0)
    return float(np.mean(halves[0])), float(np.mean(halves[1]))
