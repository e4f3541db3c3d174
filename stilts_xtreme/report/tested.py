"""Tested differences as tables show them: an estimate with its 95 % interval, a star where it is significant, a verdict."""

from collections.abc import Callable, Iterable, Sequence

from stilts_xtreme.report import text
from stilts_xtreme.report.summary import AVERAGE
from stilts_xtreme.report.tables import ABSENT, Cell, Row
from stilts_xtreme.results.effects import Effect

LEVEL = 0.05  # false discovery rate below which an effect is called significant
STAR = f"* q < {LEVEL}, adjusted (Benjamini-Hochberg)"
HEADS = ("difference", "95 % interval", "p", "q")


def sure(effect: Effect | None) -> bool:
    """Is it significant? Where nothing was adjusted, its interval leaves out zero."""
    if effect is None:
        return False
    if effect.q is not None:
        return effect.q < LEVEL
    return effect.low is not None and effect.high is not None and (effect.low > 0 or effect.high < 0)


def interval(effect: Effect, digits: int = 1) -> str:
    """`−0.3 to +0.5`, or the dash."""
    return text.interval(None if effect.low is None or effect.high is None else (effect.low, effect.high), digits)


def cell(effect: Effect | None, digits: int = 1, signed: bool = True) -> Cell:
    """The estimate, starred and bold where significant, its interval beneath."""
    if effect is None or effect.estimate is None:
        return ABSENT
    star = "*" if sure(effect) else ""
    return Cell(
        text.number(effect.estimate, signed, digits) + star,
        interval(effect, digits) if effect.low is not None else "",
        bool(star),
    )


def cells(effect: Effect | None, digits: int = 1) -> tuple[Cell, ...]:
    """The four columns of `HEADS`."""
    if effect is None or effect.estimate is None:
        return (ABSENT,) * 4
    star = "*" if sure(effect) else ""
    shown = Cell(text.number(effect.estimate, True, digits) + star, strong=bool(star))
    return shown, Cell(interval(effect, digits)), Cell(text.probability(effect.p)), Cell(text.probability(effect.q))


def matrix(
    effects: Iterable[Effect], columns: Sequence[str], label: Callable[[Effect], str],
    column: Callable[[Effect], str | None] = lambda effect: effect.target,
) -> list[Row]:  # fmt: skip
    """A row a label: the effect of each column, and a verdict in words at the end."""
    by: dict[str, dict[str | None, Effect]] = {}
    for effect in effects:
        by.setdefault(label(effect), {})[column(effect)] = effect
    return [(name, (*(cell(row.get(place)) for place in columns), Cell(verdict(row)))) for name, row in by.items()]


def verdict(row: dict[str | None, Effect]) -> str:
    """`better on average, xnli; worse on panx`, or `no significant difference`."""
    places = {word: [str(place) for place, effect in row.items() if sure(effect) and ((effect.estimate or 0) > 0) == up]
              for word, up in (("better", True), ("worse", False))}  # fmt: skip
    ordered = {word: sorted(names, key=lambda name: name != AVERAGE) for word, names in places.items() if names}
    return "; ".join(f"{word} on {', '.join(names)}" for word, names in ordered.items()) or "no significant difference"


def among(seeds: int) -> str:
    """What a 95 % interval speaks of."""
    return "over test examples and seeds" if seeds > 1 else "over test examples, of one seed"
