"""The commands on the store of finished stages."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from stilts_xtreme.cli import completion, options, shared
from stilts_xtreme.cli.arguments import RUNS, Address, Languages, Overrides, Spec, StoreOption
from stilts_xtreme.cli.options import Over
from stilts_xtreme.pipeline import loading
from stilts_xtreme.stages import execution
from stilts_xtreme.utils import sanitize
from stilts_xtreme.utils.errors import UserError


def runs_list(store: StoreOption = RUNS) -> None:
    """List finished stages: what they start from, their seed and score, when they were finished.

    Settings stand in brackets where stages of one task have different ones.
    """
    from stilts_xtreme.cli import run_table

    run_table.show(execution.store_at(store))


@options.taking(over=options.over)
def runs_watch(
    spec: Annotated[
        Path | None,
        typer.Argument(metavar="[STUDY]", help="A study's spec.", show_default=False, autocompletion=completion.specs),
    ] = None,
    overrides: Overrides = None, store: StoreOption = RUNS, *, over: Over,
) -> None:  # fmt: skip
    """Show what becomes of a study, its rows by its targets, until all of it is done; without a study, what is in the store.

    On a terminal live, elsewhere a line where anything changed; also `stilts runs --watch`. Ctrl-C ends it, and nothing else.
    """
    from stilts_xtreme.cli import watching

    if spec is None:
        return watching.everything(execution.store_at(store))
    from stilts_xtreme.pipeline import grid

    loaded = loading.load_study(spec, over.laid(spec, overrides))
    watching.study(grid.study(loaded), execution.store_at(store))


class Watchable(TyperGroup):
    """Commands, of which `watch` is also called by `--watch`."""

    def parse_args(self, context: Any, words: list[str]) -> list[str]:
        if "--watch" in words:
            words = ["watch", *(word for word in words if word != "--watch")]
        return super().parse_args(context, words)


def runs_show(
    address: Annotated[str, typer.Argument(help="An address or its beginning.", autocompletion=completion.addresses)],
    store: StoreOption = RUNS,
) -> None:
    """Print a finished stage's result."""
    from stilts_xtreme import results
    from stilts_xtreme.store import SCHEMAS

    folders = execution.store_at(store).beginning(address)
    if len(folders) != 1:
        raise UserError(f"{store}: {len(folders)} finished stages have an address that begins with {address!r}")
    print(sanitize.as_json(results.read(folders[0] / "result.json", *SCHEMAS.values())))


@options.taking(over=options.over)
def runs_pack(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, *, over: Over,
    to: Annotated[Path, typer.Option("--to", help="The file to write.", show_default=False)] = Path("study.tar.xz"),
    languages: Languages = None,
) -> None:  # fmt: skip
    """Write a study's finished stages to a file: results and the score of every example, without weights, predictions, data.

    `stilts runs unpack` adds them to another store, so that seeds of several machines make a single result.
    """
    from stilts_xtreme.analysis import bundle
    from stilts_xtreme.pipeline import grid, plan

    loaded = loading.load_study(spec, shared.with_languages(languages, over.laid(spec, overrides)))
    stages = plan.ordered([cell.stage for cell in grid.study(loaded)])
    counts = bundle.pack(stages, execution.store_at(store), to)
    total = sum(isinstance(stage, plan.Predict) for stage in stages)
    line = f"{counts['train']} trainings, {counts['predict']} of {total} evaluations, {to.stat().st_size:,} bytes"
    print(sanitize.content(line), file=sys.stderr)
    print(sanitize.content(str(to)))


def runs_unpack(
    file: Annotated[Path, typer.Argument(help="What `stilts runs pack` wrote.", show_default=False)], store: StoreOption = RUNS
) -> None:
    """Add the finished stages of a packed study to a store; those that it has already stay as they are."""
    from stilts_xtreme.analysis import bundle

    store.mkdir(parents=True, exist_ok=True)
    added, present = bundle.unpack(file, execution.store_at(store))
    print(f"{added} stages added, {present} were there", file=sys.stderr)
    print(sanitize.content(str(store)))


def runs_clean(
    address: Address = None,
    store: StoreOption = RUNS,
) -> None:  # fmt: skip
    """Remove leftovers of dead processes, or a finished stage."""
    removed = execution.store_at(store).sweep() if address is None else execution.store_at(store).remove(address)
    if address is not None and not removed:
        raise UserError(f"{store}: no finished stage has the address {address}; `stilts runs list` shows them")
    for folder in removed:
        print(sanitize.content(str(folder)))
