"""What commands print: rich tables on stdout."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from stilts_xtreme.data.counts import remarks
from stilts_xtreme.tasks import coverage
from stilts_xtreme.tasks.catalogue import INTERMEDIATES, OWN, TARGETS, TASKS, trained_on
from stilts_xtreme.tasks.task import Files, Task, in_translation
from stilts_xtreme.utils import terminal
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import content

if TYPE_CHECKING:  # imported for real where a command needs them
    from stilts_xtreme.cli.doctor import Fact
    from stilts_xtreme.data.inventory import Entry
    from stilts_xtreme.data.read import Where
    from stilts_xtreme.tasks.examples import Example
    from stilts_xtreme.tasks.readers.lines import Row
    from stilts_xtreme.tasks.task import Hub
    from stilts_xtreme.verify.diff import Difference
    from stilts_xtreme.verify.report import CheckReport

SHOWN = 60  # differences of a group


def every(where: "Where | None" = None) -> None:
    """Print all tasks: role, number of languages, sizes of the full release, what of it is in reach; `show` prints the rest.

    In reach: in a place; without a place, what the hub's cache has beside the miniature world, which has every task.
    """
    from stilts_xtreme.data.inventory import here

    table = Table("task", "role", "languages", "train", "dev", "test", "in reach", box=None, pad_edge=False)
    for column in table.columns[:6]:
        column.no_wrap = True
    for column in table.columns[2:6]:
        column.justify = "right"
    for name, task in TASKS.items():
        sizes = [_size(task, split) for split in ("train", "dev", "test")]
        table.add_row(name, _role(name), str(len(task.languages)), *sizes, here(task, where))
    console = terminal.console()
    console.print(table)
    console.print("\nhead, score, what is trained, licence, files of one of them: stilts tasks NAME")


def known(name: str) -> str:
    """Return the name of a task there is, or of the task that a file describes; UserError for another name."""
    if name.endswith((".yaml", ".yml")):
        from stilts_xtreme import spec

        return spec.described(Path(name))
    if name not in TASKS:
        from difflib import get_close_matches

        near = get_close_matches(name, TASKS, n=1)
        raise UserError(f"no task {name!r}" + (f" (did you mean {near[0]!r}?)" if near else "") + "; `stilts tasks` lists them")
    return name


def show(name: str, where: "Where | None" = None) -> None:
    """Print a task's declaration, and a row turned into an example: a row of the place, or of the miniature world.

    UserError for a name that is no task.
    """
    name = known(name)
    task = TASKS[name]
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # an address is broken into lines, not cut
    table.add_row("task", task.name)
    table.add_row("about", task.about)
    table.add_row("role", _role(name))
    table.add_row("head", task.head)
    table.add_row("score", "mean of " + ", ".join(task.headline) if len(task.headline) > 1 else "".join(task.headline) or "-")
    table.add_row("labels", " ".join(task.labels) or "-")
    table.add_row("languages", " ".join(task.languages))
    table.add_row("trained on", ", then ".join(trained_on(name)) or "nothing: the encoder is used as it is")
    if task.joins:
        table.add_row("joined by", " ".join(task.joins))
    table.add_row("licence", task.licence)
    for source in task.sources:
        table.add_row("source", _source(source))
    for source in in_translation(task).sources if task.source_task == name and task.head != "mlm" else ():
        table.add_row("translated", _source(source))
    for release in task.upstream:
        table.add_row("release", release.url + (f" ({release.note})" if release.note else ""))
    if where is None and task.folder is None:
        row, example = _sample(task)
    else:
        from stilts_xtreme.data.inventory import sample
        from stilts_xtreme.data.read import Folder

        try:
            place, row, example = sample(task, where or Folder(task.folder or Path()))
        except UserError as fault:
            table.add_row("read from", content(str(fault)))
            return terminal.console().print(table)
        table.add_row("read from", content(place))
    table.add_row("row", content(str(row)))
    table.add_row("example", content(f"{type(example).__name__} {asdict(example)}"))
    terminal.console().print(table)


def inventory(entries: "Sequence[Entry]") -> None:
    """Print a check of the data: a line per split, languages that are alike together; how to get what is missing."""
    table = Table("task", "split", "languages", "state", "rows", "full release", "source", box=None, pad_edge=False)
    table.columns[-1].overflow = "fold"
    groups: dict[tuple[str, str, str, int | None, int | None, bool], list[Entry]] = {}
    for entry in entries:
        if entry.state != "unread":
            key = entry.task, entry.split, entry.state, entry.rows, entry.expected, entry.used
            groups.setdefault(key, []).append(entry)
    for (task, split, state, rows, expected, used), members in groups.items():
        first = members[0]
        size = "" if expected is None else f"{'' if first.confirmed else 'about '}{expected:,} {first.counted}"
        source = first.source.partition(":")[2] + (" ..." if first.source and len(members) > 1 else "")
        codes = " ".join(entry.language for entry in members)
        table.add_row(
            task, split, codes, state if used else f"{state}, unused", "" if rows is None else f"{rows:,}", size, content(source)
        )
    console = terminal.console()
    console.print(table)
    lines = [f"{entry.task} {entry.split} {entry.language}: {entry.remark}" for entry in entries if entry.remark]
    lines += remarks(asdict(entry) for entry in entries if entry.used and entry.rows is not None)
    lines += [f"not read by any task: {entry.source}" for entry in entries if entry.state == "unread"]
    for line in lines:
        terminal.say(console, line)
    for task in dict.fromkeys(entry.task for entry in entries if entry.state == "missing"):
        terminal.say(console, f"to get {task}: {TASKS[task].about}")


def verified(report: "CheckReport") -> None:
    """Print the result of a check: remarks, how much was checked, how many errors there are."""
    for remark in report.remarks:
        print(remark)
    counts = ", ".join(f"{count:,} {what}" for what, count in report.counts.items())
    print(f"looked at: {counts or 'nothing'}")
    print(f"{len(report.errors)} faults" if report.errors else "all of it is as it should be")


def benchmark(scores: Record) -> None:
    """Print a submission's task, group and overall scores; below, scores by class of language and transfer gaps."""
    from stilts_xtreme.scoring.benchmarks import with_f1_alone

    table, readings = Table(scores["benchmark"], "score", "metrics", "languages", box=None, pad_edge=False), set[str]()
    for name, task in scores["tasks"].items():
        averages = task.get("metrics", {})
        metrics = "  ".join(f"{label} {averages[metric]:.1f}" for metric, label in _metrics(task, [averages]).items())
        readings |= {task["reading"]} if "reading" in task else set()
        table.add_row(name, f"{task['score']:.1f}" if "score" in task else "-", metrics, str(len(task["languages"])))
    for name, value in scores["groups"].items():
        without = "".join(f" without {task}" for task in scores.get("without", {}).get(name, ()))
        table.add_row(f"({name}{without})", f"{value:.1f}", "", "")
    table.add_row("overall", f"{scores['overall']:.1f}" if "overall" in scores else "- (incomplete)", "", "")
    if scores["benchmark"] == "xtreme-r":  # papers differ in this
        for name, value in with_f1_alone(scores).items():
            table.add_row(f"{name} with F1 alone" if name == "overall" else f"({name} with F1 alone)", f"{value:.1f}", "", "")
    terminal.console().print(table)
    for reading in readings:
        print(f"F1 (XTREME): {reading}")
    if any("score" in task for task in scores["tasks"].values()):
        terminal.console().print(
            "\nclass: resources of its languages, 0 to 5 (Joshi et al.); in the means every class, family or script weighs alike"
        )
        for block in _breakdowns(scores["tasks"], terminal.console().width):
            terminal.console().print(block)


