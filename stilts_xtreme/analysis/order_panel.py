"""What can be said about orders on one target and one subset of its languages, as a result tells it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stilts_xtreme.analysis import comparisons, effects
from stilts_xtreme.results.rows import Row
from stilts_xtreme.scoring.order_tests import (
    PermutationTest,
    VarianceComponent,
    best_of_orders,
    curriculum_test,
    omnibus_test,
    variance_components,
)
from stilts_xtreme.scoring.permutations import PermutationSet, valid_permutations

Means = tuple[float, NDArray[np.float64]]  # a score, and the same of drawn examples
Rows = Mapping[Row, Mapping[int, Means]]  # by row and seed


def panel(
    rows: Rows,
    orders: Sequence[Row],
    chosen: Mapping[str, Sequence[int]],
    mixtures: Sequence[Row],
    last: Mapping[Row, Row],
) -> dict[str, Any]:
    """The scores of all rows, and of the seeds that have every order: what varies, the best, named orders, mixtures, last tasks.

    What takes two seeds is absent with one.
    """
    names, found = [row.name for row in orders], seeds(rows, orders)
    values = np.array([[rows[row][seed][0] for seed in found] for row in orders])
    fair = valid_permutations(tuple(row.intermediate for row in orders))
    split, differ, best = variance_components(values), omnibus_test(values, fair), best_of_orders(values, fair)
    told: dict[str, Any] = {
        "seeds": found,
        "scores": {row.name: {str(seed): value for seed, (value, _) in by_seed.items()} for row, by_seed in rows.items()},
        "mean": float(values.mean()),
        "best": {"order": names[int(values.mean(axis=1).argmax())], "above": float(values.mean(axis=1).max() - values.mean())},
        "named": [_named(name, places, names, values, fair) for name, places in chosen.items()],
        "mixtures": _mixtures(rows, orders, found, mixtures),
        "last": _last(rows, orders, last),
    }
    if split is not None and differ is not None and best is not None:
        told["variance"] = {part: _part(getattr(split, part)) for part in ("order", "seed", "rest")}
        told["differ"] = _test(differ)
        told["best"] |= {"expected": best.expected, "elsewhere": best.held_out, **_test(best.test)}
    return told


def seeds(rows: Mapping[Row, Mapping[int, Any]], orders: Sequence[Row]) -> list[int]:
    """The seeds in which every one of these orders is there."""
    first = rows.get(orders[0], {})
    return [seed for seed in sorted(first) if all(seed in rows.get(row, {}) for row in orders)]


def adjusted(panels: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with `q` beside every `p`: of each question by itself, and subsets of languages apart from all languages."""
    for whole in (True, False):
        family = [one for one in panels if (one["subset"] == "all") == whole]
        tests = [one["differ"] for one in family if "differ" in one]
        for kind in (tests, *([told for one in family for told in one[name]] for name in ("named", "mixtures", "last"))):
            for told, new in zip(kind, comparisons.adjusted(kind), strict=True):
                told["q"] = new["q"]
    return list(panels)


def _named(name: str, places: Sequence[int], names: Sequence[str], values: NDArray, fair: PermutationSet) -> dict[str, Any]:
    found = curriculum_test(values, places, fair)
    told = {
        "name": name,
        "orders": [names[place] for place in places],
        "rank": found.rank,
        "difference": found.difference,
        **_test(found.test),
    }
    return told if found.interval is None else {**told, "interval": list(found.interval)}


def _mixtures(rows: Rows, orders: Sequence[Row], found: Sequence[int], mixtures: Sequence[Row]) -> list[dict[str, Any]]:
    """Each mixture minus the mean of all orders, minus the best, and minus in each seed the best of the other seeds."""
    told = []
    for row in mixtures:
        shared = [seed for seed in found if seed in rows.get(row, {})]
        if not shared:
            continue
        values = np.array([[rows[order][seed][0] for seed in found] for order in orders])
        top = orders[int(values.mean(axis=1).argmax())]
        against = {"mean": {seed: _mean([rows[order][seed] for order in orders]) for seed in shared}}
        against["best"] = {seed: rows[top][seed] for seed in shared}
        if len(found) > 1:
            others = {seed: np.delete(values, found.index(seed), axis=1).mean(axis=1).argmax() for seed in shared}
            against["best elsewhere"] = {seed: rows[orders[int(others[seed])]][seed] for seed in shared}
        told += [{**row.record(), "against": name, **_minus(rows[row], of)} for name, of in against.items()]
    return told


def _last(rows: Rows, orders: Sequence[Row], last: Mapping[Row, Row]) -> list[dict[str, Any]]:
    """Each order minus its own last task alone."""
    return [
        {**row.record(), "baseline": last[row].name, **_minus(rows[row], rows[last[row]])}
        for row in orders
        if last.get(row) in rows and set(rows[row]) & set(rows[last[row]])
    ]


def _mean(parts: Sequence[Means]) -> Means:
    return float(np.mean([value for value, _ in parts])), np.mean([drawn for _, drawn in parts], axis=0)


def _minus(own: Mapping[int, Means], other: Mapping[int, Means]) -> dict[str, Any]:
    both = [seed for seed in sorted(own) if seed in other]
    values = {seed: own[seed][0] - other[seed][0] for seed in both}
    return effects.told(values, np.stack([own[seed][1] - other[seed][1] for seed in both]))


def _part(part: VarianceComponent) -> dict[str, Any]:
    return {
        "squares": part.sum_of_squares,
        "freedom": part.degrees_of_freedom,
        "component": part.component,
        "negative": part.estimate < 0,
    }


def _test(test: PermutationTest) -> dict[str, Any]:
    return {"p": test.p, "arrangements": test.n_permutations, "exact": test.exact, "least": test.smallest_p}
