"""What a check found."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

Tell = Callable[[str, int, int], None]  # what is gone through, how many are done, how many there are


@dataclass(frozen=True)
class Found:
    """Faults, a line each; how many things of a kind were looked at; what is worth knowing and no fault."""

    faults: tuple[str, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)
    remarks: tuple[str, ...] = ()


def together(parts: Iterable[Found]) -> Found:
    """All that several checks found."""
    whole = list(parts)
    counts: Counter[str] = Counter()
    for part in whole:
        counts.update(part.counts)
    return Found(
        tuple(fault for part in whole for fault in part.faults), counts, tuple(told for part in whole for told in part.remarks)
    )
