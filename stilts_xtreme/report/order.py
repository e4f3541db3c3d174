"""The section of a study of orders: does the order of intermediate tasks matter, and is any better than their mixture?"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stilts_xtreme.report import figures, tables, tested, text
from stilts_xtreme.report.figures import Figure, Mark
from stilts_xtreme.report.page import Section
from stilts_xtreme.report.summary import AVERAGE, Summary
from stilts_xtreme.report.tables import ABSENT, Cell, Row, Table

Panel = Mapping[str, Any]  # a target's orders in a subset of languages, as a result holds them
ALL = "all"
MIXED = {"mean": "the mean of all orders", "best": "the best order", "best elsewhere": "the order best in the other seeds"}
DIFFERENCE = ("difference", "95 % interval", "p", "q")


def sections(summary: Summary) -> list[Section]:
    orders = summary.study.get("orders")
    if orders is None:
        return []
    whole = [panel for panel in orders["panels"] if panel["subset"] == ALL]
    drawn = [_figure(panel, orders["rows"], f"order-{panel['target']}{f'-{number}' if panel['way'] else ''}")
             for number, panel in enumerate(panel for panel in whole if panel["target"] != AVERAGE)]  # fmt: skip
    parts = [effect(whole, orders), named(whole, orders), mixtures(whole), last(whole), by_language(orders)]
    return [Section("order", "Order of intermediate tasks", _how(whole, orders), drawn, parts)]


def means(panel: Panel, rows: Sequence[str]) -> dict[str, float]:
    """Every order's mean over the seeds that have them all."""
    seeds = [str(seed) for seed in panel["seeds"]]
    whole = {
        row: panel["scores"][row]
        for row in rows
        if row in panel["scores"] and all(seed in panel["scores"][row] for seed in seeds)
    }
    return {row: math.fsum(scores[seed] for seed in seeds) / len(seeds) for row, scores in whole.items()}


def effect(panels: Sequence[Panel], orders: Mapping[str, Any]) -> Table | None:
    """Do orders differ, where does the variance come from, what is the best order worth?"""
    rows: list[Row] = []
    for panel in panels:
        shown = means(panel, orders["rows"])
        cells = (
            *tables.words(str(len(shown)), str(len(panel["seeds"])), text.number(math.fsum(shown.values()) / len(shown))),
            Cell(panel["best"]["order"]) if panel.get("best") else ABSENT, *_best(panel), *_parts(panel),
            *_test(panel.get("differ")),
        )  # fmt: skip
        rows.append((panel["target"] + panel["way"], cells))
    heads = (
        "orders", "seeds", "mean", "best order", "above the mean", "by chance", "held out", "variance: order", "seed", "rest",
        "p", "q", "verdict",
    )  # fmt: skip
    note = (
        "By chance: how far the best order would lie above the mean if order had no effect. Held out: the order best in the other"
        " seeds, above the mean of all in the seed left out. Variance: components of order and seed, the rest being chance"
        " and what order does in one seed alone; 0 % marked (−) is an estimate below zero. p: permutation test whether orders"
        " differ at all; q: adjusted for the rows of this table."
    )
    single = [panel["target"] + panel["way"] for panel in panels if len(panel["seeds"]) < 2]
    alone = f"{text.listed(single)}: one seed, so that order and chance cannot be told apart." if single else ""
    return tables.table("Does the order matter?", "target", heads, rows, note, alone)


def named(panels: Sequence[Panel], orders: Mapping[str, Any]) -> Table | None:
    """Orders named beforehand against random order."""

    def row(order: Mapping[str, Any]) -> Row:
        where = (Cell(" or ".join(order["orders"])), Cell(text.number(order["rank"])), *_difference(order, "difference"))
        return order["name"], where

    heads = ("order", "mean rank", "above the mean", "95 % over seeds", "p", "q")
    note = (
        "Against random order: the mean of all orders, and a permutation test. Size: training examples. Easy: English dev score"
        " of the task alone, as its share of the way from guessing to 100, since metrics differ. Similar last: the last task has"
        " the target's kind of head. Where a name leaves open what comes first, the orders it fits are taken together. A name"
        " that says nothing about a target is absent."
    )
    return tables.table("Orders named beforehand.", "name", heads, _bodies(panels, "named", row), note)


