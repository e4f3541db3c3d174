"""A published rule put to the test: which way is better, jointly or one after the other, follows from the sizes of the sets.

Weller, Seppi and Gardner 2022 (arXiv 2205.08124): joint training wins where the target's training set is smaller than the
supporting one, intermediate training otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stilts_xtreme.report import text
from stilts_xtreme.report.against import sure
from stilts_xtreme.report.multitask.mixtures import FIRST, JOINT, Mixed
from stilts_xtreme.report.summary import above
from stilts_xtreme.report.tables import Body, Cell, Column, Table

JOINTLY, AFTER = "jointly", "one after the other"
PAPER = "Weller et al. 2022 (arXiv 2205.08124)"


@dataclass(frozen=True)
class Case:
    """A target and a pair of rows; `among`: the target's training data is in the mixture itself."""

    target: str
    pair: tuple[str, str]
    size: int
    support: int
    among: bool
    effect: Mapping[str, Any]  # joint minus one after the other

    @property
    def predicted(self) -> str:
        return JOINTLY if self.size < self.support else AFTER

    @property
    def observed(self) -> str:
        """The better way; empty where they are equal to the decimal that is shown."""
        gain = self.effect["gain"]
        return JOINTLY if above(gain) else AFTER if above(-gain) else ""

    @property
    def predicts(self) -> bool:
        """Does the rule say anything about it?"""
        return not self.among and self.size != self.support

    @property
    def counts(self) -> bool:
        return self.predicts and bool(self.observed)

    @property
    def holds(self) -> bool:
        return self.predicted == self.observed


def cases(mixed: Mixed) -> list[Case]:
    """Every target of every pair of joint and one-after-the-other training of the same tasks, where its sizes are known."""
    made = []
    for (row, other), effects in mixed.pairs.get("way", {}).items():
        if (mixed.arms[row].way, mixed.arms[other].way) == (JOINT, FIRST):
            for target in mixed.summary.targets:
                sizes = _sizes(mixed, row, target)
                if target in effects and sizes:
                    made.append(Case(target, (row, other), *sizes, effects[target]))
    return made


def found(mixed: Mixed) -> list[str]:
    """How often the rule names the better way."""
    counted = [case for case in cases(mixed) if case.counts]
    if not counted:
        return []
    held, clear = [case for case in counted if case.holds], [case for case in counted if sure(case.effect)]
    told = (
        f"The rule of {PAPER}, joint training where the target's training set is smaller than the supporting one, names the"
        f" better way in {len(held)} of {text.count(len(counted), 'case')}"
    )
    if not clear:
        return [f"{told}; none of the differences is significant: the rule is neither confirmed nor refuted."]
    right = sum(case.holds for case in clear)
    told += f"; of {text.count(len(clear), 'significant difference')} among them it names {right}."
    if len({case.predicted for case in counted}) == 1:
        told += f" It predicts “{counted[0].predicted}” for all of them: this study cannot tell it from that as a fixed advice."
    return [told]


def table(mixed: Mixed) -> Table | None:
    known = cases(mixed)
    rows = [(f"{case.target}: {' or '.join(case.pair)}", _cells(case)) for case in known]
    if not rows:
        return None
    columns = (
        Column("target's set"), Column("supporting set"), Column("predicted", False), Column("observed", False),
        Column("jointly minus after"), Column("rule holds", False),
    )  # fmt: skip
    notes = [
        f"Training examples; the supporting set is all other tasks of the mixture together ({PAPER} studied pairs of tasks)."
        " (In brackets): the difference is not significant. Interval of 95 % beneath the difference; * q < 0.05."
    ]
    if any(case.among for case in known):
        notes.append(
            "¶ the target's training data is among the mixture's tasks already: both ways train on it jointly, not counted."
        )
    return Table("Does the size of the target decide?", "target", columns, (Body("", tuple(rows)),), tuple(notes))


def _cells(case: Case) -> tuple[Cell, ...]:
    known = sure(case.effect)
    observed = case.observed if known else f"({case.observed})" if case.observed else "equal"
    holds = "yes" if case.holds else "no"
    verdict = text.ABSENT if not case.counts else holds if known else f"({holds})"
    return (
        Cell(f"{case.size:,}", "¶" if case.among else ""),
        Cell(f"{case.support:,}"),
        Cell(case.predicted if case.predicts else text.ABSENT),
        Cell(observed),
        Cell(
            text.number(case.effect["gain"], signed=True) + "*" * known,
            text.interval(tuple(case.effect["interval"])),
            strong=known,
        ),
        Cell(verdict),
    )


def _sizes(mixed: Mixed, row: str, target: str) -> tuple[int, int, bool] | None:
    """Of the target's data and of all other in its joint training, and whether the former is among the supporting tasks."""
    last = (mixed.summary.study["tasks"][target].get("trains_on") or "").rpartition(", then ")[2]
    trainings = {training["address"]: training for training in mixed.summary.study["trainings"]}
    for run in mixed.summary.cells.get((row, target), {}).values():
        sizes = dict(trainings.get((run.get("chain") or [""])[-1], {}).get("examples") or {})
        sizes.pop("text", None)
        own = [name for name in sizes if name.partition("@")[0] == last]
        chosen = [name for name in own if name not in mixed.arms[row].sources] or own
        if chosen:
            size = sizes[chosen[0]]
            return size, sum(sizes.values()) - size, chosen[0] in mixed.arms[row].sources
    return None
