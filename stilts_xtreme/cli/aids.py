"""The commands that help when something is not as it should be: what this machine has, what differs between two results."""

from typing import Annotated

import typer

from stilts_xtreme import console, shown
from stilts_xtreme.cli.arguments import RUNS, StoreOption
from stilts_xtreme.errors import UserError

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")]


def doctor(store: StoreOption = RUNS, as_json: Json = False) -> None:
    """Look at what this machine has: versions, devices, caches, the hub, the store, and known traps.

    Exit 2 where nothing can be run.
    """
    from stilts_xtreme import doctor as examining
    from stilts_xtreme import listing

    found = list(examining.facts(console.store_at(store)))
    if as_json:
        print(shown.as_json(examining.as_json(found)))
    else:
        listing.facts(found)
    if fatal := [fact.trap for fact in found if fact.fatal]:
        raise UserError("\n".join(fatal))