def mixtures(panels: Sequence[Panel]) -> Table | None:
    """The same tasks mixed, against their orders."""
    note = (
        "Intervals hold for other seeds and other test examples; with one seed for other test examples alone. The best order is"
        " picked on the scores shown, which is unfair to the mixture; the order best in the other seeds is not."
    )
    bodies = _bodies(
        panels, "mixtures", lambda mixture: (f"{mixture['row']} − {MIXED[mixture['against']]}", _difference(mixture, "gain"))
    )
    return tables.table("The tasks mixed, against their orders.", "difference", DIFFERENCE, bodies, note)


def last(panels: Sequence[Panel]) -> Table | None:
    """Each order against its last task alone."""
    note = "An order trains more steps than its last task alone: a gain may be the steps' as well as the tasks'."
    bodies = _bodies(panels, "last", lambda order: (order["row"], (Cell(order["baseline"]), *_difference(order, "gain"))))
    caption = "Does what comes before help? Each order minus its last task alone."
    return tables.table(caption, "order", ("last task alone", *DIFFERENCE), bodies, note)


def by_language(orders: Mapping[str, Any]) -> Table | None:
    """The same by subsets of languages."""
    bodies: dict[str, list[Row]] = {}
    for panel in orders["panels"]:
        if panel["subset"] != ALL:
            mixed = next((mixture for mixture in panel.get("mixtures", ()) if mixture["against"] == "mean"), None)
            shown = means(panel, orders["rows"])
            cells = (
                Cell(str(len(panel.get("languages", ())))), Cell(text.number(math.fsum(shown.values()) / len(shown))),
                Cell(panel["best"]["order"]) if panel.get("best") else ABSENT, *_best(panel)[:2], _parts(panel)[0],
                *_test(panel.get("differ"))[:2], *(_difference(mixed, "gain")[:2] if mixed else (ABSENT, ABSENT)),
            )  # fmt: skip
            bodies.setdefault(panel["target"] + panel["way"], []).append((panel["subset"], cells))
    heads = (
        "languages", "mean", "best order", "above the mean", "by chance", "variance: order", "p", "q", "mixture − mean",
        "95 % interval",
    )  # fmt: skip
    note = (
        "Resources: class of Joshi et al. 2020, low 0–2, mid 3, high 4–5; English is counted in none. Subsets of different"
        " targets hold different languages. q: adjusted for the rows of this table."
    )
    return tables.table("Orders by languages.", "languages", heads, bodies, note)


def _bodies(panels: Sequence[Panel], part: str, row: Callable[[Mapping[str, Any]], Row]) -> dict[str, list[Row]]:
    return {panel["target"] + panel["way"]: list(map(row, panel.get(part, ()))) for panel in panels}


def _difference(record: Mapping[str, Any], key: str) -> tuple[Cell, ...]:
    star = "*" if record["q"] < tested.LEVEL else ""
    ends = record.get("interval")
    return (
        Cell(text.number(record[key], True) + star, strong=bool(star)), Cell(text.interval(ends and tuple(ends))),
        *tables.words(text.probability(record["p"]), text.probability(record["q"])),
    )  # fmt: skip


def _test(test: Mapping[str, Any] | None) -> tuple[Cell, Cell, Cell]:
    if not test:
        return ABSENT, ABSENT, Cell("not tested: it takes two seeds")
    blind = test["least"] >= tested.LEVEL
    verdict = (
        "orders differ" if test["q"] < tested.LEVEL else "too few orders and seeds" if blind else "no significant difference"
    )
    return Cell(text.probability(test["p"])), Cell(text.probability(test["q"])), Cell(verdict)


