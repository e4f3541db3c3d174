"""The section of a study of orders: does the order of intermediate tasks matter, and is any better than their mixture?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stilts_xtreme.report import figures, tables, tested, text
from stilts_xtreme.report.figures import Figure, Mark
from stilts_xtreme.report.page import Section
from stilts_xtreme.report.summary import AVERAGE, Summary
from stilts_xtreme.report.tables import Cell, Row, Table
from stilts_xtreme.scoring.benchmarks import mean

if TYPE_CHECKING:
    from stilts_xtreme.results.schemas.sections import Absent, Against, NamedOrder, Orders, Panel

ALL = "all"
MIXED = {"mean": "the mean of all orders", "best": "the best order", "best elsewhere": "the order best in the other seeds"}


def sections(summary: Summary) -> list[Section]:
    orders = summary.study.get("orders")
    if orders is None:
        return []
    whole = [panel for panel in orders["panels"] if panel["subset"] == ALL]
    drawn = [_figure(panel, orders["rows"], f"order-{panel['target']}{f'-{number}' if panel['way'] else ''}")
             for number, panel in enumerate(panel for panel in whole if panel["target"] != AVERAGE)]  # fmt: skip
    parts = [effect(whole, orders["rows"]), named(whole), mixtures(whole), last(whole), by_language(orders)]
    return [Section("order", "Order of intermediate tasks", _how(whole, orders), drawn, parts)]


def title(panel: "Panel | Absent") -> str:
    """Name the target, and how its rows are fine-tuned where that is not as usual."""
    return panel["target"] + panel["way"]


def means(panel: "Panel", rows: Sequence[str]) -> dict[str, float]:
    """Return every order's mean over the seeds that have them all."""
    seeds = {str(seed) for seed in panel["seeds"]}
    scores = {row: panel["scores"][row] for row in rows if seeds <= set(panel["scores"].get(row, ()))}
    return {row: mean([by_seed[seed] for seed in seeds]) for row, by_seed in scores.items()}


def effect(panels: Sequence["Panel"], orders: Sequence[str]) -> Table | None:
    """Tabulate whether orders differ, where the variance comes from, and what the best order is worth."""
    rows: list[Row] = []
    for panel in panels:
        shown, test = means(panel, orders), panel.get("differ")
        if not test:
            verdict = "not tested: it takes two seeds"
        elif test["q"] < tested.LEVEL:
            verdict = "orders differ"
        else:
            verdict = "too few orders and seeds" if test["least"] >= tested.LEVEL else "no significant difference"
        numbers = str(len(shown)), str(len(panel["seeds"])), text.number(mean(list(shown.values())))
        rows.append((title(panel), (*numbers, *_best(panel), *_variance(panel), *_chances(panel), verdict)))
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
    single = [title(panel) for panel in panels if len(panel["seeds"]) < 2]
    alone = f"{text.listed(single)}: one seed, so that order and chance cannot be told apart." if single else ""
    return tables.table("Does the order matter?", "target", heads, rows, note, alone)


def named(panels: Sequence["Panel"]) -> Table | None:
    """Tabulate the orders named beforehand against random order."""
    rows: list[tuple[str, Row]] = []
    for panel in panels:
        for order in panel.get("named", ()):
            cells = (" or ".join(order["orders"]), text.number(order["rank"]), *_columns(order, order["difference"]))
            rows.append((title(panel), (order["name"], cells)))
    heads = ("order", "mean rank", "above the mean", "95 % over seeds", "p", "q")
    note = (
        "Against random order: the mean of all orders, and a permutation test. Size: training examples. Easy: English dev score"
        " of the task alone, as its share of the way from guessing to 100, since metrics differ. Similar last: the last task has"
        " the target's kind of head. Where a name leaves open what comes first, the orders it fits are taken together. A name"
        " that says nothing about a target is absent."
    )
    return tables.table("Orders named beforehand.", "name", heads, tables.grouped(rows), note)


def mixtures(panels: Sequence["Panel"]) -> Table | None:
    """Tabulate the mixture of the same tasks against their orders."""
    note = (
        "Intervals hold for other seeds and other test examples; with one seed for other test examples alone. The best order is"
        " picked on the scores shown, which is unfair to the mixture; the order best in the other seeds is not."
    )
    rows = [
        (title(panel), (f"{mixture['row']} − {MIXED[mixture['against']]}", _columns(mixture, mixture["gain"])))
        for panel in panels for mixture in panel.get("mixtures", ())
    ]  # fmt: skip
    return tables.table("The tasks mixed, against their orders.", "difference", tested.HEADS, tables.grouped(rows), note)


def last(panels: Sequence["Panel"]) -> Table | None:
    """Tabulate each order against its last task alone."""
    note = "An order trains more steps than its last task alone: a gain may be the steps' as well as the tasks'."
    rows = [
        (title(panel), (order["row"], (order["baseline"], *_columns(order, order["gain"]))))
        for panel in panels for order in panel.get("last", ())
    ]  # fmt: skip
    caption = "Does what comes before help? Each order minus its last task alone."
    return tables.table(caption, "order", ("last task alone", *tested.HEADS), tables.grouped(rows), note)


