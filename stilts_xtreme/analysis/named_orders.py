"""Orders named before any score is known: by size, by easiness, and with the target's nearest relative last."""

import math
from collections.abc import Mapping, Sequence

from stilts_xtreme.tasks.catalogue import TASKS, trained_on, training

Order = tuple[str, ...]


def easiness(task: str, score: float, chance: float | None = None) -> float:
    """Return a task's English dev score (0 to 100) on the way from chance level (0) to perfect (1): comparable between tasks.

    `chance`: what the best constant answer scores on English dev; None (older results): the task's own chance level, or 0.
    """
    level = (training(task)[0].chance or 0.0) if chance is None else chance
    return (score - level) / (100 - level)


def by(values: Mapping[str, float], orders: Sequence[Order]) -> list[int]:
    """Return the indices of the orders in which tasks' values never fall; none where this holds for every order."""
    return _unless_all([index for index, order in enumerate(orders) if _rising([values[task] for task in order])], orders)


def similar_last(target: str, orders: Sequence[Order]) -> list[int]:
    """Return the indices of the orders whose last task has the target's kind of head; of several such tasks, the one that the
    target is trained on. None where this holds for no order or for every order.
    """
    tasks = dict.fromkeys(task for order in orders for task in order)
    head = TASKS[target].head
    alike = [task for task in tasks if training(task)[0].head == head]
    own = [task for task in alike if training(task)[0].name in (*trained_on(target), target)] if len(alike) > 1 else []
    return _unless_all([index for index, order in enumerate(orders) if order[-1] in (own or alike)], orders)


def named(
    target: str | None, orders: Sequence[Order], sizes: Mapping[str, int], easy: Mapping[str, float]
) -> dict[str, list[int]]:
    """Return name -> indices of the orders it fits; names that fit none or all are absent.

    `target`: None for the average of several. `sizes`: training examples by task; `easy`: easiness by task.
    """
    tasks = orders[0] if orders else ()
    indices: dict[str, list[int]] = {}
    if all(task in sizes for task in tasks):
        indices["size ascending"] = by(sizes, orders)
        indices["size descending"] = by({task: -sizes[task] for task in tasks}, orders)
    if all(task in easy and math.isfinite(easy[task]) for task in tasks):
        indices["easy to hard"] = by({task: -easy[task] for task in tasks}, orders)
        indices["hard to easy"] = by(easy, orders)
    if target is not None:
        indices["similar last"] = similar_last(target, orders)
    return {name: chosen for name, chosen in indices.items() if chosen}


def _unless_all(indices: list[int], orders: Sequence[Order]) -> list[int]:
    return indices if len(indices) < len(orders) else []


def _rising(values: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(values, values[1:], strict=False))
