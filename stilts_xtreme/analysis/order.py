"""Does the order of intermediate tasks matter? Every order's scores by target and languages, and what can be said about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stilts_xtreme import axes, plan
from stilts_xtreme.analysis import effects, order_panel
from stilts_xtreme.analysis.comparisons import AVERAGE
from stilts_xtreme.analysis.effects import Drawing
from stilts_xtreme.analysis.named_orders import easiness, named
from stilts_xtreme.analysis.order_panel import Means, Rows
from stilts_xtreme.languages import LANGUAGES
from stilts_xtreme.results.rows import Row
from stilts_xtreme.store import Store

ALL = "all"
Known = Mapping[tuple[Row, str, int], plan.Predict]  # by row, target and seed


@dataclass(frozen=True)
class Chosen:
    """The rows fine-tuned in one way: orders, mixtures of the same tasks, each order's last task alone; what names go by."""

    orders: Sequence[Row]
    mixtures: Sequence[Row]
    last: Mapping[Row, Row]
    sizes: Mapping[str, int]
    easy: Mapping[str, float]

    @property
    def rows(self) -> list[Row]:
        return [*self.orders, *self.mixtures, *self.last.values()]

    def named(self, target: str | None) -> dict[str, list[int]]:
        return named(target, [row.intermediate for row in self.orders], self.sizes, self.easy)

    def head(self, target: str) -> dict[str, Any]:
        """What a panel of these rows is of; `way` is how its title says their fine-tuning."""
        told = {name: value for name, value in self.orders[0].fields().items() if name != "intermediate"}
        return {"way": self.orders[0].tail, **told, "target": target}


def gather(spec: Any, cells: Sequence[axes.Cell], store: Store, drawing: Drawing) -> dict[str, Any]:
    """`orders`: the tasks, their orders among the rows, what orders are named by, and a panel for each target and subset."""
    if spec.orders is None:
        return {}
    tasks = list(spec.orders.tasks)
    rows = axes.rows(spec)
    orders = [row for row in rows if sorted(row.intermediate) == sorted(tasks)]
    known = {(cell.row, cell.target, cell.seed): cell.stage for cell in cells if not cell.noise}
    single = {row for row in rows if len(row.intermediate) == 1 and row.intermediate[0] in tasks}
    sizes, easy, steps = _trainings(known, {*orders, *single}, store)
    mixtures = [(name,) for name, mixture in spec.mixtures.items() if set(mixture.tasks) == set(tasks) and mixture.text is None]
    mixed = [row for row in rows if row.intermediate in mixtures]
    panels: list[dict[str, Any]] = []
    absent: list[dict[str, Any]] = []
    for tuning in dict.fromkeys(row.tuning for row in orders):
        own = [row for row in orders if row.tuning == tuning]
        last = {row: one for row in own for one in single if one.intermediate == row.intermediate[-1:] and one.tuning == tuning}
        chosen = Chosen(own, [row for row in mixed if row.tuning == tuning], last, sizes, easy)
        for target in spec.targets:
            found, faults = _panels(target, chosen, known, drawing)
            panels, absent = panels + found, absent + faults
        panels += _average(spec.targets, chosen, known, drawing)
    return {
        "orders": {
            "tasks": tasks,
            "rows": [row.name for row in orders],
            "drawn": spec.orders.random,
            "sizes": sizes,
            "easiness": easy,
            "mixtures": [row.name for row in mixed],
            "steps": _steps(known, steps, [*orders, *mixed]),
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
    stages = _stages(target, rows.rows, known)
    if not order_panel.seeds(stages, rows.orders):
        done = sum(len(stages.get(row, {})) for row in rows.orders)
        return [], [{**rows.head(target), "orders": len(rows.orders), "done": done}]
    codes = next(iter(stages[rows.orders[0]].values())).languages
    chosen = rows.named(target)
    panels = []
    for subset, languages in subsets(codes).items():
        means = _means(stages, effects.even(languages), drawing)
        head = {**rows.head(target), "subset": subset, "languages": languages}
        panels.append({**head, **order_panel.panel(means, rows.orders, chosen, rows.mixtures, rows.last)})
    return panels, []


def _average(targets: Sequence[str], rows: Chosen, known: Known, drawing: Drawing) -> list[dict[str, Any]]:
    """The panel of the average over targets, of seeds in which a row has them all."""
    parts = []
    for target in targets:
        stages = _stages(target, rows.rows, known)
        codes = [stage.languages for by_seed in stages.values() for stage in by_seed.values()]
        parts.append(_means(stages, effects.even(codes[0]), drawing) if codes else {})
    means: dict[Row, dict[int, Means]] = {}
    for name in parts[0]:
        for seed in parts[0][name]:
            if all(seed in part.get(name, {}) for part in parts):
                both = [part[name][seed] for part in parts]
                means.setdefault(name, {})[seed] = (
                    float(np.mean([value for value, _ in both])),
                    np.mean([drawn for _, drawn in both], axis=0),
                )
    if len(targets) < 2 or not order_panel.seeds(means, rows.orders):
        return []
    head = {**rows.head(AVERAGE), "subset": ALL, "languages": []}
    chosen = rows.named(None)
    return [{**head, **order_panel.panel(means, rows.orders, chosen, rows.mixtures, rows.last)}]


def _stages(target: str, rows: Sequence[Row], known: Known) -> dict[Row, dict[int, plan.Predict]]:
    found: dict[Row, dict[int, plan.Predict]] = {}
    for (row, column, seed), stage in known.items():
        if column == target and row in rows:
            found.setdefault(row, {})[seed] = stage
    return found


def _means(stages: Mapping[Row, Mapping[int, plan.Predict]], weights: effects.Weights, drawing: Drawing) -> Rows:
    return {
        name: {seed: drawing.scored(stage).weighed(weights) for seed, stage in by_seed.items()}
        for name, by_seed in stages.items()
    }


def _trainings(known: Known, rows: set[Row], store: Store) -> tuple[dict[str, int], dict[str, float], dict[str, int]]:
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
        first = _trained(stage)[:1] if row in rows else []
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


def _steps(known: Known, steps: Mapping[str, int], rows: Sequence[Row]) -> dict[str, int]:
    """The steps of each row before the target's: of the trainings that a row has on every target."""
    found: dict[str, list[int]] = {}
    for row in rows:
        links = [[plan.address(link) for link in _trained(stage)] for (other, _, _), stage in known.items() if other == row]
        found[row.name] = [sum(steps[address] for address in chain[: len(row.intermediate)]) for chain in links]
    return {row: counts[0] for row, counts in found.items() if counts and len(set(counts)) == 1}
