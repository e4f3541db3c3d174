"""Is a gain larger where the target has few training examples? Examples used by each row, and differences between gains.

Recipes that differ in how many examples they take make the axis: "squad (n100)" is "squad" with fewer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stilts_xtreme import axes, plan
from stilts_xtreme.analysis import effects
from stilts_xtreme.analysis.comparisons import Differences, adjusted
from stilts_xtreme.store import Store


def gather(spec: Any, cells: Sequence[axes.Cell], found: Mapping[tuple[str, str], Differences], store: Store) -> dict[str, Any]:
    """`sizes`: `points`, the training examples of each row and target, fewest first; `interactions`, the gain with the fewest
    examples minus that with the most. Absent where recipes do not differ in them.
    """
    rows = {row.name: row for row in axes.rows(spec)}
    used: dict[tuple[str, str], dict[str, int]] = {}  # by row as it is with the usual recipe, and target: examples by recipe
    for cell in cells:
        row, last = rows[cell.intermediate], plan.before(cell.stage)
        if last is not None:
            used.setdefault((_usual(row), cell.target), {})[row.recipe] = _taken(last, store)
    curves = {key: axis for key, sizes in used.items() if len(axis := _axis(sizes)) > 1}
    if not curves:
        return {}
    points = [
        {"of": usual, "row": _row(rows, usual, recipe), "recipe": recipe, "column": target, "examples": examples}
        for (usual, target), sizes in curves.items()
        for recipe, examples in sizes.items()
    ]
    return {"sizes": {"points": points, "interactions": adjusted(_interactions(curves, rows, found))}}


def repeats(spec: Any, cells: Sequence[axes.Cell], store: Store) -> set[tuple[str, str]]:
    """Rows and targets that are the usual row over again: their recipe asks for more examples than there are, no more."""
    rows = {row.name: row for row in axes.rows(spec)}
    trained: dict[tuple[str, str, int], tuple[plan.Recipe, int]] = {}
    for cell in cells:
        if (last := plan.before(cell.stage)) is not None:
            trained[cell.intermediate, cell.target, cell.seed] = replace(last.recipe, examples=None), _taken(last, store)
    usual = {name: _usual(row) for name, row in rows.items() if row.recipe != axes.USUAL}
    return {
        (name, target)
        for (name, target, seed), told in trained.items()
        if name in usual and trained.get((usual[name], target, seed)) == told
    }


def _interactions(
    curves: Mapping[tuple[str, str], Mapping[str, int]],
    rows: Mapping[str, axes.Row],
    found: Mapping[tuple[str, str], Differences],
) -> list[dict[str, Any]]:
    told = []
    for (usual, target), sizes in curves.items():
        if axes.kind(usual) in (axes.BASELINE, axes.CONTROL):
            continue
        least, *_, most = sizes
        few, many = (found.get((_row(rows, usual, recipe), target), {}) for recipe in (least, most))
        both = {seed: gain - many[seed] for seed, gain in few.items() if seed in many}
        if both:
            codes = next(iter(both.values())).languages
            told.append({
                "of": usual, "column": target, "recipes": [least, most], "examples": [sizes[least], sizes[most]],
                **effects.effect(both, effects.even(codes)),
            })  # fmt: skip
    return told


def _axis(sizes: Mapping[str, int]) -> dict[str, int]:
    """Recipes by their number of examples, fewest first; one for each number, the usual one where it is among several: a target
    with 400 examples has no more to give to a recipe of 1,000.
    """
    by_count: dict[int, str] = {}
    for recipe in sorted(sizes, key=lambda recipe: recipe != axes.USUAL):
        by_count.setdefault(sizes[recipe], recipe)
    return {by_count[count]: count for count in sorted(by_count)}


def _row(rows: Mapping[str, axes.Row], usual: str, recipe: str) -> str:
    """The row that is `usual` but for its recipe."""
    return next(name for name, row in rows.items() if row.recipe == recipe and _usual(row) == usual)


def _usual(row: axes.Row) -> str:
    """The row as it is with the usual recipe."""
    return replace(row, recipe=axes.USUAL).name


def _taken(training: plan.Train, store: Store) -> int:
    """Examples that a training used, of all its tasks."""
    return sum(store.result(training)["examples"].values())