def _metrics(result: Record, rows: Collection[Mapping[str, float]]) -> dict[str, str]:
    """Return the metrics of these scores and the names they are printed under; `result` says how an F1 is counted, if any."""
    from stilts_xtreme.scoring import tags

    return tags.displayed_metrics(rows) if "reading" in result else {name: name for row in rows for name in row if name != "n"}


def _breakdowns(tasks: Record, width: int) -> list[Table]:
    """Tabulate complete tasks by resource class of their languages; means in which every class weighs the same; the transfer gap.

    In several tables if they are wider than `width`.
    """
    from stilts_xtreme.scoring.benchmarks import HEADLINES
    from stilts_xtreme.scoring.language_groups import GROUPINGS, by_language_group, macro_averages

    averages = {name: by_language_group(task["languages"], HEADLINES[name]) for name, task in tasks.items() if "score" in task}
    levels = sorted({level for groups in averages.values() for level in groups.get("joshi", {})})
    heads = [*(f"class {level}" for level in levels), "mean of classes", "of families", "of scripts", "transfer gap"]
    rows = []
    for name, groups in averages.items():
        means = macro_averages(groups)
        values = [*(groups.get("joshi", {}).get(level) for level in levels), *map(means.get, GROUPINGS), groups.get("gap")]
        rows.append([name, *("-" if value is None else f"{value:.1f}" for value in values)])
    return terminal.tables(["by kind of language", *heads], rows, width)


