"""Inputs tried in forked processes with limits: how each ended, how long it took, and what it said."""

import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

MEMORY = 12 * 2**30  # bytes of addresses a process may take; torch alone maps some
LIMIT = 30  # seconds of one input, after which it is ended
BATCH = 100  # inputs a process


@dataclass(frozen=True)
class Outcome:
    """How one input ended: `code` is the exit code, 1 with a `traceback`, or minus the signal that ended its process.

    `seconds` of processor time; `said` is what stood on stderr.
    """

    number: int
    code: int
    seconds: float
    said: str = ""
    traceback: str = ""


def tried(count: int, one: Callable[[int], Any], batch: int = BATCH) -> Iterator[Outcome]:
    """The outcomes of inputs 0 to `count`, `batch` at a time in a process of their own, each in an empty working folder."""
    _outcome(0, one)  # what is imported when it is first needed, is no input's own time
    start = 0
    while start < count:
        outcomes = list(_batch(range(start, min(start + batch, count)), one))
        yield from outcomes
        start += len(outcomes)


def _batch(numbers: Sequence[int], one: Callable[[int], Any]) -> Iterator[Outcome]:
    """Outcomes up to and with the first input that ends the process."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            with os.fdopen(write, "w") as pipe:
                for number in numbers:
                    pipe.write(json.dumps(asdict(_outcome(number, one))) + "\n")
                    pipe.flush()
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    done = 0
    with os.fdopen(read) as pipe:
        for line in pipe:
            yield Outcome(**json.loads(line))
            done += 1
    _, status = os.waitpid(child, 0)
    if done < len(numbers):
        ended = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        yield Outcome(numbers[done], ended, float(LIMIT) if ended == -signal.SIGALRM else 0.0)


def _outcome(number: int, one: Callable[[int], Any]) -> Outcome:
    folder, here = Path(tempfile.mkdtemp()), Path.cwd()
    streams = sys.stdout, sys.stderr
    os.chdir(folder)
    signal.alarm(LIMIT)
    began, code, told = time.process_time(), 0, ""
    with open(folder / "stdout", "w+", encoding="utf-8") as out, open(folder / "stderr", "w+", encoding="utf-8") as said:
        sys.stdout, sys.stderr = out, said
        try:
            one(number)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        except BaseException:
            code, told = 1, traceback.format_exc(limit=-6)
        finally:
            seconds = time.process_time() - began
            signal.alarm(0)
            sys.stdout, sys.stderr = streams
            os.chdir(here)
        for stream in (out, said):
            stream.flush()
    words = (folder / "stderr").read_bytes().decode("utf-8", "backslashreplace")
    shown = (folder / "stdout").read_bytes().decode("utf-8", "backslashreplace") + words
    shutil.rmtree(folder, ignore_errors=True)
    if not told and (found := _wrong(code, shown, words)):
        code, told = 1, found
    return Outcome(number, code, seconds, words[:400], told)


def _wrong(code: int, shown: str, said: str) -> str:
    """What an ending without a traceback may not be."""
    if raw := next((sign for sign in shown if unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\n\t"), ""):
        return f"raw on the terminal: {raw!a}"
    if code not in (0, 2):
        return f"exit {code}"
    return "nothing said" if code == 2 and not said.strip() else ""
