"""The commands that help when something goes wrong: what this machine has, what differs between two results."""

from typing import Annotated

import typer

from stilts_xtreme.cli import completion
from stilts_xtreme.cli.arguments import RUNS, StoreOption
from stilts_xtreme.stages import execution
from stilts_xtreme.utils import sanitize
from stilts_xtreme.utils.errors import UserError

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")]


def doctor(store: StoreOption = RUNS, as_json: Json = False) -> None:
    """Look at what this machine has: versions, devices, caches, the hub, the store, and known traps.

    Exit 2 where nothing can be run.
    """
    from stilts_xtreme.cli import doctor as examining
    from stilts_xtreme.cli import listing

    facts = list(examining.facts(execution.store_at(store)))
    if as_json:
        print(sanitize.as_json(examining.as_json(facts)))
    else:
        listing.facts(facts)
    if fatal := [fact.warning for fact in facts if fact.fatal]:
        raise UserError("\n".join(fatal))


def diff(
    first: Annotated[
        str,
        typer.Argument(
            metavar="A", help="A result (JSON), or an address.", show_default=False, autocompletion=completion.addresses
        ),
    ],
    second: Annotated[
        str,
        typer.Argument(metavar="B", help="Another result of its kind.", show_default=False, autocompletion=completion.addresses),
    ],
    store: StoreOption = RUNS,
    as_json: Json = False,
) -> None:
    """Tell what differs between two results: settings, data, scores, collapses, versions.

    The last line is "the same", or how many differences there are above provenance.
    """
    from stilts_xtreme.cli import listing
    from stilts_xtreme.verify import diff

    a, b = (diff.read(name, execution.store_at(store)) for name in (first, second))
    changes, provenance = diff.between(a, b), diff.provenance(a, b)
    if as_json:
        records = [listing.difference(change) for change in (*changes, *provenance)]
        print(sanitize.as_json({"first": first, "second": second, "count": len(changes), "differences": records}))
    else:
        listing.differences(changes, provenance)
