"""Published numbers, each with its source; they stand in the repository, not in the package."""

import csv
from dataclasses import dataclass
from pathlib import Path

from stilts_xtreme.utils.errors import UserError

FOLDER = Path(__file__).parents[2] / "experiments" / "published"  # of a checkout; an installed package has none
COLUMNS = ("kind", "system", "row", "column", "metric", "split", "value", "words", "status", "source", "note")
KINDS = ("score", "gain", "claim")


@dataclass(frozen=True)
class Number:
    """A published score, gain, or claim (in words, without a value); `row`: "none", an intermediate, or "best" of each target."""

    kind: str
    system: str
    row: str
    column: str
    metric: str
    split: str
    value: float | None
    words: str
    source: str
    note: str


def read(folder: Path = FOLDER) -> list[Number]:
    """Read the confirmed numbers of all CSV files in the folder, in their order; empty where there is no such folder."""
    return [number for path in sorted(folder.glob("*.csv")) for number in _numbers(path)]


def _numbers(path: Path) -> list[Number]:
    with open(path, encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise UserError(f"{path}: the columns are {', '.join(COLUMNS)}, in this order")
        numbers = []
        for row in reader:
            fault = _fault(row)
            if fault:
                raise UserError(f"{path}:{reader.line_num}: {fault}")
            if row.pop("status") == "confirmed":
                value = row.pop("value")
                numbers.append(Number(**row, value=float(value) if value else None))
    return numbers


def _fault(row: dict[str, str]) -> str | None:
    if None in row or None in row.values():
        return f"a row has {len(COLUMNS)} fields"
    if row["kind"] not in KINDS or row["status"] not in ("confirmed", "unconfirmed"):
        return f"kind is {', '.join(KINDS)}; status is confirmed or unconfirmed"
    if not row["source"] or not row["column"] or not row["split"]:
        return "source, column and split are given for every number"
    if row["kind"] == "claim":
        return None if row["words"] and not row["value"] else "a claim has words and no value"
    try:
        float(row["value"])
    except ValueError:
        return f"value: {row['value']!r} is not a number"
    return None
