"""The rows of a study of mixtures as its result describes them, and the tested differences between them."""

from collections.abc import Mapping
from dataclasses import dataclass

from stilts_xtreme.report import against
from stilts_xtreme.report.against import Effects
from stilts_xtreme.report.summary import Summary

FIRST, JOINT = "first", "joint"
WORDS = {
    FIRST: "{}, then the target",
    JOINT: "{} jointly with the target",
    "joint, then target": "{} jointly with the target, then the target",
    "first, then joint": "{}, then jointly with the target",
    "first, then joint, then target": "{}, then jointly with the target, then the target",
}


@dataclass(frozen=True)
class Arm:
    """A row: the tasks that support the target, when its own data comes in, by which rule tasks are drawn."""

    row: str
    usual: bool  # fine-tuned as usual
    sources: tuple[str, ...]
    way: str
    rule: str

    @property
    def words(self) -> str:
        """`mixture of 3 tasks, then the target`"""
        what = self.sources[0] if len(self.sources) == 1 else f"mixture of {len(self.sources)} tasks"
        return WORDS[self.way].format(what)


@dataclass(frozen=True)
class Mixed:
    """`pairs` by kind: "way", "rule", "without", "single"."""

    summary: Summary
    arms: Mapping[str, Arm]
    pairs: Mapping[str, Effects]

    def main(self) -> list[Arm]:
        """The arms of the full mixture by its usual rule, in the study's order; all that hold the most tasks."""
        other = {row for row, _ in self.pairs.get("rule", ())}
        usual = [arm for arm in self.arms.values() if arm.row not in other and arm.usual]
        most = max((len(arm.sources) for arm in usual), default=0)
        return [arm for arm in usual if len(arm.sources) == most and arm.row not in self.singles()]

    def singles(self) -> list[str]:
        """Rows of one task, trained before the target as usual."""
        return [arm.row for arm in self.arms.values() if len(arm.sources) == 1 and arm.way == FIRST and arm.usual]

    def removed(self, row: str, other: str) -> str:
        """The task that the first row lacks."""
        return "".join(set(self.arms[other].sources) - set(self.arms[row].sources))


def read(summary: Summary) -> Mixed | None:
    """None where the study has no mixture that anything is set against."""
    study = summary.study
    arms = {
        told["row"]: Arm(told["row"], summary.rows[told["row"]].is_usual, tuple(told["sources"]), told["way"], told["rule"])
        for told in study.get("arms") or ()
    }
    pairs = against.read(summary)
    return Mixed(summary, arms, pairs) if {"way", "rule", "without"} & set(pairs) else None
