"""The process that works on a folder: recorded beside the lock by its holder, read by those that wait for it."""

import getpass
import json
import os
import socket
import time
from pathlib import Path

from stilts_xtreme.utils.sanitize import clock, visible


def write(file: Path) -> None:
    """Record this process. Only messages use it: if it cannot be written nothing is lost."""
    owner = {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "user": _user(),
        "job": os.environ.get("SLURM_JOB_ID", ""),
        "since": time.time(),
    }
    try:
        file.write_text(json.dumps(owner), encoding="utf-8")
    except OSError:
        pass


def described(file: Path) -> str:
    """Return in words whose it is and for how long: `process 7 of ann on host, at it for 12:34`."""
    try:
        owner = json.loads(file.read_bytes())
        job = f"job {owner['job']}, " if owner["job"] else ""
        process = f"{job}process {int(owner['process'])} of {owner['user']} on {owner['host']}"
        return visible(f"{process}, at it for {clock(max(0.0, time.time() - float(owner['since'])))}")
    except (OSError, ValueError, LookupError, TypeError):
        return "another process"  # of an earlier version, or only just begun


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
