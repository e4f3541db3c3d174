"""A summary -> the two pages and the plots, as text by file name."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stilts_xtreme.report import bars, beside, findings, intervals, kinds, plots, shapes, tables, text
from stilts_xtreme.report.section import Section
from stilts_xtreme.report.sections import sections
from stilts_xtreme.report.summary import Summary
from stilts_xtreme.report.tables import Cell, Table

HERE = Path(__file__).parent
ALT = {
    "gains": "Heat map of gains over no intermediate training, by intermediate and target; numbers as in the main table.",
    "languages": "Dot plot of scores by language and target without and with intermediate training; numbers in the tables below.",
    "language-gains": "Bars of the gain in every language, by target, of the intermediate with that target's largest gain.",
}


def pages(summary: Summary) -> dict[str, str]:
    """report.md, the SVG files that it shows, and index.html, which holds all in itself."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    drawn = {"gains": plots.gains(summary), "languages": plots.languages(summary), "language-gains": bars.gains(summary)}
    drawn = {name: svg for name, svg in drawn.items() if svg is not None}
    own = sections(summary)
    alternatives = {name: ALT[name] for name in drawn}
    for section in own:
        drawn |= {name: plot.svg for name, plot in section.plots.items()}
    style = (HERE / "plot.css").read_text(encoding="utf-8")
    content = _content(summary, own)
    kept = {"trim_blocks": True, "undefined": StrictUndefined, "keep_trailing_newline": True}
    markdown = Environment(loader=FileSystemLoader(HERE), autoescape=False, **kept)
    markdown.filters |= {"plain": escaped, "table": markdown_table}
    html = Environment(loader=FileSystemLoader(HERE), autoescape=True, **kept)
    html.filters["breakable"] = _breakable
    told = {"report.md": markdown.get_template("report.md.jinja").render(**content, plots=alternatives)}
    told |= {f"{name}.svg": shapes.standalone(svg, style) for name, svg in drawn.items()}
    style += (HERE / "page.css").read_text(encoding="utf-8")
    told["index.html"] = html.get_template("page.html.jinja").render(**content, plots=drawn, style=style)
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


def _content(summary: Summary, own: Sequence[Section]) -> dict[str, Any]:
    study = summary.study
    by_language = [
        (target, table)
        for target in summary.targets
        for table in (tables.languages(summary, target), kinds.classes(summary, target))
        if table is not None
    ]
    return {
        "study": study,
        "note": study.get("note") or "",
        "found": [*(sentence for section in own for sentence in section.found), *findings.found(summary)],
        "sections": own,
        "main": tables.main(summary),
        "intervals": intervals.table(summary),
        "published": beside.section(summary),
        "best": tables.best_per_target(summary),
        "targets": tables.targets(summary),
        "retrieval": findings.retrieval(summary),
        "gaps": kinds.transfer_gaps(summary),
        "languages": by_language,
        "trainings": tables.trainings(summary) if study["trainings"] else None,
        "collapsed": tables.collapsed(summary),
        "missing": tables.missing(summary),
        "data": _facts(summary),
        "command": study.get("command") or "",
        "provenance": _provenance(study.get("provenance") or {}),
    }


def _facts(summary: Summary) -> list[tuple[str, str]]:
    study = summary.study
    facts = [("Setup", str(study["setup"]))] if study.get("setup") else []
    facts += [(str(key).replace("_", " ").capitalize(), _flat(value)) for key, value in sorted((study.get("data") or {}).items())]
    for name, mixture in sorted((study.get("mixtures") or {}).items()):
        facts.append((f"Mixture {name}", _flat(mixture)))
    facts.append(("Seeds", ", ".join(map(str, summary.seeds))))
    return facts


def _provenance(kept: dict[str, Any]) -> str:
    """One line; the versions last."""
    parts = []
    for key in sorted(kept, key=lambda key: (key == "versions", key)):
        if kept[key] not in (None, "", [], {}):
            words = text.duration(kept[key]) if key == "seconds" else _flat(kept[key])
            parts.append(f"{'computing time' if key == 'seconds' else key} {words}")
    return "; ".join(parts)


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_flat(value[key])}" for key in sorted(value))
    return ", ".join(map(_flat, value)) if isinstance(value, list | tuple) else str(value)


def _breakable(words: str) -> Any:
    """Long names may break after `>` and `_`."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"(&gt;|_)", r"\1<wbr>", str(escape(words))))
