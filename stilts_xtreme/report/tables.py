"""Numbers -> table rows, the same for both pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stilts_xtreme.report import short_names, target_notes, text
from stilts_xtreme.report.comparisons import legend, star
from stilts_xtreme.report.findings import reading
from stilts_xtreme.report.summary import Mean, Summary, above
from stilts_xtreme.results.rows import BASELINE
from stilts_xtreme.scoring.tags import NAMES


@dataclass(frozen=True)
class Cell:
    text: str
    small: str = ""  # set smaller, beneath
    strong: bool = False


@dataclass(frozen=True)
class Column:
    label: str
    numeric: bool = True


@dataclass(frozen=True)
class Body:
    """Rows that belong together: a title (empty: none), then heads with their cells."""

    title: str
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclass(frozen=True)
class Table:
    caption: str
    corner: str
    columns: tuple[Column, ...]
    bodies: tuple[Body, ...]
    notes: tuple[str, ...] = ()


def main(summary: Summary) -> Table:
    """The paper's main table: scores of the control and of no intermediate task, then gains over the latter."""
    columns = summary.columns
    bodies = []
    for title, names in (
        ("Control: random encoder, no pre-training (scores)", [name for name, row in summary.rows.items() if row.is_control]),
        ("No intermediate training (scores)", [name for name, row in summary.rows.items() if row.is_baseline]),
    ):
        if names:
            bodies.append(Body(title, tuple((name, _scores(summary, name)) for name in names)))
    if not summary.has_baseline:
        bodies.append(Body("Scores", tuple((name, _scores(summary, name)) for name in summary.compared)))
    elif summary.compared:
        rows = []
        best = {column: summary.best(column) for column in columns}
        for name in summary.compared:
            gains = [summary.gain(name, column) for column in columns]
            cells = [
                Cell(
                    text.value(gain, signed=True),
                    starred(summary, name, column, gain),
                    gain is not None and above(gain.mean) and best[column] == name,
                )
                for column, gain in zip(columns, gains, strict=True)
            ]
            rows.append((name, tuple(cells)))
        bodies.append(Body(f"Gains over “{BASELINE}” (points)", tuple(rows)))
    caption = f"Scores without intermediate training and gains with it; {over(summary)}."
    return Table(
        caption,
        "intermediate",
        tuple(map(Column, columns)),
        tuple(bodies),
        _main_notes(summary, [row for body in bodies for row in body.rows]),
    )


def best_per_target(summary: Summary) -> Table | None:
    """For each target the intermediate with the largest gain; None without gains."""
    rows = []
    for target in summary.targets:
        gains = summary.gains(target)
        name = summary.best(target)
        if name is None or not gains:
            continue
        base = Cell(text.value(summary.score(summary.baseline(name), target)))
        raised = Cell(f"{sum(above(gain.mean) for gain in gains.values())} of {len(gains)}")
        absent = Cell(text.ABSENT)
        if above(gains[name].mean):
            gain = Cell(text.value(gains[name], signed=True), starred(summary, name, target, gains[name]))
            words = Cell(reading(gains[name], summary.comparisons.get((name, target))))
            cells = (Cell(name), base, Cell(text.value(summary.score(name, target))), gain, words, raised)
        else:
            cells = (absent, base, absent, absent, Cell("no gain above zero"), raised)
        rows.append((target, cells))
    if not rows or not summary.has_baseline:
        return None
    notes = (
        "The best of several, on average as by target, is picked on the scores shown here:"
        " its gain is likely to be above zero even where no intermediate helps.",
    )
    columns = (
        Column("best", False), Column(f"score, {BASELINE}"), Column("score, best"), Column("gain"), Column("reading", False),
        Column("gains above zero"),
    )  # fmt: skip
    return Table("Largest gain of each target.", "target", columns, (Body("", tuple(rows)),), marks(rows, summary) + notes)


