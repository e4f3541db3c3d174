"""Tables of a study of orders."""

from collections.abc import Sequence

from stilts_xtreme.report import text
from stilts_xtreme.report.against import sure
from stilts_xtreme.report.order.panels import ALL, Panel, Told
from stilts_xtreme.report.tables import Body, Cell, Column, Table

ABSENT = Cell(text.ABSENT)
TESTED = Column("p"), Column("q")


def tables(panels: Sequence[Panel]) -> tuple[Table, ...]:
    """The tables that have rows."""
    whole = [panel for panel in panels if panel.subset == ALL]
    found = (effect(whole), named(whole), mixtures(whole), last(whole), languages(panels))
    return tuple(table for table in found if table is not None)


def effect(panels: Sequence[Panel]) -> Table | None:
    """Do orders differ, where does the variance come from, what is the best order worth?"""
    columns = (
        Column("orders"), Column("seeds"), Column("mean"), Column("best order", False), Column("above the mean"),
        Column("by chance"), Column("held out"), Column("variance: order"), Column("seed"), Column("rest"), *TESTED,
    )  # fmt: skip
    rows = [
        (
            panel.title,
            (
                Cell(str(len(panel.orders))), Cell(str(len(panel.seeds))), Cell(text.number(panel.mean)),
                Cell(panel.best["order"]) if panel.best else ABSENT, *_best(panel), *_parts(panel), *_test(panel.differ),
            ),
        )
        for panel in panels
    ]  # fmt: skip
    notes = (
        "By chance: how far the best order would lie above the mean if order had no effect. Held out: the order best in the other"
        " seeds, above the mean of all in the seed left out. Variance: components of order and seed, the rest being chance"
        " and what order does in one seed alone; 0 % marked (−) is an estimate below zero. p: permutation test whether orders"
        " differ at all; q: adjusted for the rows of this table.",
        *_absent(panels),
    )
    return _table("Does the order matter?", "target", columns, [("", rows)], notes)


def named(panels: Sequence[Panel]) -> Table | None:
    """Orders named beforehand against random order."""
    bodies = [
        (
            f"{panel.title}, {len(panel.orders)} orders",
            [
                (
                    str(one["name"]),
                    (
                        Cell(" or ".join(map(str, one["orders"]))), Cell(text.number(one["rank"])), *_gain(one, "difference"),
                        *_test(one),
                    ),
                )
                for one in panel.named
            ],
        )
        for panel in panels
    ]  # fmt: skip
    columns = Column("order", False), Column("mean rank"), Column("above the mean"), Column("95 % over seeds"), *TESTED
    notes = (
        "Against random order: the mean of all orders, and a permutation test. Size: training examples. Easy: English dev score"
        " of the task alone, as its share of the way from guessing to 100, since metrics differ. Similar last: the last task has"
        " the target's kind of head. Where a name leaves open what comes first, the orders it fits are taken together. A name"
        " that says nothing about a target is absent.",
    )
    return _table("Orders named beforehand.", "name", columns, bodies, notes)


def mixtures(panels: Sequence[Panel]) -> Table | None:
    """The same tasks mixed, against their orders."""
    words = {"mean": "the mean of all orders", "best": "the best order", "best elsewhere": "the order best in the other seeds"}
    bodies = [
        (
            panel.title,
            [
                (f"{one['row']} − {words[one['against']]}", (*_gain(one, "gain"), *_test(one)))
                for one in panel.mixtures
                if one["against"] in words
            ],
        )
        for panel in panels
    ]
    notes = (
        "Intervals hold for other seeds and other test examples; with one seed for other test examples alone. The best order is"
        " picked on the scores shown, which is unfair to the mixture; the order best in the other seeds is not.",
    )
    return _table("The tasks mixed, against their orders.", "difference", _gains(), bodies, notes)


def last(panels: Sequence[Panel]) -> Table | None:
    """Each order against its last task alone."""
    bodies = [
        (panel.title, [(str(one["row"]), (Cell(str(one["baseline"])), *_gain(one, "gain"), *_test(one))) for one in panel.last])
        for panel in panels
    ]
    notes = ("An order trains more steps than its last task alone: a gain may be the steps' as well as the tasks'.",)
    columns = (Column("last task alone", False), *_gains())
    return _table("Does what comes before help? Each order minus its last task alone.", "order", columns, bodies, notes)


def languages(panels: Sequence[Panel]) -> Table | None:
    """The same by subsets of languages."""
    bodies: dict[str, list[tuple[str, tuple[Cell, ...]]]] = {}
    for panel in panels:
        if panel.subset != ALL:
            mixed = next((one for one in panel.mixtures if one["against"] == "mean"), None)
            above, chance, _ = _best(panel)
            cells = (
                Cell(str(len(panel.languages))), Cell(text.number(panel.mean)),
                Cell(panel.best["order"] if panel.best else text.ABSENT),
                above, chance, _parts(panel)[0], *_test(panel.differ),
                *(_gain(mixed, "gain") if mixed else (ABSENT, ABSENT)),
            )  # fmt: skip
            bodies.setdefault(panel.title, []).append((panel.subset, cells))
    columns = (
        Column("languages"), Column("mean"), Column("best order", False), Column("above the mean"), Column("by chance"),
        Column("variance: order"), Column("p"), Column("q"), Column("mixture − mean"), Column("95 % interval"),
    )  # fmt: skip
    notes = (
        "Resources: class of Joshi et al. 2020, low 0–2, mid 3, high 4–5; English is counted in none. Subsets of different"
        " targets hold different languages. q: adjusted for the rows of this table.",
    )
    return _table("Orders by languages.", "languages", columns, list(bodies.items()), notes)


def _table(caption: str, corner: str, columns: tuple[Column, ...], bodies: Sequence, notes: tuple[str, ...]) -> Table | None:
    kept = tuple(Body(title, tuple(rows)) for title, rows in bodies if rows)
    return Table(caption, corner, columns, kept, tuple(filter(None, notes))) if kept else None


def _gains() -> tuple[Column, ...]:
    return Column("difference"), Column("95 % interval"), Column("p"), Column("q")


def _gain(one: Told, name: str) -> tuple[Cell, Cell]:
    ends = one.get("interval")
    return Cell(text.number(one[name], signed=True) + ("*" if sure(one) else "")), Cell(text.interval(ends and tuple(ends)))


def _test(one: Told | None) -> tuple[Cell, Cell]:
    return (Cell(text.probability(one["p"])), Cell(text.probability(one["q"]))) if one else (ABSENT, ABSENT)


def _best(panel: Panel) -> tuple[Cell, Cell, Cell]:
    found = panel.best or {}
    told = [found.get(name) for name in ("above", "expected", "elsewhere")]
    above, chance, held = (ABSENT if value is None else Cell(text.number(value, signed=True)) for value in told)
    return above, chance, held


def _parts(panel: Panel) -> tuple[Cell, Cell, Cell]:
    shares = panel.shares
    if shares is None or panel.variance is None:
        return ABSENT, ABSENT, ABSENT
    order, seed, rest = (
        Cell(f"{shares[name]:.0f} %" + (" (−)" if panel.variance[name].get("negative") else ""))
        for name in ("order", "seed", "rest")
    )
    return order, seed, rest


def _absent(panels: Sequence[Panel]) -> tuple[str, ...]:
    single = [panel.title for panel in panels if len(panel.seeds) < 2]
    return (f"{text.listed(single)}: one seed, so that order and chance cannot be told apart.",) if single else ()
