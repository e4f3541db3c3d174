"""Gather a study's result from its stages again and compare it with the file."""

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from stilts_xtreme import axes, results
from stilts_xtreme.analysis.study import gather
from stilts_xtreme.errors import UserError
from stilts_xtreme.store import Store
from stilts_xtreme.verify.report import CheckReport

if TYPE_CHECKING:
    from stilts_xtreme.spec.study import Study


def check_result(spec: "Study", cells: Sequence[axes.Cell], store: Store, path: Path) -> CheckReport:
    """Compare the file at `path`, byte by byte above `provenance`, with what the stages give; its command is not checked."""
    try:
        written = results.read(path, results.STUDY)
    except UserError as error:
        return CheckReport((str(error),))
    theirs = results.stable(path.read_bytes().decode())
    ours = results.stable(results.text(gather(spec, cells, store, written.get("command", ""))))
    counts = Counter({"study results": 1, "bytes of study results": len(ours.encode())})
    if theirs == ours:
        return CheckReport((), counts)
    lines = list(zip_longest(theirs.split("\n"), ours.split("\n"), fillvalue="nothing"))
    at = next(number for number, (line, expected) in enumerate(lines) if line != expected)
    line, expected = (text.strip() for text in lines[at])
    command = written.get("command", "stilts study")
    return CheckReport((f"{path}:{at + 1}: {line} where the stages give {expected}; write it again with `{command}`",), counts)
