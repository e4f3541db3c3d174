"""The process group that shares a command's work (torchrun's ranks): rank, collectives, and errors that end all processes.

Collectives run on the CPU, whatever the processes compute on, and all begin in the same way (`_meet`): so an error of a process
is raised in the others at their next collective. In a single process nothing here does anything.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from stilts_xtreme.utils import signals, system
from stilts_xtreme.utils.errors import Interrupted, PeerLost, RunFailed, UserError

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
LAUNCHED = "STILTS_LAUNCHED"  # in the environment of a process that `launcher` started
LOST = 76  # exit code, to `launcher`, of a process that lost the others
NUMBERS = 3  # that are summed in a collective, at most
WAIT = timedelta(days=1)  # for a process that reads and encodes alone; a process that dies is noticed at once, by its connections
_joined = False
SHARED_ERRORS = {kind.__name__: kind for kind in (UserError, RunFailed, Interrupted)}


@cache
def count() -> int:
    """Return how many processes share the work."""
    several = {"RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys()
    return int(os.environ["WORLD_SIZE"]) if several else 1


@cache
def rank() -> int:
    """Return the rank of this process, from 0."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def first() -> bool:
    """Return whether this is the process that claims, writes and prints."""
    return rank() == 0


@cache
def local() -> tuple[int, int]:
    """Return this process's rank on its machine, and how many processes there are on it."""
    if count() == 1:
        return 0, 1
    return int(os.environ["LOCAL_RANK"]), int(os.environ.get("LOCAL_WORLD_SIZE", count()))


def launched() -> bool:
    """Return whether `launcher` started this process: it waits for it, prints the result, and reports how it ended."""
    return count() > 1 and LAUNCHED in os.environ


def listen() -> None:
    """Handle signals, as a process of several if there are several."""
    if count() == 1:
        signals.listen()
    else:
        signals.listen_among(speaks=first() and not launched(), launched=launched())


def speaks() -> bool:
    """Return whether this process prints errors: the first does for all; before they have joined, the first on each machine."""
    return first() if _joined else local()[0] == 0


