"""The commands: parse, call, print. Nothing heavy is imported before a stage runs."""

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from stilts_xtreme import console, disk, shown, stop
from stilts_xtreme.errors import Aborted, Interrupted, RunFailed, UserError

app = typer.Typer(
    name="stilts", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Does English intermediate-task training help zero-shot transfer to other languages, and which task?",
)  # fmt: skip
runs = typer.Typer(no_args_is_help=True, help="Look at and tidy the store of finished stages.")
app.add_typer(runs, name="runs")
data = typer.Typer(
    no_args_is_help=True, help="Look at the data before a long run, and fetch it for machines without a connection."
)
app.add_typer(data, name="data")

Spec = Annotated[Path, typer.Argument(metavar="SPEC", help="A YAML experiment spec.", show_default=False)]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY.PATH=VALUE]...", help="Typed and checked like the file.", show_default=False)
]
StoreOption = Annotated[Path, typer.Option("--store", help="Folder of finished stages.", envvar="STILTS_STORE")]
Device = Annotated[str, typer.Option("--device", help="auto or cpu.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads per process; default: by the size of the encoder.", show_default=False)
]
Every = Annotated[
    float, typer.Option("--checkpoint-every", metavar="SECONDS", min=0.0, help="How often a stage keeps what it has so far.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan as a tree: done, to do, shared.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result itself instead of its path.")]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, help="Stages run side by side; default: one a core, on a GPU one.", show_default=False),
]
Out = Annotated[
    Path | None, typer.Option(help="Where the study's result goes; default: STORE/study/NAME.json.", show_default=False)
]
Address = Annotated[
    str | None, typer.Argument(help="Remove this stage; without it, only what dead processes left.", show_default=False)
]
Submission = Annotated[
    Path | None,
    typer.Option("--submission", help="Also write the predictions below this folder, as XTREME takes them.", show_default=False),
]
SetupOption = Annotated[
    Path | None, typer.Option("--setup", metavar="SETUP.yaml", help="Look where this setup reads its data.", show_default=False)
]
Scale = Annotated[
    str | None,
    typer.Option("--setup", metavar="NAME|FILE", help="Another setup: mini-real, paper, or a file.", show_default=False),
]
DataOption = Annotated[Path | None, typer.Option("--data", metavar="FOLDER", help="Look in this folder.", show_default=False)]
RUNS, EVERY = Path("runs"), 600.0


