"""Commands in a pseudo-terminal of a given size: what they write there, and what of it is left on the screen."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass

CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


@dataclass(frozen=True)
class Shown:
    """The exit code, what was written to the terminal (stderr), and stdout, which is a pipe."""

    code: int
    written: str
    out: str

    @property
    def lines(self) -> list[str]:
        """Every line that was written, those drawn over included, without what controls the terminal."""
        return [line.rstrip() for line in re.split(r"[\r\n]+", CONTROL.sub("", self.written)) if line.strip()]

    def screen(self, columns: int) -> list[str]:
        """The lines that are left in the end."""
        return screen(self.written, columns)


def run(
    words: list[object], columns: int, environment: dict[str, str] | None = None, limit: float = 120.0,
    interrupt: Callable[[str], bool] | None = None, program: str | None = None,
) -> Shown:  # fmt: skip
    """Run `stilts` with these words, or a Python `program` in its place, on a terminal.

    The terminal is stdin and stderr; it has so many columns and 40 rows. Ctrl-C is typed once when `interrupt`, given all
    that was written so far, says so. AssertionError after `limit` seconds.
    """
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR", "TERM")}
    process = subprocess.Popen(
        [sys.executable, *(["-m", "stilts_xtreme"] if program is None else ["-c", program]), *map(str, words)],
        env={**inherited, "OMP_NUM_THREADS": "1", "TERM": "xterm-256color", **(environment or {})},
        stdin=terminal, stdout=subprocess.PIPE, stderr=terminal, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(terminal)
    assert process.stdout is not None
    output, pipe, written, out = process.stdout, process.stdout.fileno(), b"", b""
    open_, deadline, typed = {controller, pipe}, time.monotonic() + limit, False
    try:
        while open_:
            assert time.monotonic() < deadline, f"still running after {limit} s:\n{written.decode()}"
            for source in select.select(open_, [], [], 0.1)[0]:
                try:
                    more = os.read(source, 65536)
                except OSError:  # the terminal's last user is gone
                    more = b""
                if not more:
                    open_.discard(source)
                elif source == pipe:
                    out += more
                else:
                    written += more
            if interrupt is not None and not typed and interrupt(written.decode(errors="replace")):
                os.write(controller, b"\x03")
                typed = True
    finally:
        if open_:  # it did not end by itself
            os.killpg(process.pid, signal.SIGKILL)
    output.close()
    os.close(controller)
    return Shown(process.wait(), written.decode(), out.decode())


def screen(written: str, columns: int) -> list[str]:
    """What a terminal of unlimited height shows at the end, without empty lines at the end. Knows what rich writes: colours,
    erasing a line, cursor up, carriage return; AssertionError for another control sequence."""
    rows, row, column, at = [[]], 0, 0, 0  # type: tuple[list[list[str]], int, int, int]
    while at < len(written):
        if found := CONTROL.match(written, at):
            count = int(found[1]) if found[1].isdigit() else 1
            if found[2] == "A":
                row = max(0, row - count)
            elif found[2] == "K":
                rows[row] = [] if found[1] == "2" else rows[row][:column]
            else:
                assert found[2] in "mhl", f"unknown: {found[0]!r}"
            at = found.end()
            continue
        letter, at = written[at], at + 1
        if letter == "\r":
            column = 0
        elif letter == "\n":
            row, rows = row + 1, rows + ([[]] if row + 1 == len(rows) else [])
        else:
            if column == columns:  # the terminal goes on in the next line
                row, column, rows = row + 1, 0, rows + ([[]] if row + 1 == len(rows) else [])
            rows[row] += [" "] * (column + 1 - len(rows[row]))
            rows[row][column] = letter
            column += 1
    lines = ["".join(one).rstrip() for one in rows]
    while lines and not lines[-1]:
        lines.pop()
    return lines
