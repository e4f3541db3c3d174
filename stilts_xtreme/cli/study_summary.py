"""Print, when a study is done, its main table, what collapsed, and what to do next; on stderr."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from rich.text import Text

from stilts_xtreme.report import scores, tables, trainings
from stilts_xtreme.report import summary as summaries
from stilts_xtreme.report.summary import AVERAGE
from stilts_xtreme.utils import sanitize, terminal

COLLAPSED = 12  # lines of collapsed trainings


def study(content: Mapping[str, object], path: Path) -> None:
    """Print the end of a study whose result was written to `path`."""
    console, summary = terminal.console(stderr=True), summaries.summarise(content)
    table = scores.main(summary)
    terminal.say(console, table.caption)
    heads = list(table.columns)
    order = sorted(range(len(heads)), key=lambda i: heads[i] != AVERAGE)  # the average first: other columns may stand below
    rows: list[list[terminal.Cell]] = []
    for body in table.bodies:
        rows += [[sanitize.content(name), *(_cell(cells[i]) for i in order)] for name, cells in body.rows]
    for block in terminal.tables([table.corner, *(heads[i] for i in order)], rows, console.width):
        console.print()
        console.print(block)
    console.print()
    for line in table.notes[1:]:  # the first is about columns that only the report has
        terminal.say(console, line)
    if missing := trainings.missing(summary):
        terminal.say(console, f"without a score: {'; '.join(missing)}")
    lines = trainings.collapsed(summary)
    for line in lines[:COLLAPSED]:
        terminal.say(console, f"collapsed: {line}")
    if len(lines) > COLLAPSED:
        terminal.say(console, f"... and {len(lines) - COLLAPSED} more collapsed trainings: the report has all")
    advice = [f"stilts recommend {_word(path)} --target {summary.targets[0]}"]
    following(path, advice if summary.compared and summary.has_baseline else [])


def following(path: Path, more: list[str]) -> None:
    """Print the commands that come next: the report, and these."""
    console = terminal.console(stderr=True)
    for i, command in enumerate([f"stilts report {_word(path)}", *more]):
        console.print(sanitize.content(f"{'next:' if not i else '     '} {command}"), soft_wrap=True)


def _cell(cell: tables.Cell) -> Text:
    marks = "".join(mark for mark in "†‡*" if mark in cell.small)
    return Text(cell.text + marks, style="bold" if cell.strong else "")


def _word(path: Path) -> str:
    return shlex.quote(str(path))
