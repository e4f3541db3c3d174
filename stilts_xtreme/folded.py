"""Tables that fit the terminal: columns that do not fit beside one another stand below, behind the first column again."""

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from stilts_xtreme.shown import content

PIPE = 200  # columns where nothing is a terminal


def console(stderr: bool = False) -> Console:
    """A console whose cells are text: square brackets and colons in data mean nothing."""
    plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False, "stderr": stderr}
    terminal = Console(**plain)
    return terminal if terminal.is_terminal else Console(width=PIPE, **plain)


def say(console: Console, text: str) -> None:
    """Print text: on a terminal broken between words, elsewhere a line as it is."""
    console.print(content(text), soft_wrap=not console.is_terminal)


def tables(heads: Sequence[str], rows: Sequence[Sequence[Any]], width: int, numeric: bool = True) -> list[Table]:
    """The rows (text, or rich's texts) under their heads in as many tables as `width` asks for. Numeric columns but the first are
    set to the right; a first column wider than a third of the width is broken into lines."""
    sizes = [max(_size(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    first = min(sizes[0], width // 3)
    groups, room = [list[int]()], width - first
    for i in range(1, len(heads)):
        if groups[-1] and sizes[i] + 1 > room:
            groups.append([])
            room = width - first
        groups[-1].append(i)
        room -= sizes[i] + 1
    gap = 2 if all(first + sum(sizes[i] + 2 for i in group) <= width for group in groups) else 1
    return [_table(heads, rows, [0, *group], first, gap, numeric) for group in groups]


def _table(
    heads: Sequence[str], rows: Sequence[Sequence[Any]], columns: Sequence[int], first: int, gap: int, numeric: bool
) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0))
    for i in columns:
        right = numeric and i > 0
        table.add_column(heads[i], justify="right" if right else "left", no_wrap=right, max_width=None if i else first)
    for row in rows:
        table.add_row(*(row[i] for i in columns))
    return table


def _size(cell: Any) -> int:
    return cell_len(str(cell))
