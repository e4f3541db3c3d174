"""What a study's result tells about orders, one panel a target and subset of languages; what is not well told is left out."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ALL, AVERAGE = "all", "average"
Told = Mapping[str, Any]


@dataclass(frozen=True)
class Panel:
    """`scores` by row and seed, of orders, mixtures and single tasks; None or empty: not told, as with a single seed."""

    way: str  # languages of fine-tuning and what else is not as usual, in brackets
    column: str
    subset: str
    languages: tuple[str, ...]
    seeds: tuple[int, ...]
    orders: tuple[str, ...]
    partial: tuple[str, ...]  # orders that lack a seed
    scores: Mapping[str, Mapping[int, float]]
    best: Told | None
    differ: Told | None
    variance: Mapping[str, Told] | None
    named: tuple[Told, ...]
    mixtures: tuple[Told, ...]
    last: tuple[Told, ...]

    @property
    def title(self) -> str:
        return self.column + self.way

    @property
    def mean(self) -> float:
        return math.fsum(self.means.values()) / len(self.orders)

    @property
    def means(self) -> dict[str, float]:
        """Every order's mean over the seeds that have them all."""
        return {name: math.fsum(self.scores[name][seed] for seed in self.seeds) / len(self.seeds) for name in self.orders}

    @property
    def shares(self) -> dict[str, float] | None:
        """The parts of the variance in 100."""
        parts = {name: part["component"] for name, part in (self.variance or {}).items()}
        total = math.fsum(parts.values())
        return {name: 100 * part / total for name, part in parts.items()} if total > 0 else None


def panels(told: Any) -> list[Panel]:
    """The panels of a study's `orders`."""
    rows = told.get("rows") if isinstance(told, Mapping) else None
    if not isinstance(rows, list):
        return []
    return [panel for one in mappings(told.get("panels")) if (panel := _panel(one, rows)) is not None]


def _panel(told: Told, rows: Sequence[str]) -> Panel | None:
    try:
        scores = {
            str(name): {int(seed): float(value) for seed, value in by_seed.items()} for name, by_seed in told["scores"].items()
        }
        way, column, subset, seeds = str(told["way"]), str(told["target"]), str(told["subset"]), tuple(map(int, told["seeds"]))
        languages = tuple(map(str, told.get("languages") or ()))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    orders = tuple(name for name in rows if name in scores and all(seed in scores[name] for seed in seeds))
    if not seeds or not orders or not all(math.isfinite(value) for by_seed in scores.values() for value in by_seed.values()):
        return None
    best, differ, variance = told.get("best"), told.get("differ"), told.get("variance")
    parts = {name: one for name, one in variance.items() if _numbers(one, "component")} if isinstance(variance, Mapping) else {}
    return Panel(
        way,
        column,
        subset,
        languages,
        seeds,
        orders,
        tuple(name for name in rows if name in scores and name not in orders),
        scores,
        best if _numbers(best, "above") and best.get("order") in orders else None,
        differ if _numbers(differ, "p", "q", "least", "arrangements") else None,
        parts if {"order", "seed", "rest"} == parts.keys() else None,
        _whole(told, "named", ("name", "orders"), ("rank", "difference", "p", "q")),
        _whole(told, "mixtures", ("row", "against"), ("gain", "p", "q")),
        _whole(told, "last", ("row", "baseline"), ("gain", "p", "q")),
    )


def _whole(told: Told, name: str, words: Sequence[str], numbers: Sequence[str]) -> tuple[Told, ...]:
    return tuple(one for one in mappings(told.get(name)) if all(word in one for word in words) and _numbers(one, *numbers))


def mappings(told: Any) -> Iterator[Told]:
    """Those of a list; none where it is no list."""
    yield from (one for one in told or () if isinstance(one, Mapping)) if isinstance(told, list) else ()


def _numbers(told: Any, *names: str) -> bool:
    """Does it hold a finite number by each of these names?"""
    found = [told.get(name) for name in names] if isinstance(told, Mapping) else [None]
    return all(isinstance(value, int | float) and math.isfinite(value) for value in found)