@app.command()
def train_intermediate(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, device: Device = "auto", threads: Threads = None,
    every: Every = EVERY,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Train an encoder on one English intermediate task (kind: intermediate)."""
    console.stage("intermediate", spec, overrides, store, console.options(device, threads, every), dry_run, as_json)


@app.command()
def train_multitask(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, device: Device = "auto", threads: Threads = None,
    every: Every = EVERY,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Train an encoder on a mixture of intermediate tasks (kind: multitask)."""
    console.stage("multitask", spec, overrides, store, console.options(device, threads, every), dry_run, as_json)


@app.command()
def finetune_target(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, device: Device = "auto", threads: Threads = None,
    every: Every = EVERY,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Fine-tune on a target task's English data (kind: target)."""
    console.stage("target", spec, overrides, store, console.options(device, threads, every), dry_run, as_json)


@app.command()
def evaluate(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, device: Device = "auto", threads: Threads = None,
    every: Every = EVERY,
    submission: Submission = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Predict zero-shot in every language of a target and score (kind: evaluation)."""
    console.stage("evaluation", spec, overrides, store, console.options(device, threads, every), dry_run, as_json, submission)


@app.command()
def study(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, device: Device = "auto", threads: Threads = None,
    every: Every = EVERY,
    setup: Scale = None, jobs: Jobs = None, out: Out = None, submission: Submission = None,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Run a study: its axes' product, common stages shared, finished ones found (kind: study)."""
    from stilts_xtreme import axes, plan

    overrides = console.scaled(spec, setup, overrides)
    loaded, store_ = console.load(spec, overrides, {"study"}), console.store_at(store)
    cells = axes.study(loaded)
    stages = plan.ordered([cell.stage for cell in cells])
    if dry_run:
        return console.tree(stages, store_, {plan.address(cell.stage) for cell in cells})
    console.run(stages, store_, console.options(device, threads, every), jobs)
    from stilts_xtreme import results
    from stilts_xtreme.analysis.study import gather

    path = out or store_.root / "study" / f"{loaded.name}.json"
    content = gather(loaded, cells, store_, console.written("study", spec, overrides))
    path.parent.mkdir(parents=True, exist_ok=True)
    results.write(path, content)
    if submission:
        picks = content.get("best", {}).get("english-dev", {}).get("picks", {})
        folders = [(cell.stage, console.folder_name(cell.intermediate), cell.seed) for cell in cells if not cell.noise]
        folders += [
            (cell.stage, "best-on-english-dev", cell.seed)
            for cell in cells
            if not cell.noise and picks.get(cell.target) == cell.intermediate
        ]
        console.submit([(stage, submission / name / f"seed-{seed}") for stage, name, seed in folders], store_, submission)
    console.show(path, content, as_json)


@app.command()
def latency(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, device: Device = "auto", threads: Threads = None,
    every: Every = EVERY,
    setup: Scale = None, jobs: Jobs = None, out: Out = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Time trained models on a target, plain and sped up, after the trainings they need (kind: latency).

    --threads and --jobs are for trainings; how many threads are timed stands in the spec. Nothing else should run meanwhile.
    """
    from stilts_xtreme import axes, plan

    overrides = console.scaled(spec, setup, overrides)
    loaded, store_ = console.load(spec, overrides, {"latency"}), console.store_at(store)
    timed = axes.latency(loaded, "cuda" if device != "cpu" and console.gpu() else "cpu")
    stages = plan.ordered([one.stage for one in timed])
    if dry_run:
        return console.tree(stages, store_, {plan.address(one.stage) for one in timed})
    console.run(stages, store_, console.options(device, threads, every), jobs)
    from stilts_xtreme import results
    from stilts_xtreme.analysis.latency import gather

    path = out or store_.root / "study" / f"{loaded.name}.json"
    content = gather(loaded, timed, store_, console.written("latency", spec, overrides))
    path.parent.mkdir(parents=True, exist_ok=True)
    results.write(path, content)
    console.show(path, content, as_json)


@app.command()
def verify(
    spec: Annotated[Path | None, typer.Argument(metavar="[STUDY]", help="A study's spec.", show_default=False)] = None,
    overrides: Overrides = None, store: StoreOption = RUNS, setup: Scale = None,
    result: Annotated[
        Path | None, typer.Option("--result", "--out", help="Its result; default: STORE/study/NAME.json.", show_default=False)
    ] = None,
) -> None:  # fmt: skip
    """Check that files are what was written; of a study also that every score follows from the stored predictions, that its
    result follows from those, and that nothing it evaluates was trained on.

    Exit 2 where anything is not so, a line for each fault. Nothing is written.
    """
    from stilts_xtreme import verify as verifying
    from stilts_xtreme.progress import checks

    if not store.is_dir():
        raise UserError(f"--store {store}: there is no such folder")
    with checks() as tell:
        if spec is None:
            found = verifying.store(console.store_at(store), tell)
        else:
            from stilts_xtreme import axes

            loaded = console.load(spec, console.scaled(spec, setup, overrides), {"study"})
            path = result or store / "study" / f"{loaded.name}.json"
            found = verifying.study(loaded, axes.study(loaded), console.store_at(store), path, tell)
    from stilts_xtreme import listing

    listing.verified(found)
    if found.faults:
        raise UserError("\n".join(found.faults))


@app.command()
def report(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="A study's result (JSON).", show_default=False)],
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder for the pages; default: beside the result.", show_default=False)
    ] = None,
) -> None:
    """Draw a study's report: a Markdown and an HTML page with tables and plots."""
    from stilts_xtreme import report as pages
    from stilts_xtreme import results

    content = results.read(study, results.STUDY, results.LATENCY_STUDY)
    folder = to or study.with_suffix("")
    pages.write(content, folder)
    print(folder / "report.md")


@app.command()
def recommend(
    studies: Annotated[list[Path], typer.Argument(metavar="STUDY...", help="Results of studies (JSON).", show_default=False)],
    target: Annotated[str, typer.Option("--target", metavar="TASK", help="The target task.", show_default=False)],
    languages: Annotated[
        str | None, typer.Option("--languages", metavar="CODE,...", help="Only these; default: all.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")] = False,
) -> None:
    """Name the intermediate task to use for a target, or none, with the gain to expect and how sure that is."""
    from stilts_xtreme import results
    from stilts_xtreme.report.advice import words as advice
    from stilts_xtreme.report.advice.recommend import recommend as ask

    read = [results.read(path, results.STUDY) for path in studies]
    found = ask(read, target, [code for code in (languages or "").split(",") if code])
    print(shown.as_json(advice.content(found)) if as_json else "\n".join(advice.lines(found)))


@app.command()
def score(
    predictions: Annotated[Path, typer.Argument(help="Predictions in the official submission layout.", show_default=False)],
    labels: Annotated[Path, typer.Argument(help="Labels in the same layout.", show_default=False)],
    benchmark: Annotated[str, typer.Option(help="xtreme or xtreme-r.")] = "xtreme",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Score predictions made by anything, as the benchmark's own evaluate.py does."""
    from stilts_xtreme import listing
    from stilts_xtreme.scoring.benchmarks import BENCHMARKS
    from stilts_xtreme.scoring.submission import score_submission

    if benchmark not in BENCHMARKS:
        raise UserError(f"--benchmark {benchmark}: give one of {', '.join(BENCHMARKS)}")
    scores = score_submission(predictions, labels, benchmark)
    print(shown.as_json(scores)) if as_json else listing.benchmark(scores)


@app.command()
def tasks(
    name: Annotated[str | None, typer.Argument(help="A task's name; without it, all are listed.", show_default=False)] = None,
    setup: SetupOption = None, folder: DataOption = None,
) -> None:  # fmt: skip
    """List the tasks with the sizes of their releases, or show one's declaration and a row turned into an example.

    With --setup or --data also what of them is there, and the row is one from there.
    """
    from stilts_xtreme import listing

    where = console.where(setup, folder)
    listing.show(name, where) if name else listing.every(where)


@data.command("check")
def data_check(
    names: Annotated[list[str] | None, typer.Argument(metavar="[TASK]...", help="Default: all.", show_default=False)] = None,
    setup: SetupOption = None, folder: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:  # fmt: skip
    """Read all data of tasks, and of those they are trained with: is it there, sound, as large as the release?

    Without --setup and --data it looks into the hub's cache; nothing is downloaded. Exit code 2 where data is broken, or where
    that of a task that is named is missing or not the whole release.
    """
    from dataclasses import asdict

    from stilts_xtreme import listing
    from stilts_xtreme.data import inventory
    from stilts_xtreme.data.read import HubCache

    chosen = [listing.known(name) for name in names or listing.TASKS]
    entries = list(inventory.check(chosen, console.where(setup, folder) or HubCache()))
    print(shown.as_json([asdict(entry) for entry in entries])) if as_json else listing.inventory(entries)
    bad = ("broken", "missing", "differs") if names else ("broken",)
    if faults := [entry for entry in entries if entry.used and entry.state in bad]:
        told = dict.fromkeys(f"{one.task} {one.split} {one.language}: {one.state}: {one.note}" for one in faults)
        raise UserError("\n".join(told))


@data.command("fetch")
def data_fetch(
    names: Annotated[list[str], typer.Argument(metavar="TASK...", help="Tasks.", show_default=False)],
    to: Annotated[Path | None, typer.Option("--to", metavar="FOLDER", help="Releases go here.", show_default=False)] = None,
) -> None:
    """Download the data of tasks, and of those they are trained with, for machines without a connection.

    With --to the releases as published, archives as they are; without it the hub's copies, into the cache of `datasets`.
    Run it again to go on where it broke off.
    """
    from stilts_xtreme import listing
    from stilts_xtreme.data import fetch
    from stilts_xtreme.progress import downloads

    known = [listing.known(name) for name in names]
    with downloads() as tell:
        for there in fetch.fetch(known, to, tell):
            print(there)


@app.command()
def check(specs: Annotated[list[Path], typer.Argument(metavar="SPEC...", help="Specs of any kind.", show_default=False)]) -> None:
    """Validate specs without running them: every fault with file, line and column."""
    faults = []
    for path in specs:
        try:
            loaded = console.load(path, None, None)
            print(shown.content(f"{path}: {loaded.kind}, sound"))
        except UserError as fault:
            faults.append(str(fault))
    if faults:
        raise UserError("\n".join(faults))


@runs.command("list")
def runs_list(store: StoreOption = RUNS) -> None:
    """List finished stages."""
    from stilts_xtreme import listing

    listing.runs(console.store_at(store))


@runs.command("show")
def runs_show(address: Annotated[str, typer.Argument(help="An address or its beginning.")], store: StoreOption = RUNS) -> None:
    """Print a finished stage's result."""
    found = [result for _, folder, result in console.store_at(store).runs() if folder.name.startswith(address)]
    if len(found) != 1:
        raise UserError(f"{store}: {len(found)} finished stages have an address that begins with {address!r}")
    print(shown.as_json(found[0]))


@runs.command("clean")
def runs_clean(
    address: Address = None,
    store: StoreOption = RUNS,
) -> None:  # fmt: skip
    """Remove leftovers of dead processes, or one finished stage."""
    removed = console.store_at(store).sweep() if address is None else console.store_at(store).remove(address)
    if address is not None and not removed:
        raise UserError(f"{store}: no finished stage has the address {address}; `stilts runs list` shows them")
    for folder in removed:
        print(shown.content(str(folder)))


def main() -> None:
    """Run a command.

    Exit 0 done, 2 the input can be mended, 3 a run failed, 75 stopped by a signal with all that was done kept, 130 stopped at
    once by a second Ctrl-C; 1 with a traceback is our fault.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # the same bytes in every locale, and a path as it was given
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    try:
        stop.listen()
        with disk.writing(Path.cwd()):
            app()
    except UserError as fault:
        _end(str(fault), 2)
    except RunFailed as fault:
        _end(f"failed:\n{fault}", 3)
    except Interrupted:
        _end("stopped; what was done is kept. Run the same command again to go on from there.", 75)
    except Aborted:
        _end("stopped at once; nothing half-done is left. Run the same command again to go on from the last checkpoint.", 130)


def _end(said: str, code: int) -> None:
    print(shown.message(said), file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
