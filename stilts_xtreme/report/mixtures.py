"""Sections on what intermediate training reads and when: mixtures before, with and after the target, other languages, text.

A published rule is put to the test: whether joint or sequential training is better follows from the sizes of the sets.
Weller, Seppi and Gardner 2022 (arXiv 2205.08124): joint training wins where the target's training set is smaller than the
supporting task's, intermediate training otherwise.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stilts_xtreme.report import scores, tables, tested, text
from stilts_xtreme.report.page import Section
from stilts_xtreme.report.summary import Summary, above
from stilts_xtreme.report.tables import Cell, Row, Table
from stilts_xtreme.results.effects import PAIRS, Effect
from stilts_xtreme.results.rows import BASELINE

if TYPE_CHECKING:
    from stilts_xtreme.results.schemas.sections import Arm

PAPER = "Weller et al. 2022 (arXiv 2205.08124)"
JOINTLY, AFTER = "jointly", "one after the other"
WAYS = {
    "first": "{}, then the target",
    "joint": "{} jointly with the target",
    "joint, then target": "{} jointly with the target, then the target",
    "first, then joint": "{}, then jointly with the target",
    "first, then joint, then target": "{}, then jointly with the target, then the target",
}
KINDS = {
    "way": "When the target's data comes in: the same tasks, another order",
    "single": "A mixture against each of its tasks alone",
    "rule": "How the mixture draws its tasks",
    "without": "The mixture with one task left out against the full one",
}
READ = {
    "languages": "Translated training data against English alone",
    "text": "Masked LM on text beside the task against the task alone",
}


def has_mixtures(summary: Summary) -> bool:
    """Has the study a mixture that anything but single tasks is set against?"""
    return any(pair["kind"] in ("way", "rule", "without") for pair in summary.study.get("pairs") or ())


def sections(summary: Summary) -> list[Section]:
    """Build the section on mixtures, and that on what is read; those of which the study has pairs of rows."""
    kinds = {pair["kind"] for pair in summary.study.get("pairs") or ()}
    shown = []
    if has_mixtures(summary):
        parts = (_arms(summary), pairs(summary, KINDS), size_rule(summary))
        shown.append(Section("multitask", "Mixtures: before the target, with it, or both", tables=parts))
    if kinds & set(READ):
        shown.append(Section("training-data", "What intermediate training reads", tables=(pairs(summary, READ),)))
    return shown


def pairs(summary: Summary, titles: Mapping[str, str]) -> Table | None:
    """Tabulate rows against other rows: a body for each kind, the mean of its pairs last, where that was tested."""
    bodies = {}
    for kind, title in titles.items():
        bodies[title] = tested.matrix(
            summary.tested(PAIRS[kind]),
            summary.columns,
            lambda effect: f"{effect.row} over {effect.reference}" if effect.row else effect.contrast,
        )
    note = (
        "Points by which the first row is better than the second, paired by seed and test example. Beneath stands the 95 %"
        f" interval. {tested.STAR} within each block, averages and means of several pairs apart."
    )
    return tables.table("Rows against one another.", "rows", (*summary.columns, "verdict"), bodies, note)


def size_rule(summary: Summary) -> Table | None:
    """Tabulate every target of every pair of joint and sequential training of the same tasks whose sizes are known."""
    arms = {arm["row"]: arm for arm in summary.study.get("arms") or ()}
    rows, counts = list[Row](), list[tuple[bool, bool]]()  # does the rule hold, is the difference significant
    for effect in summary.tested(PAIRS["way"]):
        ways = [arms[row]["way"] for row in (effect.row, effect.reference) if row in arms]
        if ways == ["joint", "first"] and effect.target in summary.targets:
            if sizes := _sizes(summary, arms[str(effect.row)], effect.target):
                cells, holds = _case(effect, *sizes)
                rows.append((f"{effect.target}: {effect.row} or {effect.reference}", cells))
                counts += [(holds, tested.significant(effect))] if holds is not None else []
    clear = [holds for holds, known in counts if known]
    verdict = (
        f"The rule of {PAPER} names the better way in {sum(holds for holds, _ in counts)} of {text.count(len(counts), 'case')};"
        f" of {text.count(len(clear), 'significant difference')} among them {sum(clear)}."
    )
    notes = (
        verdict if counts else "",
        "Training examples; the supporting set is all other tasks of the mixture together (the paper studied pairs of tasks)."
        " (In brackets): the difference is not significant. Interval of 95 % beneath the difference; * q < 0.05.",
        "¶ the target's training data is among the mixture's tasks already: both ways train on it jointly, not counted."
        if "¶" in tables.beneath(rows) else "",
    )  # fmt: skip
    heads = ("target's set", "supporting set", "predicted", "observed", "jointly minus after", "rule holds")
    return tables.table("Does the size of the target decide?", "target", heads, rows, *notes)


def _case(effect: Effect, size: int, support: int, among: bool) -> tuple[tuple[Cell | str, ...], bool | None]:
    """The cells of a target and pair, and whether the rule holds; None where it says nothing or both ways are equal."""
    gain, known = effect.estimate or 0.0, tested.significant(effect)
    predicted = JOINTLY if size < support else AFTER
    observed = JOINTLY if above(gain) else AFTER if above(-gain) else ""
    says = not among and size != support
    holds = predicted == observed if says and observed else None
    bracketed = "{}" if known else "({})"
    cells = (
        Cell(f"{size:,}", "¶" if among else ""), f"{support:,}", predicted if says else text.ABSENT,
        bracketed.format(observed) if observed else "equal", tested.cell(effect),
        text.ABSENT if holds is None else bracketed.format("yes" if holds else "no"),
    )  # fmt: skip
    return cells, holds


def _sizes(summary: Summary, arm: "Arm", target: str) -> tuple[int, int, bool] | None:
    """Of the target's data and of all other in its joint training, and whether the former is among the supporting tasks."""
    last = (summary.study["tasks"][target].get("trains_on") or "").rpartition(", then ")[2]
    for run in summary.cells.get((arm["row"], target), {}).values():
        training = summary.trainings.get((run.get("chain") or [""])[-1])
        examples = (training.get("examples") if training else None) or {}
        sizes = {name: size for name, size in examples.items() if name != "text"}
        own = [name for name in sizes if name.partition("@")[0] == last]
        if chosen := [name for name in own if name not in arm["sources"]] or own:
            return sizes[chosen[0]], sum(sizes.values()) - sizes[chosen[0]], chosen[0] in arm["sources"]
    return None


