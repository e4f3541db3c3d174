"""What reading did to a split: which rows were left out or changed, why, and where the first of them stand."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stilts_xtreme.utils.bounded_io import Record

PLACES = 3  # places that are recorded for each reason


@dataclass(frozen=True)
class Counts:
    """Numbers of rows by reason, of a split.

    `dropped`: rows that became no example. `noted`: rows that were kept and either changed or are not as they should be.
    `places`: for each reason the first rows as "file:line" (or a path inside JSON, or a row's number on the hub).
    `derived`: which other split's file the split was made from, in words; empty for a split with files of its own.
    """

    dropped: Mapping[str, int] = field(default_factory=dict)
    noted: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    derived: str = ""

    def record(self) -> Record:
        """Return the counts as a result holds them."""
        places = {reason: list(rows) for reason, rows in self.places.items()}
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
        places = {reason: tuple(rows) for reason, rows in sorted(self._places.items())}
        return Counts(dict(sorted(self._dropped.items())), dict(sorted(self._noted.items())), places, derived)

    def _place(self, reason: str, place: str) -> None:
        if len(places := self._places.setdefault(reason, [])) < PLACES:
            places.append(place)


def described(record: Record) -> str:
    """Describe a split's record (see `stages.lineage.dataset_record`) on a line; older records, without reasons, too."""
    parts = [f"{record['rows']:,} rows"]
    parts += [f"{count:,} dropped: {reason}{_at(record, reason)}" for reason, count in record.get("dropped_by", {}).items()]
    if "dropped_by" not in record and record["dropped"]:
        parts.append(f"{record['dropped']:,} dropped")
    parts += [f"{count:,} kept: {reason}{_at(record, reason)}" for reason, count in record.get("noted", {}).items()]
    parts.append(f"{record['examples']:,} examples")
    parts += [f"{record['sampled']:,} of them sampled"] if "sampled" in record else []
    if "tokens" in record:
        parts.append(f"{record['tokens']:,} tokens, {record['unknown']:.2%} unknown pieces")
    line = f"{record['task']} {record['split']} {record['language']}: {record['source']}: {', '.join(parts)}"
    return line + (f"; {record['derived']}" if record.get("derived") else "")


def remarks(records: Iterable[Record]) -> list[str]:
    """Describe splits by their records, in lines: once each of which rows were dropped or noted, then those made from another
    split's file, languages that are alike together."""
    lines: dict[str, None] = {}
    derived: dict[tuple[str, str, str], dict[str, None]] = {}
    for record in records:
        if record.get("dropped_by") or record.get("noted"):
            lines[described({key: value for key, value in record.items() if key != "tokens"})] = None
        elif record.get("derived"):
            derived.setdefault((record["task"], record["split"], record["derived"]), {})[record["language"]] = None
    return [*lines, *(f"{task} {split} {' '.join(codes)}: {how}" for (task, split, how), codes in derived.items())]


def _at(record: Record, reason: str) -> str:
    """Write where the first row of this reason stands; empty where no place is recorded."""
    places = record.get("places", {}).get(reason, ())
    if not places:
        return ""
    count = record["dropped_by"].get(reason, record["noted"].get(reason, 0))
    return f" ({places[0]}{' ...' if count > 1 else ''})"
