"""Content and plots -> the pages, through the templates beside this file."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stilts_xtreme.report import shapes
from stilts_xtreme.report.fitted import BREAKS, fitted
from stilts_xtreme.report.tables import Cell, Table

HERE = Path(__file__).parent


def rendered(
    markdown: str, html: str, content: Mapping[str, Any], plots: Mapping[str, str], alternatives: Mapping[str, str]
) -> dict[str, str]:
    """report.md, the SVG files that it shows, and index.html, which holds all in itself; `alternatives`: plots in words."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    style = (HERE / "plot.css").read_text(encoding="utf-8")
    kept: dict[str, Any] = {"trim_blocks": True, "undefined": StrictUndefined, "keep_trailing_newline": True}
    plain = Environment(loader=FileSystemLoader(HERE), autoescape=False, **kept)
    plain.filters |= {"plain": escaped, "table": markdown_table}
    page = Environment(loader=FileSystemLoader(HERE), autoescape=True, finalize=_together, **kept)
    page.filters |= {"breakable": _breakable, "fitted": fitted}
    told = {"report.md": plain.get_template(markdown).render(**content, plots=alternatives)}
    told |= {f"{name}.svg": shapes.standalone(svg, style) for name, svg in plots.items()}
    style += (HERE / "page.css").read_text(encoding="utf-8")
    told["index.html"] = page.get_template(html).render(**content, plots=plots, style=style)
    return told


def escaped(words: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\|<*`\[\]&]|(?<!\w)_|_(?!\w))", r"\\\1", " ".join(str(words).split()))


def markdown_table(table: Table) -> str:
    """A table as GitHub's Markdown, its caption before it and its notes after it."""
    heads = [table.corner, *(column.label for column in table.columns)]
    lines = [f"*{escaped(table.caption)}*", "", _line([escaped(head) for head in heads])]
    lines.append(_line([":---", *("---:" if column.numeric else ":---" for column in table.columns)]))
    for body in table.bodies:
        if body.title:
            lines.append(_line([f"*{escaped(body.title)}*", *("" for _ in table.columns)]))
        lines += [_line([escaped(head), *map(_markdown_cell, cells)]) for head, cells in body.rows]
    for note in table.notes:
        lines += ["", escaped(note)]
    return "\n".join(lines)


def _markdown_cell(cell: Cell) -> str:
    words = f"**{escaped(cell.text)}**" if cell.strong else escaped(cell.text)
    return f"{words} {escaped(cell.small)}" if cell.small else words


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


_JOINTS = re.compile(r"(?<=\d) (?=%)|(?<=\bq) (?=[\d<])|(?<=±) (?=\d)")


def _together(words: Any) -> Any:
    """No line ends between a number and its percent sign, a q and its value, a sign and its number."""
    return _JOINTS.sub("\N{NO-BREAK SPACE}", words) if type(words) is str else words


def _breakable(words: str) -> Any:
    """Long names may break at certain places."""
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(piece) for piece in BREAKS.split(words))
