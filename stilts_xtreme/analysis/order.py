"""Does the order of intermediate tasks matter? Every order's scores by target and languages, with the tests of `order_panel`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stilts_xtreme.analysis.bootstrap_scores import (
    BootstrapScores,
    Estimate,
    Evaluations,
    Stages,
    Weights,
    by_row,
    mean_estimate,
    uniform_weights,
)
from stilts_xtreme.analysis.effects import AVERAGE, shared_seeds
from stilts_xtreme.analysis.named_orders import easiness, named
from stilts_xtreme.analysis.order_panel import Estimates, complete_seeds, panel, panels_with_q
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.results.rows import Row
from stilts_xtreme.spec.study import Study
from stilts_xtreme.store import Store
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.languages import LANGUAGES

ALL = "all"


@dataclass(frozen=True)
class OrderRows:
    """The rows of one fine-tuning: orders, mixtures of the same tasks, each order's last task alone.

    `sizes` and `easy` of single tasks decide which orders have a name.
    """

    orders: Sequence[Row]
    mixtures: Sequence[Row]
    last: Mapping[Row, Row]
    sizes: Mapping[str, int]
    easy: Mapping[str, float]

    def evaluations(self, target: str, evaluations: Evaluations) -> dict[Row, Stages]:
        """Return the rows' evaluations on the target."""
        rows = {*self.orders, *self.mixtures, *self.last.values()}
        return {row: by_seed for (row, other), by_seed in evaluations.items() if other == target and row in rows}

    def head(self, target: str) -> Record:
        """Return what a panel is of; `way` is how its title puts the fine-tuning."""
        fields = {name: value for name, value in self.orders[0].fields().items() if name != "intermediate"}
        return {"way": self.orders[0].tail, **fields, "target": target}

    def panel(self, target: str, subset: str, languages: Sequence[str], rows: Mapping[Row, Estimates]) -> Record:
        """Return the panel of these rows' scores, after what it is of."""
        orders = [row.intermediate for row in self.orders]
        curricula = named(None if target == AVERAGE else target, orders, self.sizes, self.easy)
        record = panel(rows, self.orders, curricula, self.mixtures, self.last)
        return {**self.head(target), "subset": subset, "languages": list(languages), **record}


def gather(spec: Study, cells: Sequence[grid.Cell], store: Store, scores: BootstrapScores) -> Record:
    """Return `orders`: the tasks, their orders among the rows, what orders are named by, and a panel per target and subset."""
    if spec.orders is None:
        return {}
    tasks = list(spec.orders.tasks)
    rows = grid.rows(spec)
    orders = [row for row in rows if sorted(row.intermediate) == sorted(tasks)]
    evaluations = by_row(cells)
    single = [row for row in rows if len(row.intermediate) == 1 and row.intermediate[0] in tasks]
    sizes, easy = _single_tasks(evaluations, {*orders, *single}, store)
    mixtures = [(name,) for name, mixture in spec.mixtures.items() if set(mixture.tasks) == set(tasks) and mixture.text is None]
    mixed = [row for row in rows if row.intermediate in mixtures]
    panels: list[Record] = []
    absent: list[Record] = []
    for tuning in dict.fromkeys(row.tuning for row in orders):
        own = [row for row in orders if row.tuning == tuning]
        alone = {row.intermediate: row for row in single if row.tuning == tuning}
        last = {row: alone[row.intermediate[-1:]] for row in own if row.intermediate[-1:] in alone}
        chosen = OrderRows(own, [row for row in mixed if row.tuning == tuning], last, sizes, easy)
        for target in spec.targets:
            stages = chosen.evaluations(target, evaluations)
            if complete_seeds(stages, own):
                panels += _panels(target, chosen, stages, scores)
            else:
                done = sum(len(stages.get(row, {})) for row in own)
                absent.append({**chosen.head(target), "orders": len(own), "done": done})
        panels += _average(spec.targets, chosen, evaluations, scores)
    return {
        "orders": {
            "tasks": tasks,
            "rows": [row.name for row in orders],
            "drawn": spec.orders.random,
            "sizes": sizes,
            "easiness": easy,
            "mixtures": [row.name for row in mixed],
            "steps": _steps(evaluations, [*orders, *mixed], store),
            "panels": panels_with_q(panels),
            "absent": absent,
        }
    }


