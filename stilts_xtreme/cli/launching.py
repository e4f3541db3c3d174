"""A study's stages as jobs of a cluster: the command that sees to them, and what a job does."""

import sys
from pathlib import Path
from typing import Any

from stilts_xtreme import console


def submit(stages: list[Any], store: Any, settings: Any, study: list[str], name: str, drop: bool) -> None:
    """Finish these stages by jobs that each do some of them: `study`, the words behind `stilts study`; under watch."""
    from stilts_xtreme.slurm import scheduler
    from stilts_xtreme.slurm.queue import Queue
    from stilts_xtreme.stages.events import Options

    command = [sys.executable, "-m", "stilts_xtreme", "study", *study, "--job"]  # a job adds its round's folder
    queue = Queue(settings, command, f"stilts-{name}")
    queue.check()
    console.finish(stages, store, lambda todo, tell: scheduler.run(todo, store, tell, queue), Options(drop=drop))


def job(stages: list[Any], store: Any, options: Any, folder: Path) -> None:
    """Do what the job we are is to do."""
    from stilts_xtreme.slurm import job as job_

    mine = job_.stages(stages, folder)
    console.finish(mine, store, lambda todo, tell: job_.run(todo, store, options, tell, folder), options, tried=True)
