"""What reading did to a split: which rows were left out or changed, why, and where the first of them stand."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

PLACES = 3  # places that are recorded for each reason


@dataclass(frozen=True)
class Counts:
    """Numbers of rows by reason, of one split.

    `dropped`: rows that became no example. `noted`: rows that were kept and either changed or are not as they should be.
    `places`: for each reason the first rows as "file:line" (or a path inside JSON, or a row's number on the hub).
    `derived`: which other split's file the split was made from, in words; empty for a split with files of its own.
    """

    dropped: Mapping[str, int] = field(default_factory=dict)
    noted: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    derived: str = ""

    def record(self) -> dict[str, Any]:
        """What a result holds of it."""
        places = {reason: list(found) for reason, found in self.places.items()}
        return {"dropped_by": dict(self.dropped), "noted": dict(self.noted), "places": places, "derived": self.derived}


class Counting:
    """Counts while a split is read."""

    def __init__(self) -> None:
        self._dropped, self._noted = Counter[str](), Counter[str]()
        self._places: dict[str, list[str]] = {}

    def drop(self, reason: str, place: str) -> None:
        self._dropped[reason] += 1
        self._place(reason, place)

    def note(self, reason: str, place: str) -> None:
        self._noted[reason] += 1
        self._place(reason, place)

    @property
    def dropped(self) -> int:
        """Rows dropped so far."""
        return self._dropped.total()

    def result(self, derived: str) -> Counts:
        places = {reason: tuple(found) for reason, found in sorted(self._places.items())}
        return Counts(dict(sorted(self._dropped.items())), dict(sorted(self._noted.items())), places, derived)

    def _place(self, reason: str, place: str) -> None:
        if len(found := self._places.setdefault(reason, [])) < PLACES:
            found.append(place)


def described(told: Mapping[str, Any]) -> str:
    """A split's record (`stages.lineage.dataset_record`) in one line, also without counted reasons."""
    parts = [f"{told['rows']:,} rows"]
    parts += [f"{count:,} dropped: {reason}{_at(told, reason)}" for reason, count in told.get("dropped_by", {}).items()]
    if "dropped_by" not in told and told["dropped"]:
        parts.append(f"{told['dropped']:,} dropped")
    parts += [f"{count:,} kept: {reason}{_at(told, reason)}" for reason, count in told.get("noted", {}).items()]
    parts.append(f"{told['examples']:,} examples")
    parts += [f"{told['sampled']:,} of them sampled"] if "sampled" in told else []
    if "tokens" in told:
        parts.append(f"{told['tokens']:,} tokens, {told['unknown']:.2%} unknown pieces")
    line = f"{told['task']} {told['split']} {told['language']}: {told['source']}: {', '.join(parts)}"
    return line + (f"; {told['derived']}" if told.get("derived") else "")


def remarks(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Of splits' records: a line for each of which rows were dropped or noted, once; then those made from another split's file,
    languages that are alike together."""
    lines: dict[str, None] = {}
    derived: dict[tuple[str, str, str], dict[str, None]] = {}
    for told in records:
        if told.get("dropped_by") or told.get("noted"):
            lines[described({key: value for key, value in told.items() if key != "tokens"})] = None
        elif told.get("derived"):
            derived.setdefault((told["task"], told["split"], told["derived"]), {})[told["language"]] = None
    return [*lines, *(f"{task} {split} {' '.join(codes)}: {how}" for (task, split, how), codes in derived.items())]


def _at(told: Mapping[str, Any], reason: str) -> str:
    """Where the first row of this reason stands."""
    places = told.get("places", {}).get(reason, ())
    return f" ({places[0]}{' ...' if told['dropped_by'].get(reason, told['noted'].get(reason, 0)) > 1 else ''})" if places else ""