def end(message: str, code: int) -> None:
    """End this process without waiting for the others, which may be dead; prints the message on stderr, if any."""
    if message:
        print(message, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def join(device: str) -> None:
    """Connect with the others; `device` is auto or cpu. UserError if there are more processes than GPUs."""
    import torch

    number, here = local()
    gpu = device != "cpu" and torch.cuda.is_available()
    if gpu and here > (there := torch.cuda.device_count()):
        raise UserError(f"{here} processes: this machine has {there} GPUs; give each its own, or say --device cpu")
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, system.cores() // here)))
    if gpu:
        torch.cuda.set_device(number)
    with reaching():
        torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo", timeout=WAIT)
    global _joined
    _joined = True
    signals.share(leads=first())


def leave() -> None:
    """Disconnect when all is done. Only the first process has anything to do after that.

    The others end here: a thread of torch's that wants the interpreter while it is torn down can abort a process (SIGABRT, seen
    twice in some thousand endings), and they have nothing left to tear down.
    """
    import torch

    torch.distributed.destroy_process_group()
    if launched() or not first():
        end("", 0)


@contextmanager
def together() -> Iterator[None]:
    """Share the errors of a piece of work: an error in a process is raised in all, of several that of the lowest rank."""
    if count() == 1:
        yield
        return
    try:
        yield
    except tuple(SHARED_ERRORS.values()) as fault:
        if not hasattr(fault, "shared"):
            _meet(fault=fault)
        raise
    _meet()


@contextmanager
def reaching() -> Iterator[None]:
    """Raise PeerLost if another process cannot be reached any more."""
    try:
        yield
    except RuntimeError as fault:
        from torch.distributed import DistError

        if isinstance(fault, DistError) or "gloo" in str(fault).lower():
            raise PeerLost from None
        raise


@contextmanager
def inseparable(really: bool) -> Iterator[None]:
    """Run work in which all wait for each other between collectives, too (sharded weights): an error in one ends its process."""
    if not really:
        yield
        return
    try:
        with reaching():
            yield
    except (UserError, RunFailed, MemoryError, RuntimeError) as fault:
        if hasattr(fault, "shared") or isinstance(fault, RuntimeError) and "out of memory" not in str(fault).lower():
            raise
        raise PeerLost(f"process {rank()} of {count()}: {fault}") from None


def broadcast(work: Callable[[], T]) -> T:
    """Return what `work`, done by the first process alone, returns; it must be the same after a round trip through JSON."""
    if count() == 1:
        return work()
    content = json.dumps(work()).encode() if first() else b""
    return json.loads(_meet(content=content)[1])


def after_first(work: Callable[[], T]) -> T:
    """Return what `work` returns; the first process does it before all others."""
    if count() == 1:
        return work()
    if first():
        result = work()
        _meet()
        return result
    _meet()
    return work()


def totals(*numbers: int) -> list[int]:
    """Return the sums of each of the numbers (`NUMBERS` at most) over all processes."""
    return _meet(numbers)[0][: len(numbers)] if count() > 1 else list(numbers)


def gather(content: bytes) -> list[bytes]:
    """Return the bytes of each process, on the first process; an empty list on the others."""
    import torch

    sizes = [row[-1] for row in _rows(own=len(content))]
    if not first():
        if content:
            with reaching():
                torch.distributed.send(_tensor(content), 0)
        return []
    contents = [content]
    for other in range(1, count()):
        part = torch.empty(sizes[other], dtype=torch.uint8)
        if len(part):
            with reaching():
                torch.distributed.recv(part, other)
        contents.append(part.numpy().tobytes())
    return contents


def _meet(numbers: Sequence[int] = (), content: bytes = b"", fault: BaseException | None = None) -> tuple[list[int], bytes]:
    """Return sums of numbers over all processes, and the first process's bytes; raises the error of the lowest rank, if any."""
    import torch

    wrong = b"" if fault is None else json.dumps([type(fault).__name__, str(fault)]).encode()
    rows = _rows(numbers, len(content), wrong)
    if size := rows[0][2]:
        part = _tensor(content) if first() else torch.empty(size, dtype=torch.uint8)
        with reaching():
            torch.distributed.broadcast(part, 0)
        content = part.numpy().tobytes()
    return [sum(column) for column in zip(*(row[3 : 3 + NUMBERS] for row in rows), strict=True)], content


def _rows(numbers: Sequence[int] = (), size: int = 0, wrong: bytes = b"", own: int = 0) -> list[list[int]]:
    """Exchange what every collective begins with, a row of each process: whether a signal came, size of its error, size of what
    the first process broadcasts, numbers, size of what it sends to the first. A signal is noted, an error is raised."""
    import torch

    filled = [*numbers, *(0,) * (NUMBERS - len(numbers))]
    row = torch.tensor([int(signals.asked()), len(wrong), size, *filled, own])
    rows = [torch.empty_like(row) for _ in range(count())]
    with reaching():
        torch.distributed.all_gather(rows, row)
    counts = [tensor.tolist() for tensor in rows]
    if any(signalled for signalled, *_ in counts):
        signals.ask()
    for other, (_, size_of_error, *_) in enumerate(counts):
        if size_of_error:
            part = _tensor(wrong) if other == rank() else torch.empty(size_of_error, dtype=torch.uint8)
            with reaching():
                torch.distributed.broadcast(part, other)
            kind, message = json.loads(part.numpy().tobytes())
            error = SHARED_ERRORS[kind](message)
            setattr(error, "shared", True)  # noqa: B010  # so that it is not reported to the others once more
            raise error
    return counts


def _tensor(content: bytes) -> "Tensor":
    import torch

    return torch.frombuffer(bytearray(content), dtype=torch.uint8)
