"""Being asked to stop: Ctrl-C, a scheduler's SIGTERM, Slurm's SIGUSR1 and SIGUSR2."""

import os
import signal
from typing import Any

from stilts_xtreme.errors import Aborted, Interrupted

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
_asked = False
_held = False
_alone = True


def listen() -> None:
    """Take the signals from here on: they end what is being done by Interrupted, at once unless they are held."""
    for number in SIGNALS:
        signal.signal(number, _heard)


def listen_in_worker() -> None:
    """The same in a process that works for another and has nothing to do yet. Ctrl-C reaches both, and the other decides."""
    global _alone
    listen()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _alone = False
    hold()


def hold() -> None:
    """From here on a signal waits until somebody checks, since something would be lost; a second Ctrl-C does not."""
    global _held
    _held = True


def release() -> None:
    """From here on nothing would be lost."""
    global _held
    _held = False


def asked() -> bool:
    """Whether a signal came."""
    return _asked


def check() -> None:
    """Interrupted, where a signal came: to be called where nothing is half-done."""
    if _asked:
        raise Interrupted


def _heard(number: int, _: Any) -> None:
    global _asked
    again, _asked = _asked, True
    if again and number == signal.SIGINT:
        raise Aborted
    if not _held:
        raise Interrupted
    if _alone and not again:
        os.write(2, b"\nstopping at the next step; Ctrl-C again stops at once\n")
