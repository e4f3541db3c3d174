"""Tables that fit the terminal: columns that do not fit side by side stand below, behind the first column again."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stilts_xtreme.utils.sanitize import content

Cell = str | Text
PIPE = 200  # columns where nothing is a terminal


def console(stderr: bool = False) -> Console:
    """Return a console whose cells are text: square brackets and colons in data mean nothing."""
    terminal = Console(markup=False, emoji=False, highlight=False, stderr=stderr)
    if terminal.is_terminal:
        return terminal
    return Console(markup=False, emoji=False, highlight=False, stderr=stderr, width=PIPE)


def say(console: Console, text: str) -> None:
    """Print text: on a terminal broken between words, elsewhere a line as it is."""
    console.print(content(text), soft_wrap=not console.is_terminal)


def tables(heads: Sequence[str], rows: Sequence[Sequence[Cell]], width: int, numeric: bool = True) -> list[Table]:
    """Tabulate the rows under their heads in as many tables as `width` asks for. Numeric columns but the first are
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
    heads: Sequence[str], rows: Sequence[Sequence[Cell]], columns: Sequence[int], first: int, gap: int, numeric: bool
) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0))
    for i in columns:
        right = numeric and i > 0
        table.add_column(heads[i], justify="right" if right else "left", no_wrap=right, max_width=None if i else first)
    for row in rows:
        table.add_row(*(row[i] for i in columns))
    return table


def _size(cell: Cell) -> int:
    return cell_len(str(cell))
