"""Does the order of intermediate tasks matter? Every order's scores by target and languages, and what can be said about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stilts_xtreme import axes, plan
from stilts_xtreme.analysis import effects, order_panel
from stilts_xtreme.analysis.comparisons import AVERAGE
from stilts_xtreme.analysis.effects import Drawing
from stilts_xtreme.analysis.named_orders import Order, easiness, named
from stilts_xtreme.analysis.order_panel import Means, Rows
from stilts_xtreme.languages import LANGUAGES
from stilts_xtreme.store import Store

ALL = "all"
Known = Mapping[tuple[str, str, int], plan.Predict]  # by row, target and seed


@dataclass(frozen=True)
class Chosen:
    """The rows fine-tuned in one way: orders, mixtures of the same tasks, each order's last task alone; what names go by."""

    way: str
    orders: Mapping[str, Order]
    mixtures: Sequence[str]
    last: Mapping[str, str]
    sizes: Mapping[str, int]
    easy: Mapping[str, float]

    @property
    def names(self) -> list[str]:
        return [*self.orders, *self.mixtures, *self.last.values()]

    def named(self, target: str | None) -> dict[str, list[int]]:
        return named(target, list(self.orders.values()), self.sizes, self.easy)


def gather(spec: Any, cells: Sequence[axes.Cell], store: Store, drawing: Drawing) -> dict[str, Any]:
    """`orders`: the tasks, their orders among the rows, what orders are named by, and a panel for each target and subset."""
    if spec.orders is None:
        return {}
    tasks = list(spec.orders.tasks)
    rows = axes.rows(spec)
    orders = {row.name: tuple(row.intermediate) for row in rows if _is_order(row, tasks)}
    known = {(cell.intermediate, cell.target, cell.seed): cell.stage for cell in cells if not cell.noise}
    sizes, easy, steps = _trainings(known, {*orders, *(row.name for row in rows if row.intermediate in tasks)}, store)
    mixtures = [name for name, mixture in spec.mixtures.items() if set(mixture.tasks) == set(tasks) and mixture.text is None]
    panels, absent = [], []
    for way in dict.fromkeys(_way(name) for name in orders):  # languages of fine-tuning, noise in it, recipe
        own = {name: order for name, order in orders.items() if _way(name) == way}
        mixed = [row.name for row in rows if row.intermediate in mixtures and _way(row.name) == way]
        last = {name: row.name for name, order in own.items() for row in rows if _is_single(row, order[-1], way)}
        chosen = Chosen(way, own, mixed, last, sizes, easy)
        for target in spec.targets:
            found, faults = _panels(target, chosen, known, drawing)
            panels, absent = panels + found, absent + faults
        panels += _average(spec.targets, chosen, known, drawing)
    return {
        "orders": {
            "tasks": tasks,
            "rows": list(orders),
            "drawn": spec.orders.random,
            "sizes": sizes,
            "easiness": easy,
            "mixtures": [row.name for row in rows if row.intermediate in mixtures],
            "steps": _steps(known, steps, [*orders, *(row.name for row in rows if row.intermediate in mixtures)]),
            "panels": order_panel.adjusted(panels),
            "absent": absent,
        }
    }


def subsets(codes: Sequence[str]) -> dict[str, list[str]]:
    """A target's languages: all, English, the others, and of real ones those of few, some and many resources beside English.

    A subset that is empty or the same as an earlier one is absent.
    """
    other = [code for code in codes if code != "en"]
    found = {ALL: list(codes), "English": [code for code in codes if code == "en"], "all but English": other}
    for level in ("low", "mid", "high"):
        found[f"{level} resources"] = [code for code in other if code in LANGUAGES and LANGUAGES[code].resources == level]
    kept: dict[str, list[str]] = {}
    for name, chosen in found.items():
        if chosen and chosen not in kept.values():
            kept[name] = chosen
    return kept


def _panels(target: str, rows: Chosen, known: Known, drawing: Drawing) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A target's panels, one a subset of its languages; where no seed has every order, why there is none."""
    stages = _stages(target, rows.names, known)
    if not order_panel.seeds(stages, list(rows.orders)):
        done = sum(len(stages.get(name, {})) for name in rows.orders)
        return [], [{"way": rows.way, "column": target, "orders": len(rows.orders), "done": done}]
    codes = next(iter(stages[next(iter(rows.orders))].values())).languages
    chosen = rows.named(target)
    panels = []
    for subset, languages in subsets(codes).items():
        means = _means(stages, effects.even(languages), drawing)
        head = {"way": rows.way, "column": target, "subset": subset, "languages": languages}
        panels.append({**head, **order_panel.panel(means, rows.orders, chosen, rows.mixtures, rows.last)})
    return panels, []


