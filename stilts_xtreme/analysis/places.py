"""Where languages stand by their resources: by class where they are real, by the text the encoder read where they are made up."""

import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from stilts_xtreme import plan
from stilts_xtreme.languages import LANGUAGES, UNCLASSIFIED
from stilts_xtreme.models.sources import unseen
from stilts_xtreme.store import Store

GROUPS = ("low", "mid", "high", "unseen", UNCLASSIFIED)
JOSHI, LINES = "joshi", "log10 lines"  # axes
MOST, LEAST = 2 / 3, 1 / 3  # of the lines that the most read language has: high from the one, low below the other


@dataclass(frozen=True)
class Place:
    """One language: its group, its class (real ones), lines of text that an encoder trained here read of it."""

    group: str
    level: int | None
    lines: int | None


@dataclass(frozen=True)
class Seen:
    """What is known of an encoder's text: lines by language (trained here), or the languages it lacks (None: unknown)."""

    lines: Mapping[str, int] | None = None
    lacks: Container[str] | None = None

    def unseen(self, code: str) -> bool:
        return code not in self.lines if self.lines is not None else self.lacks is not None and code in self.lacks


@dataclass(frozen=True)
class Map:
    """All languages with a place, and the axis that slopes are taken on."""

    axis: str
    places: Mapping[str, Place]

    def at(self, code: str) -> float | None:
        """The language's place on the axis; None for one that the encoder never saw."""
        place = self.places[code]
        if place.group == "unseen":
            return None
        return place.level if self.axis == JOSHI else math.log10(place.lines) if place.lines else None

    def groups(self, codes: Iterable[str]) -> dict[str, list[str]]:
        """These languages by group; those without a place are left out, and English, the language of fine-tuning."""
        others = [code for code in codes if code in self.places and code != "en"]
        found = {group: [code for code in others if self.places[code].group == group] for group in GROUPS}
        return {group: members for group, members in found.items() if members}


def seen(stage: plan.Stage, store: Store) -> Seen:
    """The text that the first encoder of a finished stage was trained on."""
    origin = plan.root(stage)
    if isinstance(origin, plan.Pretrained):
        return Seen(lacks=unseen(origin.name, origin.digest))
    read = [told for told in store.result(plan.chain(stage)[0])["data"] if (told["task"], told["split"]) == ("text", "train")]
    return Seen({told["language"]: told["examples"] for told in read})


def located(codes: Iterable[str], seen: Seen) -> Map:
    """Real languages by class (Joshi et al. 2020), unclassified without one; where there are none but English, made-up ones by
    their lines of text."""
    codes = [code for code in codes if "-" not in code]  # of "en-de" (MLQA) neither side is the pair's
    lines = seen.lines or {}
    if any(code in LANGUAGES and code != "en" for code in codes):
        return Map(JOSHI, {code: _real(code, seen) for code in codes})
    most = max(lines.values(), default=0)
    return Map(LINES, {code: Place(_size(lines.get(code, 0), most), None, lines.get(code, 0)) for code in codes if most})


def _real(code: str, seen: Seen) -> Place:
    """A language that exists, in the table or not."""
    known, lines = LANGUAGES.get(code), (seen.lines or {}).get(code)
    if known is None:
        return Place("unseen" if seen.unseen(code) else UNCLASSIFIED, None, lines)
    return Place("unseen" if seen.unseen(code) else known.resources, known.joshi, lines)


def _size(lines: int, most: int) -> str:
    if not lines:
        return "unseen"
    return "high" if lines >= MOST * most else "low" if lines < LEAST * most else "mid"
