"""Gather a study's result from its stages again and compare it with the file."""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from stilts_xtreme import results
from stilts_xtreme.analysis.study import gather
from stilts_xtreme.pipeline import grid
from stilts_xtreme.store import Store
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.verify.report import CheckReport

if TYPE_CHECKING:
    from stilts_xtreme.spec.study import Study


def check_result(spec: "Study", cells: Sequence[grid.Cell], store: Store, path: Path) -> CheckReport:
    """Compare the file at `path`, byte by byte above `provenance`, with what the stages give; its command is not checked."""
    try:
        written = results.read(path, results.STUDY)
    except UserError as error:
        return CheckReport((str(error),))
    theirs, gathered = path.read_bytes().decode(), gather(spec, cells, store, written.get("command", ""))
    older = json.loads(theirs)["schema"] != results.STUDY
    if older:  # compared as it is read today; its parts stand in another order
        theirs, gathered = results.text(_sorted(written)), _sorted(gathered)
    theirs, ours = results.stable(theirs), results.stable(results.text(gathered))
    counts = Counter({"study results": 1, "bytes of study results": len(ours.encode())})
    if theirs == ours:
        return CheckReport((), counts)
    lines = list(zip_longest(theirs.split("\n"), ours.split("\n"), fillvalue="nothing"))
    at = next(number for number, (line, expected) in enumerate(lines) if line != expected)
    line, expected = (text.strip() for text in lines[at])
    command = written.get("command", "stilts study")
    place = str(path) if older else f"{path}:{at + 1}"
    return CheckReport((f"{place}: {line} where the stages give {expected}; write it again with `{command}`",), counts)


def _sorted(result: Record) -> Record:
    """Return the result with the keys of every mapping in order."""
    return {key: _sorted_value(result[key]) for key in sorted(result)}


def _sorted_value(value: object) -> object:
    if isinstance(value, dict):
        return _sorted(value)
    return [_sorted_value(part) for part in value] if isinstance(value, list) else value
