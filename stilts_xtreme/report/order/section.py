"""The section of a study of orders: does the order of intermediate tasks matter, and is any better than their mixture?"""

from collections.abc import Mapping, Sequence
from typing import Any

from stilts_xtreme.report import text
from stilts_xtreme.report.against import split, sure
from stilts_xtreme.report.comparisons import LEVEL
from stilts_xtreme.report.order import plot as order_plot
from stilts_xtreme.report.order import tables as order_tables
from stilts_xtreme.report.order.panels import ALL, AVERAGE, Panel, mappings, panels
from stilts_xtreme.report.section import Plot, Section
from stilts_xtreme.report.summary import Summary, above


def section(summary: Summary) -> Section | None:
    """None for a study without an axis of orders."""
    told = summary.study.get("orders")
    if not isinstance(told, Mapping):
        return None
    found = panels(told)
    whole = [panel for panel in found if panel.subset == ALL]
    if not whole:
        unfinished = "No target has every order finished in any seed: nothing can be said about orders."
        return Section("order", "Order of intermediate tasks", (unfinished,), tuple(_absent(told)))
    plots = {}
    for number, panel in enumerate(panel for panel in whole if panel.column != AVERAGE):
        name = f"order-{panel.column}" + (f"-{number}" if panel.way else "")
        words = order_plot.alternative(panel)
        plots[name] = Plot(order_plot.plot(panel, name), "Best order on top; named orders are labelled.", words)
    return Section(
        "order",
        "Order of intermediate tasks",
        tuple(sentences(whole, told)),
        tuple([*_how(whole, told), *_absent(told)]),
        plots,
        order_tables.tables(found),
    )


def sentences(whole: Sequence[Panel], told: Mapping[str, Any]) -> list[str]:
    """What the panels of all languages say."""
    said = _effect(whole) + _best(whole) + _named(whole)
    return said + _mixture(whole, told) + _last(whole)


def _effect(whole: Sequence[Panel]) -> list[str]:
    tested = [(panel, panel.differ) for panel in _targets(whole) if panel.differ is not None]
    if not tested:
        return ["No effect of order can be told from chance: it takes two seeds that have every order."]
    clear = [f"{panel.title} (q {text.probability(test['q'])})" for panel, test in tested if sure(test)]
    rest = len(tested) - len(clear)
    if clear:
        others = f", and not on the other {text.count(rest, 'target')}" if rest else ""
        said = [f"Order matters on {text.listed(clear)}: orders differ by more than random order would{others}."]
    else:
        least = min(test["q"] for _, test in tested)
        said = [
            f"No significant effect of order on {_of(len(tested))}:"
            f" orders differ no more than random order would (permutation test, smallest q {text.probability(least)})."
        ]
    blind = [panel.title for panel, test in tested if test["least"] >= LEVEL]
    if blind:
        said.append(f"On {text.listed(blind)} there are too few orders and seeds for any effect to be significant.")
    return said


def _best(whole: Sequence[Panel]) -> list[str]:
    """The average's best order; where there is no average, the only target's."""
    said = []
    for panel in _headline(whole):
        if panel.best is None:
            continue
        where = "on average over the targets" if panel.column == AVERAGE else f"on {panel.column}"
        words = f"The best order {where}{panel.way} is {panel.best['order']},"
        words += f" {text.number(panel.best['above'], signed=True)} over the mean of the {len(panel.orders)} orders"
        if panel.best.get("expected") is not None:
            words += (
                f"; if order had no effect, the best would still lie {text.number(panel.best['expected'], signed=True)} over it"
            )
        if panel.best.get("elsewhere") is not None:
            words += f". Picked in the other seeds, the best order gives {text.number(panel.best['elsewhere'], signed=True)}"
        said.append(words + ".")
    return said


