"""What `stilts tasks` and `stilts runs list` print: rich tables on stdout."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from stilts_xtreme.errors import UserError
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import INTERMEDIATES, TARGETS, TASKS, trained_on
from stilts_xtreme.tasks.task import Files, Task


def every() -> None:
    """All tasks: role, head, headline metric, languages, licence."""
    table = Table("task", "role", "head", "score", "trained on", "languages", "licence", box=None, pad_edge=False)
    for name, task in TASKS.items():
        languages = str(len(task.languages)) if len(task.languages) > 1 else " ".join(task.languages)
        table.add_row(
            name,
            _role(name),
            task.head,
            "+".join(task.headline),
            ", then ".join(trained_on(name)) or "nothing",
            languages,
            task.licence,
        )
    _console().print(table)


def show(name: str) -> None:
    """One task's declaration, and a row of the miniature world turned into an example."""
    if name not in TASKS:
        from difflib import get_close_matches

        near = get_close_matches(name, TASKS, n=1)
        raise UserError(f"no task {name!r}" + (f" (did you mean {near[0]!r}?)" if near else "") + "; `stilts tasks` lists them")
    task = TASKS[name]
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("task", task.name)
    table.add_row("about", task.about)
    table.add_row("role", _role(name))
    table.add_row("head", task.head)
    table.add_row("score", "mean of " + ", ".join(task.headline) if len(task.headline) > 1 else task.headline[0])
    table.add_row("labels", " ".join(task.labels) or "-")
    table.add_row("languages", " ".join(task.languages))
    table.add_row("trained on", ", then ".join(trained_on(name)) or "nothing: the encoder is used as it is")
    if task.joins:
        table.add_row("joined by", " ".join(task.joins))
    table.add_row("licence", task.licence)
    for source in task.sources:
        table.add_row("source", _source(source))
    row, example = _sample(task)
    table.add_row("row", str(row))
    table.add_row("example", f"{type(example).__name__} {asdict(example)}")
    _console().print(table)


def runs(store: Store) -> None:
    """Finished stages: address, what they are, score, whether they collapsed."""
    table = Table("kind", "address", "stage", "score", "", box=None, pad_edge=False)
    for kind, folder, result in store.runs():
        scores = [result["score"]] if kind == "predict" else [dev["score"] for dev in result["dev"].values()]
        score = f"{sum(scores) / len(scores):.1f}" if scores else "-"
        what = result["task"] if kind == "predict" else "+".join(result["plan"]["tasks"])
        table.add_row(kind, folder.name, what, score, "collapsed" if result["collapsed"] else "")
    _console().print(table)


def benchmark(scores: dict[str, Any]) -> None:
    """A submission's task, group and overall scores; below, its tasks' scores by class of language and their transfer gaps."""
    from stilts_xtreme.scoring.benchmarks import with_f1_alone

    table = Table(scores["benchmark"], "score", "metrics", "languages", box=None, pad_edge=False)
    for name, task in scores["tasks"].items():
        metrics = "  ".join(f"{metric} {value:.1f}" for metric, value in task.get("metrics", {}).items())
        table.add_row(name, f"{task['score']:.1f}" if "score" in task else "-", metrics, str(len(task["languages"])))
    for name, value in scores["groups"].items():
        table.add_row(f"({name})", f"{value:.1f}", "", "")
    table.add_row("overall", f"{scores['overall']:.1f}" if "overall" in scores else "- (incomplete)", "", "")
    if scores["benchmark"] == "xtreme-r":  # papers differ in this
        for name, value in with_f1_alone(scores).items():
            table.add_row(f"{name} with F1 alone" if name == "overall" else f"({name} with F1 alone)", f"{value:.1f}", "", "")
    _console().print(table)
    if any("score" in task for task in scores["tasks"].values()):
        _console().print(
            "\nclass: resources of its languages, 0 to 5 (Joshi et al.); in the means every class, family or script weighs alike"
        )
        _console().print(_breakdowns(scores["tasks"]))


def _breakdowns(tasks: dict[str, Any]) -> Table:
    """Complete tasks by resource class of their languages; means in which every class weighs the same; the transfer gap."""
    from stilts_xtreme.scoring.benchmarks import HEADLINES
    from stilts_xtreme.scoring.breakdowns import WAYS, breakdown, macro

    told = {name: breakdown(task["languages"], HEADLINES[name]) for name, task in tasks.items() if "score" in task}
    levels = sorted({level for found in told.values() for level in found.get("joshi", {})})
    heads = [*(f"class {level}" for level in levels), "mean of classes", "of families", "of scripts", "transfer gap"]
    table = Table("by kind of language", *heads, box=None, pad_edge=False)
    for name, found in told.items():
        means = macro(found)
        values = [*(found.get("joshi", {}).get(level) for level in levels), *map(means.get, WAYS), found.get("gap")]
        table.add_row(name, *("-" if value is None else f"{value:.1f}" for value in values))
    return table


def summary(result: dict[str, Any]) -> None:
    """What came out of one stage, on stderr: scores by language, or on English dev; a collapse in plain words."""
    console = Console(stderr=True)
    scores = result["languages"] if "languages" in result else result["dev"]
    names = sorted({name for row in scores.values() for name in row} - {"n"})
    table = Table(result.get("task", "English dev"), *names, "n", box=None, pad_edge=False)
    for key, row in scores.items():
        table.add_row(key, *(f"{row[name]:.1f}" if name in row else "-" for name in names), str(row["n"]))
    if "languages" in result:
        table.add_row("mean", *(f"{result['metrics'][name]:.1f}" for name in names), "")
    console.print(table)
    for key, why in result["collapse"].items():
        reasons = why if isinstance(why, dict) else {key: why}  # an evaluation tells them by the stage that collapsed
        for task, reason in reasons.items():
            console.print(f"collapsed: {task}: {reason}", markup=False, highlight=False, soft_wrap=True)


def _sample(task: Task) -> tuple[Any, Any]:
    from stilts_xtreme.data import miniature

    language = "en" if task.head != "embedding" else next(code for code in miniature.LANGUAGES if code != "en")
    split = "test" if task.name in TARGETS else "train"
    row = miniature.rows(task.name, split, language, 0)[0]
    return row, task.example(row)


def _role(name: str) -> str:
    roles = [role for role, members in (("intermediate", INTERMEDIATES), ("target", TARGETS)) if name in members]
    return ", ".join(roles) or "helper"


def _source(source: Any) -> str:
    if isinstance(source, Files):
        return "files: " + " ".join(
            dict.fromkeys([*source.train, *source.dev, *source.test, *(source.pool.test if source.pool else ())])
        )
    return f"hub: {source.id} {source.config} @ {source.revision or 'not pinned'}"


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=200)
