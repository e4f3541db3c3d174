"""A shorter name for each of a study's rows, where they differ in several ways of training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stilts_xtreme.report import text
from stilts_xtreme.results.rows import BASELINE, ENGLISH, Row

if TYPE_CHECKING:
    from stilts_xtreme.results.schemas.study import Study


def names(rows: Sequence[Row]) -> dict[str, str]:
    """Return a name by label: `mnli + multilingual + noise-trained`, the row itself where nothing is shortened.

    Languages and rates are in it where there are several to tell apart.
    """
    lists = {row.languages for row in rows if len(row.languages) > 1}
    rates = {row.noise for row in rows if row.noise}
    if not lists and not rates:
        return {row.name: row.name for row in rows}
    return {row.name: _name(row, len(lists) < 2, len(rates) < 2) for row in rows}


def explained(rows: Sequence[Row], study: "Study") -> str:
    """Explain the short names; empty where nothing is shortened."""
    lists = dict.fromkeys("+".join(row.languages) for row in rows if len(row.languages) > 1)
    rates = sorted({row.noise for row in rows if row.noise})
    parts = []
    if lists:
        parts.append(f"multilingual: fine-tuned on {' or '.join(lists)} ({_foreign(study)}) instead of English alone")
    if rates:
        rate = text.listed([f"{100 * rate:g} %" for rate in rates])
        parts.append(f"noise-trained: with the same noise in {rate} of the words of the data of fine-tuning that may be changed")
    return f"{'; '.join(parts)}." if parts else ""


def _foreign(study: "Study") -> str:
    """What training data in other languages was, by what was read; translations in older results, which do not say."""
    readings = [key.split("/") for key in (study.get("data") or {}).get("readings") or ()]
    own = any(split == "train" and task != "text" and code != "en" for task, split, code in readings)
    translated = any(split == "translated" for _, split, _ in readings)
    translations, originals = "translations of the training data", "training data of the tasks' own in these languages"
    if own and translated:
        return f"{translations}, or {originals}"
    return originals if own else translations


def _name(row: Row, one_list: bool, one_rate: bool) -> str:
    parts = [] if row.is_baseline else [row.chain]
    if row.languages != ENGLISH:
        parts.append("multilingual" if len(row.languages) > 1 and one_list else "+".join(row.languages))
    if row.noise:
        parts.append("noise-trained" if one_rate else f"noise-trained {row.noise:g}")
    return " + ".join([*parts, *filter(None, [row.recipe_label])]) or BASELINE
