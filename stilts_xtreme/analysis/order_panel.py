"""What can be said about the orders of intermediate tasks on a target and a subset of its languages."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stilts_xtreme.analysis.bootstrap_scores import Estimate, mean_estimate
from stilts_xtreme.analysis.effects import effect_record, shared_seeds, with_q
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
from stilts_xtreme.utils.bounded_io import Record

Estimates = Mapping[int, Estimate]  # of a row's mean score over languages, by seed


def panel(
    rows: Mapping[Row, Estimates],
    orders: Sequence[Row],
    curricula: Mapping[str, Sequence[int]],
    mixtures: Sequence[Row],
    last: Mapping[Row, Row],
) -> Record:
    """Return the panel's record: all rows' scores; on the seeds with every order what varies, the best, curricula, mixtures, last
    tasks.

    `curricula`: name -> indices into `orders`; `last`: order -> the row of its last task alone. What takes two seeds is absent
    with a single seed.
    """
    names, seeds = [row.name for row in orders], complete_seeds(rows, orders)
    values = np.array([[rows[row][seed].value for seed in seeds] for row in orders])
    permutations = valid_permutations(tuple(row.intermediate for row in orders))
    variance, omnibus = variance_components(values), omnibus_test(values, permutations)
    best = best_of_orders(values, permutations)
    means = values.mean(axis=1)
    record: Record = {
        "seeds": seeds,
        "scores": {row.name: {str(seed): estimate.value for seed, estimate in by_seed.items()} for row, by_seed in rows.items()},
        "mean": float(values.mean()),
        "best": {"order": names[int(means.argmax())], "above": float(means.max() - values.mean())},
        "named": [_curriculum(name, chosen, names, values, permutations) for name, chosen in curricula.items()],
        "mixtures": _mixtures(rows, orders, seeds, mixtures),
        "last": _last(rows, orders, last),
    }
    if variance is not None and omnibus is not None and best is not None:
        record["variance"] = {part: _component(getattr(variance, part)) for part in ("order", "seed", "rest")}
        record["differ"] = _test(omnibus)
        record["best"] |= {"expected": best.expected, "elsewhere": best.held_out, **_test(best.test)}
    return record


def complete_seeds(rows: Mapping[Row, Collection[int]], orders: Sequence[Row]) -> list[int]:
    """Return the seeds in which every order has a score, sorted."""
    return sorted(shared_seeds([rows.get(row, ()) for row in orders]))


def panels_with_q(panels: Sequence[Record]) -> list[Record]:
    """Return the panels with `q` beside every `p`: each question a family, subsets of languages apart from all languages."""
    for whole in (True, False):
        family = [panel for panel in panels if (panel["subset"] == "all") == whole]
        omnibus = [panel["differ"] for panel in family if "differ" in panel]
        questions = [[test for panel in family for test in panel[name]] for name in ("named", "mixtures", "last")]
        for tests in (omnibus, *questions):
            for test, tested in zip(tests, with_q(tests), strict=True):
                test["q"] = tested["q"]
    return list(panels)


def _curriculum(
    name: str, chosen: Sequence[int], names: Sequence[str], values: NDArray[np.float64], permutations: PermutationSet
) -> Record:
    curriculum = curriculum_test(values, chosen, permutations)
    record = {
        "name": name,
        "orders": [names[index] for index in chosen],
        "rank": curriculum.rank,
        "difference": curriculum.difference,
        **_test(curriculum.test),
    }
    return record if curriculum.interval is None else {**record, "interval": list(curriculum.interval)}


def _mixtures(
    rows: Mapping[Row, Estimates], orders: Sequence[Row], seeds: Sequence[int], mixtures: Sequence[Row]
) -> list[Record]:
    """Return each mixture minus the mean of all orders, minus the best, and minus in each seed the best of the other seeds."""
    values = np.array([[rows[order][seed].value for seed in seeds] for order in orders])
    best = orders[int(values.mean(axis=1).argmax())]
    references: dict[str, Estimates] = {
        "mean": {seed: mean_estimate([rows[order][seed] for order in orders]) for seed in seeds},
        "best": {seed: rows[best][seed] for seed in seeds},
    }
    if len(seeds) > 1:
        others = {seed: np.delete(values, column, axis=1).mean(axis=1).argmax() for column, seed in enumerate(seeds)}
        references["best elsewhere"] = {seed: rows[orders[int(others[seed])]][seed] for seed in seeds}
    return [
        {**row.record(), "against": name, **_minus(rows[row], reference)}
        for row in mixtures
        if set(seeds) & set(rows.get(row, ()))
        for name, reference in references.items()
    ]


def _last(rows: Mapping[Row, Estimates], orders: Sequence[Row], last: Mapping[Row, Row]) -> list[Record]:
    """Return each order minus its own last task alone."""
    return [
        {**row.record(), "baseline": last[row].name, **_minus(rows[row], rows[last[row]])}
        for row in orders
        if last.get(row) in rows and set(rows[row]) & set(rows[last[row]])
    ]


def _minus(own: Estimates, other: Estimates) -> Record:
    return effect_record({seed: own[seed] - other[seed] for seed in sorted(shared_seeds([own, other]))})


def _component(part: VarianceComponent) -> Record:
    return {
        "squares": part.sum_of_squares,
        "freedom": part.degrees_of_freedom,
        "component": part.component,
        "negative": part.estimate < 0,
    }


def _test(test: PermutationTest) -> Record:
    return {"p": test.p, "arrangements": test.n_permutations, "exact": test.exact, "least": test.smallest_p}
