"""Tables of the section on few training examples."""

from stilts_xtreme.report import tested, text
from stilts_xtreme.report.comparisons import among, star
from stilts_xtreme.report.sizes.curves import Sizes
from stilts_xtreme.report.tables import Body, Cell, Column, Table, marks, over, small


def table(found: Sizes, target: str) -> Table:
    """Scores of the baseline and gains of the others, by number of examples."""
    sizes = sorted({examples for (_, name), points in found.curves.items() if name == target for _, examples in points})
    bodies = []
    for title, told in (("Scores", False), ("Gains over the baseline of the same recipe (points)", True)):
        rows = []
        for row in found.rows:
            points = {examples: name for name, examples in found.curves.get((row, target), ())}
            if points and found.told(row) == told:
                rows.append((row, tuple(_cell(found, points.get(size), target, told) for size in sizes)))
        bodies += [Body(title, tuple(rows))] if rows else []
    caption = f"{target}: scores and gains by number of training examples; {over(found.summary)}."
    columns = tuple(Column(f"{size:,}") for size in sizes)
    shown = [row for body in bodies for row in body.rows]
    return Table(caption, "intermediate", columns, tuple(bodies), marks(shown, found.summary))


def _cell(found: Sizes, row: str | None, target: str, gains: bool) -> Cell:
    if row is None:
        return Cell(text.ABSENT)
    value = found.summary.gain(row, target) if gains else found.summary.score(row, target)
    one = found.summary.comparisons.get((row, target)) if gains else None
    mark = star(found.summary.comparisons, row, target) if gains else ""
    beneath = [text.interval(one.interval)] if one is not None and one.interval is not None else []
    beneath += [small(found.summary, row, target, value)] if not beneath else []
    return Cell(text.value(value, signed=gains), " ".join(filter(None, [*beneath, mark])))


def interactions(found: Sizes) -> Table | None:
    bodies = []
    for target in found.targets:
        rows = []
        for one in found.interactions:
            if one.column == target:
                few, many = one.told["examples"]
                cells = (
                    Cell(f"{few:,}"), Cell(f"{many:,}"), tested.cell(one), Cell(text.probability(one.p)),
                    Cell(text.probability(one.q)),
                )  # fmt: skip
                rows.append((one.row, cells))
        bodies += [Body(target, tuple(rows))] if rows else []
    if not bodies:
        return None
    columns = (Column("fewest examples"), Column("most"), Column("difference of gains"), Column("p"), Column("q"))
    notes = (
        "Above zero: intermediate training helps more where the target has few training examples. 95 % interval of the difference"
        f" of both gains, {among(len(found.summary.seeds))}, the same for both.",
    )
    caption = "Gain with the fewest examples minus gain with the most, in points."
    return Table(caption, "intermediate", columns, tuple(bodies), tested.star(found.interactions) + notes)
