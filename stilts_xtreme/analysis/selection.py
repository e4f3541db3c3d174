"""The best intermediate of each target, chosen without the scores it is then given: on English dev, and as the paper did.

On English dev: the row whose fine-tuned models score best there, on average over seeds. Targets that are never trained have no
dev data; for them it is the row with the largest gain on English dev over the targets that are trained.

The paper chose on dev data of all languages, which is not zero-shot. Its like here: half of the test examples choose, the other
half are scored, and the other way round.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stilts_xtreme import axes, plan, results
from stilts_xtreme.analysis import effects
from stilts_xtreme.analysis.comparisons import Differences
from stilts_xtreme.analysis.effects import Drawing, Scored
from stilts_xtreme.results.rows import Row
from stilts_xtreme.store import Store

NONE = Row(())  # without intermediate training, fine-tuned as usual
Dev = Mapping[tuple[Row, str], float]  # English dev by row and target, mean over seeds


def gather(
    cells: Sequence[axes.Cell], found: Mapping[tuple[Row, str], Differences], store: Store, drawing: Drawing
) -> dict[str, Any]:
    """`best`: by way of choosing the picks, their scores by target and seed, and on average the gain over the baseline.

    Nothing where a study has no baseline, or nothing to choose among.
    """
    rows = [row for row in dict.fromkeys(cell.row for cell in cells) if row.is_usual and not row.is_control]
    targets = list(dict.fromkeys(cell.target for cell in cells))
    known = {(cell.row, cell.target, cell.seed): cell.stage for cell in cells}
    seeds = sorted({seed for _, _, seed in known})
    whole = all((row, target, seed) in known for row in rows for target in targets for seed in seeds)
    if NONE not in rows or len(rows) < 2 or not whole or not seeds:
        return {}
    picks = english(_dev(known, rows, targets, seeds, store), rows, targets)
    told = {"english-dev": _told(picks, known, found, targets, seeds, drawing)}
    told["other-half"] = _halves(rows, targets, seeds, known, drawing)
    return {"best": told}


def english(dev: Dev, rows: Sequence[Row], targets: Sequence[str]) -> dict[str, Row]:
    """The row picked for each target; the first of equals. Targets without dev data take the row that gains most elsewhere."""
    trained = [target for target in targets if (NONE, target) in dev]
    picks = {target: max(rows, key=lambda row: dev[row, target]) for target in trained}
    if not trained:
        return {}
    elsewhere = max(rows, key=lambda row: sum(dev[row, target] - dev[NONE, target] for target in trained))
    return {target: picks.get(target, elsewhere) for target in targets}


def _dev(
    known: Mapping[Any, plan.Predict], rows: Sequence[Row], targets: Sequence[str], seeds: Sequence[int], store: Store
) -> Dev:
    found = {}
    for target in targets:
        if plan.before(known[rows[0], target, seeds[0]]) is None or known[rows[0], target, seeds[0]].layer is not None:
            continue  # an encoder as it is
        for row in rows:
            models = [plan.before(known[row, target, seed]) for seed in seeds]
            scores = [results.dev_scores(store.result(model)) for model in models if model is not None]
            found[row, target] = float(np.mean([np.mean(score) for score in scores]))
    return found


def _told(
    picks: Mapping[str, Row], known: Mapping[Any, plan.Predict], found: Mapping[tuple[Row, str], Differences],
    targets: Sequence[str], seeds: Sequence[int], drawing: Drawing,
) -> dict[str, Any]:  # fmt: skip
    if not picks:
        return {}
    scores = {
        target: {str(seed): float(drawing.scored(known[picks[target], target, seed]).values.mean()) for seed in seeds}
        for target in targets
    }
    values, drawn = {}, []
    for seed in seeds:
        gains = [_gain(found.get((picks[target], target), {}).get(seed), drawing.times) for target in targets]
        values[seed] = sum(value for value, _ in gains) / len(gains)
        drawn.append(sum(draws for _, draws in gains) / len(gains))
    names = {target: row.name for target, row in picks.items()}
    return {"picks": names, "scores": scores, "average": effects.told(values, np.stack(drawn))}


def _gain(difference: Scored | None, times: int) -> tuple[float, Any]:
    """Over all languages; where the baseline itself is picked there is none."""
    if difference is None:
        return 0.0, np.zeros(times)
    return difference.weighed(effects.even(difference.languages))


def _halves(
    rows: Sequence[Row], targets: Sequence[str], seeds: Sequence[int], known: Mapping[Any, plan.Predict], drawing: Drawing
) -> dict[str, Any]:
    picks: dict[str, list[str]] = {}
    scores: dict[str, dict[str, float]] = {}
    bases: dict[str, dict[str, float]] = {}
    for target in targets:
        halves = {(row, seed): _split(known[row, target, seed], drawing) for row in rows for seed in seeds}
        own, base = {str(seed): 0.0 for seed in seeds}, {str(seed): 0.0 for seed in seeds}
        for chooses, scored in ((0, 1), (1, 0)):
            pick = max(rows, key=lambda row: sum(halves[row, seed][chooses] for seed in seeds))
            picks.setdefault(target, []).append(pick.name)
            for seed in seeds:
                own[str(seed)] += halves[pick, seed][scored] / 2
                base[str(seed)] += halves[NONE, seed][scored] / 2
        scores[target], bases[target] = own, base
    gains = {seed: float(np.mean([scores[t][seed] - bases[t][seed] for t in targets])) for seed in map(str, seeds)}
    return {"picks": picks, "scores": scores, "gain": float(np.mean(list(gains.values()))), "values": gains}


def _split(stage: plan.Predict, drawing: Drawing) -> tuple[float, float]:
    """The score, mean over languages, of either half of the examples: by their ids, the same whatever the language and model."""
    found: tuple[list[float], list[float]] = ([], [])
    for examples in drawing.examples(stage).values():
        second = np.array([zlib.crc32(name.encode()) % 2 == 1 for name in examples.ids])
        for half, chosen in enumerate((~second, second)):
            below = examples.denominators[chosen].sum()
            found[half].append(100 * examples.numerators[chosen].sum() / below if below else 0.0)
    return float(np.mean(found[0])), float(np.mean(found[1]))
