"""How much noise, of which kind, and from which seed."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from stilts_xtreme.errors import UserError

VERSION = 2  # raise it when any word of any text comes out otherwise: part of what identifies a noisy reading
Kind = Literal["typos", "dictionary"]


@dataclass(frozen=True)
class Noise:
    """Typing errors at a rate per word that may be changed; `pairs` is the file of errors of the kind "dictionary".

    UserError for settings that mean nothing.
    """

    rate: float  # 0 to 1
    seed: int = 0
    kind: Kind = "typos"
    pairs: Path | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise UserError(f"noise: rate is {self.rate}; it is a share of words, from 0 to 1")
        if self.kind not in get_args(Kind):
            raise UserError(f"noise: kind is {self.kind!r}; it is one of {', '.join(get_args(Kind))}")
        if (self.kind == "dictionary") != (self.pairs is not None):
            raise UserError("noise: a file of pairs belongs to the kind dictionary, and only there: give both or neither")

    @property
    def digest(self) -> str:
        """Of the file of pairs; "" without one."""
        if self.pairs is None:
            return ""
        try:
            return hashlib.sha256(self.pairs.read_bytes()).hexdigest()
        except OSError as fault:
            raise UserError(f"noise: {self.pairs} cannot be read ({fault.strerror})") from None

    def identity(self) -> dict[str, Any]:
        """All that decides what it does to a text, as JSON can hold it; where the file of pairs lies is no part of it."""
        return {"version": VERSION, "kind": self.kind, "rate": self.rate, "seed": self.seed, "pairs": self.digest}
