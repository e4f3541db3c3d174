"""A study's rows by number of training examples, as the section on few training examples shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stilts_xtreme.report.summary import Summary
from stilts_xtreme.report.tested import Tested
from stilts_xtreme.results.rows import Row


@dataclass(frozen=True)
class Sizes:
    """`curves`: (row, examples) by the row with the usual recipe and target, fewest examples first."""

    summary: Summary
    kinds: Mapping[str, Row]  # by the row that a curve is of, one of its rows
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
        return sorted(names, key=lambda row: (not self.kinds[row].is_control, not self.kinds[row].is_baseline))

    def told(self, row: str) -> bool:
        return not (self.kinds[row].is_baseline or self.kinds[row].is_control)
