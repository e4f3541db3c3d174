"""How large the releases are, and the refusal of a reading that cannot be what it is taken for."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from stilts_xtreme.data.read import Folder, Miniature, Reading, Where, nearest, scored_split
from stilts_xtreme.scoring.placeholders import NO_TAG, constant_label
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Choices, Pair, Question, Tagged
from stilts_xtreme.tasks.metrics import gold_pairs
from stilts_xtreme.tasks.task import Task
from stilts_xtreme.utils.errors import UserError


@dataclass(frozen=True)
class Expected:
    """A split's size in the full release, from `expected.csv`.

    `counted`: rows (all), examples (rows with a gold label) or pairs (gold pairs of a bitext). Only a `confirmed` size may
    refuse a run.
    """

    counted: str
    number: int
    labels: Mapping[str, int]
    confirmed: bool


def expected(task: str, split: str, language: str) -> Expected | None:
    """What the full release holds, or None where that is not known. A task that joins others counts its own rows only."""
    return _table().get((task, split, language))


def number(task: Task, split: str, language: str, where: Where) -> int | None:
    """The confirmed size that a reading is checked against; None where there is none or the place holds parts only.

    With the joined tasks for "train", as `read` gives it.
    """
    size = binding(task, split, language, where)
    return size.number if size else None


def count(reading: Reading, counted: str) -> int:
    """How many of what is `counted` a reading holds."""
    if counted == "pairs":
        return len(gold_pairs(reading.examples))  # type: ignore[arg-type]  # sentences of a bitext
    return reading.rows if counted == "rows" else reading.rows - reading.dropped


def verify(task: Task, split: str, language: str, reading: Reading, where: Where) -> None:
    """UserError where a reading is not the full release's split, or where the labels of a scored split are placeholders.

    The size is not checked in a folder that holds only parts on purpose (`cut`), nor in the miniature world.
    """
    if isinstance(nearest(task, where), Miniature):
        return
    if split == scored_split(task) and (fault := placeholder(reading)):
        raise UserError(f"{_name(task, split, language, reading)}: {fault}; {task.name} is scored on its labelled {split} split")
    if (wanted := binding(task, split, language, where)) and (fault := difference(reading, wanted)):
        mend = "fetch it again"
        if isinstance(nearest(task, where), Folder):
            mend += ", or, where the folder holds only parts on purpose, say `cut: true` in the setup's data"
        raise UserError(f"{_name(task, split, language, reading)}: {fault}: scores would not compare with published ones; {mend}")


def difference(reading: Reading, wanted: Expected) -> str:
    """Describe how a reading differs from the release; empty where they agree."""
    if (size := count(reading, wanted.counted)) != wanted.number:
        return f"{size:,} {wanted.counted} instead of the full release's {wanted.number:,}"
    if wanted.labels and dict(reading.labels) != dict(wanted.labels):
        return f"labels {_histogram(reading.labels)} instead of the full release's {_histogram(wanted.labels)}"
    return ""


def placeholder(reading: Reading) -> str:
    """Why the gold labels look like placeholders (all the same); empty where they do not."""
    total, label = sum(reading.labels.values()), constant_label(reading.labels)
    if label is None:
        return ""
    match reading.examples[0] if reading.examples else None:
        case Tagged() if label not in NO_TAG:
            return ""
        case Pair() | Choices() | Tagged():
            return f"all {total:,} labels are {label!r}: placeholders of a file without labels"
        case Question() if label == "unanswerable":
            return f"none of {total:,} questions has an answer: a file whose answers were taken out"
    return ""


def binding(task: Task, split: str, language: str, where: Where) -> Expected | None:
    place = nearest(task, where)
    if isinstance(place, Miniature) or isinstance(place, Folder) and place.cut:
        return None
    parts = [expected(name, split, language) for name in (task.name, *(task.joins if split == "train" else ()))]
    known = [part for part in parts if part is not None and part.confirmed]
    if len(known) != len(parts) or len(parts) > 1 and any(part.counted != "rows" for part in known):
        return None
    return known[0] if len(known) == 1 else Expected("rows", sum(part.number for part in known), {}, True)


def _name(task: Task, split: str, language: str, reading: Reading) -> str:
    return f"{task.name} {split} {language} ({reading.source})"


def _histogram(labels: Mapping[str, int]) -> str:
    return " ".join(f"{label}={count}" for label, count in sorted(labels.items()))


@lru_cache(maxsize=1)
def _table() -> dict[tuple[str, str, str], Expected]:
    table: dict[tuple[str, str, str], Expected] = {}
    with open(Path(__file__).with_name("expected.csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert row["task"] in TASKS and row["counted"] in ("rows", "examples", "pairs"), row
            labels = {label: int(value) for label, value in (pair.split("=") for pair in row["labels"].split())}
            for language in row["languages"].split():
                size = Expected(row["counted"], int(row["number"]), labels, row["confirmed"] == "yes")
                table[row["task"], row["split"], language] = size
    return table
