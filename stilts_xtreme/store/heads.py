"""What a finished training says of its heads, beside their weights."""

import json
from pathlib import Path

from stilts_xtreme.utils.bounded_io import Record


def read_notes(folder: Path) -> dict[str, Record]:
    """Read heads.json: head, labels, limits and threshold by task."""
    notes: dict[str, Record] = json.loads((folder / "heads.json").read_text(encoding="utf-8"))
    return notes
