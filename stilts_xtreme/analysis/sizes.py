"""Is a gain larger where the target has few training examples? Examples used by each row, and differences between gains.

Recipes that differ in how many examples they take make the axis: "squad (n100)" is "squad" with fewer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from stilts_xtreme.analysis.effects import Gains, effect, with_q
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.results.rows import USUAL, Row
from stilts_xtreme.spec.study import Study
from stilts_xtreme.store import Store
from stilts_xtreme.utils.bounded_io import Record


def gather(spec: Study, cells: Sequence[grid.Cell], gains: Gains, store: Store) -> Record:
    """Return `sizes`: `points`, the training examples of each row and target, fewest first; `interactions`, the gain with the
    fewest examples minus that with the most. Empty where recipes do not differ in them.
    """
    used: dict[tuple[Row, str], dict[str, int]] = {}  # by row as it is with the usual recipe, and target: examples by recipe
    for cell in cells:
        if (last := plan.before(cell.stage)) is not None:
            used.setdefault((_usual(cell.row), cell.target), {})[cell.row.recipe] = _taken(last, store)
    curves = {key: axis for key, sizes in used.items() if len(axis := _axis(sizes)) > 1}
    if not curves:
        return {}
    rows = {(_usual(row), row.recipe): row for row in grid.rows(spec)}
    points = [
        {"of": usual.name, **rows[usual, recipe].record(), "target": target, "examples": examples}
        for (usual, target), sizes in curves.items()
        for recipe, examples in sizes.items()
    ]
    return {"sizes": {"points": points, "interactions": with_q(_interactions(curves, rows, gains))}}


def repeats(cells: Sequence[grid.Cell], store: Store) -> set[tuple[Row, str]]:
    """Return rows and targets that only repeat the usual row: their recipe differs in asking for more examples than there are."""
    trained: dict[tuple[Row, str, int], tuple[plan.Recipe, int]] = {}
    for cell in cells:
        if (last := plan.before(cell.stage)) is not None:
            trained[cell.row, cell.target, cell.seed] = replace(last.recipe, examples=None), _taken(last, store)
    return {
        (row, target)
        for (row, target, seed), training in trained.items()
        if row.recipe != USUAL and trained.get((_usual(row), target, seed)) == training
    }


def _interactions(
    curves: Mapping[tuple[Row, str], Mapping[str, int]], rows: Mapping[tuple[Row, str], Row], gains: Gains
) -> list[Record]:
    """Return the gain with the fewest examples minus that with the most, of every row and target with a curve."""
    records = []
    for (usual, target), sizes in curves.items():
        if usual.is_baseline or usual.is_control:
            continue
        least, *_, most = sizes
        few, many = (gains.get((rows[usual, recipe], target), {}) for recipe in (least, most))
        differences = {seed: gain - many[seed] for seed, gain in few.items() if seed in many}
        if differences:
            sizes_compared = {"recipes": [least, most], "examples": [sizes[least], sizes[most]]}
            records.append({**usual.record(), "target": target, **sizes_compared, **effect(differences)})
    return records


def _axis(sizes: Mapping[str, int]) -> dict[str, int]:
    """Return recipe -> its number of examples, fewest first; of recipes with the same number the usual, else the first: a target
    with 400 examples has no more to give to a recipe of 1,000.
    """
    by_count: dict[int, str] = {}
    for recipe in sorted(sizes, key=lambda recipe: recipe != USUAL):
        by_count.setdefault(sizes[recipe], recipe)
    return {by_count[count]: count for count in sorted(by_count)}


def _usual(row: Row) -> Row:
    """Return the row with the usual recipe."""
    return replace(row, recipe=USUAL)


def _taken(training: plan.Train, store: Store) -> int:
    """Return how many examples a training used, of all its tasks."""
    return sum(store.result(training)["examples"].values())
