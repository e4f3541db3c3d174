"""The section on intermediate training together with multi-task learning: when the target's own data should come in."""

from collections.abc import Mapping
from typing import Any

from stilts_xtreme.report import text
from stilts_xtreme.report.comparisons import AVERAGE, LEVEL
from stilts_xtreme.report.multitask import mixtures, size_rule
from stilts_xtreme.report.multitask.mixtures import Effects, Mixed, split, sure
from stilts_xtreme.report.section import Section
from stilts_xtreme.report.summary import BASELINE, Summary
from stilts_xtreme.report.tables import Body, Cell, Column, Table, marks, over, starred

PICKED = "picked on the scores shown"
TITLES = {
    "way": "When the target's data comes in: the same tasks, another order",
    "single": "A mixture against each of its tasks alone",
    "rule": "How the mixture draws its tasks",
    "without": "The mixture with one task left out against the full one",
}


def section(summary: Summary) -> Section | None:
    mixed = mixtures.read(summary)
    if mixed is None:
        return None
    tables = [_arms(mixed), _pairs(mixed), size_rule.table(mixed)]
    found = [*_gains(mixed), *_ways(mixed), *_rules(mixed), *_left_out(mixed), *size_rule.found(mixed)]
    rows = [f"{arm.row}: {arm.words}{f' (drawn {arm.rule})' if arm.rule else ''}" for arm in _shown(mixed)]
    told = [f"The rows. {'; '.join(rows)}."]
    return Section(
        "multitask", "Mixtures: before the target, with it, or both", tuple(found), tuple(told), {}, tuple(filter(None, tables))
    )


def _shown(mixed: Mixed) -> list[mixtures.Arm]:
    """The arms that need words: all but single tasks trained as usual."""
    return [arm for row, arm in mixed.arms.items() if row not in mixed.singles() and " (" not in row]


def _best(mixed: Mixed) -> str | None:
    """The single task with the largest average gain (or gain, with one target)."""
    column = mixed.summary.columns[-1]
    gains = {row: gain for row in mixed.singles() if (gain := mixed.summary.gain(row, column)) is not None}
    return max(gains, key=lambda row: gains[row].mean, default=None)


def _gains(mixed: Mixed) -> list[str]:
    column = mixed.summary.columns[-1]
    best, parts = _best(mixed), []
    if best is not None:
        gain = mixed.summary.gain(best, column)
        parts.append(f"{text.value(gain, signed=True)} for the best single task ({best}, {PICKED})")
    for arm in mixed.main():
        gain = mixed.summary.gain(arm.row, column)
        if gain is not None:
            parts.append(f"{text.value(gain, signed=True)} for {arm.words} ({arm.row})")
    where = f"on average over {len(mixed.summary.targets)} targets" if column == AVERAGE else f"on {column}"
    return [f"Points over {BASELINE} {where}: {'; '.join(parts)}."] if parts else []


def _ways(mixed: Mixed) -> list[str]:
    return [f"{row} against {other}: {_verdict(effects)}." for (row, other), effects in mixed.pairs.get("way", {}).items()]


def _rules(mixed: Mixed) -> list[str]:
    pairs = mixed.pairs.get("rule", {})
    told = [
        f"{mixed.arms[row].rule} against {mixed.arms[other].rule}: {_verdict(found)}" for (row, other), found in pairs.items()
    ]
    return [f"Rules by which the mixture draws its tasks. {'; '.join(told)}."] if told else []


def _left_out(mixed: Mixed) -> list[str]:
    pairs = mixed.pairs.get("without", {})
    told = [f"{mixed.removed(*pair)}: {_verdict(effects)}" for pair, effects in pairs.items()]
    return [f"What the mixture becomes without one of its tasks. Without {'; without '.join(told)}."] if told else []


