"""The section on intermediate training together with multi-task learning: when the target's own data should come in."""

from stilts_xtreme.report import against, text
from stilts_xtreme.report.comparisons import AVERAGE
from stilts_xtreme.report.multitask import mixtures, size_rule
from stilts_xtreme.report.multitask.mixtures import Mixed
from stilts_xtreme.report.section import Section
from stilts_xtreme.report.summary import Summary
from stilts_xtreme.report.tables import Body, Cell, Column, Table, marks, over, starred
from stilts_xtreme.results.rows import BASELINE

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
    tables = [_arms(mixed), against.table(summary, TITLES, mixed.pairs), size_rule.table(mixed)]
    found = [*_gains(mixed), *_ways(mixed), *_rules(mixed), *_left_out(mixed), *size_rule.found(mixed)]
    rows = [f"{arm.row}: {arm.words}{f' (drawn {arm.rule})' if arm.rule else ''}" for arm in _shown(mixed)]
    told = [f"The rows. {'; '.join(rows)}."]
    return Section(
        "multitask", "Mixtures: before the target, with it, or both", tuple(found), tuple(told), {}, tuple(filter(None, tables))
    )


def _shown(mixed: Mixed) -> list[mixtures.Arm]:
    """The arms that need words: all but single tasks trained as usual."""
    return [arm for row, arm in mixed.arms.items() if row not in mixed.singles() and arm.usual]


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
    return [f"{row} against {other}: {against.verdict(effects)}." for (row, other), effects in mixed.pairs.get("way", {}).items()]


def _rules(mixed: Mixed) -> list[str]:
    pairs = mixed.pairs.get("rule", {})
    told = [
        f"{mixed.arms[row].rule} against {mixed.arms[other].rule}: {against.verdict(found)}"
        for (row, other), found in pairs.items()
    ]
    return [f"Rules by which the mixture draws its tasks. {'; '.join(told)}."] if told else []


def _left_out(mixed: Mixed) -> list[str]:
    pairs = mixed.pairs.get("without", {})
    told = [f"{mixed.removed(*pair)}: {against.verdict(effects)}" for pair, effects in pairs.items()]
    return [f"What the mixture becomes without one of its tasks. Without {'; without '.join(told)}."] if told else []


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
    """Of all trainings behind a row's evaluations but the first masked LM, which all rows share; by evaluation."""
    own = [one for one in summary.study["trainings"] if one["tasks"] != ["text"] or one.get("mixture")]
    steps = {training["address"]: training["steps"] for training in own}
    runs = [run for (name, _), seeds in summary.cells.items() if name == row for run in seeds.values()]
    return [sum(steps.get(address, 0) for address in run.get("chain", ())) for run in runs]
