"""Tested differences as a result tells them: for sections that have tests of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stilts_xtreme.report import text
from stilts_xtreme.report.comparisons import LEVEL
from stilts_xtreme.report.significance import NAMED, names, rate
from stilts_xtreme.report.tables import Cell


@dataclass(frozen=True)
class Tested:
    """One difference of a row on one target; `told` is all that the result says of it."""

    row: str
    column: str
    gain: float
    interval: tuple[float, float]
    p: float
    q: float
    told: Mapping[str, Any]

    @property
    def significant(self) -> bool:
        return self.q < LEVEL

    @property
    def error(self) -> float:
        """Half the width of the interval."""
        return (self.interval[1] - self.interval[0]) / 2


def read(told: Sequence[Mapping[str, Any]]) -> list[Tested]:
    return [
        Tested(one["row"], one["target"], one["gain"], (one["interval"][0], one["interval"][1]), one["p"], one["q"], one)
        for one in told
    ]


def verdict(ones: Sequence[Tested], up: str, down: str) -> str:
    """`2 gains and 1 loss of 6 are significant (gains: squad on xquad; losses: ..)`, or `none of 6 is significant`.

    `up`, `down`: nouns for what lies above and below zero, their plurals by a slash ("loss/losses"). Many are counted, not named.
    """
    clear = [one for one in ones if one.significant]
    if not clear:
        return f"none of {len(ones)} is significant"
    counts, lists = [], []
    for noun, found in ((up, [one for one in clear if one.gain > 0]), (down, [one for one in clear if one.gain < 0])):
        single, _, plural = noun.partition("/")
        counts += [text.count(len(found), single, plural)] if found else []
        lists += [f"{plural or single + 's'}: {names(found)}"] if found else []
    are = "is" if len(clear) == 1 else "are"
    named = f" ({'; '.join(lists)})" if len(clear) <= NAMED else ""
    return f"{' and '.join(counts)} of {len(ones)} {are} significant{named}"


def at() -> str:
    """The level of every `significant`."""
    return f"at a {rate()}"


def cell(one: Tested | None, digits: int = 1) -> Cell:
    """The difference with its star, and beneath it its interval; the dash where there is none."""
    if one is None:
        return Cell(text.ABSENT)
    star = "*" if one.significant else ""
    return Cell(number(one.gain, digits) + star, spread(one.interval, digits), strong=one.significant)


def number(value: float, digits: int = 1) -> str:
    """Signed, with a true minus sign."""
    if digits == 1:
        return text.number(value, signed=True)
    told = f"{value:+.{digits}f}"
    return told[1:] if float(told) == 0 else told.replace("-", text.MINUS)


def spread(ends: Sequence[float], digits: int = 1) -> str:
    return " to ".join(number(end, digits) for end in ends)


def star(ones: Sequence[Tested]) -> tuple[str, ...]:
    """What the star means, where one is shown."""
    shown = any(one.significant for one in ones)
    return (f"* q < {LEVEL}, adjusted for the {len(ones)} tests of this table (Benjamini-Hochberg).",) if shown else ()
