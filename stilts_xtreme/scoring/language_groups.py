"""Scores by group of languages, and the cross-lingual transfer gap (XTREME, arXiv 2003.11080)."""

from collections.abc import Iterable, Mapping, Sequence

from stilts_xtreme.scoring.benchmarks import mean
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.languages import LANGUAGES, UNCLASSIFIED

GROUPINGS = ("joshi", "family", "script")  # fields of the language table


def by_language_group(languages: Mapping[str, Mapping[str, float]], headline: Sequence[str]) -> Record:
    """Average a task's scores by language group.

    `languages`: language -> metric -> value; a language's score is the mean of its `headline` metrics, a group's score the mean
    of its languages. Returns {"joshi": {group: score}, "family": .., "script": .., "gap": points}, all 0 to 100. Groupings are
    absent with fewer than two languages of the table (as in the miniature world); "gap" is absent as in `transfer_gap`.
    Raises KeyError where a headline metric is missing.
    """
    scores = {code: mean([metrics[name] for name in headline]) for code, metrics in languages.items()}
    averages: Record = {
        grouping: {name: mean([scores[code] for code in codes]) for name, codes in groups.items()}
        for grouping, groups in group_languages(scores).items()
    }
    gap = transfer_gap(scores)
    return averages if gap is None else {**averages, "gap": gap}


def macro_averages(averages: Record) -> dict[str, float]:
    """Return grouping -> mean of its groups' scores, from the result of `by_language_group`; all groups weigh the same.

    Unclassified languages are no group; a grouping of them alone is absent.
    """
    named = {
        grouping: [score for name, score in averages[grouping].items() if name != UNCLASSIFIED]
        for grouping in GROUPINGS
        if grouping in averages
    }
    return {grouping: mean(scores) for grouping, scores in named.items() if scores}


def group_languages(codes: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """Return grouping -> group -> languages: resource class of Joshi et al. 2020 ("0" to "5"), family, script; groups sorted.

    Branches of Indo-European are families of their own, as in the language table. Languages that the table lacks, or of
    which it does not say the group, are unclassified; pairs ("de-en") are left out. Empty with fewer than two codes in the table.
    """
    single = [code for code in codes if "-" not in code]
    groupings: dict[str, dict[str, list[str]]] = {}
    for grouping in GROUPINGS if sum(code in LANGUAGES for code in single) > 1 else ():
        groups: dict[str, list[str]] = {}
        for code in single:
            groups.setdefault(_group(code, grouping), []).append(code)
        groupings[grouping] = dict(sorted(groups.items()))
    return groupings


def _group(code: str, grouping: str) -> str:
    value = getattr(LANGUAGES[code], grouping) if code in LANGUAGES else None
    return UNCLASSIFIED if value in (None, "") else str(value)


def transfer_gap(scores: Mapping[str, float]) -> float | None:
    """Return the English score minus the mean of all other languages' scores, in points.

    `scores`: language -> 0 to 100; language pairs ("de-en") are left out. None without English or without another language.
    """
    others = [score for code, score in scores.items() if code != "en" and "-" not in code]
    return scores["en"] - mean(others) if "en" in scores and others else None
