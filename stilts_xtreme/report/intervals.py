"""The table of gains with their 95 % intervals."""

from stilts_xtreme.report import text
from stilts_xtreme.report.comparisons import Comparison, legend, star
from stilts_xtreme.report.summary import Summary
from stilts_xtreme.report.tables import Body, Cell, Column, Table
from stilts_xtreme.results.rows import BASELINE


def table(summary: Summary) -> Table | None:
    """Gain, interval, p and q of every row and target; None where the study holds no comparisons."""
    bodies = []
    for column in summary.columns:
        rows = [(row, _cells(summary, one)) for row in summary.compared if (one := summary.comparisons.get((row, column)))]
        if rows:
            bodies.append(Body(column, tuple(rows)))
    if not bodies:
        return None
    columns = (
        Column("gain"), Column("95 % interval"), Column("p"), Column("q"), Column("test examples"), Column("seeds"),
    )  # fmt: skip
    notes = [
        f"Gain: points over “{BASELINE}”, means over seeds. The interval is of the gain itself, not adjusted for their number;"
        " q is p adjusted for it. A dash: not tested, for want of seeds or of predictions of single examples."
    ]
    return Table(
        "Gains with their 95 % intervals.", "intermediate", columns, tuple(bodies), (*notes, *filter(None, [mark(summary)]))
    )


def mark(summary: Summary) -> str:
    """What the star means; empty where none is shown."""
    shown = any(star(summary.comparisons, *pair) for pair in summary.comparisons)
    return legend(summary.comparisons) if shown else ""


def _cells(summary: Summary, one: Comparison) -> tuple[Cell, ...]:
    gain = text.number(one.gain, signed=True) + star(summary.comparisons, one.row, one.column)
    return (
        Cell(gain, strong=one.significant),
        Cell(text.interval(one.interval)),
        Cell(text.probability(one.p)),
        Cell(text.probability(one.q)),
        Cell(text.ABSENT if one.examples is None else f"{one.examples:,}"),
        Cell(str(len(one.values))),
    )
