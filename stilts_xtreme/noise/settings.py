"""The settings of noise: rate, kind and seed."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

VERSION = 2  # part of the identity of noisy data: increment when any word of any text changes
Kind = Literal["typos", "dictionary"]


@dataclass(frozen=True)
class Noise:
    """Typing errors at a rate per eligible word; `pairs` is the file of errors of the kind "dictionary".

    Raises UserError for invalid settings.
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
        """SHA-256 of the file of pairs, "" without; UserError if it cannot be read."""
        if self.pairs is None:
            return ""
        try:
            return hashlib.sha256(self.pairs.read_bytes()).hexdigest()
        except OSError as error:
            raise UserError(f"noise: {self.pairs} cannot be read ({error.strerror})") from None

    def identity(self) -> Record:
        """Return everything that decides the noisy text, for JSON; the path of the file of pairs is no part of it."""
        return {"version": VERSION, "kind": self.kind, "rate": self.rate, "seed": self.seed, "pairs": self.digest}
