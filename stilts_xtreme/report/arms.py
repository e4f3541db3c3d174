"""A row's name taken apart, and a shorter name for it where a study's rows differ in several ways of training."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stilts_xtreme.errors import UserError
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


def read(row: str, study: Mapping[str, Any]) -> Arm:
    """What a row's name says: `squad>mnli (en+de, noise 0.1, few)`; UserError where its noise is no share of words."""
    languages, noise, recipe = ENGLISH, 0.0, ""
    for said in filter(None, row[len(kind(row)) :].removeprefix(" (").removesuffix(")").split(", ")):
        if said in (study.get("recipes") or {}):
            recipe = said
        elif said.startswith("noise "):
            noise = _share(said.removeprefix("noise "), row)
        else:
            languages = said
    return Arm(row, kind(row), languages, noise, recipe)


def arms(summary: Summary) -> list[Arm]:
    """Those of the study's rows, in order."""
    return [read(row, summary.study) for row in summary.intermediates]


def names(found: Sequence[Arm]) -> dict[str, str]:
    """By row: `mnli + multilingual + noise-trained`, the row itself where nothing is shortened; languages and rates are said
    where there are several to tell apart.
    """
    lists = {arm.languages for arm in found if arm.several}
    rates = {arm.noise for arm in found if arm.noise}
    if not lists and not rates:
        return {arm.row: arm.row for arm in found}
    return {arm.row: _name(arm, len(lists) < 2, len(rates) < 2) for arm in found}


def explained(found: Sequence[Arm], study: Mapping[str, Any]) -> str:
    """What the short names mean; empty where nothing is shortened."""
    lists = [list_ for list_ in dict.fromkeys(arm.languages for arm in found) if "+" in list_]
    rates = sorted({arm.noise for arm in found if arm.noise})
    told = []
    if lists:
        told.append(
            f"multilingual: fine-tuned on {' or '.join(lists)} ({_foreign(study)}) instead of English alone"
        )
    if rates:
        rate = text.listed([f"{100 * rate:g} %" for rate in rates])
        told.append(f"noise-trained: with the same noise in {rate} of the words of the data of fine-tuning that may be changed")
    return f"{'; '.join(told)}." if told else ""


def _foreign(study: Mapping[str, Any]) -> str:
    """What training data in other languages was, by what was read; translations in older results, which do not say."""
    readings = [key.split("/") for key in (study.get("data") or {}).get("readings") or ()]
    own = any(split == "train" and task != "text" and code != "en" for task, split, code in readings)
    translated = any(split == "translated" for _, split, _ in readings)
    translations, originals = "translations of the training data", "training data of the tasks' own in these languages"
    if own and translated:
        return f"{translations}, or {originals}"
    return originals if own else translations


def _share(said: str, row: str) -> float:
    try:
        share = float(said)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise UserError(f"{row}: {said[:60]} is no share of changed words; gather the study again with `stilts study`")
    return share


def _name(arm: Arm, one_list: bool, one_rate: bool) -> str:
    parts = [arm.intermediate] if arm.intermediate != BASELINE else []
    if arm.languages != ENGLISH:
        parts.append("multilingual" if arm.several and one_list else arm.languages)
    if arm.noise:
        parts.append("noise-trained" if one_rate else f"noise-trained {arm.noise:g}")
    return " + ".join([*parts, *filter(None, [arm.recipe])]) or BASELINE