def _best(panel: Panel) -> tuple[Cell, ...]:
    values = [(panel.get("best") or {}).get(name) for name in ("above", "expected", "elsewhere")]
    return tuple(ABSENT if value is None else Cell(text.number(value, signed=True)) for value in values)


def _parts(panel: Panel) -> tuple[Cell, ...]:
    """The parts of the variance."""
    variance = panel.get("variance") or {}
    total = math.fsum(part["component"] for part in variance.values())
    if total <= 0:
        return ABSENT, ABSENT, ABSENT
    parts = [variance[name] for name in ("order", "seed", "rest")]
    return tuple(Cell(f"{100 * part['component'] / total:.0f} %" + (" (−)" if part.get("negative") else "")) for part in parts)


def _how(panels: Sequence[Panel], orders: Mapping[str, Any]) -> list[str]:
    lines = [
        "Random order is what every order is judged against: in each seed the scores change places among the orders, in such a"
        " way that orders that begin alike, and so share trainings, stay together."
    ]
    tests = [panel["differ"] for panel in panels if panel.get("differ")]
    if drawn := [test["arrangements"] for test in tests if not test.get("exact")]:
        lines[0] += f" {drawn[0]:,} arrangements are drawn where there are more."
    elif tests:
        lines[0] += " Every arrangement is gone through."
    if orders.get("drawn"):
        lines.append(f"{orders['drawn']} orders were drawn by chance from all there are.")
    steps = orders.get("steps") or {}
    for row in {entry["row"]: 0 for panel in panels for entry in panel.get("mixtures", ()) if entry["row"] in steps}:
        own = sorted({steps[name] for name in orders["rows"] if name in steps})
        if own and own != [steps[row]]:
            lines.append(f"{row} takes {steps[row]:,} steps, orders {text.between(own)}: part of a difference may be the steps'.")
    missing = [f"{entry['target']}{entry['way']}" for entry in orders.get("absent", ())]
    return lines + ([f"Left out, since no seed has every order: {text.listed(missing)}."] if missing else [])


def _figure(panel: Panel, rows: Sequence[str], name: str) -> Figure:
    """A row of dots for each order, best on top, then the mixtures and the single tasks."""
    shown = means(panel, rows)
    others = [row for row in panel["scores"] if row not in rows and panel["scores"][row]]
    mixed = {entry["row"] for entry in panel.get("mixtures", ())}
    groups: list[tuple[str, list[Mark]]] = [("", [_mark(panel, row, 1) for row in sorted(shown, key=lambda row: -shown[row])])]
    groups.append(("the tasks mixed", [_mark(panel, row, 2) for row in others if row in mixed]))
    groups.append(("one task alone", [_mark(panel, row, None) for row in others if row not in mixed]))
    title = f"Score by order: {panel['target']}{panel['way']}"
    lines = (math.fsum(shown.values()) / len(shown),)
    caption = (
        "Best order on top; a dot a seed, a stroke its mean; dashed: the mean of all orders. Beside a name: what it is called."
    )
    alternative = f"{title}, {len(shown)} orders; means as at the right: the best is {max(shown, key=lambda row: shown[row])}."
    return Figure(
        name, caption, alternative, figures.rows([figures.Panel(title, [entry for entry in groups if entry[1]], lines)], "dots")
    )


def _mark(panel: Panel, row: str, look: int | None) -> Mark:
    own = panel["scores"][row]
    shared = [own[str(seed)] for seed in panel["seeds"] if str(seed) in own] or list(own.values())
    mean = math.fsum(shared) / len(shared)
    called = ", ".join(order["name"] for order in panel.get("named", ()) if row in order["orders"])
    return Mark(
        f"{row} ({called})" if called else row, tuple((score, look) for score in own.values()), None, text.number(mean), mean
    )
