"""Call Slurm: sbatch, through submitit, and squeue."""

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

from stilts_xtreme.slurm.settings import NOTICE, SlurmSettings
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import visible

TIMEOUT = 60  # seconds
MAX_RESTARTS = 10  # times a stopped job requeues itself; after that, only the scheduler submits it
ELEMENT = '"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"'
# Exit code 75: stopped after a checkpoint, so requeue. A cancelled job does not get here. One element of an array has the array's
# own id as SLURM_JOB_ID, and `scontrol requeue` with that id requeues every element, also ended ones (Slurm 22.05.8).
REQUEUE = (
    "code=$?",
    f'if [ $code = 75 ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {MAX_RESTARTS} ]; then scontrol requeue {ELEMENT}; fi',
    "exit $code",
)
ERROR = re.compile(r"(?:sbatch|squeue): (?:error: |fatal: )?(.+)")
FIELDS = "%k|%K|%T|%i|%r"  # comment, array index, state, id, reason


class Refused(Exception):
    """sbatch refused the submission; the message is its reason."""


@dataclass(frozen=True)
class Job:
    """An element of one of our arrays in the queue: its submission, index, Slurm's state, id and reason for waiting."""

    submission: str
    index: int
    state: str
    id: str
    reason: str


@dataclass(frozen=True)
class Queue:
    """The queue of this cluster; every job runs `command` followed by the folder of its submission, under the job name `name`."""

    settings: SlurmSettings
    command: Sequence[str]
    name: str

    def check(self) -> None:
        """Raise UserError if Slurm's programs or submitit are missing."""
        if missing := [program for program in ("sbatch", "squeue", "srun") if shutil.which(program) is None]:
            raise UserError(
                f"--launcher slurm: there is no {missing[0]} here; run this where jobs are submitted, or --launcher local"
            )
        try:
            import submitit  # noqa: F401
        except ImportError:
            raise UserError('--launcher slurm needs submitit: pip install "stilts-xtreme[slurm]"') from None

    def submit(self, folder: Path, count: int) -> str:
        """Submit an array of `count` jobs for the submission in `folder` and return its id; raises Refused.

        submitit writes the script and calls sbatch. Jobs run `command` in the shell, not submitit's pickled functions: anyone who
        can write to the store could put code there, and our signal handlers write a checkpoint on SIGTERM, which its ignore.
        """
        import submitit
        from submitit.helpers import clean_env

        logging.getLogger("submitit").setLevel(logging.CRITICAL)
        settings = self.settings
        options: Record = {
            "job_name": self.name, "comment": folder.name, "partition": settings.partition, "time": settings.time,
            "mem": settings.mem, "cpus_per_task": settings.cpus, "gpus_per_node": settings.gpus, "nodes": 1, "ntasks_per_node": 1,
            "signal_delay_s": NOTICE, "array_parallelism": settings.limit or count, "stderr_to_stdout": True, "wckey": None,
            "additional_parameters": {"requeue": True, **settings.extra},
            # Since Slurm 22.05 srun does not inherit this from sbatch.
            "srun_args": ["--open-mode=append", *([f"--cpus-per-task={settings.cpus}"] if settings.cpus else [])],
            "teardown": list(REQUEUE),
        }  # fmt: skip
        executor = submitit.SlurmExecutor(folder)
        executor.update_parameters(**options)
        executor.parameters["map_count"] = count
        try:
            variables = {name: value for name, value in os.environ.items() if name == "SLURM_CONF" or name.startswith("SBATCH_")}
            # Without the variables of the job we may be in. What sbatch writes to stderr is in the exception too.
            with clean_env(), redirect_stderr(io.StringIO()):
                os.environ.update(variables)
                return executor._submit_command(shlex.join([*self.command, str(folder)])).job_id
        except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError) as error:
            raise Refused(_error_line(str(error))) from None

    def jobs(self) -> list[Job]:
        """Return our jobs in the queue; OSError if Slurm does not answer."""
        command = ["squeue", "--array", "--noheader", f"--user={os.getuid()}", f"--format={FIELDS}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            raise OSError(f"squeue has not answered for {TIMEOUT} s") from None
        if done.returncode:
            raise OSError(_error_line(done.stderr) or f"squeue ended with {done.returncode}")
        jobs = []
        for line in done.stdout.splitlines():
            comment, index, state, name, reason = [*line.split("|", 4), "", "", "", ""][:5]
            if index.isdigit():
                jobs.append(Job(comment, int(index), state, visible(name), visible(reason)))
        return jobs


def _error_line(text: str) -> str:
    """Return the line of the output that names the error: the last of Slurm's own, otherwise the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    own = [match[1] for line in lines if (match := ERROR.match(line)) and not match[1].startswith("Try ")]
    return visible((own or lines or [""])[-1])
