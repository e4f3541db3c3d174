"""Stop on signals: Ctrl-C, a scheduler's SIGTERM, Slurm's SIGUSR1 and SIGUSR2."""

import os
import signal
import threading
from types import FrameType

from stilts_xtreme.utils.errors import Aborted, Interrupted

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
_asked = False
_held = False
_alone = True
_shared = False  # with other processes, which must not wait for us in vain: a signal is only noted
_leads = True
_displayed = False


def listen() -> None:
    """Take the signals from here on: they end what is being done by Interrupted, at once unless they are held."""
    for number in SIGNALS:
        signal.signal(number, _on_signal)


def listen_in_worker() -> None:
    """Listen in a process that works for another and has nothing to do yet. Ctrl-C reaches both, and the other decides."""
    global _alone
    listen()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _alone = False
    hold()


def listen_among(speaks: bool, launched: bool) -> None:
    """Listen in a process of several that share the work. `launched`: Ctrl-C reaches whoever started us, who decides;
    SIGQUIT from there stops us at once, and its end (that of our standard input) is a signal, too."""
    global _alone
    listen()
    _alone = speaks
    if launched:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGQUIT, _abort)
        threading.Thread(target=_end_with_input, daemon=True).start()


def share(leads: bool) -> None:
    """Make signals wait until the processes meet; then the process that `leads` ends what is done, and the others follow."""
    global _shared, _leads
    _shared, _leads = True, leads


def displayed(on: bool) -> None:
    """Say whether progress is drawn on the terminal: then it says that we are about to stop, and other output would be lost."""
    global _displayed
    _displayed = on


def ask() -> None:
    """Note that another process got a signal."""
    global _asked
    _asked = True


def hold() -> None:
    """From here on a signal waits until somebody checks, since something would be lost; a second Ctrl-C does not."""
    global _held
    _held = True


def release() -> None:
    """From here on nothing would be lost."""
    global _held
    _held = False


def asked() -> bool:
    """Return whether a signal came."""
    return _asked


def check() -> None:
    """Interrupted, where a signal came: to be called where nothing is half-done."""
    if _asked and _leads:
        raise Interrupted


def _on_signal(number: int, _: FrameType | None) -> None:
    global _asked
    again, _asked = _asked, True
    if again and number == signal.SIGINT:
        raise Aborted
    if not (_held or _shared):
        raise Interrupted
    if _alone and not again and not _displayed:
        os.write(2, b"\nstopping at the next step; Ctrl-C again stops at once\n")


def _abort(number: int, _: FrameType | None) -> None:
    raise Aborted


def _end_with_input() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
