"""The commands of whole studies: run, time, check again, draw, ask."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stilts_xtreme.cli import completion, forecasts, launching, options, shared
from stilts_xtreme.cli.arguments import (
    RUNS,
    AsJson,
    DryRun,
    Job,
    Jobs,
    Languages,
    Out,
    Overrides,
    Plan,
    Spec,
    StoreOption,
    Submission,
)
from stilts_xtreme.cli.options import Over, Place
from stilts_xtreme.pipeline import loading
from stilts_xtreme.stages import execution
from stilts_xtreme.transferability.names import ABOUT, DEFAULT
from stilts_xtreme.utils import command_line, sanitize
from stilts_xtreme.utils.errors import UserError

if TYPE_CHECKING:
    from stilts_xtreme.stages.events import Options


@options.taking(over=options.over, how=options.how, where=options.place)
def study(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, *, over: Over, how: "Options", where: Place,
    job: Job = None, out: Out = None, submission: Submission = None, dry_run: DryRun = False, tree: Plan = False,
    as_json: AsJson = False, languages: Languages = None,
) -> None:  # fmt: skip
    """Run a study: its axes' product, common stages shared, finished stages not repeated (kind: study)."""
    from stilts_xtreme.pipeline import grid, plan

    overrides = shared.with_languages(languages, overrides or [])
    loaded, store_ = loading.load_study(spec, over.laid(spec, overrides)), execution.store_at(store)
    if dry_run or tree:
        return forecasts.dry_run(loaded, store_, how, where.jobs, tree, as_json)
    cells = grid.study(loaded)
    stages = plan.ordered([cell.stage for cell in cells])
    if submission:
        from stilts_xtreme.stages import submission as handed_in

        handed_in.whole(stages)
    how = replace(how, group=loaded.name, drop=loaded.weights == "drop")
    if job is not None:
        return launching.job(stages, store_, how, job)
    if where.cluster is None:
        execution.run(stages, store_, how, where.jobs, where.memory)
    else:
        launching.submit(stages, store_, where.cluster, options.again(spec, over, overrides, store, how), loaded.name, how.drop)
    from stilts_xtreme import api

    result = api.finish(loaded, cells, store_, command_line.recorded("study", spec, [*over.words(shown=True), *overrides]), out)
    path, content = result.path, result.content
    if submission:
        picks = content.get("best", {}).get("english-dev", {}).get("picks", {})
        folders = [(cell.stage, shared.folder_name(cell.row.name), cell.seed) for cell in cells if not cell.noise]
        folders += [
            (cell.stage, "best-on-english-dev", cell.seed)
            for cell in cells
            if not cell.noise and picks.get(cell.target) == cell.row.name
        ]
        shared.submit([(stage, submission / name / f"seed-{seed}") for stage, name, seed in folders], store_, submission)
    from stilts_xtreme.cli import study_summary

    study_summary.study(content, path)
    shared.show(path, content, as_json)


