"""The commands on the store of finished stages."""

from typing import Annotated

import typer

from stilts_xtreme import console, shown
from stilts_xtreme.cli import completion
from stilts_xtreme.cli.arguments import RUNS, Address, StoreOption
from stilts_xtreme.errors import UserError


def runs_list(store: StoreOption = RUNS) -> None:
    """List finished stages."""
    from stilts_xtreme import listing

    listing.runs(console.store_at(store))


def runs_show(
    address: Annotated[str, typer.Argument(help="An address or its beginning.", autocompletion=completion.addresses)],
    store: StoreOption = RUNS,
) -> None:
    """Print a finished stage's result."""
    found = [result for _, folder, result in console.store_at(store).runs() if folder.name.startswith(address)]
    if len(found) != 1:
        raise UserError(f"{store}: {len(found)} finished stages have an address that begins with {address!r}")
    print(shown.as_json(found[0]))


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
