"""Slurm itself: sbatch, through submitit, and squeue."""

import io
import logging
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stilts_xtreme.cluster.settings import NOTICE, Slurm
from stilts_xtreme.errors import UserError
from stilts_xtreme.shown import visible

PATIENCE = 60  # seconds for an answer
RESTARTS = 10  # times a job that was stopped puts itself back into the queue; from then on, only the driver submits it
ELEMENT = '"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"'
# Stopped and kept (exit code 75): back into the queue. A job that is cancelled does not get here. One element of an array has the
# array's own id as SLURM_JOB_ID, and `scontrol requeue` with that id requeues every element, ended ones too (Slurm 22.05.8).
REQUEUE = (
    "code=$?",
    f'if [ $code = 75 ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {RESTARTS} ]; then scontrol requeue {ELEMENT}; fi',
    "exit $code",
)
SAID = re.compile(r"(?:sbatch|squeue): (?:error: |fatal: )?(.+)")
FIELDS = "%k|%K|%T|%i|%r"  # comment, array index, state, id, reason


class Refused(Exception):
    """sbatch took nothing; why."""


@dataclass(frozen=True)
class Job:
    """One element of one of our arrays that is in the queue, running or not."""

    round: str
    index: int
    state: str
    id: str
    reason: str


@dataclass(frozen=True)
class Queue:
    """The queue of the cluster we are on; `command` is what every job runs, followed by the folder of its round."""

    settings: Slurm
    command: Sequence[str]
    name: str

    def check(self) -> None:
        """UserError where nothing can be submitted from here."""
        if absent := [program for program in ("sbatch", "squeue", "srun") if shutil.which(program) is None]:
            raise UserError(
                f"--launcher slurm: there is no {absent[0]} here; run this where jobs are submitted, or --launcher local"
            )
        try:
            import submitit  # noqa: F401
        except ImportError:
            raise UserError('--launcher slurm needs submitit: pip install "stilts-xtreme[slurm]"') from None

    def submit(self, folder: Path, count: int) -> str:
        """Submit an array of `count` jobs for the round in `folder`; its id. Refused where Slurm does not take it.

        submitit writes the script and calls sbatch. The jobs run `command` by the shell and not its pickled functions: whoever
        may write into the store could put code there; and our own signal handlers keep what is done on SIGTERM, which its ignore.
        """
        import submitit
        from submitit.helpers import clean_env

        logging.getLogger("submitit").setLevel(logging.CRITICAL)
        settings = self.settings
        options: dict[str, Any] = {
            "job_name": self.name, "comment": folder.name, "partition": settings.partition, "time": settings.time,
            "mem": settings.mem, "cpus_per_task": settings.cpus, "gpus_per_node": settings.gpus, "nodes": 1, "ntasks_per_node": 1,
            "signal_delay_s": NOTICE, "array_parallelism": settings.limit or count, "stderr_to_stdout": True, "wckey": None,
            "additional_parameters": {"requeue": True, **settings.extra},
            # Since Slurm 22.05 srun does not take this over from sbatch.
            "srun_args": ["--open-mode=append", *([f"--cpus-per-task={settings.cpus}"] if settings.cpus else [])],
            "teardown": list(REQUEUE),
        }  # fmt: skip
        executor = submitit.SlurmExecutor(folder)
        executor.update_parameters(**options)
        executor.parameters["map_count"] = count
        try:
            kept = {name: value for name, value in os.environ.items() if name == "SLURM_CONF" or name.startswith("SBATCH_")}
            with (
                clean_env(),
                redirect_stderr(io.StringIO()),
            ):  # of the job that we may be in; what sbatch says is told by the fault
                os.environ.update(kept)
                return executor._submit_command(shlex.join([*self.command, str(folder)])).job_id
        except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError) as fault:
            raise Refused(_last(str(fault))) from None

    def jobs(self) -> list[Job]:
        """Our jobs that are in the queue; OSError where Slurm does not answer."""
        asked = ["squeue", "--array", "--noheader", f"--user={os.getuid()}", f"--format={FIELDS}"]
        try:
            done = subprocess.run(asked, capture_output=True, text=True, errors="replace", timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise OSError(f"squeue has not answered for {PATIENCE} s") from None
        if done.returncode:
            raise OSError(_last(done.stderr) or f"squeue ended with {done.returncode}")
        found = []
        for line in done.stdout.splitlines():
            comment, index, state, name, reason = [*line.split("|", 4), "", "", "", ""][:5]
            if index.isdigit():
                found.append(Job(comment, int(index), state, visible(name), visible(reason)))
        return found


def _last(told: str) -> str:
    """The line of an error message that says what is wrong: sbatch's own, where there is one."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    own = [found[1] for line in lines if (found := SAID.match(line)) and not found[1].startswith("Try ")]
    return visible((own or lines or [""])[-1])
