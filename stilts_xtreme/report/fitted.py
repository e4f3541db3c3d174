"""Tables that are too wide for a page, cut into several."""

import re
from dataclasses import replace
from math import ceil

from stilts_xtreme.report.tables import Body, Table

PAPER = 120  # characters of a table's size beside one another on a page of paper; a screen of 1,000 px has room for more
GAP, SMALL = 1.6, 0.85  # space between two columns, and the width of what is set smaller, in such characters
BREAKS = re.compile(r"(?<=[>_])|(?<=\w\+)(?=\w)")  # where names may be broken; words are at spaces and hyphens


def fitted(table: Table) -> list[Table]:
    """The table, or parts of it with some of its columns each, where all of them are numbers."""
    head = max((_widest(head) for body in table.bodies for head, _ in body.rows), default=0)
    widths = [_width(table, number) for number in range(len(table.columns))]
    count = ceil(sum(widths) / max(PAPER - head, 1))
    if count < 2 or not all(column.numeric for column in table.columns):
        return [table]
    size = ceil(len(table.columns) / count)
    parts = [slice(begin, begin + size) for begin in range(0, len(table.columns), size)]
    return [
        replace(
            table,
            caption=f"{table.caption} ({number} of {len(parts)})",
            columns=table.columns[part],
            bodies=tuple(Body(body.title, tuple((head, cells[part]) for head, cells in body.rows)) for body in table.bodies),
            notes=table.notes if number == len(parts) else (),
        )
        for number, part in enumerate(parts, start=1)
    ]


def _width(table: Table, number: int) -> float:
    cells = [cells[number] for body in table.bodies for _, cells in body.rows]
    shown = max((max(len(cell.text), SMALL * len(cell.small)) for cell in cells), default=0)
    return GAP + max(_widest(table.columns[number].label), shown)


def _widest(words: str) -> int:
    """Characters of the longest piece that is not broken."""
    return max((len(piece) for word in re.split(r"\s|(?<=-)", words) for piece in BREAKS.split(word)), default=0)
