"""Pairs of rows that differ in a single respect: placement of the target's data, sampling, a task left out, text beside a task,
languages of the data."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from stilts_xtreme.analysis.bootstrap_scores import BootstrapScores, Scored, by_row, mean_scored, paired_differences
from stilts_xtreme.analysis.effects import (
    Differences,
    average_effect,
    effect,
    shared_seeds,
    target_effects,
    with_q_averages_apart,
)
from stilts_xtreme.analysis.mixed import BEFORE, FIRST, Arm, arms
from stilts_xtreme.pipeline import grid
from stilts_xtreme.spec.study import Study
from stilts_xtreme.tasks.catalogue import training
from stilts_xtreme.utils.bounded_io import Record

PROPORTIONAL = "proportional"
PLACEMENT, RULE, WITHOUT, SINGLE, TEXT, LANGUAGES = "way", "rule", "without", "single", "text", "languages"


def gather(spec: Study, cells: Sequence[grid.Cell], scores: BootstrapScores) -> Record:
    """Return `arms`: what the rows are; `pairs`: the first minus the second of each pair, by target and on average; `pooled`: the
    mean over tasks with text beside them, fine-tuned as usual. Each kind is a family, its averages another. Empty without pairs.
    """
    rows, stages = arms(grid.rows(spec), spec.mixtures), by_row(cells)
    records, pooled = list[Record](), list[Record]()
    for kind, chosen in pairs(rows).items():
        columns = {
            (arm.row, other.row): {
                target: paired_differences(stages.get((arm.row, target), {}), stages.get((other.row, target), {}), scores)
                for target in spec.targets
            }
            for arm, other in chosen
        }
        effects = []
        for (row, other), differences in columns.items():
            effects += target_effects({"kind": kind, **row.record(), "against": other.name}, differences, effect, average_effect)
        records += with_q_averages_apart(effects)
        usual = [columns[arm.row, other.row] for arm, other in chosen if kind == TEXT and arm.row.is_usual]
        if len(usual) > 1:
            means = {target: _mean([differences[target] for differences in usual]) for target in spec.targets}
            fields = {"kind": kind, "pairs": len(usual)}
            pooled += with_q_averages_apart(target_effects(fields, means, effect, average_effect))
    if not records:
        return {}
    return {"arms": [arm.record() for arm in rows], "pairs": records, **({"pooled": pooled} if pooled else {})}


def pairs(rows: Sequence[Arm]) -> dict[str, list[tuple[Arm, Arm]]]:
    """Return the pairs that the rows imply, by kind; the second of each is the reference."""
    same = [(a, b) for a in rows for b in rows if a != b and a.row.tuning == b.row.tuning]
    alike = [(a, b) for a, b in same if a.text == b.text]
    rules = [(a, b) for a, b in alike if (a.sources, a.placement) == (b.sources, b.placement) and b == _reference(b, rows)]
    less = [
        (a, b)
        for a, b in alike
        if (a.placement, a.rule) == (b.placement, b.rule)
        and set(a.sources) < set(b.sources)
        and len(b.sources) - len(a.sources) == 1
    ]
    lesser = {arm.row for arm, _ in rules + less}
    usual = [arm for arm in rows if arm.row not in lesser]
    singles = [
        (a, b)
        for a, b in alike
        if a in usual and set(b.sources) < set(a.sources) and len(b.sources) == 1 and b.placement == FIRST
    ]
    text = [(a, b) for a, b in same if a.text and replace(a, row=b.row, text=0.0) == b]
    languages = [(a, b) for a, b in alike if a.sources != b.sources and replace(a, row=b.row, sources=_english(a)) == b]
    return {PLACEMENT: _placements(rows), RULE: rules, WITHOUT: less, SINGLE: singles, TEXT: text, LANGUAGES: languages}


def _english(arm: Arm) -> tuple[str, ...]:
    """Return the arm's tasks with their English data."""
    return tuple(sorted(training(source)[0].name for source in arm.sources))


def _reference(arm: Arm, rows: Sequence[Arm]) -> Arm:
    """Return, of all rules for the arm's tasks, the arm with the proportional rule, else the first."""
    same = [other for other in rows if other.row.tuning == arm.row.tuning and replace(other, row=arm.row, rule=arm.rule) == arm]
    return next((other for other in same if other.rule.startswith(PROPORTIONAL)), same[0])


def _placements(rows: Sequence[Arm]) -> list[tuple[Arm, Arm]]:
    """Return pairs with the same tasks and rule; the second brings the target in later."""
    order = list(dict.fromkeys([FIRST, BEFORE, *(arm.placement for arm in rows)]))
    placed = [
        (b, a) if order.index(b.placement) > order.index(a.placement) else (a, b)
        for a, b in combinations(rows, 2)
        if (a.sources, a.row.tuning, a.text) == (b.sources, b.row.tuning, b.text)
        and a.placement != b.placement
        and (a.rule == b.rule or (len(a.sources) == 1 and not (a.rule and b.rule)))
    ]
    return list(dict.fromkeys(placed))


def _mean(columns: Sequence[Differences]) -> dict[int, Scored]:
    """Return the mean of several differences on a target, of the seeds that all of them have."""
    return {seed: mean_scored([column[seed] for column in columns]) for seed in shared_seeds(columns)}