def by_language(orders: "Orders") -> Table | None:
    """Tabulate the test of orders by subsets of languages."""
    rows: list[tuple[str, Row]] = []
    for panel in (panel for panel in orders["panels"] if panel["subset"] != ALL):
        mixed = next((mixture for mixture in panel.get("mixtures", ()) if mixture["against"] == "mean"), None)
        numbers = str(len(panel.get("languages", ()))), text.number(mean(list(means(panel, orders["rows"]).values())))
        over = _columns(mixed, mixed["gain"])[:2] if mixed else (text.ABSENT, text.ABSENT)
        cells = (*numbers, *_best(panel)[:3], _variance(panel)[0], *_chances(panel), *over)
        rows.append((title(panel), (panel["subset"], cells)))
    heads = (
        "languages", "mean", "best order", "above the mean", "by chance", "variance: order", "p", "q", "mixture − mean",
        "95 % interval",
    )  # fmt: skip
    note = (
        "Resources: class of Joshi et al. 2020, low 0–2, mid 3, high 4–5; English is counted in none. Subsets of different"
        " targets hold different languages. q: adjusted for the rows of this table."
    )
    return tables.table("Orders by languages.", "languages", heads, tables.grouped(rows), note)


def _columns(record: "Against | NamedOrder", estimate: float) -> tuple[Cell | str, ...]:
    return tested.columns(estimate, record.get("interval"), record["p"], record["q"], record["q"] < tested.LEVEL)


def _best(panel: "Panel") -> tuple[str, str, str, str]:
    """The best order, how far it is above the mean of all, the same by chance, and in the seed left out."""
    if not (best := panel.get("best")):
        return (text.ABSENT,) * 4
    values = best["above"], best.get("expected"), best.get("elsewhere")
    above, expected, elsewhere = (text.number(value, signed=True) for value in values)
    return best["order"], above, expected, elsewhere


def _variance(panel: "Panel") -> tuple[str, ...]:
    """The parts of order, seed and rest in the variance."""
    variance = panel.get("variance")
    parts = (variance["order"], variance["seed"], variance["rest"]) if variance else ()
    total = sum(part["component"] for part in parts)
    if total <= 0:
        return (text.ABSENT,) * 3
    return tuple(f"{100 * part['component'] / total:.0f} %" + (" (−)" if part.get("negative") else "") for part in parts)


def _chances(panel: "Panel") -> tuple[str, str]:
    """p and q of the test whether orders differ."""
    test = panel.get("differ")
    return (text.probability(test["p"]), text.probability(test["q"])) if test else (text.ABSENT, text.ABSENT)


def _how(panels: Sequence["Panel"], orders: "Orders") -> list[str]:
    lines = [
        "Random order is what every order is judged against: in each seed the scores change places among the orders, in such a"
        " way that orders that begin alike, and so share trainings, stay together."
    ]
    tests = [test for panel in panels if (test := panel.get("differ"))]
    if drawn := [test["arrangements"] for test in tests if not test.get("exact")]:
        lines[0] += f" {drawn[0]:,} arrangements are drawn where there are more."
    elif tests:
        lines[0] += " Every arrangement is gone through."
    if orders.get("drawn"):
        lines.append(f"{orders['drawn']} orders were drawn by chance from all there are.")
    steps = orders.get("steps") or {}
    for row in dict.fromkeys(
        mixture["row"] for panel in panels for mixture in panel.get("mixtures", ()) if mixture["row"] in steps
    ):
        own = sorted({steps[name] for name in orders["rows"] if name in steps})
        if own and own != [steps[row]]:
            lines.append(f"{row} takes {steps[row]:,} steps, orders {text.between(own)}: part of a difference may be the steps'.")
    missing = [title(panel) for panel in orders.get("absent", ())]
    return lines + ([f"Left out, since no seed has every order: {text.listed(missing)}."] if missing else [])


def _figure(panel: "Panel", orders: Sequence[str], name: str) -> Figure:
    """A row of dots for each order, best on top, then the mixtures and the single tasks."""
    shown = means(panel, orders)
    ranked = sorted(shown, key=lambda row: -shown[row])
    others = [row for row, scores in panel["scores"].items() if row not in orders and scores]
    mixed = {mixture["row"] for mixture in panel.get("mixtures", ())}
    groups = (
        ("", [_mark(panel, row, 1) for row in ranked]),
        ("the tasks mixed", [_mark(panel, row, 2) for row in others if row in mixed]),
        ("one task alone", [_mark(panel, row, None) for row in others if row not in mixed]),
    )
    heading, lines = f"Score by order: {title(panel)}", (mean(list(shown.values())),)
    caption = (
        "Best order on top; a dot a seed, a stroke its mean; dashed: the mean of all orders. Beside a name: what it is called."
    )
    alternative = f"{heading}, {len(shown)} orders; means as at the right: the best is {ranked[0]}."
    return Figure(name, caption, alternative, figures.rows([figures.Panel(heading, groups, lines)], "dots"))


def _mark(panel: "Panel", row: str, look: int | None) -> Mark:
    own = panel["scores"][row]
    shared = mean([own[str(seed)] for seed in panel["seeds"] if str(seed) in own] or list(own.values()))
    names = ", ".join(order["name"] for order in panel.get("named", ()) if row in order["orders"])
    points = tuple((score, look) for score in own.values())
    return Mark(f"{row} ({names})" if names else row, points, None, text.number(shared), shared)
