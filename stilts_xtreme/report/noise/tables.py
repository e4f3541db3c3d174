"""The tables of a study of noise: scores and drops, what each training spares, and every language."""

from collections.abc import Mapping
from typing import Any

from stilts_xtreme.report import against, text
from stilts_xtreme.report.comparisons import LEVEL, among
from stilts_xtreme.report.noise.noisy import Noisy
from stilts_xtreme.report.noise.questions import questions
from stilts_xtreme.report.tables import Body, Cell, Column, Table, metric, over
from stilts_xtreme.results.rows import BASELINE


def scores(noisy: Noisy, target: str) -> Table:
    rows, weak = [], False
    for row in noisy.rows:
        drop = noisy.drop(row.name, target)
        guessing = noisy.guessing(row.name, target)
        weak |= guessing
        cells = [
            Cell(text.value(noisy.score(row.name, target, rate)), text.spread(noisy.score(row.name, target, rate)))
            for rate in (0.0, *noisy.rates)
        ]
        cells[0] = Cell(cells[0].text, " ".join(filter(None, [cells[0].small, "§" if guessing else ""])))
        cells += [_lost(drop), _lost(drop.get("relative") if drop else None), Cell(text.value(noisy.flips(row.name, target)))]
        rows.append((noisy.names[row.name], tuple(cells)))
    at = f"at {100 * noisy.highest:g} %"
    columns = [Column("clean"), *(Column(f"{100 * rate:g} % noise") for rate in noisy.rates)]
    columns += [Column(f"drop {at}, points"), Column(f"drop {at}, % of clean"), Column(f"flips {at}, %")]
    notes = [
        f"Beneath a drop stands its 95 % interval, {among(len(noisy.summary.seeds))}. Flips: predictions that the errors change,"
        " mean over languages." + (" § no better than guessing." if weak else "")
    ]
    caption = f"{target}: {metric(noisy.summary, target)} with and without typing errors; {over(noisy.summary)}."
    return Table(caption, "model", tuple(columns), (Body("", tuple(rows)),), tuple(notes))


def _lost(one: Mapping[str, Any] | None) -> Cell:
    return Cell(text.number(one["gain"]), text.interval(tuple(one["interval"]))) if one else Cell(text.ABSENT)


def contrasts(noisy: Noisy, relative: bool) -> Table | None:
    """Which training makes noise cost less: a body for each question, a row for each pair, a column for each target."""
    bodies = []
    for title, pairs in questions(noisy).items():
        rows = []
        for row, other in pairs:
            effects = [noisy.effect(row, other, column) for column in noisy.columns]
            chosen = [one.get("relative") if one and relative else one for one in effects]
            rows.append((f"{noisy.names[row]} against {noisy.names[other]}", tuple(map(against.cell, chosen))))
        if any(cell.text != text.ABSENT for _, cells in rows for cell in cells):
            bodies.append(Body(title, tuple(rows)))
    if not bodies:
        return None
    what = "percent of the own clean score" if relative else "points"
    single, averages = noisy.tested(average=False), noisy.tested(average=True)
    apart = f"; averages apart, for {averages[0]} and {averages[1]}" if any(averages) else ""
    notes = (
        f"Drop of the second model minus drop of the first in {what}: above zero where the first loses less. Beneath stands the"
        f" 95 % interval. * q < {LEVEL}, adjusted (Benjamini-Hochberg) for the {single[0]} comparisons with {BASELINE} at all"
        f" rates, or for the {single[1]} of other pairs at the highest one{apart}.",
    )  # fmt: skip
    caption = f"What training spares at {100 * noisy.highest:g} % noise, in {what}."
    return Table(caption, "models", tuple(map(Column, noisy.columns)), tuple(bodies), notes)


def languages(noisy: Noisy, target: str) -> Table | None:
    codes = [code for code in noisy.summary.languages(target)]
    shown = [row for row in noisy.rows if noisy.drop(row.name, target)]
    if not codes or not shown:
        return None
    drops, flips = [], []
    for code in codes:
        drops.append((text.language(code), tuple(_drop(noisy.drop(row.name, target), code) for row in shown)))
        flips.append((text.language(code), tuple(Cell(text.value(noisy.flips(row.name, target, code))) for row in shown)))
    if all(cell.text == text.ABSENT for _, cells in drops for cell in cells):
        drops = []
    bodies = [Body(title, tuple(rows)) for title, rows in (("Drop, points", drops), ("Flips, % of predictions", flips)) if rows]
    notes = ("±: standard error over test examples.",) if drops else ()
    caption = f"{target}: what {100 * noisy.highest:g} % noise costs in each language."
    return Table(caption, "language", tuple(Column(noisy.names[row.name]) for row in shown), tuple(bodies), notes)


def _drop(one: Mapping[str, Any] | None, code: str) -> Cell:
    told = (one or {}).get("languages", {}).get(code)
    return Cell(text.number(told["gain"]), f"± {text.number(told['deviation'])}") if told else Cell(text.ABSENT)