def subsets(codes: Sequence[str]) -> dict[str, list[str]]:
    """Return a target's languages by subset: all, English, the others, and of real ones those of few, some and many resources.

    A subset that is empty or the same as an earlier one is absent.
    """
    other = [code for code in codes if code != "en"]
    by_name = {ALL: list(codes), "English": [code for code in codes if code == "en"], "all but English": other}
    for level in ("low", "mid", "high"):
        by_name[f"{level} resources"] = [code for code in other if code in LANGUAGES and LANGUAGES[code].resources == level]
    different: dict[str, list[str]] = {}
    for name, chosen in by_name.items():
        if chosen and chosen not in different.values():
            different[name] = chosen
    return different


def _panels(target: str, rows: OrderRows, stages: Mapping[Row, Stages], scores: BootstrapScores) -> list[Record]:
    """Return a target's panels, one per subset of its languages."""
    codes = next(iter(stages[rows.orders[0]].values())).languages
    return [
        rows.panel(target, subset, languages, _estimates(stages, scores, uniform_weights(languages)))
        for subset, languages in subsets(codes).items()
    ]


def _average(targets: Sequence[str], rows: OrderRows, evaluations: Evaluations, scores: BootstrapScores) -> list[Record]:
    """Return the panel of the average over targets, of seeds in which a row has them all; empty with a single target."""
    if len(targets) < 2:
        return []
    columns = [_estimates(rows.evaluations(target, evaluations), scores) for target in targets]
    means: dict[Row, dict[int, Estimate]] = {}
    for row in columns[0]:
        by_target = [column.get(row, {}) for column in columns]
        means[row] = {seed: mean_estimate([part[seed] for part in by_target]) for seed in shared_seeds(by_target)}
    means = {row: by_seed for row, by_seed in means.items() if by_seed}
    return [rows.panel(AVERAGE, ALL, [], means)] if complete_seeds(means, rows.orders) else []


def _estimates(
    stages: Mapping[Row, Stages], scores: BootstrapScores, weights: Weights | None = None
) -> dict[Row, dict[int, Estimate]]:
    """Return the weighted scores by row and seed; without weights of all languages alike."""
    return {
        row: {seed: scores.scored(stage).weighted(weights) for seed, stage in by_seed.items()} for row, by_seed in stages.items()
    }


def _single_tasks(evaluations: Evaluations, rows: Collection[Row], store: Store) -> tuple[dict[str, int], dict[str, float]]:
    """Return, of each task trained first and alone, before any target, its training examples, and its easiness by the mean of its
    English dev scores over seeds. A chain's first training is the single task's own.
    """
    sizes: dict[str, int] = {}
    dev: dict[str, dict[str, float]] = {}  # task -> training's address -> score
    chances: dict[str, float] = {}
    stages = [stage for (row, _), by_seed in evaluations.items() if row in rows for stage in by_seed.values()]
    for stage in stages:
        for first in _trained(stage)[:1]:
            (task,), result = first.tasks, store.result(first)
            sizes[task] = result["examples"][task]
            if task in result["dev"]:
                dev.setdefault(task, {})[plan.address(first)] = result["dev"][task]["score"]
                if (level := result.get("chance", {}).get(task)) is not None:
                    chances[task] = level
    easy = {task: easiness(task, float(np.mean(list(scores.values()))), chances.get(task)) for task, scores in dev.items()}
    return sizes, easy


def _trained(stage: plan.Predict) -> list[plan.Train]:
    """Return the trainings after the first encoder's own."""
    return [link for link in plan.chain(stage) if isinstance(link, plan.Train) and link.tasks != ("text",)]


def _steps(evaluations: Evaluations, rows: Sequence[Row], store: Store) -> dict[str, int]:
    """Return each row's steps before the target's, where they are the same on every target and seed."""
    done: dict[str, int] = {}  # by training's address
    steps: dict[str, int] = {}
    for row in rows:
        counts = set()
        stages = [stage for (other, _), by_seed in evaluations.items() if other == row for stage in by_seed.values()]
        for stage in stages:
            chain = {plan.address(training): training for training in _trained(stage)[: len(row.intermediate)]}
            done |= {address: store.result(chain[address])["steps"]["done"] for address in chain if address not in done}
            counts.add(sum(done[address] for address in chain))
        if len(counts) == 1:
            steps[row.name] = counts.pop()
    return steps