def facts(facts: "Sequence[Fact]") -> None:
    """Print what a machine has, group by group; then what may go wrong because of it."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for before, fact in zip([None, *facts], facts, strict=False):
        table.add_row(fact.group if before is None or before.group != fact.group else "", fact.name, content(str(fact.value)))
    terminal.console().print(table)
    warnings = [fact.warning for fact in facts if fact.warning and not fact.fatal]
    print(content("\n".join(["", *(f"warning: {warning}" for warning in warnings)] if warnings else ["", "no known trap"])))


def difference(change: "Difference") -> Record:
    """Return a difference between two results as a JSON object."""
    record: Record = {"group": change.group, "key": change.key, "first": change.first, "second": change.second}
    return record if change.by is None else {**record, "by": change.by}


def differences(changes: "Sequence[Difference]", provenance: "Sequence[Difference]") -> None:
    """Print the differences between two results and between their provenances, group by group; their number comes last."""
    for group in dict.fromkeys(change.group for change in (*changes, *provenance)):
        members = [change for change in (*changes, *provenance) if change.group == group]
        table = Table(group, "A", "B", *(["B - A"] if group == "scores" else []), box=None, pad_edge=False)
        for change in members[:SHOWN]:
            by = [] if group != "scores" else ["" if change.by is None else f"{change.by:+.4f}"]
            table.add_row(*(content(_brief(value)) for value in (change.key, change.first, change.second)), *by)
        if len(members) > SHOWN:
            table.add_row(f"... and {len(members) - SHOWN} more: --json tells all")
        terminal.console().print(table)
        print()
    print(f"{len(changes)} difference{'' if len(changes) == 1 else 's'}" if changes else "the same")


def _brief(value: object) -> str:
    """Return numbers of scores to four places, long values cut."""
    text = f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) and abs(value) >= 0.1 else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def summary(result: Record) -> None:
    """Print the result of a stage on stderr: scores by language, or on English dev; a collapse in plain words."""
    console = terminal.console(stderr=True)
    scores = result["languages"] if "languages" in result else result["dev"]
    evaluated = "languages" in result
    names = dict(sorted(_metrics(result, list(scores.values())).items()))
    chance = result.get("chance") if evaluated else None
    heads = [*names.values(), "n", *(["chance"] if chance else [])]
    table = Table(result.get("task", "English dev"), *heads, box=None, pad_edge=False)
    for key, row in scores.items():
        cells = [f"{row[name]:.1f}" if name in row else "-" for name in names]
        table.add_row(key, *cells, str(row["n"]), *([f"{chance['languages'][key]:.1f}"] if chance else []))
    if evaluated:
        means = [f"{result['metrics'][name]:.1f}" for name in names]
        table.add_row("mean", *means, "", *([f"{chance['score']:.1f}"] if chance else []))
    console.print(table)
    if "reading" in result:
        console.print(f"F1 (XTREME): {result['reading']}", highlight=False)
    for code, gap in result.get("lacking", {}).items():
        terminal.say(console, f"{code}: {coverage.in_words(**gap)}")
    for key, why in result["collapse"].items():
        reasons = why if isinstance(why, dict) else {key: why}  # an evaluation has them by the stage that collapsed
        for task, reason in reasons.items():
            terminal.say(console, f"collapsed: {task}: {reason}")


def _sample(task: Task) -> "tuple[Row, Example]":
    """Return a row of the miniature world and the example made of it."""
    from stilts_xtreme.data import miniature

    language = "en" if task.head != "embedding" else next(code for code in miniature.LANGUAGES if code != "en")
    split = "test" if task.name in TARGETS else "train"
    row = miniature.rows(task.name, split, language, 0)[0]
    example = task.example(row)
    assert example is not None  # every row of the miniature world has a label
    return row, example


def _role(name: str) -> str:
    if name in OWN:
        return "one's own"
    roles = [role for role, members in (("intermediate", INTERMEDIATES), ("target", TARGETS)) if name in members]
    return ", ".join(roles) or "helper"


def _size(task: Task, split: str) -> str:
    """Return the rows of the full release in English, or over all languages; a tilde: as far as known; a dash: not known."""
    from stilts_xtreme.data.expected import expected

    english = expected(task.name, split, "en")
    sizes = [english] if english else [size for code in task.languages if (size := expected(task.name, split, code))]
    about = "" if all(size.confirmed for size in sizes) else "~"
    return f"{about}{sum(size.number for size in sizes):,}" if sizes else "-"


def _source(source: "Files | Hub") -> str:
    if isinstance(source, Files):
        return "files: " + " ".join(
            dict.fromkeys([*source.train, *source.dev, *source.test, *(source.pool.test if source.pool else ())])
        )
    return f"hub: {source.id} {source.config} @ {source.revision or 'not pinned'}"
