"""A ranking made before training, as sentences and as JSON, with the method's measured quality."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from stilts_xtreme.report import text
from stilts_xtreme.transferability.expected import Expected
from stilts_xtreme.transferability.methods import METHODS
from stilts_xtreme.transferability.names import ABOUT
from stilts_xtreme.transferability.past_gains import Past
from stilts_xtreme.utils.bounded_io import Record

SCHEMA = "stilts/ranking@1"
BASELINES = {"random": "a task drawn at random", "data-size": "the largest data set", "always-mnli": "always MNLI"}


@dataclass(frozen=True)
class Ranking:
    """Candidates for a target, best first; `unranked`: those that the method has no score for.

    `languages`: those of the target that the method looks at; `data`: where data was read, as text; `seconds`: processor seconds
    by part, and of the `whole` command.
    """

    target: str
    method: str
    candidates: tuple[Expected, ...]
    unranked: tuple[str, ...]
    past: Past
    languages: tuple[str, ...]
    encoder: str | None  # None where nothing was embedded
    data: str
    seconds: Mapping[str, float]
    left_out: bool  # the past study measured the target itself

    @property
    def best(self) -> Expected | None:
        """The first candidate whose expected gain lies above zero with its whole interval; None without any."""
        return next((candidate for candidate in self.candidates if candidate.helps), None)


def lines(ranking: Ranking, table: Record) -> list[str]:
    """Return the answer first, then how good the method was in `table` (the committed measurement), and the sources."""
    target, best = ranking.target, ranking.best
    if best is not None:
        answer = f"Train {best.task} before {target}: expected gain {_gain(best)}."
    elif ranking.candidates:
        first = max(ranking.candidates, key=lambda candidate: candidate.gain)
        largest = f"largest is {first.task}, {_gain(first)}"
        answer = f"No candidate is expected to help {target}: no interval lies above zero; {largest}."
    else:
        answer = f"No candidate can be ranked for {target}: no past target counts."
    notes = [answer]
    if ranking.left_out:
        notes.append(f"{ranking.past.study} measured {target} itself: left out here, shown without --before-training.")
    if ranking.unranked:
        notes.append(f"Not ranked, without a past gain: {text.listed(ranking.unranked)}.")
    return [*notes, *_quality(ranking.method, table), *_origin(ranking)]


def table_of(ranking: Ranking) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return headings and rows: rank, task, expected gain, interval, and past targets with a gain above zero, or the score."""
    averages = METHODS[ranking.method].chooses is not None
    heads = ("", "task", "expected gain", "95 % interval", "above zero" if averages else "score")
    return heads, [
        (
            str(number), candidate.task, text.number(candidate.gain, signed=True), text.interval(candidate.interval),
            _above(candidate) if averages else f"{candidate.score:.3f}",
        )
        for number, candidate in enumerate(ranking.candidates, 1)
    ]  # fmt: skip


def content(ranking: Ranking, table: Record) -> Record:
    """Return the ranking as `stilts/ranking@1`."""
    past = ranking.past
    return {
        "schema": SCHEMA,
        "target": ranking.target,
        "method": ranking.method,
        "use": ranking.best.task if ranking.best else "none",
        "candidates": [
            {
                "task": candidate.task, "score": candidate.score, "gain": candidate.gain,
                "interval": None if candidate.interval is None else list(candidate.interval), "helps": candidate.helps,
                "past_gains": dict(candidate.gains),
            }
            for candidate in ranking.candidates
        ],
        "unranked": list(ranking.unranked),
        "languages": list(ranking.languages),
        "encoder": ranking.encoder,
        "data": ranking.data if ranking.encoder is not None else None,
        "past": {"study": past.study, "setup": past.setup, "seeds": list(past.seeds), "targets": list(past.gains)},
        "measured": {
            "study": table["study"], "setup": table["setup"], "seeds": table["seeds"], "targets": len(table["gains"]),
            "quality": table["quality"][ranking.method], "better_than": better_than(ranking.method, table),
            "baselines": {name: table["quality"][name] for name in BASELINES if name != ranking.method},
        },
        "processor_seconds": dict(ranking.seconds),
    }  # fmt: skip


def better_than(method: str, table: Record) -> list[str]:
    """List the baselines with a larger regret at 1 than the method, the interval over targets above zero."""
    less = table["less_than"][method]["regret@1"]
    return [name for name in BASELINES if name in less and less[name]["low"] > 0]


def _quality(method: str, table: Record) -> list[str]:
    own = table["quality"][method]["regret@1"]
    regrets = {name: text.number(table["quality"][name]["regret@1"]["mean"]) for name in BASELINES if name != method}
    others = [f"{BASELINES[name]} {regret}" for name, regret in regrets.items()]
    targets, seeds = text.count(own["targets"], "target"), text.count(len(table["seeds"]), "seed")
    lost = f"{text.number(own['mean'])} points ({text.number(own['low'])} to {text.number(own['high'])})"
    measured = (
        f"How good is it? On {targets} of {table['study']} ({seeds}), each left out in turn, training its first choice lost"
        f" {lost} against the best one; {text.listed(others)}."
    )
    if better := better_than(method, table):
        rest = [words for name, words in BASELINES.items() if name not in (method, *better)]
        shown = f"Better than {text.listed([BASELINES[name] for name in better])}"
        return [measured, f"{shown}; not shown to be better than {text.listed(rest)}." if rest else f"{shown}."]
    return [measured, f"It is not shown to be better than any of them: {method} may rank no better than chance."]


def _origin(ranking: Ranking) -> list[str]:
    past = ranking.past
    targets = text.count(len(past.gains), "past target")
    counted = list(dict.fromkeys(name for candidate in ranking.candidates for name in candidate.gains))
    notes = [
        f"Ranked by {ranking.method}: {ABOUT[ranking.method]}.",
        *([f"Past targets that count: {text.listed(counted)}."] if counted else []),
        "Labels of the target are not looked at: where its texts do not tell them, no task can help, whatever past gains say.",
        "Intervals are of means over past targets; the gain on a single one strays further.",
        f"Past gains: study {past.study} (setup {past.setup}, {text.count(len(past.seeds), 'seed')}, {targets}).",
    ]
    if ranking.encoder is not None:
        read = f" and plain text in {text.listed(ranking.languages)}" if METHODS[ranking.method].reads_text else ""
        notes.append(f"Read: {ranking.data}{read}; encoder {ranking.encoder}.")
    return [*notes, f"Took {math.ceil(ranking.seconds['whole'])} s of processor time."]


def _gain(candidate: Expected) -> str:
    interval = f"95 % interval {text.interval(candidate.interval)}" if candidate.interval else "one past target gives no interval"
    return f"{text.number(candidate.gain, signed=True)} points ({interval})"


def _above(candidate: Expected) -> str:
    """Count the past targets with a gain above zero: `5 of 7`."""
    return f"{sum(gain > 0 for gain in candidate.gains.values())} of {len(candidate.gains)}"
