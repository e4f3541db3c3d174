"""Scores by kind of language, and the cross-lingual transfer gap (XTREME, arXiv 2003.11080)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stilts_xtreme.languages import LANGUAGES
from stilts_xtreme.scoring.benchmarks import mean

WAYS = ("joshi", "family", "script")  # of dividing languages, as the language table names them


def breakdown(languages: Mapping[str, Mapping[str, float]], headline: Sequence[str]) -> dict[str, Any]:
    """A task's scores by class of language: {"joshi": {class: score}, "family": .., "script": .., "gap": points}, 0 to 100.

    `languages`: language -> metric -> value; a language's score is the mean of its `headline` metrics, a class's the mean of its
    languages. Without two languages of the table (as in the miniature world) the classes are absent; the gap is absent as in
    `transfer_gap`. KeyError where a headline metric is missing.
    """
    scores = {code: mean([metrics[name] for name in headline]) for code, metrics in languages.items()}
    told: dict[str, Any] = {
        way: {name: mean([scores[code] for code in codes]) for name, codes in members.items()}
        for way, members in classes(scores).items()
    }
    gap = transfer_gap(scores)
    return told if gap is None else {**told, "gap": gap}


def macro(told: Mapping[str, Any]) -> dict[str, float]:
    """From a `breakdown`, by way: the mean of its classes, each weighing the same however many languages it has."""
    return {way: mean(list(told[way].values())) for way in WAYS if way in told}


def classes(codes: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """The languages of each class, by way: resource class of Joshi et al. 2020 ("0" to "5"), family, script; classes sorted.

    Branches of Indo-European are families of their own, as in the language table. Codes outside the table are left out; empty
    where fewer than two are in it.
    """
    known = [LANGUAGES[code] for code in codes if code in LANGUAGES]
    found: dict[str, dict[str, list[str]]] = {}
    for way in WAYS if len(known) > 1 else ():
        members: dict[str, list[str]] = {}
        for language in known:
            members.setdefault(str(getattr(language, way)), []).append(language.code)
        found[way] = dict(sorted(members.items()))
    return found


def transfer_gap(scores: Mapping[str, float]) -> float | None:
    """English score minus the mean of all other languages' (not pairs of two), in points; None without English or another."""
    others = [score for code, score in scores.items() if code != "en" and "-" not in code]
    return scores["en"] - mean(others) if "en" in scores and others else None
