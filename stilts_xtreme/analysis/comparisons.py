"""Every row of a study against its baseline: gains by target and on average, with intervals, adjusted for their number."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np

from stilts_xtreme import axes
from stilts_xtreme.analysis import effects
from stilts_xtreme.analysis.effects import Drawing, Scored
from stilts_xtreme.results.rows import Row
from stilts_xtreme.scoring import bootstrap

AVERAGE = "average"
Differences = Mapping[int, Scored]  # by seed


def differences(cells: Sequence[axes.Cell], drawing: Drawing) -> dict[tuple[Row, str], Differences]:
    """Score minus the baseline's of the same seed, by row and target; a baseline fine-tuned otherwise than usual is compared with
    the usual one. Rows that have nothing to be compared with are absent.
    """
    known = {(cell.row, cell.target, cell.seed): cell.stage for cell in cells if not cell.noise}
    found: dict[tuple[Row, str], dict[int, Scored]] = {}
    for (row, target, seed), stage in known.items():
        base = known.get((_against(row), target, seed))
        if base is not None and not row.is_plain and not row.is_control:
            found.setdefault((row, target), {})[seed] = drawing.scored(stage) - drawing.scored(base)
    return {key: by_seed for key, by_seed in found.items()}


def comparisons(
    found: Mapping[tuple[Row, str], Differences], targets: Sequence[str], repeats: Container[tuple[Row, str]] = ()
) -> list[dict[str, Any]]:
    """The gains of every row, by target and (where a seed has all targets) on average; each kind adjusted by itself.

    `repeats`: rows and targets that are another row over again: they count in averages, and are not tested twice.
    """
    single = [
        {
            **row.record(),
            "baseline": _against(row).name,
            "target": target,
            **effects.effect(by_seed, effects.even(_languages(by_seed))),
            "examples": next(iter(by_seed.values())).examples,
            "languages": tested_by_language(by_seed),
        }
        for (row, target), by_seed in found.items()
        if (row, target) not in repeats
    ]
    average = [one for row in dict.fromkeys(row for row, _ in found) if (one := _average(row, found, targets)) is not None]
    return [*_adjusted_languages(adjusted(single)), *adjusted(average)]


def adjusted(told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with `q`: Benjamini and Hochberg over all of them."""
    return [{**one, "q": q} for one, q in zip(told, bootstrap.benjamini_hochberg([one["p"] for one in told]), strict=True)]


def _average(row: Row, found: Mapping[tuple[Row, str], Differences], targets: Sequence[str]) -> dict[str, Any] | None:
    told = averaged([found.get((row, target), {}) for target in targets])
    return None if told is None else {**row.record(), "baseline": _against(row).name, "target": AVERAGE, **told}


def averaged(columns: Sequence[Differences]) -> dict[str, Any] | None:
    """The mean effect over columns, of the seeds that all of them have; None where there is none, or one column only."""
    seeds = [seed for seed in columns[0] if all(seed in column for column in columns)]
    if len(columns) < 2 or not seeds:
        return None
    pairs = {seed: [column[seed].weighed(effects.even(column[seed].languages)) for column in columns] for seed in seeds}
    values = {seed: sum(value for value, _ in parts) / len(parts) for seed, parts in pairs.items()}
    return effects.told(values, np.stack([sum(drawn for _, drawn in parts) / len(parts) for parts in pairs.values()]))


def _against(row: Row) -> Row:
    """The row with the same fine-tuning and no intermediate training; of such a one the row that is fine-tuned as usual."""
    return Row(()) if row.is_baseline else row.baseline


def _languages(by_seed: Differences) -> tuple[str, ...]:
    return next(iter(by_seed.values())).languages


def tested_by_language(by_seed: Differences) -> dict[str, dict[str, Any]]:
    """The same with each language's `interval` and `p`, over seeds and test examples as the target's own."""
    effect = {code: effects.effect(by_seed, {code: 1.0}) for code in _languages(by_seed)}
    gains = by_language(by_seed)
    return {code: {**gains[code], "interval": one["interval"], "p": one["p"]} for code, one in effect.items()}


def _adjusted_languages(comparisons: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with `q` for every single language: a family of their own, over all rows and targets."""
    tests = [(i, code) for i, one in enumerate(comparisons) for code in one["languages"]]
    values = bootstrap.benjamini_hochberg([comparisons[i]["languages"][code]["p"] for i, code in tests])
    languages: list[dict[str, Any]] = [{} for _ in comparisons]
    for (i, code), q in zip(tests, values, strict=True):
        languages[i][code] = {**comparisons[i]["languages"][code], "q": q}
    return [{**one, "languages": tested} for one, tested in zip(comparisons, languages, strict=True)]


def by_language(by_seed: Differences) -> dict[str, dict[str, float]]:
    """Mean gain over seeds, and its standard error over test examples."""
    mean = np.mean([found.values for found in by_seed.values()], axis=0)
    spread = np.mean([found.drawn for found in by_seed.values()], axis=0).std(axis=0, ddof=1)
    return {
        code: {"gain": float(gain), "deviation": float(deviation)}
        for code, gain, deviation in zip(_languages(by_seed), mean, spread, strict=True)
    }
