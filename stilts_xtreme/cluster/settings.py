"""What a job asks Slurm for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stilts_xtreme.errors import UserError

NOTICE = 120  # seconds before the time limit that a job is told, so that it can keep what it has
MEMORY = re.compile(r"\d+[KMGT]?", re.I)
TIME = re.compile(r"\d+(:\d\d){0,2}|\d+-\d+(:\d\d){0,2}")
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
