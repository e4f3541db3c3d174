"""What a job asks Slurm for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stilts_xtreme.errors import UserError

NOTICE = 120  # seconds before the time limit that a job is told, so that it can keep what it has
EARLY = 60  # seconds by which Slurm may tell it earlier (sbatch's manual, --signal)
LEAST = NOTICE + EARLY + 60  # seconds of a time limit: at least a minute of work before the notice
MEMORY = re.compile(r"\d+[KMGT]?", re.I)
TIME = re.compile(r"\d+(:\d\d?){0,2}|\d+-\d+(:\d\d?){0,2}")
KEY = re.compile(r"[a-z][a-z-]*")
OURS = ("array", "comment", "error", "job-name", "open-mode", "output", "requeue")  # what the launcher lives by


@dataclass(frozen=True)
class Slurm:
    """Options of sbatch for each job; None: what the cluster gives. `limit`: jobs in the queue at once; `extra`: any other option
    (True: one without a value)."""

    partition: str | None = None
    gpus: int | None = None
    cpus: int | None = None
    mem: str | None = None
    time: str | None = None
    limit: int | None = None
    extra: Mapping[str, Any] = None  # type: ignore[assignment]


def settings(
    partition: str | None, gpus: int | None, cpus: int | None, mem: str | None, time: str | None, limit: int | None,
    extra: Sequence[str],
) -> Slurm:  # fmt: skip
    """The settings; UserError for what sbatch would not take, all of it at once."""
    faults = []
    if mem is not None and not MEMORY.fullmatch(mem):
        faults.append(f"--mem {mem}: give megabytes, or a number and K, M, G or T: 32G")
    if time is not None and not TIME.fullmatch(time):
        faults.append(f"--time {time}: give minutes, HOURS:MINUTES:SECONDS or DAYS-HOURS: 90, 8:00:00, 1-12")
    elif time is not None and 0 < limit_of(time) < LEAST:  # 0: no limit
        faults.append(
            f"--time {time}: is {limit_of(time)} seconds; a job is told to stop {NOTICE} to {NOTICE + EARLY} seconds before its "
            f"limit, so that it can keep what it has, and would never get on; give {LEAST // 60} minutes or more"
        )
    found: dict[str, Any] = {}
    for one in extra:
        key, equals, value = one.removeprefix("--").partition("=")
        if not KEY.fullmatch(key) or not one.isprintable() or equals and not value:
            faults.append(f"--slurm {one}: give an option of sbatch as KEY=VALUE, or KEY where it has no value: qos=long")
        elif key in OURS:
            faults.append(f"--slurm {one}: stilts sets {key} itself")
        else:
            found[key] = value if equals else True
    if faults:
        raise UserError("\n".join(faults))
    return Slurm(partition, gpus, cpus, mem, time, limit, found)


def limit_of(time: str) -> int:
    """Seconds of a time limit as sbatch reads it.

    The forms are MINUTES, MINUTES:SECONDS, HOURS:MINUTES:SECONDS and DAYS-HOURS[:MINUTES[:SECONDS]].
    """
    days, dash, rest = time.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    if dash:
        hours, minutes, seconds = [*parts, 0, 0][:3]
    else:
        hours, minutes, seconds = [0, *parts, 0][:3] if len(parts) < 3 else parts
    return int(days or 0) * 86400 + hours * 3600 + minutes * 60 + seconds
