"""The setups, studies and measured tables that come with stilts, by name: of the installed package, or of the checkout it runs
from."""

import json
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

PACKAGE = Path(__file__).parents[1]
INSTALLED, CHECKOUT = PACKAGE / "resources" / "experiments", PACKAGE.parent / "experiments"
KINDS = ("studies", "setups")
DEFAULT_SETUP = "small"  # of specs that name none


def names(kind: str) -> list[str]:
    """List the names of the setups or studies (`KINDS`) that come with stilts."""
    return sorted(path.stem for path in (_root() / kind).glob("*.yaml"))


def file(kind: str, name: str) -> Path | None:
    """Return the file of a setup or study that comes with stilts; None if there is none of that name."""
    return _root() / kind / f"{name}.yaml" if name in names(kind) else None


def table(name: str) -> Record:
    """Read what a benchmark measured, as committed."""
    content: Record = json.loads((_root() / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))
    return content


def spec(given: Path, kinds: Sequence[str] = KINDS) -> Path:
    """Return the file that `given` stands for: itself, or, if there is no such file, what comes with stilts under that name.

    Raises:
        UserError: neither, and `given` is a bare name.
    """
    word = str(given)
    if given.suffix or len(given.parts) != 1 or given.is_file():
        return given  # a file that is missing is reported where it is read
    for kind in kinds:
        if path := file(kind, word):
            return path
    there = {kind: names(kind) for kind in kinds}
    near = get_close_matches(word[:60], [name for some in there.values() for name in some], n=1)
    listed = "; ".join(f"{kind}: {', '.join(some)}" for kind, some in there.items())
    hint = f"did you mean '{near[0]}'? " if near else ""
    raise UserError(f"{word}: there is no such file, and nothing of that name comes with stilts ({hint}{listed})")


def _root() -> Path:
    return INSTALLED if INSTALLED.is_dir() else CHECKOUT
