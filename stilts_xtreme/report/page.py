"""A study -> report.md, its figures as files, and index.html, which holds all in itself."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stilts_xtreme.report.figures import Figure
from stilts_xtreme.report.tables import Table, escaped, markdown

HERE = Path(__file__).parent
BREAKS = re.compile(r"(?<=[>_])|(?<=\w\+)(?=\w)")  # where names may be broken; words are at spaces and hyphens
JOINTS = re.compile(r"(?<=\d) (?=%)|(?<=\bq) (?=[\d<])|(?<=±) (?=\d)")  # where no line ends


@dataclass(frozen=True)
class Section:
    """A heading (`name` is its anchor) with sentences, figures, tables and a list below it; absent ones are None.

    `facts` are the list's items with a name each; `code` stands last, as it is.
    """

    name: str
    title: str
    sentences: Sequence[str] = ()
    figures: Sequence[Figure | None] = ()
    tables: Sequence[Table | None] = ()
    items: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    code: str = ""


@dataclass(frozen=True)
class Page:
    """`found` are the sentences at the top."""

    name: str
    question: str
    note: str
    found: Sequence[str]
    sections: Sequence[Section]
    foot: str

    def files(self) -> dict[str, str]:
        """The text of every file by its name."""
        style = (HERE / "plot.css").read_text(encoding="utf-8")
        figures = [figure for section in self.sections for figure in section.figures if figure is not None]
        files = {"report.md": self._markdown()} | {f"{figure.name}.svg": figure.file(style) for figure in figures}
        return files | {"index.html": self._html(style + (HERE / "page.css").read_text(encoding="utf-8"))}

    def _markdown(self) -> str:
        parts = [f"# Study {escaped(self.name)}", escaped(self.question)]
        parts += [f"> **Note.** {escaped(self.note)}"] if self.note else []
        parts += ["## What was found", _listed(self.found)]
        for section in self.sections:
            parts += [f"## {escaped(section.title)}", *map(escaped, section.sentences)]
            parts += [f"![{escaped(figure.alternative)}]({figure.name}.svg)" for figure in section.figures if figure is not None]
            parts += [markdown(table) for table in section.tables if table is not None]
            parts += [_listed([*section.items, *(f"{name}: {words}" for name, words in section.facts)])]
            parts += ["\n".join(f"    {line}".rstrip() for line in section.code.splitlines())]
        return "\n\n".join(part for part in (*parts, f"Computed with: {escaped(self.foot)}." if self.foot else "") if part) + "\n"

    def _html(self, style: str) -> str:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        templates = Environment(
            loader=FileSystemLoader(HERE), autoescape=True, finalize=_together, trim_blocks=True, lstrip_blocks=True,
            undefined=StrictUndefined, keep_trailing_newline=True,
        )  # fmt: skip
        templates.filters["breakable"] = _breakable
        return templates.get_template("page.html.jinja").render(page=self, style=style)


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)


def _together(words: Any) -> Any:
    """No line ends between a number and its percent sign, a q and its value, a sign and its number."""
    return JOINTS.sub("\N{NO-BREAK SPACE}", words) if type(words) is str else words


def _breakable(words: str) -> Any:
    """Long names may break at certain places."""
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(piece) for piece in BREAKS.split(words))
