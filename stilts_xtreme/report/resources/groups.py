"""A study's languages by their resources, as the section on low-resource languages shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stilts_xtreme.report.summary import Mean, Summary
from stilts_xtreme.report.tested import Tested

ORDER = ("low", "mid", "high", "unseen", "unclassified")
TITLES = {
    "low": "languages of few resources",
    "mid": "languages of some resources",
    "high": "languages of many resources",
    "unseen": "languages that the encoder never saw",
    "unclassified": "languages without a class",
}
CLASSES = {"low": "low (0–2)", "mid": "mid (3)", "high": "high (4–5)", "unseen": "unseen", "unclassified": "unclassified"}


@dataclass(frozen=True)
class Resources:
    """`axis`: "joshi" for classes, else lines of text; scores and tests are lists over row, target and group."""

    summary: Summary
    axis: str
    languages: Mapping[str, Mapping[str, Any]]
    scores: Sequence[Mapping[str, Any]]
    gains: Sequence[Tested]
    narrowed: Sequence[Tested]
    slopes: Sequence[Tested]

    @property
    def targets(self) -> list[str]:
        shown = {one["target"] for one in self.scores}
        return [target for target in self.summary.targets if target in shown]

    @property
    def groups(self) -> list[str]:
        """Those that some target has languages of."""
        shown = {one["group"] for one in self.scores}
        return [group for group in ORDER if group in shown]

    @property
    def unit(self) -> str:
        return "a class" if self.axis == "joshi" else "for ten times the text"

    def members(self, target: str) -> dict[str, list[str]]:
        """The target's languages by group."""
        found = {one["group"]: list(one["languages"]) for one in self.scores if one["target"] == target}
        return {group: found[group] for group in self.groups if group in found}

    def gain(self, row: str, target: str, group: str) -> Tested | None:
        return next((one for one in self.gains if (one.row, one.column, one.told["group"]) == (row, target, group)), None)

    def slope(self, row: str, target: str) -> Tested | None:
        return next((one for one in self.slopes if (one.row, one.column) == (row, target)), None)

    def score(self, row: str, target: str, group: str, of: str = "scores") -> Mean | None:
        """The mean score of a group, or (`of` gaps) that less the score in English."""
        one = next((one for one in self.scores if (one["row"], one["target"], one["group"]) == (row, target, group)), None)
        found = {} if one is None else one.get(of, {})
        values = tuple(found[str(seed)] for seed in self.summary.seeds if str(seed) in found)
        return Mean(values, len(self.summary.seeds)) if values else None

    def heading(self, group: str) -> str:
        """`low (0–2)` where groups are classes."""
        return CLASSES[group] if self.axis == "joshi" else group


def titles(group: str) -> str:
    return TITLES[group]