def _average(targets: Sequence[str], rows: Chosen, known: Known, drawing: Drawing) -> list[dict[str, Any]]:
    """The panel of the average over targets, of seeds in which a row has them all."""
    parts = []
    for target in targets:
        stages = _stages(target, rows.names, known)
        codes = [stage.languages for by_seed in stages.values() for stage in by_seed.values()]
        parts.append(_means(stages, effects.even(codes[0]), drawing) if codes else {})
    means: dict[str, dict[int, Means]] = {}
    for name in parts[0]:
        for seed in parts[0][name]:
            if all(seed in part.get(name, {}) for part in parts):
                both = [part[name][seed] for part in parts]
                means.setdefault(name, {})[seed] = (
                    float(np.mean([value for value, _ in both])),
                    np.mean([drawn for _, drawn in both], axis=0),
                )
    if len(targets) < 2 or not order_panel.seeds(means, list(rows.orders)):
        return []
    head = {"way": rows.way, "column": AVERAGE, "subset": ALL, "languages": []}
    chosen = rows.named(None)
    return [{**head, **order_panel.panel(means, rows.orders, chosen, rows.mixtures, rows.last)}]


def _stages(target: str, names: Sequence[str], known: Known) -> dict[str, dict[int, plan.Predict]]:
    found: dict[str, dict[int, plan.Predict]] = {}
    for (row, column, seed), stage in known.items():
        if column == target and row in names:
            found.setdefault(row, {})[seed] = stage
    return found


def _means(stages: Mapping[str, Mapping[int, plan.Predict]], weights: effects.Weights, drawing: Drawing) -> Rows:
    return {
        name: {seed: drawing.scored(stage).weighed(weights) for seed, stage in by_seed.items()}
        for name, by_seed in stages.items()
    }


def _trainings(known: Known, names: set[str], store: Store) -> tuple[dict[str, int], dict[str, float], dict[str, int]]:
    """Of each task trained first and alone, before any target: its training examples, and its easiness by the mean of its English
    dev scores over seeds; and every training's steps by its address. A chain's first training is the single task's own.
    """
    sizes: dict[str, int] = {}
    scores: dict[str, dict[str, float]] = {}
    chances: dict[str, float] = {}
    steps: dict[str, int] = {}
    for (row, _, _), stage in known.items():
        for link in _trained(stage):
            address = plan.address(link)
            if address not in steps:
                steps[address] = store.result(link)["steps"]["done"]
        first = _trained(stage)[:1] if row in names else []
        for link in first:
            (task,), result = link.tasks, store.result(link)
            sizes[task] = result["examples"][task]
            if task in result["dev"]:
                scores.setdefault(task, {})[plan.address(link)] = result["dev"][task]["score"]
                if (level := result.get("chance", {}).get(task)) is not None:
                    chances[task] = level
    easy = {task: easiness(task, float(np.mean(list(found.values()))), chances.get(task)) for task, found in scores.items()}
    return sizes, easy, steps


def _trained(stage: plan.Predict) -> list[plan.Train]:
    """The trainings after the first encoder's own."""
    return [link for link in plan.chain(stage) if isinstance(link, plan.Train) and link.tasks != ("text",)]


def _steps(known: Known, steps: Mapping[str, int], rows: Sequence[str]) -> dict[str, int]:
    """The steps of each row before the target's: of the trainings that a row has on every target."""
    found: dict[str, list[int]] = {}
    for row in rows:
        links = [[plan.address(link) for link in _trained(stage)] for (name, _, _), stage in known.items() if name == row]
        count = max(len(axes.kind(row).split(">")), 1)
        found[row] = [sum(steps[address] for address in chain[:count]) for chain in links]
    return {row: counts[0] for row, counts in found.items() if counts and len(set(counts)) == 1}


def _is_order(row: axes.Row, tasks: Sequence[str]) -> bool:
    return not isinstance(row.intermediate, str) and sorted(row.intermediate) == sorted(tasks)


def _is_single(row: axes.Row, task: str, way: str) -> bool:
    return row.intermediate in (task, [task]) and _way(row.name) == way


def _way(name: str) -> str:
    """What stands in brackets behind a row's name."""
    return name[len(axes.kind(name)) :]
