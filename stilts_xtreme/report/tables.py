"""Tables as pages show them: cells with small print beneath, rows in bodies, and how they become Markdown, LaTeX and CSV."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from stilts_xtreme.report import text
from stilts_xtreme.report.summary import Mean

LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "−": "$-$", "±": r"$\pm$", "+": "$+$", "*": "$^{*}$", "†": r"$\dagger$", "‡": r"$\ddagger$", "–": "--", 
    "[": "{[}", "“": "``", "”": "''",
}  # fmt: skip
NUMBER = re.compile(r"[+−<–]?\s?\d[\d,.]*[*×]?( of \d+| to [+−]?\d[\d.]*|–\d[\d,.]*| %( \(−\))?|e-?\d+)?|[–\s]*")


@dataclass(frozen=True)
class Cell:
    text: str
    small: str = ""  # set smaller, beneath
    strong: bool = False


Row = tuple[str, Sequence[Cell | str]]  # its head, then its cells; a text is a cell of nothing else
Rows = Sequence[Row] | Mapping[str, Sequence[Row]]  # of a table, or by the titles of its bodies


@dataclass(frozen=True)
class Body:
    """Rows that belong together, each of a head and cells; the title may be empty."""

    title: str
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclass(frozen=True)
class Table:
    """`corner` heads the heads of rows; `columns` are the other heads."""

    caption: str
    corner: str
    columns: tuple[str, ...]
    bodies: tuple[Body, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def numeric(self) -> list[bool]:
        """By column: does it hold nothing but numbers?"""
        rows = [cells for body in self.bodies for _, cells in body.rows]
        return [all(NUMBER.fullmatch(row[number].text) for row in rows) for number in range(len(self.columns))]


def table(caption: str, corner: str, columns: Sequence[str], rows: Rows, *notes: str) -> Table | None:
    """Build a table of rows, or of bodies by their titles; None without any row. Empty notes are left out."""
    bodies = tuple(
        Body(title, tuple((head, tuple(Cell(cell) if isinstance(cell, str) else cell for cell in cells)) for head, cells in own))
        for title, own in _titled(rows).items()
        if own
    )
    return Table(caption, corner, tuple(columns), bodies, tuple(filter(None, notes))) if bodies else None


def grouped(rows: Iterable[tuple[str, Row]]) -> dict[str, list[Row]]:
    """Gather rows under the titles that they come with."""
    bodies: dict[str, list[Row]] = {}
    for title, row in rows:
        bodies.setdefault(title, []).append(row)
    return bodies


def beneath(rows: Rows) -> str:
    """Join all that stands beneath in these rows: the marks that notes explain."""
    cells = [cell for own in _titled(rows).values() for _, cells in own for cell in cells]
    return "".join(cell.small for cell in cells if isinstance(cell, Cell))


def _titled(rows: Rows) -> Mapping[str, Sequence[Row]]:
    return rows if isinstance(rows, Mapping) else {"": rows}


def mean(value: Mean | None, signed: bool = False, mark: str = "") -> Cell:
    """Write a mean, its spread and a mark beneath it."""
    return Cell(text.value(value, signed), " ".join(filter(None, (text.spread(value), mark))))


def plain(value: Mean | None) -> Cell:
    """Write a mean without its spread."""
    return Cell(text.value(value), "†" if value is not None and value.partial else "")


def markdown(table: Table) -> str:
    """Write GitHub's Markdown, the caption before it and the notes after it."""
    lines = [f"*{escaped(table.caption)}*", "", _line(map(escaped, (table.corner, *table.columns)))]
    lines.append(_line([":---", *("---:" if numeric else ":---" for numeric in table.numeric)]))
    for body in table.bodies:
        lines += [_line([f"*{escaped(body.title)}*", *("" for _ in table.columns)])] if body.title else []
        lines += [_line([escaped(head), *map(_markdown, cells)]) for head, cells in body.rows]
    return "\n".join([*lines, *(f"\n{escaped(note)}" for note in table.notes)])


def latex(table: Table) -> str:
    """Write a tabular for \\input, with booktabs; its notes are comments."""
    lines = ["% \\usepackage{booktabs}; then \\input this file, in a table or as it stands", f"% {table.caption}"]
    lines += [*(f"% {note}" for note in table.notes), r"\begingroup\footnotesize\setlength{\tabcolsep}{3pt}%"]
    lines += [rf"\begin{{tabular}}{{l{''.join('r' if numeric else 'l' for numeric in table.numeric)}}}", r"\toprule"]
    lines += [" & ".join(map(_tex, (table.corner, *table.columns))) + r" \\", r"\midrule"]
    for number, body in enumerate(table.bodies):
        lines += [r"\addlinespace"] if number else []
        if body.title:
            lines.append(rf"\multicolumn{{{len(table.columns) + 1}}}{{l}}{{\textit{{{_tex(body.title)}}}}} \\")
        lines += [" & ".join([_tex(head), *map(_tex_cell, cells)]) + r" \\" for head, cells in body.rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}\endgroup", ""])


def escaped(words: str) -> str:
    """Escape text so that Markdown shows it as it is, on a line."""
    return re.sub(r"([\\|<*`\[\]&]|(?<!\w)_|_(?!\w))", r"\\\1", " ".join(str(words).split()))


def _markdown(cell: Cell) -> str:
    shown = f"**{escaped(cell.text)}**" if cell.strong else escaped(cell.text)
    return f"{shown} {escaped(cell.small)}" if cell.small else shown


def _line(cells: Sequence[str] | map) -> str:
    return f"| {' | '.join(cells)} |"


def _tex(words: str) -> str:
    return "".join(LATEX.get(letter, letter) for letter in " ".join(words.split()))


def _tex_cell(cell: Cell) -> str:
    shown = rf"\textbf{{{_tex(cell.text)}}}" if cell.strong else _tex(cell.text)
    return rf"{shown} {{\tiny {_tex(cell.small)}}}" if cell.small else shown
