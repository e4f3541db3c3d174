"""A study's result gathered again from its stages, held against the file it was written to."""

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from stilts_xtreme import axes, results
from stilts_xtreme.analysis.study import gather
from stilts_xtreme.errors import UserError
from stilts_xtreme.store import Store
from stilts_xtreme.verify.found import Found


def compared(spec: Any, cells: Sequence[axes.Cell], store: Store, path: Path) -> Found:
    """The file against what its stages give, to the byte above `provenance`; the command in it is taken as it stands."""
    try:
        told = results.read(path, results.STUDY)
    except UserError as fault:
        return Found((str(fault),))
    theirs = results.stable(path.read_bytes().decode())
    ours = results.stable(results.text(gather(spec, cells, store, told.get("command", ""))))
    counts = Counter({"study results": 1, "bytes of study results": len(ours.encode())})
    if theirs == ours:
        return Found((), counts)
    lines = list(zip_longest(theirs.split("\n"), ours.split("\n"), fillvalue="nothing"))
    at = next(number for number, (here, there) in enumerate(lines) if here != there)
    here, there = (line.strip() for line in lines[at])
    fault = f"{path}:{at + 1}: {here} where the stages give {there}; write it again with `{told.get('command', 'stilts study')}`"
    return Found((fault,), counts)
