"""A recommendation in words, and as JSON."""

from collections.abc import Sequence

from stilts_xtreme.report import text
from stilts_xtreme.report.advice.estimates import Estimate
from stilts_xtreme.report.advice.recommend import Candidate, Recommendation
from stilts_xtreme.report.tested import LEVEL
from stilts_xtreme.utils.bounded_io import Record

SCHEMA = "stilts/recommendation@1"


def lines(advice: Recommendation) -> list[str]:
    """Write the answer, then how certain it is, the runner-up, and where it comes from."""
    what = advice.target + (f" in {text.listed(advice.languages)}" if advice.languages else "")
    sentences = [f"Use {advice.best.row} for {what}: {_gain(advice.best)}."] if advice.best else [f"Use none for {what}."]
    sentences.append(_sure(advice))
    if advice.runner_up is not None:
        sentences.append(_runner_up(advice, advice.runner_up))
    if advice.fallback:
        seen = text.listed(list(dict.fromkeys(name for candidate in advice.candidates for name in candidate.targets)))
        sentences.append(f"No study has {advice.target} itself: these are gains on {seen}, which have the same kind of head.")
    if advice.aside:
        ways = dict.fromkeys(row.tuning_label for row in advice.aside)
        sentences.append(
            f"Rows that are fine-tuned otherwise ({'; '.join(ways)}) are no candidates: they have baselines of their own."
        )
    return sentences + _origin(advice)


def overview(every: Sequence[Recommendation]) -> list[str]:
    """Write of each target the answer and how certain it is, in two lines; then where all of it comes from, once."""
    answers = [line for advice in every for line in (lines(advice)[0], f"  {_sure(advice)}")]
    return [*answers, *dict.fromkeys(line for advice in every for line in _origin(advice))]


def content(advice: Recommendation) -> Record:
    """Build the JSON object `stilts/recommendation@1`."""
    ahead, best, other = advice.ahead, advice.best, advice.runner_up
    return {
        "schema": SCHEMA,
        "target": advice.target,
        "languages": list(advice.languages),
        "fallback": advice.fallback,
        "use": best.row if best else "none",
        "supported": best is not None,
        "best": _candidate(best) if best else None,
        "nearest": _candidate(advice.nearest),
        "runner_up": _candidate(other) if other else None,
        "ahead": ahead and {"points": ahead.gain, "interval": _ends(ahead), "distinguishable": ahead.clear},
        "candidates": [_candidate(candidate) for candidate in advice.candidates],
        "aside": [row.name for row in advice.aside],
    }


def _candidate(candidate: Candidate) -> Record:
    study, estimate = candidate.summary.study, candidate.estimate
    return {
        "row": candidate.row, "study": study["name"], "setup": study.get("setup"), "targets": list(candidate.targets),
        "gain": estimate.gain, "interval": _ends(estimate), "p": estimate.p, "q": candidate.q, "seeds": len(estimate.by_seed),
        "examples_counted": candidate.counts_examples, "supported": candidate.supported,
    }  # fmt: skip


def _sure(advice: Recommendation) -> str:
    if advice.best is not None:
        several = f"q {text.probability(advice.best.q)}, {text.count(len(advice.candidates), 'candidate')}"
        larger = "" if advice.best is advice.nearest else f" {advice.nearest.row} has a larger gain, but it is not supported."
        return f"The interval lies above zero: better than no intermediate training ({several}).{larger}"
    nearest = advice.nearest
    sentence = f"No gain is supported; nearest is {nearest.row}, {_gain(nearest)}"
    if nearest.estimate.interval is None:
        return f"{sentence}: a single seed says nothing about another one."
    if nearest.estimate.interval[0] > 0:
        return (
            f"{sentence}: above zero, but q is {text.probability(nearest.q)}"
            f" where {LEVEL} is asked for, since it is the best of several."
        )
    if nearest.estimate.interval[1] < 0:
        return f"{sentence}: worse than no intermediate training."
    return f"{sentence}: not distinguishable from no intermediate training."


def _runner_up(advice: Recommendation, other: Candidate) -> str:
    several = len({id(candidate.summary) for candidate in advice.candidates}) > 1
    name, ahead = other.named if several else other.row, advice.ahead
    sentence = f"Runner-up: {name}, {_gain(other)}"
    if ahead is None:
        return f"{sentence}; whether {advice.first.row} is ahead of it cannot be judged from one seed."
    by = f"{text.number(ahead.gain, signed=True)} ({text.interval(ahead.interval)})"
    return f"{sentence}; {advice.first.row} is ahead by {by}: {'' if ahead.clear else 'not '}distinguishable."


def _origin(advice: Recommendation) -> list[str]:
    """The studies, their setups, and what their setups say of themselves."""
    studies = {candidate.summary.study["name"]: candidate for candidate in advice.candidates}
    shown = [candidate for candidate in (advice.first, advice.runner_up) if candidate is not None]
    collapsed = [candidate.row for candidate in shown if candidate.collapsed]
    sentences = [f"Built on a collapsed training, in one seed or more: {text.listed(collapsed)}."] if collapsed else []
    for name, candidate in studies.items():
        setup, seeds = candidate.summary.study.get("setup") or "not named", text.count(len(candidate.summary.seeds), "seed")
        alone = candidate.estimate.interval is not None and not candidate.counts_examples
        counted = "; intervals are over seeds alone, since it has no comparisons over test examples" if alone else ""
        sentences.append(f"From study {name} (setup {setup}, {seeds}){counted}.")
        if note := candidate.summary.study.get("note"):
            sentences.append(f"Its setup says: {note}")
    if len({candidate.summary.study.get("setup") for candidate in studies.values()}) > 1:
        sentences.append("Gains of different setups stand side by side here: each is over its own baseline.")
    return sentences


def _gain(candidate: Candidate) -> str:
    ends = candidate.estimate.interval
    interval = f"95 % interval {text.interval(ends)}" if ends is not None else "no interval"
    return f"{text.number(candidate.estimate.gain, signed=True)} points, {interval}"


def _ends(estimate: Estimate) -> list[float] | None:
    return None if estimate.interval is None else list(estimate.interval)
