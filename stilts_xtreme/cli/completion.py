"""What a shell offers behind a Tab: names that the command takes, without importing anything heavy."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

from stilts_xtreme.utils import shipped

KINDS = {  # of spec, by command; others take any
    "train-intermediate": "intermediate",
    "train-multitask": "multitask",
    "finetune-target": "target",
    "evaluate": "evaluation",
    "study": "study",
    "verify": "study",
    "watch": "study",
    "latency": "latency",
}
DEPTH = 3  # levels of folders that are searched for specs
MOST = 2000  # files that are looked at
STORE = ("train", "predict", "latency")


def tasks(incomplete: str) -> list[str]:
    """List all tasks."""
    from stilts_xtreme.tasks.catalogue import TASKS

    return _beginning(TASKS, incomplete)


def targets(incomplete: str) -> list[str]:
    """List tasks that models are evaluated on."""
    from stilts_xtreme.tasks.catalogue import TARGETS

    return _beginning(TARGETS, incomplete)


def methods(incomplete: str) -> list[str]:
    """List ways to rank intermediate tasks before training."""
    from stilts_xtreme.transferability.names import ABOUT

    return _beginning(ABOUT, incomplete)


def benchmarks(incomplete: str) -> list[str]:
    """List benchmarks whose rules we have."""
    from stilts_xtreme.scoring.benchmarks import BENCHMARKS

    return _beginning(BENCHMARKS, incomplete)


def drafted(incomplete: str) -> list[str]:
    """List kinds of spec that `stilts new` writes."""
    from stilts_xtreme.spec.draft import DRAFTED

    return _beginning(DRAFTED, incomplete)


def devices(incomplete: str) -> list[str]:
    """List what --device takes."""
    return _beginning(("auto", "cpu"), incomplete)


def trackers(incomplete: str) -> list[str]:
    """List what --track takes."""
    return _beginning(("tensorboard", "trackio", "wandb"), incomplete)


def specs(ctx: typer.Context, incomplete: str) -> list[str]:
    """List spec files of the kind that the command takes, below the folder that is being typed."""
    kind = KINDS.get(ctx.info_name or "")
    named = shipped.names("studies") if kind == "study" and incomplete and "/" not in incomplete else []
    kinds = (kind,) if kind else (*KINDS.values(), "setup", "task")
    return _beginning(named, incomplete) + [path for path in _yaml(incomplete) if _kind(path) in kinds]


def setups(ctx: typer.Context, incomplete: str) -> list[str]:
    """List names of the setups beside the spec's folder; setup files."""
    spec = ctx.params.get("spec") or next(iter(ctx.args), None)  # where arguments stand while a line is unfinished
    beside = Path(spec).parent.parent.glob("setups/*.yaml") if spec else ()
    named = sorted({*(path.stem for path in beside), *shipped.names("setups")})
    return _beginning(named, incomplete) or setup_files(incomplete)


def setup_files(incomplete: str) -> list[str]:
    """List spec files of kind setup."""
    return [path for path in _yaml(incomplete) if _kind(path) == "setup"]


def addresses(ctx: typer.Context, incomplete: str) -> list[str]:
    """List addresses of finished stages of the store."""
    root = Path(ctx.params.get("store") or os.environ.get("STILTS_STORE") or "runs")
    names = (path.parent.name for kind in STORE for path in root.glob(f"{kind}/{_plain(incomplete)}*/result.json"))
    return sorted(name for name in names if not name.startswith("."))


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _plain(text: str) -> str:
    """Return the hexadecimal digits of a text."""
    return re.sub(r"[^0-9a-f]", "", text)


def _yaml(incomplete: str) -> Iterator[str]:
    """Yield paths of YAML files that begin so, those of a folder before those below it."""
    top, looked = incomplete.rpartition("/")[0] or ("/" if incomplete.startswith("/") else "."), 0
    for folder, below, files in os.walk(top):
        depth = folder.count("/") - top.count("/")
        below[:] = sorted(name for name in below if not name.startswith(".")) if depth < DEPTH else []
        for name in sorted(files):
            looked += 1
            path = os.path.join(folder, name)
            path = path.removeprefix("./") if top == "." and not incomplete.startswith("./") else path
            if name.endswith((".yaml", ".yml")) and path.startswith(incomplete):
                yield path
        if looked > MOST:
            return


def _kind(path: str) -> str:
    """Return the kind that a spec says it is; empty where it says nothing near its beginning."""
    try:
        with open(path, "rb") as file:
            match = re.search(rb"^kind: *([a-z]+)", file.read(4096), re.M)
    except OSError:
        return ""
    return match[1].decode() if match else ""
