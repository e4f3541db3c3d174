"""Watch a store or a study from outside: what is finished, running, stopped, failed; live on a terminal."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from stilts_xtreme.pipeline import plan
from stilts_xtreme.pipeline.grid import Cell, Row
from stilts_xtreme.slurm import submissions
from stilts_xtreme.stages.last_step import read_last_step
from stilts_xtreme.store import Store
from stilts_xtreme.utils import terminal
from stilts_xtreme.utils.errors import Interrupted
from stilts_xtreme.utils.sanitize import content

EVERY = 2.0  # seconds between two looks
MOST = 15  # running stages that are shown
STATES = ("done", "running", "stopped", "failed", "to do")  # stopped: begun, with a checkpoint, and no process runs it


@dataclass(frozen=True)
class Snapshot:
    """A study's stages by address, and the state of each at a moment."""

    stages: dict[str, plan.Stage]
    states: dict[str, str]

    def counts(self, kind: str) -> Counter[str]:
        """Count the stages of a kind in each state."""
        return Counter(state for name, state in self.states.items() if plan.kind(self.stages[name]) == kind)


def look(stages: Sequence[plan.Stage], store: Store, before: Snapshot | None = None) -> Snapshot:
    """Return the state of each stage; what was finished in the snapshot `before` is not looked at again."""
    failed = submissions.of_store(store).failed()
    states: dict[str, str] = {}
    for stage in stages:
        name = plan.address(stage)
        if before is not None and before.states.get(name) == "done" or store.done(stage):
            states[name] = "done"
        elif store.busy(stage):
            states[name] = "running"
        elif name in failed:
            states[name] = "failed"
        else:
            states[name] = "stopped" if store.checkpoints(stage).last() else "to do"
    return Snapshot({plan.address(stage): stage for stage in stages}, states)


def study(cells: Sequence[Cell], store: Store) -> None:
    """Show a study until all of it is done or Ctrl-C comes."""
    stages = plan.ordered([cell.stage for cell in cells])
    seen = look(stages, store)

    def again() -> tuple[Group, str, bool]:
        nonlocal seen
        seen = look(stages, store, seen)
        shown = Group(totals(seen), "", *grid(cells, seen, terminal.console().width), *under_way(seen, store))
        return shown, line(seen), all(state == "done" for state in seen.states.values())

    _show(again)


def everything(store: Store) -> None:
    """Show what is in a store until Ctrl-C comes."""

    def again() -> tuple[Group, str, bool]:
        table = Table("kind", "done", "begun", "checkpoints of", box=None, pad_edge=False)
        lines = []
        for kind in ("train", "predict", "latency"):
            done, begun, saved = store.count(kind)
            if done or begun or saved:
                table.add_row(kind, str(done), str(begun), str(saved))
                lines.append(f"{kind}: {done} done, {begun} begun, {saved} with checkpoints")
        return Group(table), "; ".join(lines) or "nothing", False

    _show(again)


def totals(seen: Snapshot) -> Table:
    """Tabulate how many stages of each kind are in each state."""
    kinds = list(dict.fromkeys(map(plan.kind, seen.stages.values())))
    table = Table("", *STATES, box=None, pad_edge=False)
    for kind in kinds:
        counts = seen.counts(kind)
        table.add_row(kind, *(str(counts[state] or "") for state in STATES))
    return table


def grid(cells: Sequence[Cell], seen: Snapshot, width: int) -> list[Table]:
    """Tabulate rows by targets: done/all evaluations, in brackets for how many anything runs; several tables if wider than
    `width`."""
    targets = list(dict.fromkeys(cell.target for cell in cells))
    together: dict[tuple[Row, str], list[Cell]] = {}
    for cell in cells:
        together.setdefault((cell.row, cell.target), []).append(cell)
    rows = [
        [content(row.name), *(_cell(together.get((row, target), []), seen) for target in targets)]
        for row in dict.fromkeys(cell.row for cell in cells)
    ]
    return terminal.tables(["done/all (running)", *targets], rows, width, numeric=False)


def _cell(cells: Sequence[Cell], seen: Snapshot) -> str:
    done = running = failed = 0
    for cell in cells:
        states = {seen.states[plan.address(link)] for link in plan.chain(cell.stage)}
        done += seen.states[plan.address(cell.stage)] == "done"
        running += "running" in states
        failed += "failed" in states
    progress = f"{done}/{len(cells)}" if cells else ""
    return progress + (f" ({running})" if running else "") + (f" {failed} failed" if failed else "")


def under_way(seen: Snapshot, store: Store) -> list[Table | str]:
    """Tabulate the running stages and their last logged steps."""
    now, running = time.time(), [name for name, state in seen.states.items() if state == "running"]
    if not running:
        return []
    table = Table("running", "stage", "step", "loss", "last step", box=None, pad_edge=False)
    for name in running[:MOST]:
        stage = seen.stages[name]
        last = read_last_step(stage, store, now)
        loss = "" if last is None or last.loss is None else f"{last.loss:.3f}"
        where = ["", "", ""] if last is None else [str(last.step), loss, f"{last.ago:.0f} s ago"]
        table.add_row(name, content(f"{plan.kind(stage)} {stage.label}"), *where)
    return ["", table, *([f"and {len(running) - MOST} more"] if len(running) > MOST else [])]


def line(seen: Snapshot) -> str:
    """Return the totals in a line."""
    counts = Counter(seen.states.values())
    return ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])


def _show(again: Callable[[], tuple[Group, str, bool]]) -> None:
    """Show what `again` returns (table, line, whether it is over): on a terminal the table, elsewhere the line if it changed."""
    console, last, over = Console(markup=False, emoji=False, highlight=False), "", False
    with Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext() as live:
        try:
            while not over:
                table, text, over = again()
                if live is not None:
                    live.update(table, refresh=True)
                elif text != last:
                    print(text, flush=True)
                last = text
                time.sleep(0.0 if over else EVERY)
        except Interrupted:
            pass  # Ctrl-C ends watching
