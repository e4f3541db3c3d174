"""Where a study's stages are done: in processes of this machine, or as jobs of a cluster."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stilts_xtreme import console
from stilts_xtreme.errors import UserError


def cluster(
    launcher: str, jobs: int | None, memory: float | None, partition: str | None, gpus: int | None, cpus: int | None,
    mem: str | None, time: str | None, limit: int | None, extra: Sequence[str] | None,
) -> Any:  # fmt: skip
    """What jobs ask Slurm for, None where stages are done here; UserError for options that do not belong to the launcher."""
    here = {"--jobs": jobs, "--memory": memory}
    there = {"--partition": partition, "--gpus": gpus, "--cpus": cpus, "--mem": mem, "--time": time, "--array-limit": limit}
    if launcher not in ("local", "slurm"):
        raise UserError(f"--launcher {launcher}: give local or slurm")
    other, strange = ("slurm", {**there, "--slurm": extra or None}) if launcher == "local" else ("local", here)
    if said := [name for name, value in strange.items() if value is not None]:
        raise UserError(f"{', '.join(said)}: only for --launcher {other}")
    if launcher == "local":
        return None
    from stilts_xtreme.cluster.settings import settings

    return settings(partition, gpus, cpus, mem, time, limit, extra or [])


def command(spec: Path, overrides: Sequence[str], store: Path, options: Any) -> list[str]:
    """The words of a job's command, which lack its round's folder."""
    said = ["--store", str(store), "--device", options.device, "--checkpoint-every", str(options.checkpoint_every)]
    said += ["--threads", str(options.threads)] if options.threads else []
    return [sys.executable, "-m", "stilts_xtreme", "study", str(spec), *overrides, *said, "--job"]


def submit(stages: list[Any], store: Any, settings: Any, command: list[str], name: str) -> None:
    """Finish these stages by jobs, under watch."""
    from stilts_xtreme.cluster import driver
    from stilts_xtreme.cluster.queue import Queue

    queue = Queue(settings, command, f"stilts-{name}")
    queue.check()
    console.finish(stages, store, lambda todo, tell: driver.run(todo, store, tell, queue))


def job(stages: list[Any], store: Any, options: Any, folder: Path) -> None:
    """Do what the job we are is to do."""
    from stilts_xtreme.cluster import job as one

    mine = one.stages(stages, folder)
    console.finish(mine, store, lambda todo, tell: one.run(todo, store, options, tell, folder))