def targets(summary: Summary) -> Table:
    """What each target is: metric, chance, English training data, languages, test examples."""
    rows = []
    for target in summary.targets:
        task = summary.study["tasks"][target]
        codes = summary.languages(target)
        sizes = [size for code in codes for size in summary.examples(target, code)]
        level = summary.chance(target)
        cells = (
            Cell(metric(summary, target)),
            Cell(text.ABSENT if level is None else text.number(level)),
            Cell(task.get("trains_on") or "nothing"),
            Cell(str(len(codes)) if codes else text.ABSENT),
            Cell(text.between(sizes)),
        )
        rows.append((target, cells))
    columns = (
        Column("score", False), Column("chance"), Column(f"trained on ({_languages(summary)})", False), Column("languages"),
        Column("test examples per language"),
    )  # fmt: skip
    notes = (
        "A score is the mean of the metrics named, each a mean over languages."
        " Chance: the score of guessing; – where it is near 0. Clearly above it: by more than two standard errors of the"
        " smallest language's test set.",
    )
    notes += tuple(filter(None, (target_notes.strict(summary), target_notes.lacking(summary))))
    return Table("Targets and their chance levels.", "target", columns, (Body("", tuple(rows)),), notes)


def _languages(summary: Summary) -> str:
    """Of the training data: English, or the lists that are compared."""
    lists = summary.study.get("training_languages") or [["en"]]
    return "English" if lists == [["en"]] else text.listed(["+".join(codes) for codes in lists])


def languages(summary: Summary, target: str) -> Table | None:
    """Scores of every language and intermediate for one target; None where nothing was scored."""
    codes = summary.languages(target)
    if not codes:
        return None
    shown = [name for name in summary.rows if summary.by_seed(name, target)]
    rows = []
    for code in codes:
        found = [summary.language(name, target, [code]) for name in shown]
        rows.append((text.language(code), (Cell(text.between(summary.examples(target, code))), *map(plain, found))))
    bodies = [Body("", tuple(rows))]
    means = [("all languages", (Cell(""), *(plain(summary.score(name, target)) for name in shown)))]
    if "en" in codes and len(codes) > 1:
        means.append(("all but English", (Cell(""), *(plain(summary.language(name, target, codes[1:])) for name in shown))))
    bodies.append(Body("Means", tuple(means)))
    caption = f"{target}: {metric(summary, target)} by language and intermediate; {over(summary)}."
    columns = (Column("n"), *models(summary, shown))
    return Table(caption, "language", columns, tuple(bodies), marks(rows))


def models(summary: Summary, rows: Sequence[str]) -> tuple[Column, ...]:
    """A column for each of the study's rows, headed with its short name."""
    short = short_names.names(list(summary.rows.values()))
    return tuple(Column(short[row]) for row in rows)


def trainings(summary: Summary) -> Table:
    """Every training, those that differ only in their seed in one row."""
    groups: dict[tuple[str, str, str, str], list[Mapping[str, Any]]] = {}
    paths = _paths(summary)
    for training in summary.study["trainings"]:
        start = paths.get(training["start"], text.ABSENT) if training.get("start") else text.ABSENT
        key = training.get("group", ""), name_of(summary, training), ", ".join(training["tasks"]), start
        groups.setdefault(key, []).append(training)
    rows = []
    for (_, name, tasks, start), runs in groups.items():
        dev = [run["dev"] for run in runs if run.get("dev") is not None]
        scores = Mean(tuple(dev), len(runs)) if dev else None
        collapsed = sum(bool(run.get("collapsed")) for run in runs)
        told = "no" if not collapsed else "yes" if len(runs) == 1 else f"yes: {collapsed} of {len(runs)}"
        cells = (
            Cell(start), Cell(tasks), Cell(text.between([sum(run["examples"].values()) for run in runs if run.get("examples")])),
            Cell(text.between([run["steps"] for run in runs])), Cell(text.value(scores), text.spread(scores)),
            Cell(str(len(runs))), Cell(told, strong=bool(collapsed)),
        )  # fmt: skip
        rows.append((name, cells))
    columns = (
        Column("starts from", False), Column("tasks", False), Column("examples"), Column("steps"), Column("English dev"),
        Column("runs"), Column("collapsed", False),
    )  # fmt: skip
    notes = (
        "Starts from –: the setup's first encoder. English dev: mean over tasks and runs, ± standard deviation over runs;"
        " – where a training is not scored on it.",
    )
    return Table(
        "Trainings; those that differ only in their seed share a row.", "training", columns, (Body("", tuple(rows)),), notes
    )


def collapsed(summary: Summary) -> list[str]:
    """One line for each collapsed training: what, seed, why, how many evaluations rest on it."""
    told = []
    for training in summary.study["trainings"]:
        if not training.get("collapsed"):
            continue
        resting = sum(training["address"] in run.get("chain", ()) for run in summary.study["evaluations"])
        why = [f"{task}: {reason}" for task, reason in sorted((training.get("collapse") or {}).items())]
        parts = [f"seed {training['seed']}, {training['address']}", *why, f"{text.count(resting, 'evaluation')} built on it"]
        told.append(f"{_path(summary, training)}: {'; '.join(parts)}.")
    return told


