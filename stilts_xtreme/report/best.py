"""The section on choosing an intermediate for each target: what English dev data would have picked, and what it gives."""

import math
from collections.abc import Mapping
from typing import Any

from stilts_xtreme.report import text
from stilts_xtreme.report.section import Section
from stilts_xtreme.report.summary import AVERAGE, Mean, Summary, above
from stilts_xtreme.report.tables import Body, Cell, Column, Table
from stilts_xtreme.results.rows import BASELINE
from stilts_xtreme.scoring.benchmarks import BENCHMARKS


def section(summary: Summary) -> Section | None:
    """None where the study holds no such choice."""
    best = summary.study.get("best") or {}
    picked, halves = best.get("english-dev") or {}, best.get("other-half") or {}
    if not picked or not halves:
        return None
    rows = [(target, _row(summary, target, picked, halves)) for target in summary.targets]
    averages = [_mean(summary, _average(told["scores"])) for told in (picked, halves)]
    base = summary.score(BASELINE, AVERAGE) if len(rows) > 1 else None
    cells = (Cell(text.value(base)), Cell(""), _scored(averages[0]), Cell(""), _scored(averages[1]))
    total = _total(summary)
    bodies = [Body("", tuple(rows))] + ([Body("", ((total, cells),))] if len(rows) > 1 else [])
    columns = (
        Column(f"score, {BASELINE}"), Column("picked on English dev", False), Column("its score"),
        Column("picked on other half", False), Column("its score"),
    )  # fmt: skip
    notes = [
        "Picked on English dev: the row whose models score best there, on average over seeds; for targets that are never trained,"
        " the row that gains most on English dev of the others. Zero-shot.",
        "Picked on other half: half of the test examples in all languages choose, the other half are scored, and the other way"
        " round. It needs labels in the target languages, as the paper's choice on dev data of all languages did: not zero-shot.",
    ]
    if total != AVERAGE:
        notes.append(f"{total}: the mean over the benchmark's tasks, in the languages that were evaluated here.")
    table = Table(
        "The best intermediate of each target, chosen without the scores shown.", "target", columns, tuple(bodies), tuple(notes)
    )
    return Section("best", "Choosing one intermediate for each target", tuple(_found(picked, halves)), tables=(table,))


def _total(summary: Summary) -> str:
    """The average is the benchmark's own score where it is over all of its tasks."""
    benchmark = BENCHMARKS.get(summary.study.get("benchmark") or "xtreme")
    whole = benchmark is not None and set(summary.targets) == set(benchmark.tasks)
    return f"{benchmark.name.upper()} score" if whole else AVERAGE


def _row(summary: Summary, target: str, picked: Mapping[str, Any], halves: Mapping[str, Any]) -> tuple[Cell, ...]:
    names = " / ".join(dict.fromkeys(halves["picks"][target]))
    return (
        Cell(text.value(summary.score(BASELINE, target))),
        Cell(picked["picks"][target]),
        _scored(_mean(summary, picked["scores"][target])),
        Cell(names),
        _scored(_mean(summary, halves["scores"][target])),
    )


def _scored(found: Mean) -> Cell:
    return Cell(text.value(found), text.spread(found))


def _mean(summary: Summary, by_seed: Mapping[str, float]) -> Mean:
    return Mean(tuple(by_seed[str(seed)] for seed in summary.seeds if str(seed) in by_seed), len(summary.seeds))


def _average(scores: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Over targets, for each seed."""
    seeds = next(iter(scores.values()))
    return {seed: math.fsum(found[seed] for found in scores.values()) / len(scores) for seed in seeds}


def _found(picked: Mapping[str, Any], halves: Mapping[str, Any]) -> list[str]:
    average = picked["average"]
    low, high = average["interval"]
    none = sum(pick == BASELINE for pick in picked["picks"].values())
    told = f"Choosing the intermediate of each target on English dev changes the average by {_points(average['gain'])} points"
    told += f" (95 % interval {_points(low)} to {_points(high)})"
    told += ": a gain." if low > 0 else ": a loss." if high < 0 else ": no significant effect."
    told += f" It picks no intermediate training for {none} of {text.count(len(picked['picks']), 'target')}."
    what = f"changes it by {_points(halves['gain'])}" if above(abs(halves["gain"])) else "does not change it"
    return [told, f"Choosing on labels in the target languages, on other examples than those scored, {what}."]


def _points(value: float) -> str:
    return text.number(value, signed=True)
