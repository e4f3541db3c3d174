"""A recommendation in words, and as JSON."""

from collections.abc import Sequence
from typing import Any

from stilts_xtreme.report import text
from stilts_xtreme.report.advice.estimates import Estimate
from stilts_xtreme.report.advice.recommend import Candidate, Recommendation
from stilts_xtreme.report.tested import LEVEL

SCHEMA = "stilts/recommendation@1"


def lines(found: Recommendation) -> list[str]:
    """The answer first, then how sure it is, the runner-up, and where it comes from."""
    what = found.target + (f" in {text.listed(found.languages)}" if found.languages else "")
    sentences = [f"Use {found.best.row} for {what}: {_gain(found.best)}."] if found.best else [f"Use none for {what}."]
    sentences.append(_sure(found))
    if found.runner_up is not None:
        sentences.append(_runner_up(found, found.runner_up))
    if found.fallback:
        seen = text.listed(list(dict.fromkeys(name for one in found.candidates for name in one.seen)))
        sentences.append(f"No study has {found.target} itself: these are gains on {seen}, which have the same kind of head.")
    if found.aside:
        ways = dict.fromkeys(row.tuning_label for row in found.aside)
        sentences.append(
            f"Rows that are fine-tuned otherwise ({'; '.join(ways)}) are no candidates: they have baselines of their own."
        )
    return sentences + _origin(found)


def overview(every: Sequence[Recommendation]) -> list[str]:
    """Of each target the answer and how sure it is, in two lines; then where all of it comes from, once."""
    answers = [line for found in every for line in (lines(found)[0], f"  {_sure(found)}")]
    return [*answers, *dict.fromkeys(line for found in every for line in _origin(found))]


def content(found: Recommendation) -> dict[str, Any]:
    """The same as `stilts/recommendation@1`."""
    ahead = None
    if found.ahead is not None:
        ahead = {"points": found.ahead.gain, "interval": _ends(found.ahead), "distinguishable": _apart(found.ahead)}
    return {
        "schema": SCHEMA,
        "target": found.target,
        "languages": list(found.languages),
        "fallback": found.fallback,
        "use": found.best.row if found.best else "none",
        "supported": found.best is not None,
        "best": _candidate(found.best) if found.best else None,
        "nearest": _candidate(found.nearest),
        "runner_up": _candidate(found.runner_up) if found.runner_up else None,
        "ahead": ahead,
        "candidates": [_candidate(one) for one in found.candidates],
        "aside": [row.name for row in found.aside],
    }


def _candidate(one: Candidate) -> dict[str, Any]:
    study = one.summary.study
    return {
        "row": one.row, "study": study["name"], "setup": study.get("setup"), "targets": list(one.seen), "gain": one.estimate.gain,
        "interval": _ends(one.estimate), "p": one.estimate.p, "q": one.q, "seeds": len(one.estimate.by_seed),
        "examples_counted": _counted(one), "supported": one.supported,
    }  # fmt: skip


def _sure(found: Recommendation) -> str:
    if found.best is not None:
        several = f"q {text.probability(found.best.q)}, {text.count(len(found.candidates), 'candidate')}"
        larger = "" if found.best is found.nearest else f" {found.nearest.row} has a larger gain, but it is not supported."
        return f"The interval lies above zero: better than no intermediate training ({several}).{larger}"
    one = found.nearest
    sentence = f"No gain is supported; nearest is {one.row}, {_gain(one)}"
    if one.estimate.interval is None:
        return f"{sentence}: a single seed says nothing about another one."
    if one.estimate.interval[0] > 0:
        return (
            f"{sentence}: above zero, but q is {text.probability(one.q)}"
            f" where {LEVEL} is asked for, since it is the best of several."
        )
    return f"{sentence}: not distinguishable from no intermediate training."


def _runner_up(found: Recommendation, other: Candidate) -> str:
    first = found.best or found.nearest
    sentence = f"Runner-up: {_named(other, found)}, {_gain(other)}"
    if found.ahead is None:
        return f"{sentence}; whether {first.row} is ahead of it cannot be told from one seed."
    verdict = "distinguishable" if _apart(found.ahead) else "not distinguishable"
    by = f"{text.number(found.ahead.gain, signed=True)} ({text.interval(found.ahead.interval)})"
    return f"{sentence}; {first.row} is ahead by {by}: {verdict}."


def _origin(found: Recommendation) -> list[str]:
    """The studies, their setups, and what their setups say of themselves."""
    studies = {one.summary.study["name"]: one for one in found.candidates}
    shown = [one for one in (found.best or found.nearest, found.runner_up) if one is not None]
    fallen = [one.row for one in shown if any(one.summary.collapsed(one.row, name) for name in one.seen)]
    sentences = [f"Built on a collapsed training, in one seed or more: {text.listed(fallen)}."] if fallen else []
    for name, one in studies.items():
        setup, seeds = one.summary.study.get("setup") or "not named", text.count(len(one.summary.seeds), "seed")
        alone = one.estimate.interval is not None and not _counted(one)
        counted = "; intervals are over seeds alone, since it has no comparisons over test examples" if alone else ""
        sentences.append(f"From study {name} (setup {setup}, {seeds}){counted}.")
        if note := one.summary.study.get("note"):
            sentences.append(f"Its setup says: {note}")
    if len({one.summary.study.get("setup") for one in studies.values()}) > 1:
        sentences.append("Gains of different setups stand side by side here: each is over its own baseline.")
    return sentences


def _named(one: Candidate, found: Recommendation) -> str:
    return one.named if len({id(other.summary) for other in found.candidates}) > 1 else one.row


def _gain(one: Candidate) -> str:
    ends = one.estimate.interval
    interval = f"95 % interval {text.interval(ends)}" if ends is not None else "no interval"
    return f"{text.number(one.estimate.gain, signed=True)} points, {interval}"


def _counted(one: Candidate) -> bool:
    """Does the interval count the test examples?"""
    return one.estimate.examples is not None or any((one.row, name) in one.summary.errors for name in one.seen)


def _apart(ahead: Estimate) -> bool:
    return ahead.interval is not None and (ahead.interval[0] > 0 or ahead.interval[1] < 0)


def _ends(one: Estimate) -> list[float] | None:
    return None if one.interval is None else list(one.interval)
