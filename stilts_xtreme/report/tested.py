"""Tested differences as tables show them: an estimate with its 95 % interval, a star where it is significant, a verdict."""

from collections.abc import Callable, Iterable, Sequence

from stilts_xtreme.report import text
from stilts_xtreme.report.summary import AVERAGE
from stilts_xtreme.report.tables import ABSENT, Cell, Row
from stilts_xtreme.results.effects import Effect

LEVEL = 0.05  # false discovery rate below which an effect is called significant
STAR = f"* q < {LEVEL}, adjusted (Benjamini-Hochberg)"
HEADS = ("difference", "95 % interval", "p", "q")


def sure(one: Effect | None) -> bool:
    """Is it significant? Where nothing was adjusted, its interval leaves out zero."""
    if one is None:
        return False
    if one.q is not None:
        return one.q < LEVEL
    return one.low is not None and one.high is not None and (one.low > 0 or one.high < 0)


def interval(one: Effect, digits: int = 1) -> str:
    """`−0.3 to +0.5`, or the dash."""
    return text.interval(None if one.low is None or one.high is None else (one.low, one.high), digits)


def cell(one: Effect | None, digits: int = 1, signed: bool = True) -> Cell:
    """The estimate, starred and bold where significant, its interval beneath."""
    if one is None or one.estimate is None:
        return ABSENT
    star = "*" if sure(one) else ""
    return Cell(
        text.number(one.estimate, signed, digits) + star, interval(one, digits) if one.low is not None else "", bool(star)
    )


def cells(one: Effect | None, digits: int = 1) -> tuple[Cell, ...]:
    """The four columns of `HEADS`."""
    if one is None or one.estimate is None:
        return (ABSENT,) * 4
    star = "*" if sure(one) else ""
    shown = Cell(text.number(one.estimate, True, digits) + star, strong=bool(star))
    return shown, Cell(interval(one, digits)), Cell(text.probability(one.p)), Cell(text.probability(one.q))


def matrix(
    effects: Iterable[Effect], columns: Sequence[str], label: Callable[[Effect], str],
    column: Callable[[Effect], str | None] = lambda one: one.target,
) -> list[Row]:  # fmt: skip
    """A row a label: the effect of each column, and a verdict in words at the end."""
    by: dict[str, dict[str | None, Effect]] = {}
    for one in effects:
        by.setdefault(label(one), {})[column(one)] = one
    return [(name, (*(cell(row.get(place)) for place in columns), Cell(verdict(row)))) for name, row in by.items()]


def verdict(row: dict[str | None, Effect]) -> str:
    """`better on average, xnli; worse on panx`, or `no significant difference`."""
    places = {word: [str(place) for place, one in row.items() if sure(one) and ((one.estimate or 0) > 0) == up]
              for word, up in (("better", True), ("worse", False))}  # fmt: skip
    ordered = {word: sorted(names, key=lambda name: name != AVERAGE) for word, names in places.items() if names}
    return "; ".join(f"{word} on {', '.join(names)}" for word, names in ordered.items()) or "no significant difference"


def among(seeds: int) -> str:
    """What a 95 % interval speaks of."""
    return "over test examples and seeds" if seeds > 1 else "over test examples, of one seed"
