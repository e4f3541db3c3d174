"""A study -> report.md, its figures as files, and index.html, which holds all in itself."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stilts_xtreme.report import text
from stilts_xtreme.report.figures import Figure
from stilts_xtreme.report.tables import Table, escaped, markdown

if TYPE_CHECKING:
    from markupsafe import Markup

    from stilts_xtreme.results.schemas.latency import LatencyStudy
    from stilts_xtreme.results.schemas.study import Study

HERE = Path(__file__).parent
BREAKS = re.compile(r"(?<=[>_])|(?<=\w\+)(?=\w)")  # where names may be broken; words are at spaces and hyphens
JOINTS = re.compile(r"(?<=\d) (?=%)|(?<=\bq) (?=[\d<])|(?<=±) (?=\d)")  # where no line ends


@dataclass(frozen=True)
class Section:
    """A heading (`name` is its anchor) with sentences, figures, tables and a list below it; absent tables are None.

    `facts` are the list's items with a name each; `code` stands last, as it is.
    """

    name: str
    title: str
    sentences: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table | None] = ()
    items: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    code: str = ""

    @property
    def drawn(self) -> list[Figure]:
        """The figures that show anything."""
        return [figure for figure in self.figures if figure.panels]


def files(study: "Study | LatencyStudy", findings: Sequence[str], sections: Sequence[Section]) -> dict[str, str]:
    """Write every file as text by its name; `findings` are the sentences at the top."""
    style = (HERE / "plot.css").read_text(encoding="utf-8")
    foot = text.provenance(study.get("provenance") or {})
    head = {"name": study["name"], "question": study["question"], "note": study.get("note") or "", "foot": foot}
    return {
        "report.md": _markdown(head, findings, sections),
        **{f"{figure.name}.svg": figure.file(style) for section in sections for figure in section.drawn},
        "index.html": _html(head, findings, sections, style + (HERE / "page.css").read_text(encoding="utf-8")),
    }


def _markdown(head: Mapping[str, str], findings: Sequence[str], sections: Sequence[Section]) -> str:
    parts = [f"# Study {escaped(head['name'])}", escaped(head["question"])]
    parts += [f"> **Note.** {escaped(head['note'])}"] if head["note"] else []
    parts += ["## What was found", _listed(findings)]
    for section in sections:
        parts += [f"## {escaped(section.title)}", *map(escaped, section.sentences)]
        parts += [f"![{escaped(figure.alternative)}]({figure.name}.svg)" for figure in section.drawn]
        parts += [markdown(table) for table in section.tables if table is not None]
        parts += [_listed([*section.items, *(f"{name}: {value}" for name, value in section.facts)])]
        parts += ["\n".join(f"    {line}".rstrip() for line in section.code.splitlines())]
    parts += [f"Computed with: {escaped(head['foot'])}."] if head["foot"] else []
    return "\n\n".join(filter(None, parts)) + "\n"


def _html(head: Mapping[str, str], findings: Sequence[str], sections: Sequence[Section], style: str) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, finalize=_together, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined, keep_trailing_newline=True,
    )  # fmt: skip
    templates.filters["breakable"] = _breakable
    page = templates.get_template("page.html.jinja")
    return page.render(head=head, findings=findings, sections=sections, style=style)


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)


def _together(value: object) -> object:
    """No line ends between a number and its percent sign, a q and its value, a sign and its number."""
    return JOINTS.sub("\N{NO-BREAK SPACE}", value) if type(value) is str else value  # no Markup, a subclass


def _breakable(words: str) -> "Markup":
    """Long names may break at certain places."""
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(piece) for piece in BREAKS.split(words))
