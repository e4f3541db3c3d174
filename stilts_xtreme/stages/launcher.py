"""Run this command again in several processes of this machine, which start and end together.

torchrun's own launcher would answer every ending with exit code 1, kill what is still writing a checkpoint 30 seconds after a
signal, and load torch before the first process could begin.
"""

import os
import signal
import socket
import subprocess
import sys
import time

from stilts_xtreme.utils import ranks, signals
from stilts_xtreme.utils.errors import Aborted, Interrupted, RunFailed

LOOPBACK = {"linux": "lo", "darwin": "lo0"}
PAUSE = 0.05  # seconds between two looks at them
GRACE = 5.0  # seconds that others have to notice that a process has ended; then they are stopped, and after as many more killed
REPORTED = (2, 3)  # exit codes of a process that has printed why; 75 as well, from the first process
OURS = {0, *REPORTED, 1, 75, 130, ranks.LOST}


def again(count: int) -> None:
    """Run this command in `count` processes that share its work, and wait for them.

    Returns if all ended well. SystemExit if a process has printed what was wrong, RunFailed if a process was killed.
    """
    environment = _environment(count)
    command = [sys.executable, "-m", "stilts_xtreme", *sys.argv[1:]]
    processes = [
        subprocess.Popen(
            command, env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)}, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, start_new_session=True,
        )
        for rank in range(count)
    ]  # fmt: skip
    signals.hold()  # their work
    try:
        codes = _codes(processes)
    except BaseException:
        _signal(processes, signal.SIGQUIT)
        _wait(processes, GRACE)
        raise
    finally:
        _signal(processes, signal.SIGKILL)
        signals.release()
    _raise_failure(codes)


def _environment(count: int) -> dict[str, str]:
    """Return the environment by which they find each other: through this machine's loopback, unless the environment says else."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), ranks.LAUNCHED: "1"}
    meeting |= {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
    defaults = {"GLOO_SOCKET_IFNAME": LOOPBACK[sys.platform]} if sys.platform in LOOPBACK else {}
    return {**defaults, **os.environ, **meeting}


def _codes(processes: list[subprocess.Popen]) -> dict[int, int]:
    """Wait, and return exit codes by rank, of those that ended by themselves, in the order they ended."""
    codes: dict[int, int] = {}
    asked, failed, ending = False, 0.0, 0
    while len(codes) < len(processes):
        time.sleep(PAUSE)
        for rank, process in enumerate(processes):
            if rank not in codes and process.poll() is not None:
                codes[rank] = process.returncode
        if signals.asked() and not asked:
            asked = True
            _signal(processes, signal.SIGTERM)
        if any(codes.values()):
            failed = failed or time.monotonic()
            if time.monotonic() - failed > GRACE * (ending + 1):
                if ending:
                    return codes
                ending = 1
                _signal(processes, signal.SIGQUIT)
    return codes


def _raise_failure(codes: dict[int, int]) -> None:
    """Raise what these exit codes stand for; nothing if all are 0."""
    failures = {rank: code for rank, code in codes.items() if code}
    if not failures:
        return
    for rank, code in failures.items():
        if code not in OURS:
            how = f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended (exit code {code})"
            hint = ": out of memory?" if code == -signal.SIGKILL else ""
            raise RunFailed(
                f"process {rank} of the {max(codes) + 1} that share the work {how}{hint}; what was done is kept. "
                "Run the same command again to go on from the last checkpoint."
            )
    if 1 in failures.values():
        sys.exit(1)  # with a traceback
    if reported := [code for code in failures.values() if code in REPORTED]:
        sys.exit(reported[0])
    if failures.get(0) == 75:
        sys.exit(75)
    if 75 in failures.values():
        raise Interrupted
    if 130 in failures.values():
        raise Aborted
    raise RunFailed("the processes that share the work lost each other; run the same command again")


def _signal(processes: list[subprocess.Popen], number: int) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(number)


def _wait(processes: list[subprocess.Popen], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(process.poll() is None for process in processes):
        time.sleep(PAUSE)