def _verdict(effects: Mapping[str, Mapping[str, Any]]) -> str:
    """`better on average (+0.4 points, 95 % interval …, q …), significantly better on a and worse on b`."""
    whole = effects.get(AVERAGE)
    singles = [one for column, one in effects.items() if column != AVERAGE]
    up, down = split(singles)
    sides = [f"significantly {word} on {text.listed(names)}" for word, names in (("better", up), ("worse", down)) if names]
    nowhere = "any target" if len(singles) > 1 else "".join(one["column"] for one in singles)
    if whole is None:
        return " and ".join(sides) or f"no significant difference on {nowhere}"
    size = f"{text.number(whole['gain'], signed=True)} points, 95 % interval {text.interval(tuple(whole['interval']))}"
    size += f", q {text.probability(whole['q'])}"
    if not sure(whole) and not sides:
        return f"no significant difference, neither on average ({size}) nor on {nowhere}"
    word = f"significantly {'better' if whole['gain'] > 0 else 'worse'}" if sure(whole) else "no significant difference"
    return f"{word} on average ({size}), {' and '.join(sides) or f'no significant difference on {nowhere}'}"


def _arms(mixed: Mixed) -> Table | None:
    """Scores without intermediate training, then gains of the arms."""
    summary, best = mixed.summary, _best(mixed)
    base = tuple(
        Cell(text.value(summary.score(BASELINE, column)), text.spread(summary.score(BASELINE, column)))
        for column in summary.columns
    )
    rows = [] if best is None else [(f"{best} (best single task, {PICKED})", _row(summary, best))]
    rows += [(f"{arm.row}: {arm.words}", _row(summary, arm.row)) for arm in mixed.main()]
    if not rows or not summary.has_baseline:
        return None
    bodies = (
        Body("No intermediate training (scores)", ((BASELINE, (*base, Cell(text.between(_steps(summary, BASELINE))))),)),
        Body(f"Gains over “{BASELINE}” (points)", tuple(rows)),
    )
    caption = f"The mixture of all tasks before the target, with it, or both; {over(summary)}."
    notes = (
        "Steps: of all trainings after the first encoder; arms with more of them have seen more data, also of the target.",
        *marks(rows, summary),
    )
    return Table(caption, "arm", (*map(Column, summary.columns), Column("steps")), bodies, notes)


def _row(summary: Summary, row: str) -> tuple[Cell, ...]:
    gains = [(column, summary.gain(row, column)) for column in summary.columns]
    cells = tuple(Cell(text.value(gain, signed=True), starred(summary, row, column, gain)) for column, gain in gains)
    return (*cells, Cell(text.between(_steps(summary, row))))


def _steps(summary: Summary, row: str) -> list[int]:
    """Of all trainings behind a row's evaluations but masked LM alone, which all rows share; by evaluation."""
    steps = {training["address"]: training["steps"] for training in summary.study["trainings"] if training["tasks"] != ["text"]}
    runs = [run for (name, _), seeds in summary.cells.items() if name == row for run in seeds.values()]
    return [sum(steps.get(address, 0) for address in run.get("chain", ())) for run in runs]


def _pairs(mixed: Mixed) -> Table | None:
    bodies = [Body(TITLES[kind], _body(mixed, mixed.pairs[kind])) for kind in TITLES if kind in mixed.pairs]
    notes = (
        "Points by which the first row is better than the second, paired by seed and test example. Beneath stands the 95 %"
        f" interval. * q < {LEVEL}, adjusted (Benjamini-Hochberg) within each block, averages apart.",
    )
    return Table("Rows against one another.", "rows", tuple(map(Column, mixed.summary.columns)), tuple(bodies), notes)


def _body(mixed: Mixed, pairs: Effects) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
    return tuple(
        (f"{row} over {other}", tuple(_effect(effects.get(column)) for column in mixed.summary.columns))
        for (row, other), effects in pairs.items()
    )


def _effect(one: Mapping[str, Any] | None) -> Cell:
    if one is None:
        return Cell(text.ABSENT)
    mark = "*" if sure(one) else ""
    return Cell(text.number(one["gain"], signed=True) + mark, text.interval(tuple(one["interval"])), strong=bool(mark))
