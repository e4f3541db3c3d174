"""A row's name taken apart, and a shorter name for it where a study's rows differ in several ways of training."""

import re
from dataclasses import dataclass

from stilts_xtreme.report import text
from stilts_xtreme.report.summary import BASELINE, Summary, kind

ENGLISH = "en"


@dataclass(frozen=True)
class Arm:
    """How the models of a row are trained; `languages` of fine-tuning as the name has them ("en+de")."""

    row: str
    intermediate: str
    languages: str
    noise: float  # share of changed words in the data of fine-tuning
    recipe: str  # "" for the usual one

    @property
    def several(self) -> bool:
        return "+" in self.languages

    @property
    def plain(self) -> bool:
        """Without intermediate training, fine-tuned as usual."""
        return self.row == BASELINE

    @property
    def way(self) -> tuple[str, float, str]:
        """How it is fine-tuned."""
        return self.languages, self.noise, self.recipe


def arms(summary: Summary) -> list[Arm]:
    """Those of the study's rows, in order."""
    lists = {"+".join(codes) for codes in summary.study.get("training_languages") or [[ENGLISH]]}
    return [_arm(row, lists) for row in summary.intermediates]


def names(found: list[Arm]) -> dict[str, str]:
    """By row: `mnli + multilingual + noise-trained`; languages and rates are said where there are several to tell apart."""
    lists = {arm.languages for arm in found if arm.several}
    rates = {arm.noise for arm in found if arm.noise}
    return {arm.row: _name(arm, len(lists) < 2, len(rates) < 2) for arm in found}


def explained(found: list[Arm]) -> str:
    """What the short names mean; empty where nothing is shortened."""
    lists = [list_ for list_ in dict.fromkeys(arm.languages for arm in found) if "+" in list_]
    rates = sorted({arm.noise for arm in found if arm.noise})
    told = []
    if lists:
        told.append(
            f"multilingual: fine-tuned on {' or '.join(lists)} (translations of the training data) instead of English alone"
        )
    if rates:
        rate = text.listed([f"{100 * rate:g} %" for rate in rates])
        told.append(f"noise-trained: with the same noise in {rate} of the words of the data of fine-tuning that may be changed")
    return f"{'; '.join(told)}." if told else ""


def _arm(row: str, lists: set[str]) -> Arm:
    inside = row[len(kind(row)) + 2 : -1].split(", ") if row != kind(row) else []
    languages = [part for part in inside if part in lists]
    rates = [part for part in inside if re.fullmatch(r"noise \d+(\.\d+)?(e-\d+)?", part)]
    other = [part for part in inside if part not in (*languages, *rates)]
    noise = float(rates[0].removeprefix("noise ")) if rates else 0.0
    return Arm(row, kind(row), (languages or [ENGLISH])[0], noise, ", ".join(other))


def _name(arm: Arm, one_list: bool, one_rate: bool) -> str:
    parts = [arm.intermediate] if arm.intermediate != BASELINE else []
    if arm.languages != ENGLISH:
        parts.append("multilingual" if arm.several and one_list else arm.languages)
    if arm.noise:
        parts.append("noise-trained" if one_rate else f"noise-trained {arm.noise:g}")
    return " + ".join([*parts, *filter(None, [arm.recipe])]) or BASELINE