def missing(summary: Summary) -> list[str]:
    """One line for each intermediate and seed that lack evaluations."""
    return [f"{name}, seed {seed}: {text.listed(targets)}" for (name, seed), targets in summary.missing().items()]


def name_of(summary: Summary, training: Mapping[str, Any]) -> str:
    """The mixture's name, said or found by its tasks, else the training's label."""
    if training.get("mixture"):
        return training["mixture"]
    mixtures = summary.study.get("mixtures") or {}
    made = list(training["tasks"]), training.get("text_share")
    parts = {name: (list(told.get("tasks", ())), told.get("text") or {}) for name, told in sorted(mixtures.items())}
    named = [name for name, (tasks, said) in parts.items() if (tasks + ["text"] * bool(said), said.get("share")) == made]
    return named[0] if named else training["label"]


def _paths(summary: Summary) -> dict[str, str]:
    return {training["address"]: _path(summary, training) for training in summary.study["trainings"]}


def _path(summary: Summary, training: Mapping[str, Any]) -> str:
    """`text > squad > xquad`: the names from the first training to this one."""
    known = {other["address"]: other for other in summary.study["trainings"]}
    names: list[str] = []
    here: Mapping[str, Any] | None = training
    while here is not None and len(names) <= len(known):
        names.insert(0, name_of(summary, here))
        here = known.get(here.get("start") or "")
    return " > ".join(names)


def _scores(summary: Summary, name: str) -> tuple[Cell, ...]:
    found = [summary.score(name, column) for column in summary.columns]
    pairs = zip(summary.columns, found, strict=True)
    return tuple(Cell(text.value(score), small(summary, name, column, score)) for column, score in pairs)


def small(summary: Summary, name: str, column: str, found: Mean | None) -> str:
    """What stands beneath a mean: its spread, and the mark of a collapsed training."""
    return " ".join(filter(None, (text.spread(found), "‡" if found is not None and summary.collapsed(name, column) else "")))


def starred(summary: Summary, name: str, column: str, found: Mean | None) -> str:
    """The same beneath a gain, with the mark of a significant one."""
    return " ".join(filter(None, (small(summary, name, column, found), star(summary.comparisons, name, column))))


def plain(found: Mean | None) -> Cell:
    """A mean without its spread."""
    return Cell(text.value(found), "†" if found is not None and found.partial else "")


def metric(summary: Summary, target: str) -> str:
    """The target's headline metrics in words."""
    if "reading" in summary.study["tasks"][target]:
        return NAMES["f1"]
    return " and ".join(name.replace("_", " ").replace("f1", "F1") for name in summary.study["tasks"][target]["headline"])


def over(summary: Summary) -> str:
    """The seeds that the numbers are means over."""
    return f"means over {len(summary.seeds)} seeds" if len(summary.seeds) > 1 else f"seed {summary.seeds[0]}"


def _main_notes(summary: Summary, rows: Sequence[tuple[str, Sequence[Cell]]]) -> tuple[str, ...]:
    notes = ["Scores are 0 to 100. A dash: no score."]
    if len(summary.seeds) > 1:
        notes.append(
            "±: standard deviation over seeds, of the scores in score rows and of the gains paired by seed in gain rows."
        )
    if summary.has_baseline and summary.compared:
        notes.append("Bold: the largest gain of a column, where it is above zero; what is written 0.0 counts as zero.")
    if len(summary.columns) > len(summary.targets):
        notes.append(f"An average is over all {len(summary.targets)} targets, and absent where one is missing.")
    return (" ".join(notes), *marks(rows, summary))


def marks(rows: Sequence[tuple[str, Sequence[Cell]]], summary: Summary | None = None) -> tuple[str, ...]:
    """What the marks that stand in the rows mean; those of significance need the summary."""
    meanings = {
        "†": "fewer seeds than the study has; see the missing evaluations.",
        "‡": "built on a collapsed training, in one seed or more.",
    }
    used = "".join(cell.small for _, cells in rows for cell in cells)
    told = tuple(f"{mark} {words}" for mark, words in meanings.items() if mark in used)
    return (*told, legend(summary.comparisons)) if summary is not None and "*" in used else told
