"""Orders that have a name before any score is seen: by size, by easiness, and with the target's nearest relative last."""

import math
from collections.abc import Mapping, Sequence

from stilts_xtreme.tasks.catalogue import TASKS, trained_on, training

Order = tuple[str, ...]


def easiness(task: str, score: float, chance: float | None = None) -> float:
    """A single-task English dev score on the way from guessing (0) to all right (1): metrics differ between tasks, this compares.

    Guessing is `chance`, what the best constant answer scores on English dev; for an older result, which does not hold it, the
    task's own level, or 0 where it has none.
    """
    guess = (training(task)[0].chance or 0.0) if chance is None else chance
    return (score - guess) / (100 - guess)


def by(worth: Mapping[str, float], orders: Sequence[Order]) -> list[int]:
    """Places of the orders that go up by worth; equal ones may stand either way. None where all are equal."""
    found = [place for place, order in enumerate(orders) if _rising([worth[task] for task in order])]
    return found if len(found) < len(orders) else []


def similar_last(target: str, orders: Sequence[Order]) -> list[int]:
    """Places of the orders whose last task has the target's kind of head; where one of several is what the target is trained on,
    that one's. None where no task, or every one, is such.
    """
    tasks = dict.fromkeys(task for order in orders for task in order)
    head = TASKS[target].head
    alike = [task for task in tasks if training(task)[0].head == head]
    own = [task for task in alike if training(task)[0].name in (*trained_on(target), target)] if len(alike) > 1 else []
    found = [place for place, order in enumerate(orders) if order[-1] in (own or alike)]
    return found if len(found) < len(orders) else []


def named(
    target: str | None, orders: Sequence[Order], sizes: Mapping[str, int], easy: Mapping[str, float]
) -> dict[str, list[int]]:
    """Places of the orders by name; several where the name leaves open what comes first, absent where it says nothing here.

    `target`: None for the average of several.
    """
    tasks = orders[0] if orders else ()
    found: dict[str, list[int]] = {}
    if all(task in sizes for task in tasks):
        found["size ascending"] = by(sizes, orders)
        found["size descending"] = by({task: -sizes[task] for task in tasks}, orders)
    if all(task in easy and math.isfinite(easy[task]) for task in tasks):
        found["easy to hard"] = by({task: -easy[task] for task in tasks}, orders)
        found["hard to easy"] = by(easy, orders)
    if target is not None:
        found["similar last"] = similar_last(target, orders)
    return {name: places for name, places in found.items() if places}


def _rising(values: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(values, values[1:], strict=False))
