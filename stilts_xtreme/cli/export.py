"""The commands that give a training to people without `stilts`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stilts_xtreme.cli.arguments import RUNS, StoreOption
from stilts_xtreme.stages import execution
from stilts_xtreme.utils.sanitize import content

if TYPE_CHECKING:
    from stilts_xtreme.export.write import Written

Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A training: its address in the store, the start of that, its folder or result.", show_default=False
    ),
]
Onnx = Annotated[bool, typer.Option("--onnx", help="Also write model.onnx, and check it against the weights.")]


def export(
    run: Run,
    to: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is not there yet, or empty.", show_default=False)],
    store: StoreOption = RUNS, onnx: Onnx = False,
) -> None:  # fmt: skip
    """Write a training as a checkpoint of transformers: weights, tokenizer, model card."""
    from stilts_xtreme.engine.third_party_output import quiet
    from stilts_xtreme.export import run_lookup, write

    quiet()
    _say(write.write(run_lookup.find(run, execution.store_at(store).root), to, onnx))
    print(content(str(to)))


def push(
    run: Run,
    repo: Annotated[
        str, typer.Argument(metavar="REPO", help="OWNER/NAME on the hub; NAME alone is yours.", show_default=False)
    ],
    store: StoreOption = RUNS, onnx: Onnx = False,
    private: Annotated[bool, typer.Option("--private", help="Make the repository private, where it is made.")] = False,
    revision: Annotated[
        str | None, typer.Option("--revision", help="A branch, made where it is not there; default: main.", show_default=False)
    ] = None,
) -> None:  # fmt: skip
    """Export a training into a repository of the Hugging Face hub, as whoever is logged in there."""
    from stilts_xtreme.engine.third_party_output import quiet
    from stilts_xtreme.export import push as pushing
    from stilts_xtreme.export import run_lookup

    quiet()
    pushed = pushing.push(run_lookup.find(run, execution.store_at(store).root), repo, private, revision, onnx)
    _say(pushed.written)
    for what, names in (("removed", pushed.removed), ("there before, and left as it is", pushed.left)):
        if names:
            print(content(f"{what}: {', '.join(names)}"), file=sys.stderr)
    print(content(pushed.url))


def _say(written: "Written") -> None:
    why = f": {written.alone}" if written.alone else ""
    print(content(f"written as {written.name}{why}"), file=sys.stderr)
