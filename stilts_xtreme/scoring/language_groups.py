"""Scores by group of languages, and the cross-lingual transfer gap (XTREME, arXiv 2003.11080)."""

from collections.abc import Iterable, Mapping, Sequence

from stilts_xtreme.files import Record
from stilts_xtreme.languages import LANGUAGES
from stilts_xtreme.scoring.benchmarks import mean

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
    """Return grouping -> mean of its groups' scores, from the result of `by_language_group`; all groups weigh the same."""
    return {grouping: mean(list(averages[grouping].values())) for grouping in GROUPINGS if grouping in averages}


def group_languages(codes: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """Return grouping -> group -> languages: resource class of Joshi et al. 2020 ("0" to "5"), family, script; groups sorted.

    Branches of Indo-European are families of their own, as in the language table. Codes outside the table are left out; empty
    with fewer than two codes in it.
    """
    known = [LANGUAGES[code] for code in codes if code in LANGUAGES]
    groupings: dict[str, dict[str, list[str]]] = {}
    for grouping in GROUPINGS if len(known) > 1 else ():
        groups: dict[str, list[str]] = {}
        for language in known:
            groups.setdefault(str(getattr(language, grouping)), []).append(language.code)
        groupings[grouping] = dict(sorted(groups.items()))
    return groupings


def transfer_gap(scores: Mapping[str, float]) -> float | None:
    """Return the English score minus the mean of all other languages' scores, in points.

    `scores`: language -> 0 to 100; language pairs ("de-en") are left out. None without English or without another language.
    """
    others = [score for code, score in scores.items() if code != "en" and "-" not in code]
    return scores["en"] - mean(others) if "en" in scores and others else None
