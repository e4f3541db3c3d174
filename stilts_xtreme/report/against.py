"""Rows that differ in one thing set against one another: in words, and as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from stilts_xtreme.report import text
from stilts_xtreme.report.comparisons import AVERAGE, LEVEL
from stilts_xtreme.report.summary import Summary
from stilts_xtreme.report.tables import Body, Cell, Column, Table

Effect = Mapping[str, Any]  # of a row against another on a column, as a result tells it
Effects = Mapping[tuple[str, str], Mapping[str, Effect]]  # by both rows, then by column


def read(summary: Summary) -> dict[str, Effects]:
    """A study's tested pairs of rows, by kind."""
    pairs: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    for one in summary.study.get("pairs") or ():
        pairs.setdefault(one["kind"], {}).setdefault((one["row"], one["against"]), {})[one["target"]] = one
    return dict(pairs)


def pooled(summary: Summary) -> dict[str, tuple[int, dict[str, Effect]]]:
    """By kind, over how many pairs the mean is, and the mean by column."""
    found: dict[str, tuple[int, dict[str, Effect]]] = {}
    for one in summary.study.get("pooled") or ():
        found.setdefault(one["kind"], (one["pairs"], {}))[1][one["target"]] = one
    return found


def sure(one: Effect) -> bool:
    """Is an effect significant?"""
    return one["q"] is not None and one["q"] < LEVEL


def split(effects: Sequence[Effect]) -> tuple[list[Effect], list[Effect]]:
    """The significant gains, and the significant losses."""
    return tuple([one for one in effects if sure(one) and (one["gain"] > 0) == up] for up in (True, False))  # type: ignore[return-value]


def verdict(effects: Mapping[str, Effect]) -> str:
    """`better on average (+0.4 points, 95 % interval …, q …), significantly better on a and worse on b`."""
    whole = effects.get(AVERAGE)
    singles = [one for column, one in effects.items() if column != AVERAGE]
    sides = [
        f"significantly {word} on {text.listed([one['target'] for one in found])}"
        for word, found in zip(("better", "worse"), split(singles), strict=True)
        if found
    ]
    nowhere = "any target" if len(singles) > 1 else "".join(one["target"] for one in singles)
    if whole is None:
        return " and ".join(sides) or f"no significant difference on {nowhere}"
    size = f"{text.number(whole['gain'], signed=True)} points, 95 % interval {text.interval(tuple(whole['interval']))}"
    size += f", q {text.probability(whole['q'])}"
    if not sure(whole) and not sides:
        return f"no significant difference, neither on average ({size}) nor on {nowhere}"
    word = f"significantly {'better' if whole['gain'] > 0 else 'worse'}" if sure(whole) else "no significant difference"
    return f"{word} on average ({size}), {' and '.join(sides) or f'no significant difference on {nowhere}'}"


def table(summary: Summary, titles: Mapping[str, str], pairs: Mapping[str, Effects]) -> Table:
    """The effects of pairs: a body for each kind with a title, the mean of its pairs last, where that was tested."""
    means = pooled(summary)
    bodies = [Body(title, _body(summary, pairs[kind], means.get(kind))) for kind, title in titles.items() if kind in pairs]
    apart = "averages apart" + (", and so is the mean of several pairs" if any(kind in means for kind in titles) else "")
    notes = (
        "Points by which the first row is better than the second, paired by seed and test example. Beneath stands the 95 %"
        f" interval. * q < {LEVEL}, adjusted (Benjamini-Hochberg) within each block, {apart}.",
    )
    return Table("Rows against one another.", "rows", tuple(map(Column, summary.columns)), tuple(bodies), notes)


def _body(
    summary: Summary, pairs: Effects, mean: tuple[int, Mapping[str, Effect]] | None
) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
    named = [(f"{row} over {other}", effects) for (row, other), effects in pairs.items()]
    named += [(f"mean of the {mean[0]}", mean[1])] if mean is not None else []
    return tuple((name, tuple(cell(effects.get(column)) for column in summary.columns)) for name, effects in named)


def cell(one: Effect | None) -> Cell:
    """An effect with its interval, marked and set in bold where it is significant."""
    if one is None:
        return Cell(text.ABSENT)
    mark = "*" if sure(one) else ""
    return Cell(text.number(one["gain"], signed=True) + mark, text.interval(tuple(one["interval"])), strong=bool(mark))
