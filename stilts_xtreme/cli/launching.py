"""A study's stages as jobs of a cluster: the command that schedules them, and what a job does."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stilts_xtreme.stages import execution

if TYPE_CHECKING:
    from stilts_xtreme.pipeline.plan import Stage
    from stilts_xtreme.slurm.settings import SlurmSettings
    from stilts_xtreme.stages.events import Options
    from stilts_xtreme.store import Store


def submit(
    stages: "list[Stage]", store: "Store", settings: "SlurmSettings", study: list[str], name: str, drop: bool
) -> None:  # fmt: skip
    """Finish these stages by jobs that each do some of them, with progress; `study`: the arguments of `stilts study`."""
    from stilts_xtreme.slurm import scheduler
    from stilts_xtreme.slurm.queue import Queue
    from stilts_xtreme.stages.events import Options

    command = [sys.executable, "-m", "stilts_xtreme", "study", *study, "--job"]  # a job adds its round's folder
    queue = Queue(settings, command, f"stilts-{name}")
    queue.check()
    execution.finish(stages, store, lambda todo, callback: scheduler.run(todo, store, callback, queue), Options(drop=drop))


def job(stages: "list[Stage]", store: "Store", options: "Options", folder: Path) -> None:
    """Do the stages of the job that this process is."""
    from stilts_xtreme.slurm import job as job_

    mine = job_.stages(stages, folder)
    execution.finish(mine, store, lambda todo, callback: job_.run(todo, store, options, callback, folder), options, tried=True)
