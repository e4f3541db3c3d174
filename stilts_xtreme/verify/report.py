"""The result of a check."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

ProgressCallback = Callable[[str, int, int], None]  # what is checked, how many are done, how many there are


@dataclass(frozen=True)
class CheckReport:
    """Errors, a line each; how many things of each kind were checked; remarks, a line each, that are no errors."""

    errors: tuple[str, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)
    remarks: tuple[str, ...] = ()


def merge(reports: Iterable[CheckReport]) -> CheckReport:
    """Join several reports in their order; counts are added."""
    errors, remarks, counts = list[str](), list[str](), Counter[str]()
    for report in reports:
        errors += report.errors
        remarks += report.remarks
        counts.update(report.counts)
    return CheckReport(tuple(errors), counts, tuple(remarks))
