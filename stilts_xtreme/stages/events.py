"""What a running stage tells whoever is watching."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """How to run, no part of any address: `device` auto or cpu; `threads` None: chosen by the size of the encoder."""

    device: str = "auto"
    threads: int | None = None


@dataclass(frozen=True)
class Event:
    """A stage's state (running, done, failed); while running its step, loss and tokens per second where it has them."""

    address: str
    state: str
    label: str = ""
    step: int = 0
    steps: int = 0
    loss: float | None = None
    speed: float | None = None
    note: str = ""


Tell = Callable[[Event], None]
