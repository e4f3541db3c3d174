"""What `stilts runs list` prints: finished stages with start, seed, date, and the settings that differ."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from statistics import fmean

from rich.table import Table

from stilts_xtreme import results
from stilts_xtreme.store import Store
from stilts_xtreme.utils import terminal
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.sanitize import content

WIDE = 120  # columns from which on dates have their year
APART = ("kind", "start", "model", "models", "task", "tasks", "seed", "reads")  # of a plan: what has a column of its own


@dataclass(frozen=True)
class Run:
    """A finished stage: its name, the stages before it, what it starts from (an address, an encoder), its seed; English dev or
    test score; when its result was written; the settings of its own plan, and in `differs` those that others have otherwise."""

    address: str
    kind: str
    name: str
    before: str
    start: str
    seed: str
    score: str
    when: datetime
    collapsed: bool
    settings: Mapping[str, str]
    differs: str = ""


def show(store: Store) -> None:
    """Print all finished stages, those of a kind and name together."""
    console = terminal.console()
    wide = console.width >= WIDE
    table = Table("address", "stage", "starts from", "seed", "score", "finished", box=None, pad_edge=False)
    for column in (table.columns[0], *table.columns[3:]):
        column.no_wrap = True
    for run in runs(store):
        stage = f"{run.kind} {run.name}" + (f" ({run.differs})" if run.differs else "") + (", collapsed" if run.collapsed else "")
        start = " ".join(part for part in (run.before, run.start) if part)
        when = run.when.strftime("%Y-%m-%d %H:%M" if wide else "%m-%d %H:%M")
        table.add_row(run.address, content(stage), content(start), run.seed, run.score, when)
    console.print(table)


def runs(store: Store) -> list[Run]:
    """Return every finished stage, by kind, name and what it starts from, older ones first."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for kind, folder, result in store.runs():
        run = _run(kind, folder, result)
        groups.setdefault((run.kind, run.name), []).append(run)
    order = ("train", "predict", "latency")
    listed = [replace(run, differs=_differs(run, group)) for group in groups.values() for run in group]
    return sorted(listed, key=lambda run: (order.index(run.kind), run.name, run.before, run.start, run.when, run.address))


def _run(kind: str, folder: Path, result: Record) -> Run:
    scores = [result["score"]] if kind == "predict" else results.dev_scores(result) if kind == "train" else []
    before, plan = result["chain"][:-1], result["plan"]
    seed = plan.get("seed", before[-1].get("seed") if before else None)  # a prediction has its model's
    return Run(
        address=folder.name,
        kind=kind,
        name="+".join(plan["tasks"]) if kind == "train" else result["task"],
        before=">".join("+".join(link["tasks"]) for link in before),
        start=_start(plan),
        seed="" if seed is None else str(seed),
        score=f"{fmean(scores):.1f}" if scores else "-",
        when=datetime.fromtimestamp((folder / "result.json").stat().st_mtime),
        collapsed=bool(result["collapsed"]),
        settings=_settings(plan),
    )


def _start(plan: Record) -> str:
    """Return the beginning of the address that the stage starts from, or the encoder."""
    start = plan.get("start") or plan.get("model") or {}
    if "stage" in start:
        return start["stage"][:6]
    if "random" in start:
        return f"random {start['random'].get('layers')}x{start['random'].get('hidden_size')}"
    return str(start.get("pretrained", {}).get("name", "")).rstrip("/").rpartition("/")[2]


def _settings(plan: Record) -> dict[str, str]:
    """Return the plan's own settings, those of its recipe among them, and the data it reads by the beginning of a hash."""
    own = {name: value for name, value in plan.items() if name not in APART and not isinstance(value, Mapping)}
    own |= plan.get("recipe") or {}
    own |= {f"noise {name}": value for name, value in (plan.get("noise") or {}).items()}
    own["data"] = sha256(json.dumps(plan.get("reads"), sort_keys=True).encode()).hexdigest()[:6]
    return {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in own.items() if value is not None}


def _differs(run: Run, group: Sequence[Run]) -> str:
    """Return in words the settings of a run that not all of its group have."""
    names = [name for name in run.settings if any(other.settings.get(name) != run.settings[name] for other in group)]
    return ", ".join(f"{name} {run.settings[name]}" for name in names)