def _named(whole: Sequence[Panel]) -> list[str]:
    tested = [(panel, one) for panel in _targets(whole) for one in panel.named]
    if not tested or all(panel.differ is None for panel, _ in tested):  # of one seed alone none could differ
        return []
    clear = [
        f"{one['name']} on {panel.title} ({text.number(one['difference'], signed=True)})" for panel, one in tested if sure(one)
    ]
    names = list(dict.fromkeys(str(one["name"]) for _, one in tested))
    if clear:
        return [f"Different from random order: {text.listed(clear)}; {len(tested) - len(clear)} other named orders are not."]
    return [f"No named order ({text.listed(names)}) differs significantly from random order on any target."]


def _mixture(whole: Sequence[Panel], told: Mapping[str, Any]) -> list[str]:
    said = []
    for panel in _headline(whole):
        for one in panel.mixtures:
            if one["against"] != "mean":
                continue
            where = "on average over the targets" if panel.column == AVERAGE else f"on {panel.column}"
            size = abs(one["gain"])
            side = f"{text.number(size)} {'above' if one['gain'] > 0 else 'below'}" if above(size) else "level with"
            judged = "significant" if sure(one) else "no significant difference"
            ends = f"95 % interval {text.interval(tuple(one['interval']))}, " if one.get("interval") else ""
            steps = ", trained in as many steps," if _same_steps(one["row"], panel.orders, told) else ""
            said.append(f"The mixture {one['row']}{steps} is {side} the mean of all orders {where} ({ends}{judged}).")
    return said


def _last(whole: Sequence[Panel]) -> list[str]:
    tested = [one for panel in _targets(whole) for one in panel.last]
    if not tested:
        return []
    up, down = map(len, split(tested))
    pairs = text.count(len(tested), "pair")
    if not up + down:
        return [f"Of {pairs} of an order and its last task alone none differs significantly: what comes before shows no effect."]
    return [f"Of {pairs} of an order and its last task alone the order is significantly better in {up} and worse in {down}."]


def _how(whole: Sequence[Panel], told: Mapping[str, Any]) -> list[str]:
    said = [
        "Random order is what every order is judged against: in each seed the scores change places among the orders, in such a"
        " way that orders that begin alike, and so share trainings, stay together."
    ]
    exact = {bool(panel.differ.get("exact")) for panel in whole if panel.differ}
    if exact:
        drawn = next((panel.differ["arrangements"] for panel in whole if panel.differ and not panel.differ.get("exact")), 0)
        said[0] += f" {drawn:,} arrangements are drawn where there are more." if drawn else " Every arrangement is gone through."
    if isinstance(told.get("drawn"), int):
        said.append(f"{told['drawn']} orders were drawn by chance from all there are.")
    steps = told["steps"] if isinstance(told.get("steps"), Mapping) else {}
    for row in [one["row"] for one in whole[0].mixtures if one["against"] == "mean" and one["row"] in steps]:
        own = sorted({steps[name] for name in whole[0].orders if name in steps})
        if own and own != [steps[row]]:
            said.append(f"{row} takes {steps[row]:,} steps, orders {text.between(own)}: part of a difference may be the steps'.")
    return said


def _absent(told: Mapping[str, Any]) -> list[str]:
    missing = [one for one in mappings(told.get("absent")) if "target" in one]
    names = [f"{one['target']}{one.get('way', '')}" for one in missing]
    return [f"Left out, since no seed has every order: {text.listed(names)}."] if names else []


def _same_steps(row: str, orders: Sequence[str], told: Mapping[str, Any]) -> bool:
    steps = told.get("steps")
    return isinstance(steps, Mapping) and row in steps and all(steps.get(name) == steps[row] for name in orders)


def _targets(whole: Sequence[Panel]) -> list[Panel]:
    return [panel for panel in whole if panel.column != AVERAGE]


def _headline(whole: Sequence[Panel]) -> list[Panel]:
    """The averages, or the targets where there is none."""
    return [panel for panel in whole if panel.column == AVERAGE] or _targets(whole)


def _of(count: int) -> str:
    return "the target" if count == 1 else f"any of the {count} targets"
