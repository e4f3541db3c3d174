"""The commands that look at what goes in: tasks, data, specs, and predictions made elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from stilts_xtreme.cli import completion, options, shared
from stilts_xtreme.cli.arguments import Cut, DataOption, SetupOption
from stilts_xtreme.cli.options import Over
from stilts_xtreme.pipeline import loading
from stilts_xtreme.utils import sanitize
from stilts_xtreme.utils.errors import UserError

PARTS = "If the folder holds only parts of the releases on purpose, say --cut; in a setup files: {path: FOLDER, cut: true}"


def tasks(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A task's name; without it, all are listed.", show_default=False, autocompletion=completion.tasks
        ),
    ] = None,
    setup: SetupOption = None, folder: DataOption = None, cut: Cut = False,
) -> None:  # fmt: skip
    """List the tasks with the sizes of their releases, or show a task's declaration and a row turned into an example.

    With --setup or --data also what of them is there, and the row is from there.
    """
    from stilts_xtreme.cli import listing

    where = shared.where(setup, folder, cut)
    listing.show(name, where) if name else listing.every(where)


def data_check(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TASK]...", help="Default: all.", show_default=False, autocompletion=completion.tasks),
    ] = None,
    setup: SetupOption = None, folder: DataOption = None, cut: Cut = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:  # fmt: skip
    """Read all data of tasks, and of those they are trained with: is it there, sound, as large as the release?

    Without --setup and --data it looks into the hub's cache; nothing is downloaded. Exit code 2 where data is broken, or where
    that of a task that is named is missing or not the whole release.
    """
    from dataclasses import asdict

    from stilts_xtreme.cli import listing
    from stilts_xtreme.data import inventory
    from stilts_xtreme.data.read import HubCache

    chosen = [listing.known(name) for name in names or listing.TASKS]
    entries = list(inventory.check(chosen, shared.where(setup, folder, cut) or HubCache()))
    print(sanitize.as_json([asdict(entry) for entry in entries])) if as_json else listing.inventory(entries)
    bad = ("broken", "missing", "differs") if names else ("broken",)
    if faults := [entry for entry in entries if entry.used and entry.state in bad]:
        lines = dict.fromkeys(f"{entry.task} {entry.split} {entry.language}: {entry.state}: {entry.note}" for entry in faults)
        whole = folder is not None and not cut and any(entry.state != "broken" for entry in faults)
        raise UserError("\n".join([*lines, *([PARTS] if whole else [])]))


def data_fetch(
    names: Annotated[
        list[str], typer.Argument(metavar="TASK...", help="Tasks.", show_default=False, autocompletion=completion.tasks)
    ],
    to: Annotated[Path | None, typer.Option("--to", metavar="FOLDER", help="Releases go here.", show_default=False)] = None,
) -> None:
    """Download the data of tasks, and of those they are trained with, for machines without a connection.

    With --to the releases as published, archives as they are; without it the hub's copies, into the cache of `datasets`.
    Run it again to go on where it broke off.
    """
    from stilts_xtreme.cli import listing
    from stilts_xtreme.data import fetch
    from stilts_xtreme.stages.progress import downloads

    known = [listing.known(name) for name in names]
    with downloads() as callback:
        for there in fetch.fetch(known, to, callback):
            print(there)


@options.taking(over=options.over)
def check(
    specs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="SPEC...", help="Specs of any kind.", show_default=False, autocompletion=completion.specs),
    ] = None,
    *,
    over: Over,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of specs, for editors.")] = False,
) -> None:  # fmt: skip
    """Validate specs without running them, a study at every setup that it names: every fault with file, line and column."""
    if schema:
        from stilts_xtreme.spec.schema import schema as of_specs

        print(sanitize.as_json(of_specs()))
    elif not specs:
        raise UserError("give a SPEC to check, or --schema")
    faults = []
    for path in specs or ():
        try:
            loaded = loading.load(path, over.laid(path), None)
            loading.check_encoder(path, loaded)
            for name in getattr(loaded, "at", ()) if over.setup is None else ():
                loading.check_encoder(path, loading.load(path, over.laid(path, setup=name), None), scale=name)
            print(sanitize.content(f"{path}: {loaded.kind}, sound"))
        except UserError as fault:
            faults.append(str(fault))
    if faults:
        raise UserError("\n".join(faults))


def score(
    predictions: Annotated[Path, typer.Argument(help="Predictions in the official submission layout.", show_default=False)],
    labels: Annotated[Path, typer.Argument(help="Labels in the same layout.", show_default=False)],
    benchmark: Annotated[str, typer.Option(help="xtreme or xtreme-r.", autocompletion=completion.benchmarks)] = "xtreme",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Score predictions made by anything, as the benchmark's own evaluate.py does (google-research/xtreme, commit 838c13b).

    Where that script gives a wrong figure without a word, this refuses instead, naming file and line: texts that are no label,
    sentences with another number of tags, ids in the wrong order or of another file, empty answers, questions that stand
    twice, labels that were taken out, tasks without labels. Passed over: a byte order mark, and blank lines at the end of a
    file (but not of BUCC, where they count as a pair, as in the script). LAReQA, which the script does not have, is scored by
    mAP@20.
    """
    from stilts_xtreme.cli import listing
    from stilts_xtreme.scoring.benchmarks import BENCHMARKS
    from stilts_xtreme.scoring.submission import score_submission

    if benchmark not in BENCHMARKS:
        raise UserError(f"--benchmark {benchmark}: give one of {', '.join(BENCHMARKS)}")
    scores = score_submission(predictions, labels, benchmark)
    print(sanitize.as_json(scores)) if as_json else listing.benchmark(scores)
