"""The commands: parse, call, print. Nothing heavy is imported before a stage runs."""

import io
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from stilts_xtreme.cli import diagnostics, encoders, export, forecasts, inputs, new, predict, stages, store, studies
from stilts_xtreme.utils import atomic_io, ranks, sanitize
from stilts_xtreme.utils.errors import Aborted, Interrupted, PeerLost, RunFailed, UserError


def _group(app: typer.Typer, name: str, about: str, cls: type[TyperGroup] = TyperGroup) -> typer.Typer:
    group = typer.Typer(no_args_is_help=True, help=about, cls=cls)
    app.add_typer(group, name=name)
    return group


def _version(asked: bool) -> None:
    if asked:
        print(f"stilts_xtreme {metadata.version('stilts-xtreme')}")
        raise typer.Exit


app = typer.Typer(
    name="stilts", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Does English intermediate-task training help zero-shot transfer to other languages, and which task?",
)  # fmt: skip


@app.callback()
def _every(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_version)
    ] = False,
) -> None: ...


for command in (
    stages.train_intermediate, stages.train_multitask, stages.finetune_target, stages.evaluate,
    predict.predict,
    studies.study, studies.latency, studies.verify, studies.report, studies.recommend,
    inputs.score, inputs.tasks, inputs.check,
    diagnostics.doctor, diagnostics.diff,
    new.new,
    export.export, export.push,
    forecasts.calibrate,
):  # fmt: skip
    app.command()(command)

runs = _group(app, "runs", "Look at and tidy the store of finished stages.", cls=store.Watchable)
runs.command("list")(store.runs_list)
runs.command("watch")(store.runs_watch)
runs.command("show")(store.runs_show)
runs.command("clean")(store.runs_clean)
runs.command("pack")(store.runs_pack)
runs.command("unpack")(store.runs_unpack)

data = _group(app, "data", "Look at the data before a long run, and fetch it for machines without a connection.")
data.command("check")(inputs.data_check)
data.command("fetch")(inputs.data_fetch)

encoder = _group(app, "encoder", "Fetch pretrained encoders.")
encoder.command("fetch")(encoders.encoder_fetch)


def main() -> None:
    """Run a command.

    Exit 0 done, 2 the input can be mended, 3 a run failed, 75 stopped by a signal without losing what was done, 130 stopped at
    once by a second Ctrl-C; 1 with a traceback is our fault.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # the same bytes in every locale, and a path as it was given
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    for library in ("HF_DATASETS", "HF_HUB") if sys.argv[1:2] != ["push"] else ():  # their bars would be drawn into ours
        os.environ.setdefault(f"{library}_DISABLE_PROGRESS_BARS", "1")
    try:
        ranks.listen()
        with atomic_io.writing(Path.cwd()):
            app()
    except UserError as fault:
        _end(str(fault), 2)
    except RunFailed as fault:
        _end(f"failed:\n{fault}", 3)
    except Interrupted:
        _end("stopped; what was done is kept. Run the same command again to go on from there.", 75)
    except Aborted:
        _end(
            "stopped at once; nothing half-done is left. Run the same command again to go on from the last checkpoint.",
            130,
            speaks=not ranks.launched(),
        )  # whoever launched us sent it, and says so
    except PeerLost as fault:
        _lost(str(fault))
    except SystemExit as ended:
        if ranks.count() > 1 and not ended.code:
            ranks.end("", 0)  # as in `ranks.leave`
        raise


def _end(message: str, code: int, speaks: bool = True) -> None:
    """Exit with a message on stderr; processes that share the work end together, and print it where `speaks`."""
    if ranks.count() > 1:
        ranks.end(sanitize.message(message) if speaks and ranks.speaks() else "", code)
    print(sanitize.message(message), file=sys.stderr)
    sys.exit(code)


def _lost(own: str) -> None:
    """Exit 3; `own`: what went wrong here, empty where another process is gone, which the launcher reports."""
    if own:
        ranks.end(sanitize.message(f"failed:\n{own}"), 3)
    if ranks.launched():
        ranks.end("", ranks.LOST)
    _end("failed:\nanother of the processes that share the work is gone. Run the same command again to go on.", 3)
