"""The processes that share one command's work (torchrun's ranks): which one we are, where they meet, and whose fault ends it.

They meet on their processors, whatever they compute on, and always in the same way: so a fault of one is heard by the others
wherever they meet it next. With one process nothing here does anything.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from stilts_xtreme import host, stop
from stilts_xtreme.errors import Interrupted, PeerLost, RunFailed, UserError

T = TypeVar("T")
LAUNCHED = "STILTS_LAUNCHED"  # in the environment of a process that `launch` started
LOST = 76  # exit code, to `launch`, of a process that lost the others
NUMBERS = 3  # that are added up at a meeting, at most
WAIT = timedelta(days=1)  # for one that reads and encodes alone; a process that dies is noticed at once, by its connections
_joined = False
TOLD = {kind.__name__: kind for kind in (UserError, RunFailed, Interrupted)}


@cache
def count() -> int:
    """How many share the work."""
    several = {"RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys()
    return int(os.environ["WORLD_SIZE"]) if several else 1


@cache
def rank() -> int:
    """Which one we are, from 0."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def first() -> bool:
    """Whether we are the one that claims, writes and speaks."""
    return rank() == 0


@cache
def local() -> tuple[int, int]:
    """Which one we are on this machine, and how many there are on it."""
    if count() == 1:
        return 0, 1
    return int(os.environ["LOCAL_RANK"]), int(os.environ.get("LOCAL_WORLD_SIZE", count()))


def launched() -> bool:
    """Whether `launch` started us: it waits for us, prints the result, and says what became of us."""
    return count() > 1 and LAUNCHED in os.environ


def listen() -> None:
    """Take signals as one of several."""
    if count() == 1:
        stop.listen()
    else:
        stop.listen_among(speaks=first() and not launched(), launched=launched())


def speaks() -> bool:
    """Whether we say what went wrong: one does for all; before they have met, one on each machine."""
    return first() if _joined else local()[0] == 0


def end(said: str, code: int) -> None:
    """End this process, whose others may be gone: nothing waits for them."""
    if said:
        print(said, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def join(device: str) -> None:
    """Connect with the others; `device` is auto or cpu. UserError where there are more processes than GPUs."""
    import torch

    number, here = local()
    gpu = device != "cpu" and torch.cuda.is_available()
    if gpu and here > (there := torch.cuda.device_count()):
        raise UserError(f"{here} processes: this machine has {there} GPUs; give each its own, or say --device cpu")
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, host.cores() // here)))
    if gpu:
        torch.cuda.set_device(number)
    with reaching():
        torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo", timeout=WAIT)
    global _joined
    _joined = True
    stop.share(leads=first())


def leave() -> None:
    """Let go of the others, all being done. Only the first process has anything to do after that.

    The others end here: a thread of torch's that wants the interpreter while it is torn down can abort a process (SIGABRT, seen
    twice in some thousand endings), and they have nothing left to tear down.
    """
    import torch

    torch.distributed.destroy_process_group()
    if launched() or not first():
        end("", 0)


@contextmanager
def together() -> Iterator[None]:
    """A piece of work that ends for all when it has ended for each: a fault of one is raised in all, the first one's first."""
    if count() == 1:
        yield
        return
    try:
        yield
    except tuple(TOLD.values()) as fault:
        if not hasattr(fault, "shared"):
            _meet(fault=fault)
        raise
    _meet()


@contextmanager
def reaching() -> Iterator[None]:
    """PeerLost where another process cannot be reached any more."""
    try:
        yield
    except RuntimeError as fault:
        from torch.distributed import DistError

        if isinstance(fault, DistError) or "gloo" in str(fault).lower():
            raise PeerLost from None
        raise


@contextmanager
def inseparable(really: bool) -> Iterator[None]:
    """Work in which all wait for one another between meetings, too (sharded weights): a fault of one alone ends its process."""
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
    said = json.dumps(work()).encode() if first() else b""
    return json.loads(_meet(said=said)[1])


def after_first(work: Callable[[], T]) -> T:
    """Work that the first process does before all others."""
    if count() == 1:
        return work()
    if first():
        made = work()
        _meet()
        return made
    _meet()
    return work()


def totals(*numbers: int) -> list[int]:
    """The sums of each of the numbers over all processes."""
    return _meet(numbers)[0][: len(numbers)] if count() > 1 else list(numbers)


def gather(said: bytes) -> list[bytes]:
    """What each process says, on the first one; nothing elsewhere."""
    import torch

    sizes = [row[-1] for row in _rows(own=len(said))]
    if not first():
        if said:
            with reaching():
                torch.distributed.send(_tensor(said), 0)
        return []
    found = [said]
    for other in range(1, count()):
        part = torch.empty(sizes[other], dtype=torch.uint8)
        if len(part):
            with reaching():
                torch.distributed.recv(part, other)
        found.append(part.numpy().tobytes())
    return found


def _meet(numbers: Sequence[int] = (), said: bytes = b"", fault: BaseException | None = None) -> tuple[list[int], bytes]:
    """Sums of numbers, and what the first process said. Raises the fault of the lowest rank that brought one."""
    import torch

    wrong = b"" if fault is None else json.dumps([type(fault).__name__, str(fault)]).encode()
    rows = _rows(numbers, len(said), wrong)
    if size := rows[0][2]:
        part = _tensor(said) if first() else torch.empty(size, dtype=torch.uint8)
        with reaching():
            torch.distributed.broadcast(part, 0)
        said = part.numpy().tobytes()
    return [sum(column) for column in zip(*(row[3 : 3 + NUMBERS] for row in rows), strict=True)], said


def _rows(numbers: Sequence[int] = (), size: int = 0, wrong: bytes = b"", own: int = 0) -> list[list[int]]:
    """What every meeting begins with, a row of each process: whether a signal came, bytes of a fault, bytes that the first one
    will say, numbers, bytes that it will say to the first one. The signal is noted, the fault is raised."""
    import torch

    filled = [*numbers, *(0,) * (NUMBERS - len(numbers))]
    row = torch.tensor([int(stop.asked()), len(wrong), size, *filled, own])
    rows = [torch.empty_like(row) for _ in range(count())]
    with reaching():
        torch.distributed.all_gather(rows, row)
    found = [one.tolist() for one in rows]
    if any(one[0] for one in found):
        stop.ask()
    for other, one in enumerate(found):
        if one[1]:
            part = _tensor(wrong) if other == rank() else torch.empty(one[1], dtype=torch.uint8)
            with reaching():
                torch.distributed.broadcast(part, other)
            kind, message = json.loads(part.numpy().tobytes())
            fault = TOLD[kind](message)
            fault.shared = True  # type: ignore[union-attr]
            raise fault
    return found


def _tensor(content: bytes) -> Any:
    import torch

    return torch.frombuffer(bytearray(content), dtype=torch.uint8)
