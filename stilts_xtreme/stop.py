"""Being asked to stop: Ctrl-C, a scheduler's SIGTERM, Slurm's SIGUSR1 and SIGUSR2."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stilts_xtreme.errors import Aborted, Interrupted

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
_asked = False
_borders = False


def listen() -> None:
    """Take the signals from here on. Where nobody waits `at_borders` they end the process at once, by Interrupted."""
    for number in SIGNALS:
        signal.signal(number, _heard)


def asked() -> bool:
    """Whether a signal came."""
    return _asked


def check() -> None:
    """Interrupted, where a signal came: to be called where nothing is half-done."""
    if _asked:
        raise Interrupted


@contextmanager
def at_borders() -> Iterator[None]:
    """While this lasts, a signal waits until somebody checks; Ctrl-C a second time does not."""
    global _borders
    before, _borders = _borders, True
    try:
        yield
    finally:
        _borders = before


def in_worker() -> None:
    """Take the signals in a process that works for another: Ctrl-C reaches both, and the other decides."""
    global _borders
    listen()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _borders = True


def _heard(number: int, _: Any) -> None:
    global _asked
    again, _asked = _asked, True
    if again and number == signal.SIGINT:
        raise Aborted
    if not _borders:
        raise Interrupted
    if not again:
        told = "stopping at the next step; Ctrl-C again stops at once"
        os.write(2, f"\n{told}\n".encode())