@options.taking(over=options.over, how=options.how)
def latency(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, *, over: Over, how: "Options", jobs: Jobs = None,
    out: Out = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Time trained models on a target, plain and sped up, after the trainings they need (kind: latency).

    --threads and --jobs are for trainings; how many threads are timed stands in the spec. Nothing else should run meanwhile.
    """
    from stilts_xtreme.pipeline import grid, plan
    from stilts_xtreme.stages import preflight
    from stilts_xtreme.utils import ranks

    if ranks.count() > 1:
        raise UserError("latency: is measured by a single process; train what it needs first, with finetune-target or study")
    loaded, store_ = loading.load_latency(spec, over.laid(spec, overrides)), execution.store_at(store)
    timed = grid.latency(loaded, "cuda" if how.device != "cpu" and execution.gpu() else "cpu")
    stages = plan.ordered([measurement.stage for measurement in timed])
    if dry_run:
        shared.tree(stages, store_, {plan.address(measurement.stage) for measurement in timed})
        return preflight.dry(stages, store_)
    execution.run(stages, store_, replace(how, group=loaded.name), jobs)
    from stilts_xtreme import results
    from stilts_xtreme.analysis.latency import gather

    path = out or store_.root / "study" / f"{loaded.name}.json"
    content = gather(loaded, timed, store_, command_line.recorded("latency", spec, [*over.words(shown=True), *(overrides or ())]))
    path.parent.mkdir(parents=True, exist_ok=True)
    results.write(path, content)
    from stilts_xtreme.cli import study_summary

    study_summary.following(path, [])
    shared.show(path, content, as_json)


@options.taking(over=options.over)
def verify(
    spec: Annotated[
        Path | None,
        typer.Argument(metavar="[STUDY]", help="A study's spec.", show_default=False, autocompletion=completion.specs),
    ] = None,
    overrides: Overrides = None, store: StoreOption = RUNS, *, over: Over,
    result: Annotated[
        Path | None, typer.Option("--result", "--out", help="Its result; default: STORE/study/NAME.json.", show_default=False)
    ] = None,
    languages: Languages = None,
) -> None:  # fmt: skip
    """Check that files are what was written; of a study also that every score follows from the stored predictions, that its
    result follows from those, and that nothing it evaluates was trained on.

    Exit 2 where anything is not so, a line per fault. Nothing is written.
    """
    from stilts_xtreme import verify as verifying
    from stilts_xtreme.stages.progress import checks

    if not store.is_dir():
        raise UserError(f"--store {store}: there is no such folder")
    with checks() as callback:
        if spec is None:
            checked = verifying.store(execution.store_at(store), callback)
        else:
            from stilts_xtreme.pipeline import grid

            loaded = loading.load_study(spec, shared.with_languages(languages, over.laid(spec, overrides)))
            path = result or store / "study" / f"{loaded.name}.json"
            checked = verifying.study(loaded, grid.study(loaded), execution.store_at(store), path, callback)
    from stilts_xtreme.cli import listing

    listing.verified(checked)
    if checked.errors:
        raise UserError("\n".join(checked.errors))


def report(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="A study's result (JSON).", show_default=False)],
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder for the pages; default: beside the result.", show_default=False)
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option("--table", help="Write all scores as .parquet, .csv or .jsonl; pages only with --to.", show_default=False),
    ] = None,
) -> None:
    """Draw a study's report: a Markdown and an HTML page with tables and plots."""
    from stilts_xtreme import report as pages
    from stilts_xtreme import results

    content = results.read(study, results.STUDY, *([] if table else [results.LATENCY_STUDY]))
    if table:
        from stilts_xtreme.report import exports, summary

        exports.write(summary.summarise(content), table)
        print(table)
        if to is None:
            return
    folder = to or study.with_suffix("")
    pages.write(content, folder)
    print(folder / "report.md")


@options.taking(over=options.over)
def recommend(
    studies: Annotated[
        list[Path] | None, typer.Argument(metavar="[STUDY]...", help="Results of studies (JSON).", show_default=False)
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target", metavar="TASK", help="The target task, or a file that describes one; default: all.", show_default=False,
            autocompletion=completion.targets,
        ),
    ] = None,
    languages: Annotated[
        str | None, typer.Option("--languages", metavar="CODE,...", help="Only these; default: all.", show_default=False)
    ] = None,
    before: Annotated[
        bool, typer.Option("--before-training", help="Rank tasks for a target that nothing was trained for, from past gains.")
    ] = False,
    target_data: Annotated[
        Path | None,
        typer.Option(
            "--target-data", metavar="FILE.tsv", help="A target of your own: a file with the columns text and label.",
            show_default=False,
        ),
    ] = None,
    candidates: Annotated[
        str | None,
        typer.Option("--candidates", metavar="TASK,...", help="Rank these; default: all with a past gain.", show_default=False),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method", metavar="NAME", help=f"How to rank: {', '.join(ABOUT)}; default: {DEFAULT}.", show_default=False,
            autocompletion=completion.methods,
        ),
    ] = None,
    *,
    over: Over,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")] = False,
) -> None:  # fmt: skip
    """Name the intermediate task to use for a target, or none, with the gain to expect and how sure that is.

    With --before-training nothing of the target was trained: candidates are ranked from the gains of a past study (default:
    main-small, which comes with stilts). No method was shown to pick the best task: see "How good is it?" in what it prints.
    """
    codes = [code for code in (languages or "").split(",") if code]
    if before:
        from stilts_xtreme.cli.rank_tasks import ranked

        names = [name for name in (candidates or "").split(",") if name]
        return ranked(studies or [], target, target_data, names, codes, method or DEFAULT, over, as_json)
    asked = {"--target-data": target_data, "--candidates": candidates, "--method": method, "--cut": over.cut}
    asked |= {"--setup": over.setup, "--encoder": over.encoder, "--data": over.data}
    if only := [name for name, value in asked.items() if value]:
        raise UserError(f"{', '.join(only)}: only with --before-training")
    if not studies:
        raise UserError("give the result of a STUDY, or --before-training")
    from stilts_xtreme import api
    from stilts_xtreme.report.advice import words as advice
    from stilts_xtreme.report.advice.recommend import recommend_all

    read = [api.read_results(path) for path in studies]
    if target is None:
        every = recommend_all([result.content for result in read], codes)
        print(sanitize.as_json(list(map(advice.content, every))) if as_json else "\n".join(advice.overview(every)))
        return
    advised = api.recommend(read, target, codes)
    print(sanitize.as_json(advice.content(advised)) if as_json else "\n".join(advice.lines(advised)))
