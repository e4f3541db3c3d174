"""An effect: the weighted paired difference of two rows' scores, with interval, p, and q within its family."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from stilts_xtreme.analysis.bootstrap_scores import (
    Estimate,
    Scored,
    Weights,
    mean_estimate,
    slope_weights,
    uniform_weights,
)
from stilts_xtreme.results.rows import Row
from stilts_xtreme.scoring import bootstrap
from stilts_xtreme.scoring.intervals import slope_interval
from stilts_xtreme.utils.bounded_io import Record

AVERAGE = "average"  # in place of a target: over all targets
Differences = Mapping[int, Scored]  # by seed
Gains = Mapping[tuple[Row, str], Differences]  # by row and target
Groups = Mapping[str, Mapping[str, Sequence[str]]]  # target -> group -> languages
BySeed = TypeVar("BySeed", bound=Collection[int])  # differences by seed: `Differences`, or `losses.Losses`


def effect(differences: Differences, weights: Weights | None = None) -> Record:
    """Return the record of the weighted difference; without weights all languages count the same. Keys as in `effect_record`."""
    return effect_record({seed: scored.weighted(weights) for seed, scored in differences.items()})


def average_effect(columns: Sequence[Differences]) -> Record | None:
    """Return the record of the mean difference over columns (targets), on the seeds that all of them have.

    None without such a seed, or with a single column. Keys as in `effect_record`.
    """
    seeds = shared_seeds(columns)
    if len(columns) < 2 or not seeds:
        return None
    return effect_record({seed: mean_estimate([column[seed].weighted() for column in columns]) for seed in seeds})


def target_effects(
    fields: Record,
    columns: Mapping[str, BySeed],
    effect: Callable[[BySeed], Record],
    average: Callable[[Sequence[BySeed]], Record | None],
) -> list[Record]:
    """Return the effects of a contrast on each target with a difference, and on average over targets; `fields` come first.

    `columns`: target -> differences by seed, empty without a common seed. `effect` and `average`: the functions of this module,
    or those of `losses`.
    """
    records = [{**fields, "target": target, **effect(by_seed)} for target, by_seed in columns.items() if by_seed]
    over_targets = average(list(columns.values()))
    return records if over_targets is None else [*records, {**fields, "target": AVERAGE, **over_targets}]


def effect_record(estimates: Mapping[int, Estimate]) -> Record:
    """Return the effect behind differences by seed as results hold it.

    `gain`: mean over seeds; `values`: seed -> difference; `interval`: 95 %; `p`: two-sided; `seeds`: how many. `deviation`: the
    mean's standard error by `seeds`, by `examples` beyond that, and `drawn`, by all that resampling examples changes.
    """
    values = [estimate.value for estimate in estimates.values()]
    resampled = np.stack([estimate.resampled for estimate in estimates.values()])
    paired = bootstrap.paired_effect(values, resampled)
    by_seeds, by_examples = bootstrap.variance_parts(values, resampled)
    return {
        "gain": paired.mean,
        "values": {str(seed): estimate.value for seed, estimate in estimates.items()},
        "interval": list(paired.interval),
        "p": paired.p,
        "deviation": {
            "seeds": by_seeds**0.5, "examples": by_examples**0.5, "drawn": float(resampled.mean(axis=0).std(ddof=1)),
        },
        "seeds": len(values),
    }  # fmt: skip


def with_q(records: Sequence[Record]) -> list[Record]:
    """Return the effects with `q`: p adjusted among them all, as a single family (Benjamini-Hochberg)."""
    q_values = bootstrap.benjamini_hochberg([record["p"] for record in records])
    return [{**record, "q": q} for record, q in zip(records, q_values, strict=True)]


def with_q_averages_apart(records: Iterable[Record]) -> list[Record]:
    """Return the effects with `q`, those on targets before those on average: these are a family of their own."""
    families: tuple[list[Record], list[Record]] = [], []
    for record in records:
        families[record["target"] == AVERAGE].append(record)
    return [record for family in families for record in with_q(family)]


def group_effects(
    gains: Gains, groups: Groups, weights: Callable[[Sequence[str]], Weights] = uniform_weights, **fields: str
) -> list[Record]:
    """Return the effect of every row in every group of its target's languages; `fields` go before the group's name."""
    return [
        {
            **row.record(), "target": target, **fields, "group": group, "languages": list(codes), "n": len(codes),
            **effect(by_seed, weights(codes)),
        }
        for (row, target), by_seed in gains.items()
        for group, codes in groups[target].items()
    ]  # fmt: skip


def slope_effect(differences: Differences, positions: Mapping[str, float]) -> Record | None:
    """Return the record of the slope of the difference on the languages' `positions`; None where these give no line.

    `interval` and `p` generalise to other test examples and seeds of these languages; `over_languages` is the interval by how
    the languages scatter around the line.
    """
    weights = slope_weights(positions) if len(positions) > 2 else None
    if weights is None:
        return None
    means = language_means(differences)
    scatter = slope_interval(list(positions.values()), [means[code] for code in positions])
    return {**effect(differences, weights), "over_languages": None if scatter is None else list(scatter)}


def languages_of(differences: Differences) -> tuple[str, ...]:
    return next(iter(differences.values())).languages


def language_means(differences: Differences) -> dict[str, float]:
    """Return language -> mean difference over seeds."""
    means = np.mean([scored.values for scored in differences.values()], axis=0)
    return dict(zip(languages_of(differences), means.tolist(), strict=True))


def shared_seeds(columns: Sequence[Collection[int]]) -> list[int]:
    """Return the seeds that every column has, in the order of the first."""
    return [seed for seed in columns[0] if all(seed in column for column in columns)]