def _arms(summary: Summary) -> Table | None:
    """Scores without intermediate training, then gains of the best single task and of all mixtures, with their steps."""
    arms = [arm for arm in summary.study.get("arms") or () if summary.rows[arm["row"]].is_usual]
    single = [arm["row"] for arm in arms if len(arm["sources"]) == 1 and arm["way"] == "first"]
    gains = {row: gain.mean for row in single if (gain := summary.gain(row, summary.columns[-1])) is not None}
    best = max(gains, key=lambda row: gains[row], default=None)
    named = {f"{best} (best single task, picked on the scores shown)": best} if best else {}
    for arm in arms:
        if arm["row"] not in single:
            what = arm["sources"][0] if len(arm["sources"]) == 1 else f"mixture of {len(arm['sources'])} tasks"
            drawn = f" (drawn {arm['rule']})" if arm["rule"] else ""
            named[f"{arm['row']}: {WAYS[arm['way']].format(what)}{drawn}"] = arm["row"]
    if not named or not summary.has_baseline:
        return None
    base = [scores.score(summary, BASELINE, column) for column in summary.columns]
    gained = {name: [scores.gain(summary, row, column) for column in summary.columns] for name, row in named.items()}
    bodies: dict[str, list[Row]] = {
        "No intermediate training (scores)": [(BASELINE, (*base, _steps(summary, BASELINE)))],
        f"Gains over “{BASELINE}” (points)": [(name, (*cells, _steps(summary, named[name]))) for name, cells in gained.items()],
    }
    caption = f"Tasks before the target, with it, or both; {scores.over(summary)}."
    note = "Steps: of all trainings after the first encoder; arms with more of them have seen more data, also of the target."
    return tables.table(caption, "arm", (*summary.columns, "steps"), bodies, note, *scores.marks(bodies, summary))


def _steps(summary: Summary, row: str) -> str:
    """Of all trainings behind a row's evaluations but the first masked LM, which all rows share."""
    own = [training for training in summary.trainings.values() if training["tasks"] != ["text"] or training.get("mixture")]
    steps = {training["address"]: training["steps"] for training in own}
    runs = [run for target in summary.targets for run in summary.cells.get((row, target), {}).values()]
    return text.between([sum(steps.get(address, 0) for address in run.get("chain", ())) for run in runs])
