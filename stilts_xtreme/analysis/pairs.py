"""Rows that differ in one thing against one another: ways of bringing in the target, rules of sampling, tasks left out, text
beside a task, languages of its data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from stilts_xtreme import axes
from stilts_xtreme.analysis import effects
from stilts_xtreme.analysis.comparisons import AVERAGE, adjusted, averaged
from stilts_xtreme.analysis.effects import Drawing, Scored
from stilts_xtreme.analysis.mixed import BEFORE, FIRST, Arm, arms
from stilts_xtreme.tasks.catalogue import training

PROPORTIONAL = "proportional"
WAY, RULE, WITHOUT, SINGLE, TEXT, LANGUAGES = "way", "rule", "without", "single", "text", "languages"


def gather(spec: Any, cells: Sequence[axes.Cell], drawing: Drawing) -> dict[str, Any]:
    """`arms`: what the rows are; `pairs`: the first minus the second of each pair, by target and on average; `pooled`: the mean
    over tasks with text beside them, fine-tuned as usual. Adjusted by kind, averages apart. Nothing without such pairs.
    """
    rows = arms(axes.rows(spec), spec.mixtures)
    told, pooled = list[dict[str, Any]](), list[dict[str, Any]]()
    for kind, found in pairs(rows).items():
        made = {(row.row, other.row): _differences(row, other, spec.targets, cells, drawing) for row, other in found}
        named = [({"kind": kind, **row.record(), "against": other.name}, columns) for (row, other), columns in made.items()]
        told += _adjusted([one for name, columns in named for one in _effects(name, columns, spec.targets)])
        alike = [made[row.row, other.row] for row, other in found if kind == TEXT and row.row.is_usual]
        if len(alike) > 1:
            together = [_mean([columns[at] for columns in alike]) for at in range(len(spec.targets))]
            pooled += _adjusted(_effects({"kind": kind, "pairs": len(alike)}, together, spec.targets))
    return {"arms": [arm.record() for arm in rows], "pairs": told, **({"pooled": pooled} if pooled else {})} if told else {}


def pairs(rows: Sequence[Arm]) -> dict[str, list[tuple[Arm, Arm]]]:
    """The pairs that the rows imply, by kind; the second of each is what the first is set against."""
    same = [(a, b) for a in rows for b in rows if a != b and a.row.tuning == b.row.tuning]
    alike = [(a, b) for a, b in same if a.text == b.text]
    rules = [(a, b) for a, b in alike if (a.sources, a.way) == (b.sources, b.way) and b == _base(b, rows)]
    less = [
        (a, b)
        for a, b in alike
        if (a.way, a.rule) == (b.way, b.rule) and set(a.sources) < set(b.sources) and len(b.sources) - len(a.sources) == 1
    ]
    lesser = {arm.row for arm, _ in rules + less}
    usual = [arm for arm in rows if arm.row not in lesser]
    singles = [
        (a, b) for a, b in alike if a in usual and set(b.sources) < set(a.sources) and len(b.sources) == 1 and b.way == FIRST
    ]
    text = [(a, b) for a, b in same if a.text and replace(a, row=b.row, text=0.0) == b]
    languages = [(a, b) for a, b in alike if a.sources != b.sources and replace(a, row=b.row, sources=_english(a)) == b]
    return {WAY: _ways(rows), RULE: rules, WITHOUT: less, SINGLE: singles, TEXT: text, LANGUAGES: languages}


def _english(arm: Arm) -> tuple[str, ...]:
    """The same tasks with their English data."""
    return tuple(sorted(training(source)[0].name for source in arm.sources))


def _base(arm: Arm, rows: Sequence[Arm]) -> Arm:
    """Of all rules for the same tasks the one that others are set against: the proportional one, else the first."""
    same = [one for one in rows if one.row.tuning == arm.row.tuning and replace(one, row=arm.row, rule=arm.rule) == arm]
    return next((one for one in same if one.rule.startswith(PROPORTIONAL)), same[0])


def _ways(rows: Sequence[Arm]) -> list[tuple[Arm, Arm]]:
    """Rows with the same tasks and rule, the one that brings the target in later second."""
    order = list(dict.fromkeys([FIRST, BEFORE, *(arm.way for arm in rows)]))
    made = [
        (b, a) if order.index(b.way) > order.index(a.way) else (a, b)
        for a, b in combinations(rows, 2)
        if (a.sources, a.row.tuning, a.text) == (b.sources, b.row.tuning, b.text)
        and a.way != b.way
        and (a.rule == b.rule or (len(a.sources) == 1 and not (a.rule and b.rule)))
    ]
    return list(dict.fromkeys(made))


def _differences(
    row: Arm, other: Arm, targets: Sequence[str], cells: Sequence[axes.Cell], drawing: Drawing
) -> list[dict[int, Scored]]:
    """The first minus the second, by seed, for each target."""
    stages = {(cell.row, cell.target, cell.seed): cell.stage for cell in cells if not cell.noise}
    seeds = list(dict.fromkeys(cell.seed for cell in cells))
    found: list[dict[int, Scored]] = []
    for target in targets:
        both = [seed for seed in seeds if (row.row, target, seed) in stages and (other.row, target, seed) in stages]
        scored = [[drawing.scored(stages[arm.row, target, seed]) for arm in (row, other)] for seed in both]
        found.append({seed: own - base for seed, (own, base) in zip(both, scored, strict=True)})
    return found


def _mean(columns: Sequence[Mapping[int, Scored]]) -> dict[int, Scored]:
    """Of several differences on one target, the mean of the seeds that all of them have."""
    seeds = [seed for seed in columns[0] if all(seed in column for column in columns)]
    return {seed: effects.mean([column[seed] for column in columns]) for seed in seeds}


def _effects(named: Mapping[str, Any], columns: Sequence[Mapping[int, Scored]], targets: Sequence[str]) -> list[dict[str, Any]]:
    """What differences come to on each target, and on average."""
    told = [
        {**named, "target": target, **effects.effect(found, effects.even(next(iter(found.values())).languages))}
        for target, found in zip(targets, columns, strict=True)
        if found
    ]
    whole = averaged(columns)
    return told + ([{**named, "target": AVERAGE, **whole}] if whole else [])


def _adjusted(told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Targets and averages are families of their own."""
    return [one for average in (False, True) for one in adjusted([one for one in told if (one["target"] == AVERAGE) == average])]
