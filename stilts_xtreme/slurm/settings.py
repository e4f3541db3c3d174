"""The resources that a job asks Slurm for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stilts_xtreme.utils.errors import UserError

NOTICE = 120  # seconds before the time limit at which a job is signalled, so that it can write a checkpoint
EARLY = 60  # seconds by which Slurm may signal earlier (manual of sbatch, --signal)
MIN_TIME = NOTICE + EARLY + 60  # seconds of a time limit: at least a minute of work before the signal
MEMORY = re.compile(r"\d+[KMGT]?", re.I)
TIME = re.compile(r"\d+(:\d\d?){0,2}|\d+-\d+(:\d\d?){0,2}")
KEY = re.compile(r"[a-z][a-z-]*")
RESERVED = ("array", "comment", "error", "job-name", "open-mode", "output", "requeue")  # options that the launcher sets


@dataclass(frozen=True)
class SlurmSettings:
    """Options of sbatch for each job; None: the cluster's default.

    `limit`: jobs in the queue at once; `extra`: further options of sbatch -> value (True: an option without a value).
    """

    partition: str | None = None
    gpus: int | None = None
    cpus: int | None = None
    mem: str | None = None
    time: str | None = None
    limit: int | None = None
    extra: Mapping[str, str | bool] = field(default_factory=dict)


def settings(
    partition: str | None, gpus: int | None, cpus: int | None, mem: str | None, time: str | None, limit: int | None,
    extra: Sequence[str],
) -> SlurmSettings:  # fmt: skip
    """Check the command line's options; raises a UserError with a line for each value that sbatch would refuse."""
    problems = []
    if mem is not None and not MEMORY.fullmatch(mem):
        problems.append(f"--mem {mem}: give megabytes, or a number and K, M, G or T: 32G")
    if time is not None and not TIME.fullmatch(time):
        problems.append(f"--time {time}: give minutes, HOURS:MINUTES:SECONDS or DAYS-HOURS: 90, 8:00:00, 1-12")
    elif time is not None and 0 < time_limit(time) < MIN_TIME:  # 0: no limit
        problems.append(
            f"--time {time}: is {time_limit(time)} seconds; a job is signalled {NOTICE} to {NOTICE + EARLY} seconds before "
            f"its limit, so that it can keep what it has, and would never get on; give {MIN_TIME // 60} minutes or more"
        )
    options: dict[str, str | bool] = {}
    for option in extra:
        key, equals, value = option.removeprefix("--").partition("=")
        if not KEY.fullmatch(key) or not option.isprintable() or equals and not value:
            problems.append(f"--slurm {option}: give an option of sbatch as KEY=VALUE, or KEY where it has no value: qos=long")
        elif key in RESERVED:
            problems.append(f"--slurm {option}: stilts sets {key} itself")
        else:
            options[key] = value if equals else True
    if problems:
        raise UserError("\n".join(problems))
    return SlurmSettings(partition, gpus, cpus, mem, time, limit, options)


def time_limit(time: str) -> int:
    """Return the seconds of a time limit as sbatch reads it.

    Formats: MINUTES, MINUTES:SECONDS, HOURS:MINUTES:SECONDS and DAYS-HOURS[:MINUTES[:SECONDS]].
    """
    days, dash, rest = time.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    if dash:
        hours, minutes, seconds = [*parts, 0, 0][:3]
    else:
        hours, minutes, seconds = [0, *parts, 0][:3] if len(parts) < 3 else parts
    return int(days or 0) * 86400 + hours * 3600 + minutes * 60 + seconds
