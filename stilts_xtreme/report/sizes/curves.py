"""A study's rows by number of training examples, as the section on few training examples shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stilts_xtreme.report.summary import BASELINE, CONTROL, Summary, kind
from stilts_xtreme.report.tested import Tested


@dataclass(frozen=True)
class Sizes:
    """`curves`: (row, examples) by the row with the usual recipe and target, fewest examples first."""

    summary: Summary
    curves: Mapping[tuple[str, str], Sequence[tuple[str, int]]]
    interactions: Sequence[Tested]

    @property
    def targets(self) -> list[str]:
        shown = {target for _, target in self.curves}
        return [target for target in self.summary.targets if target in shown]

    @property
    def rows(self) -> list[str]:
        """As with the usual recipe; baselines come first."""
        names = list(dict.fromkeys(row for row, _ in self.curves))
        return sorted(names, key=lambda row: (kind(row) != CONTROL, kind(row) != BASELINE))

    def told(self, row: str) -> bool:
        return kind(row) not in (BASELINE, CONTROL)
