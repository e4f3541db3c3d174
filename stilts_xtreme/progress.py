"""What running stages look like: live bars on a terminal, a line every so often elsewhere; always on stderr."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from stilts_xtreme import plan
from stilts_xtreme.shown import content
from stilts_xtreme.stages.events import Event

QUIET = 20.0  # seconds between two lines where stderr is not a terminal


@contextmanager
def watch(stages: Sequence[plan.Stage], done: int) -> Iterator[Callable[[Event], None]]:
    """Show the events of `stages`, of which `done` were finished before."""
    console = Console(stderr=True)
    shown = _bars(console, len(stages), done) if console.is_terminal else _lines(console, len(stages), done)
    with shown as tell:
        yield tell


@contextmanager
def _bars(console: Console, total: int, done: int) -> Iterator[Callable[[Event], None]]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        overall = progress.add_task("stages", total=total, completed=done, note="")
        bars: dict[str, TaskID] = {}

        def tell(event: Event) -> None:
            if event.state == "running":
                if event.address not in bars:
                    bars[event.address] = progress.add_task(f"{event.label} {event.address}", total=event.steps or None, note="")
                progress.update(bars[event.address], completed=event.step, total=event.steps or None, note=_note(event))
                if event.lasting:
                    console.print(content(f"{event.label} {event.address}: {event.note}"), markup=False)
                return
            if event.address in bars:
                progress.remove_task(bars.pop(event.address))
            progress.advance(overall)
            if event.state == "failed":
                console.print(content(f"failed: {event.address}: {event.note}"), markup=False)

        yield tell


@contextmanager
def _lines(console: Console, total: int, done: int) -> Iterator[Callable[[Event], None]]:
    began = last = time.monotonic()
    finished = done

    def tell(event: Event) -> None:
        nonlocal last, finished
        finished += event.state in ("done", "failed")
        now = time.monotonic()
        if event.state == "failed" or event.lasting or now - last >= QUIET:
            last = now
            where = f"{event.step}/{event.steps} {_note(event)}" if event.steps else ""
            stage = f"{event.state} {event.label} {event.address} {where or event.note}"
            text = f"[{finished}/{total} stages, {now - began:.0f} s] {stage}"
            console.print(content(text.rstrip()), markup=False, highlight=False, soft_wrap=True)

    yield tell


def _note(event: Event) -> str:
    loss = "" if event.loss is None else f"loss {event.loss:.3f}"
    speed = "" if event.speed is None else f"{event.speed:,.0f} tok/s"
    return " ".join(part for part in (content(event.note), loss, speed) if part)


@contextmanager
def checks() -> Iterator[Callable[[str, int, int], None]]:
    """Show what is gone through: what it is, how many are done, how many there are."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bars: dict[str, TaskID] = {}
        last = time.monotonic()

        def tell(name: str, done: int, total: int) -> None:
            nonlocal last
            if name not in bars:
                bars[name] = progress.add_task(name, total=total)
            progress.update(bars[name], completed=done, total=total)
            if not console.is_terminal and time.monotonic() - last >= QUIET:
                last = time.monotonic()
                console.print(f"{name}: {done}/{total}", markup=False, highlight=False, soft_wrap=True)

        yield tell


@contextmanager
def downloads() -> Iterator[Callable[[str, int, int | None], None]]:
    """Show what comes: name, bytes so far, bytes in all; a bar on a terminal, a line for each elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bars: dict[str, TaskID] = {}

        def tell(name: str, done: int, total: int | None) -> None:
            if name not in bars:
                bars[name] = progress.add_task(name, total=total)
                if not console.is_terminal:
                    size = "" if total is None else f" ({total:,} bytes)"
                    console.print(f"fetching {name}{size}", markup=False, highlight=False, soft_wrap=True)
            progress.update(bars[name], completed=done, total=total)

        yield tell
