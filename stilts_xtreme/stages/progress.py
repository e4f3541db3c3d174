"""What running stages look like: live bars on a terminal, a line every so often elsewhere; always on stderr."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column
from rich.text import Text

from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages.events import Event
from stilts_xtreme.stages.pace import Pace
from stilts_xtreme.utils import signals
from stilts_xtreme.utils.sanitize import clock, content

QUIET = 20.0  # seconds between two lines where stderr is not a terminal
WIDE = 120  # columns of a terminal from which on nothing is shortened
BAR, NAME = (6, 30), 16  # columns of a bar, at least and at most; of a stage's name, at least


@contextmanager
def watch(todo: Sequence[plan.Stage], done: int) -> Iterator[Callable[[Event], None]]:
    """Show the events of the stages that are to be done; `done` others were finished before."""
    console, pace = Console(stderr=True), Pace(todo, done)
    live = console.is_terminal and not console.is_dumb_terminal
    with _bars(console, pace) if live else _lines(console, pace) as callback:
        yield callback


@contextmanager
def _bars(console: Console, pace: Pace) -> Iterator[Callable[[Event], None]]:
    def shown() -> Group:
        width = console.width - len("^C")  # which the terminal writes behind the last line
        return Group(*drawn(rows(pace, console.width >= WIDE), width, console.height - 1))

    with Live(get_renderable=shown, console=console, transient=True) as live, _saying_that_we_stop():

        def callback(event: Event) -> None:
            pace.add(event)
            if text := _lasting(event, pace):
                console.print(content(text), markup=False, highlight=False)
            if event.state != "running" or not event.step:  # what a stage begins may be over before the next drawing
                live.refresh()

        yield callback


@contextmanager
def _saying_that_we_stop() -> Iterator[None]:
    signals.displayed(True)
    try:
        yield
    finally:
        signals.displayed(False)


@contextmanager
def _lines(console: Console, pace: Pace) -> Iterator[Callable[[Event], None]]:
    last = pace.began

    def callback(event: Event) -> None:
        nonlocal last
        news = event.state == "waiting" and event.address not in pace.waiting
        pace.add(event)
        now = pace.clock()
        if _lasting(event, pace) or news or now - last >= QUIET:
            last = now
            seconds, whole = pace.left()
            left = "" if seconds is None else f", {'' if whole else 'over '}{clock(seconds)} left"
            begun = f"[{pace.done}/{pace.total} stages, {clock(now - pace.began)}{left}]"
            console.print(content(f"{begun} {_described(event, pace)}"), markup=False, highlight=False, soft_wrap=True)

    yield callback


def _lasting(event: Event, pace: Pace) -> str:
    """Return what of an event must stay on the terminal; empty where nothing must."""
    name = " ".join(part for part in (pace.kind(event.address), event.label, event.address) if part)
    if event.state == "failed":
        return f"failed: {name}: {event.note}"
    return f"{name}: {event.note}" if event.persistent else ""


def _described(event: Event, pace: Pace) -> str:
    """Return an event as a line."""
    if text := _lasting(event, pace):
        return text
    running = pace.running.get(event.address)
    left = running.left(pace.clock()) if running and event.state == "running" else None
    row = _row(event, left, pace, wide=True)
    state = "" if event.state in ("waiting", row.note) else event.state
    return " ".join(part for part in (state, row.name, row.note, row.steps, row.loss, row.speed, row.left) if part)


@dataclass(frozen=True)
class Row:
    """A line of the display: name, share that is done (None: not known), cells; a `note` stands in place of bar and cells."""

    name: str
    share: float | None = None
    steps: str = ""
    loss: str = ""
    speed: str = ""
    left: str = ""
    note: str = ""


def rows(pace: Pace, wide: bool) -> list[Row]:
    """List a row for the whole, for every running stage, and for those that are waited for."""
    seconds, all_ = pace.left()
    left = "" if seconds is None else f"{'' if all_ else '>'}{clock(seconds)} left"
    share = pace.done / pace.total if pace.total else None
    elapsed = f"all, {clock(pace.clock() - pace.began)}" + (" so far" if wide else "")
    result = [Row(elapsed, share, f"{pace.done}/{pace.total} stages", "", _speed(pace.speed), left)]
    now = pace.clock()
    result += [_row(running.event, running.left(now), pace, wide) for running in list(pace.running.values())]
    result += [_row(event, None, pace, wide) for event in list(pace.waiting.values())]
    return result + ([Row("stopping", note="at the next step; Ctrl-C again stops at once")] if signals.asked() else [])


def _row(event: Event, left: float | None, pace: Pace, wide: bool) -> Row:
    address = event.address if wide else event.address[:6]  # wherever an address is asked for, its beginning will do
    name = content(" ".join(part for part in (pace.kind(event.address), event.label, address) if part))
    if not event.steps:
        waits = "waiting for " if event.state == "waiting" else ""
        return Row(name, note=waits + content(event.note) or event.state)
    unit = f" {content(event.note)}" if event.note else ""
    loss = "" if event.loss is None else f"loss {event.loss:.3f}"
    steps = f"{event.step}/{event.steps}{unit}"
    return Row(name, event.step / event.steps, steps, loss, _speed(event.speed), "" if left is None else f"{clock(left)} left")


def _speed(speed: float | None) -> str:
    return "" if speed is None else f"{speed:,.0f} tok/s"


def drawn(rows: Sequence[Row], width: int, height: int) -> list[Text]:
    """Draw the rows as at most `height` lines of at most `width` columns. Where space is short the bars go first, then the speed,
    then the loss."""
    if len(rows) > max(2, height):
        shown = max(1, height - 1)
        rows = [*rows[:shown], Row(f"and {len(rows) - shown} more", note=" ")]
    longest = max(cell_len(row.name) for row in rows)
    for left_out in ((), ("bar",), ("bar", "speed"), ("bar", "speed", "loss")):
        columns = [name for name in ("steps", "loss", "speed", "left") if name not in left_out]
        sizes = {name: max(cell_len(getattr(row, name)) for row in rows) for name in columns}
        fixed = sum(size + 2 for size in sizes.values() if size)
        bar = 0 if "bar" in left_out else min(BAR[1], max(BAR[0], width - fixed - longest - 2))
        name = min(longest, width - fixed - (bar + 2 if bar else 0))
        if name >= min(longest, NAME):
            break
    return [_line(row, max(1, name), bar, sizes, width) for row in rows]


def _line(row: Row, name: int, bar: int, sizes: dict[str, int], width: int) -> Text:
    line = Text(_fitted(row.name, name), no_wrap=True, overflow="ellipsis")
    if row.note:
        line.append(f"  {row.note.strip()}")
    else:
        if bar:
            filled = round(bar * min(1.0, row.share or 0.0))
            line.append("  ").append("━" * filled, "green").append("━" * (bar - filled), "bright_black")
        for column, size in sizes.items():
            if size:
                line.append("  ").append(getattr(row, column).rjust(size))
    line.truncate(width, overflow="ellipsis")
    return line


def _fitted(name: str, width: int) -> str:
    """Fit a name into so many columns; too long a name loses what stands before its address."""
    if cell_len(name) <= width:
        return set_cell_size(name, width)
    head, _, address = name.rpartition(" ")
    room = width - cell_len(address) - 2
    return set_cell_size(name, width - 1) + "…" if room < 4 else f"{set_cell_size(head, room)}… {address}"


def _named() -> TextColumn:
    """Return what is gone through, cut where the line has no room for it."""
    return TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1))


@contextmanager
def checks() -> Iterator[Callable[[str, int, int | None], None]]:
    """Show what is gone through: what it is, how many are done, how many there are (None: not known)."""
    console = Console(stderr=True)
    columns = (_named(), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal, expand=True) as progress:
        bars: dict[str, TaskID] = {}
        last = time.monotonic()

        def callback(name: str, done: int, total: int | None) -> None:
            nonlocal last
            if name not in bars:
                bars[name] = progress.add_task(content(name), total=total)
            progress.update(bars[name], completed=done, total=total)
            if not console.is_terminal and time.monotonic() - last >= QUIET:
                last = time.monotonic()
                of = "" if total is None else f"/{total}"
                console.print(content(f"{name}: {done}{of}"), markup=False, highlight=False, soft_wrap=True)

        yield callback


@contextmanager
def downloads() -> Iterator[Callable[[str, int, int | None], None]]:
    """Show what comes: name, bytes so far, bytes in all (None: not known); a bar on a terminal, a line for each elsewhere."""
    console = Console(stderr=True)
    columns = (_named(), BarColumn(12), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal, expand=True) as progress:
        bars: dict[str, TaskID] = {}

        def callback(name: str, done: int, total: int | None) -> None:
            if name not in bars:
                bars[name] = progress.add_task(content(name), total=total)
                if not console.is_terminal:
                    size = "" if total is None else f" ({total:,} bytes)"
                    console.print(content(f"fetching {name}{size}"), markup=False, highlight=False, soft_wrap=True)
            progress.update(bars[name], completed=done, total=total)

        yield callback
