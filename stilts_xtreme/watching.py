"""What becomes of a store or of a study, seen from outside: what is finished, being done, kept, failed; live on a terminal."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from stilts_xtreme import folded, plan
from stilts_xtreme.axes import Cell, Row
from stilts_xtreme.errors import Interrupted
from stilts_xtreme.shown import content
from stilts_xtreme.slurm import submissions
from stilts_xtreme.stages.last_step import read_last_step
from stilts_xtreme.store import Store

EVERY = 2.0  # seconds between two looks
MOST = 15  # running stages that are shown
STATES = ("done", "running", "stopped", "failed", "to do")  # stopped: begun, kept, and nobody is at it


@dataclass(frozen=True)
class Seen:
    """A study's stages by address, and the state of each at one moment."""

    stages: dict[str, plan.Stage]
    states: dict[str, str]

    def counts(self, kind: str) -> Counter[str]:
        """How many stages of a kind are in each state."""
        return Counter(state for name, state in self.states.items() if plan.kind(self.stages[name]) == kind)


def look(stages: Sequence[plan.Stage], store: Store, before: Seen | None = None) -> Seen:
    """The state of each stage; what was finished `before` is."""
    failed = submissions.of_store(store).failed()
    found: dict[str, str] = {}
    for stage in stages:
        name = plan.address(stage)
        if before is not None and before.states.get(name) == "done" or store.done(stage):
            found[name] = "done"
        elif store.busy(stage):
            found[name] = "running"
        elif name in failed:
            found[name] = "failed"
        else:
            found[name] = "stopped" if store.checkpoints(stage).last() else "to do"
    return Seen({plan.address(stage): stage for stage in stages}, found)


def study(cells: Sequence[Cell], store: Store) -> None:
    """Show a study until all of it is done or Ctrl-C comes."""
    stages = plan.ordered([cell.stage for cell in cells])
    seen = look(stages, store)

    def again() -> tuple[Group, str, bool]:
        nonlocal seen
        seen = look(stages, store, seen)
        shown = Group(totals(seen), "", *grid(cells, seen, folded.console().width), *under_way(seen, store))
        return shown, line(seen), all(state == "done" for state in seen.states.values())

    _show(again)


def everything(store: Store) -> None:
    """Show what is in a store until Ctrl-C comes."""

    def again() -> tuple[Group, str, bool]:
        table = Table("kind", "done", "begun", "checkpoints of", box=None, pad_edge=False)
        told = []
        for kind in ("train", "predict", "latency"):
            done, begun, kept = store.count(kind)
            if done or begun or kept:
                table.add_row(kind, str(done), str(begun), str(kept))
                told.append(f"{kind}: {done} done, {begun} begun, {kept} with checkpoints")
        return Group(table), "; ".join(told) or "nothing", False

    _show(again)


def totals(seen: Seen) -> Table:
    """How many stages of each kind are in each state."""
    kinds = list(dict.fromkeys(map(plan.kind, seen.stages.values())))
    table = Table("", *STATES, box=None, pad_edge=False)
    for kind in kinds:
        counts = seen.counts(kind)
        table.add_row(kind, *(str(counts[state] or "") for state in STATES))
    return table


def grid(cells: Sequence[Cell], seen: Seen, width: int) -> list[Table]:
    """Rows by targets: of how many evaluations how many are done, and in brackets for how many anything runs. In several tables
    where they are wider than `width`."""
    targets = list(dict.fromkeys(cell.target for cell in cells))
    together: dict[tuple[Row, str], list[Cell]] = {}
    for cell in cells:
        together.setdefault((cell.row, cell.target), []).append(cell)
    rows = [
        [content(row.name), *(_cell(together.get((row, target), []), seen) for target in targets)]
        for row in dict.fromkeys(cell.row for cell in cells)
    ]
    return folded.tables(["done/all (running)", *targets], rows, width, numeric=False)


def _cell(cells: Sequence[Cell], seen: Seen) -> str:
    done = running = failed = 0
    for cell in cells:
        states = {seen.states[plan.address(link)] for link in plan.chain(cell.stage)}
        done += seen.states[plan.address(cell.stage)] == "done"
        running += "running" in states
        failed += "failed" in states
    told = f"{done}/{len(cells)}" if cells else ""
    return told + (f" ({running})" if running else "") + (f" {failed} failed" if failed else "")


def under_way(seen: Seen, store: Store) -> list[Table | str]:
    """The running stages and where they are."""
    now, running = time.time(), [name for name, state in seen.states.items() if state == "running"]
    if not running:
        return []
    table = Table("running", "stage", "step", "loss", "last step", box=None, pad_edge=False)
    for name in running[:MOST]:
        stage = seen.stages[name]
        found = read_last_step(stage, store, now)
        loss = "" if found is None or found.loss is None else f"{found.loss:.3f}"
        where = ["", "", ""] if found is None else [str(found.step), loss, f"{found.ago:.0f} s ago"]
        table.add_row(name, content(f"{plan.kind(stage)} {stage.label}"), *where)
    return ["", table, *([f"and {len(running) - MOST} more"] if len(running) > MOST else [])]


def line(seen: Seen) -> str:
    """The totals in one line."""
    counts = Counter(seen.states.values())
    return ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])


def _show(again: Callable[[], tuple[Group, str, bool]]) -> None:
    """Show what `again` gives until it says that it is over: its table on a terminal, elsewhere its line where that changed."""
    console, last, over = Console(markup=False, emoji=False, highlight=False), "", False
    with Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext() as live:
        try:
            while not over:
                table, told, over = again()
                if live is not None:
                    live.update(table, refresh=True)
                elif told != last:
                    print(told, flush=True)
                last = told
                time.sleep(0.0 if over else EVERY)
        except Interrupted:
            pass  # who watches has seen enough
