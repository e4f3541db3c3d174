"""Tested differences as tables and figures show them: estimate, 95 % interval, a star where it is significant, a verdict."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from stilts_xtreme.report import text
from stilts_xtreme.report.figures import Mark
from stilts_xtreme.report.summary import AVERAGE
from stilts_xtreme.report.tables import Cell, Row
from stilts_xtreme.results.effects import Effect

LEVEL = 0.05  # false discovery rate below which an effect is called significant
STAR = f"* q < {LEVEL}, adjusted (Benjamini-Hochberg)"
HEADS = ("difference", "95 % interval", "p", "q")


def ends(effect: Effect | None) -> tuple[float, float] | None:
    """Return the 95 % interval; None where there is none."""
    return None if effect is None or effect.low is None or effect.high is None else (effect.low, effect.high)


def significant(effect: Effect | None) -> bool:
    """Is it significant? Where nothing was adjusted, its interval leaves out zero."""
    if effect is None:
        return False
    if effect.q is not None:
        return effect.q < LEVEL
    return (around := ends(effect)) is not None and (around[0] > 0 or around[1] < 0)


def direction(effect: Effect) -> int:
    """Return 1 where it is significantly above zero, -1 where below, else 0."""
    return (1 if (effect.estimate or 0) > 0 else -1) if significant(effect) else 0


def interval(effect: Effect, digits: int = 1) -> str:
    """Write the interval as `−0.3 to +0.5`, or the dash."""
    return text.interval(ends(effect), digits)


def mark(label: str, effect: Effect) -> Mark:
    """Make a figure's row of the estimate, its interval, and the number beside it."""
    value = effect.estimate or 0.0
    return Mark(label, ((value, 1),), ends(effect), text.number(value, signed=True))


def cell(effect: Effect | None, digits: int = 1) -> Cell | str:
    """Write the estimate, starred and bold where significant, its interval beneath."""
    if effect is None or effect.estimate is None:
        return text.ABSENT
    star, beneath = "*" if significant(effect) else "", interval(effect, digits) if effect.low is not None else ""
    return Cell(text.number(effect.estimate, True, digits) + star, beneath, bool(star))


def cells(effect: Effect | None, digits: int = 1) -> tuple[Cell | str, ...]:
    """Write the four columns of `HEADS`."""
    if effect is None or effect.estimate is None:
        return (text.ABSENT,) * 4
    return columns(effect.estimate, ends(effect), effect.p, effect.q, significant(effect), digits)


def columns(
    estimate: float, around: Sequence[float] | None, p: float | None, q: float | None, significant: bool, digits: int = 1
) -> tuple[Cell | str, ...]:
    """Write these columns of numbers that are not in an effect."""
    shown = Cell(text.number(estimate, True, digits) + ("*" if significant else ""), strong=significant)
    return shown, text.interval(around, digits), text.probability(p), text.probability(q)


def matrix(effects: Iterable[Effect], places: Sequence[str], label: Callable[[Effect], str], place: str = "target") -> list[Row]:
    """Build a row a label: at each place the effect whose field `place` it is, and a verdict in words at the end."""
    by: dict[str, dict[str | None, Effect]] = {}
    for effect in effects:
        by.setdefault(label(effect), {})[getattr(effect, place)] = effect
    return [(name, (*(cell(row.get(column)) for column in places), verdict(row))) for name, row in by.items()]


def verdict(row: Mapping[str | None, Effect]) -> str:
    """Write `better on average, xnli; worse on panx`, or `no significant difference`."""
    parts = []
    for word, sign in (("better", 1), ("worse", -1)):
        places = [str(place) for place, effect in row.items() if direction(effect) == sign]
        if places:
            parts.append(f"{word} on {', '.join(sorted(places, key=lambda place: place != AVERAGE))}")
    return "; ".join(parts) or "no significant difference"


def varied(seeds: int) -> str:
    """Say what a 95 % interval is over."""
    return "over test examples and seeds" if seeds > 1 else "over test examples, of one seed"
