"""The trainings of a study: a table, what collapsed, and which evaluations are missing."""

from typing import TYPE_CHECKING

from stilts_xtreme.report import tables, text
from stilts_xtreme.report.summary import Mean, Summary
from stilts_xtreme.report.tables import Cell, Table

if TYPE_CHECKING:
    from stilts_xtreme.results.schemas.study import Training


def table(summary: Summary) -> Table | None:
    """Tabulate every training, those that differ only in their seed in a row together."""
    groups: dict[tuple[str, ...], list[Training]] = {}
    for training in summary.trainings.values():
        start = _path(summary, training.get("start")) or text.ABSENT
        key = training.get("group", ""), name_of(summary, training), ", ".join(training["tasks"]), start
        groups.setdefault(key, []).append(training)
    rows = []
    for (_, name, tasks, start), runs in groups.items():
        dev = tuple(score for run in runs if (score := run.get("dev")) is not None)
        collapsed = sum(bool(run.get("collapsed")) for run in runs)
        verdict = "no" if not collapsed else "yes" if len(runs) == 1 else f"yes: {collapsed} of {len(runs)}"
        examples = text.between([sum(examples.values()) for run in runs if (examples := run.get("examples"))])
        cells = (
            start, tasks, examples, text.between([run["steps"] for run in runs]),
            tables.mean(Mean(dev, len(runs)) if dev else None), str(len(runs)), Cell(verdict, strong=bool(collapsed)),
        )  # fmt: skip
        rows.append((name, cells))
    heads = ("starts from", "tasks", "examples", "steps", "English dev", "runs", "collapsed")
    note = (
        "Starts from –: the setup's first encoder. English dev: mean over tasks and runs, ± standard deviation over runs;"
        " – where a training is not scored on it."
    )
    return tables.table("Trainings; those that differ only in their seed share a row.", "training", heads, rows, note)


def collapsed(summary: Summary) -> list[str]:
    """Describe each collapsed training on a line: what, seed, why, how many evaluations rest on it."""
    lines = []
    for address, training in summary.trainings.items():
        if training.get("collapsed"):
            resting = sum(address in run.get("chain", ()) for run in summary.study["evaluations"])
            why = [f"{task}: {reason}" for task, reason in sorted((training.get("collapse") or {}).items())]
            parts = [f"seed {training['seed']}, {address}", *why, f"{text.count(resting, 'evaluation')} built on it"]
            lines.append(f"{_path(summary, address)}: {'; '.join(parts)}.")
    return lines


def missing(summary: Summary) -> list[str]:
    """List the missing evaluations, a line a row and seed."""
    return [f"{name}, seed {seed}: {text.listed(targets)}" for (name, seed), targets in summary.missing().items()]


def name_of(summary: Summary, training: "Training") -> str:
    """Return the mixture's name, given or looked up by its tasks, else the training's label."""
    if mixture := training.get("mixture"):
        return mixture
    for name, settings in sorted((summary.study.get("mixtures") or {}).items()):
        words, share = settings.get("text") or {}, training.get("text_share")
        if [*settings.get("tasks", ()), *(["text"] if words else [])] == training["tasks"] and words.get("share") == share:
            return name
    return training["label"]


def _path(summary: Summary, address: str | None) -> str:
    """`text > squad > xquad`: the names from the first training to this; empty where the address is none of the study's."""
    names: list[str] = []
    while (training := summary.trainings.get(address or "")) and len(names) <= len(summary.trainings):
        names.insert(0, name_of(summary, training))
        address = training.get("start")
    return " > ".join(names)
