"""Load a spec by its file or by the name of what comes with stilts, checked against its data and encoder."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from stilts_xtreme.models import published
from stilts_xtreme.utils import shipped
from stilts_xtreme.utils.errors import UserError

if TYPE_CHECKING:  # imported for real where a command needs them
    from stilts_xtreme.spec import Setup, Spec, Study
    from stilts_xtreme.spec.base import Option
    from stilts_xtreme.spec.latency import Latency

SHIPPED = {"study": "studies", "latency": "studies", "setup": "setups"}  # kinds of spec that come with stilts, and their folder


def load(path: Path, overrides: "Sequence[str | Option] | None", kinds: set[str] | None) -> "Spec":
    """Load the spec in a file, or the setup or study of that name that comes with stilts, with overrides applied.

    `kinds`: the kinds of spec that are accepted (None: any). UserError for what is wrong with the spec, or does not fit the data
    and the encoder that it names.
    """
    from stilts_xtreme import spec
    from stilts_xtreme.pipeline import compatibility

    return spec.load(spec_file(path, kinds), overrides or [], kinds, compatibility.problems)


def load_study(path: Path, overrides: "Sequence[str | Option] | None") -> "Study":
    """Load a study as `load` does."""
    return cast("Study", load(path, overrides, {"study"}))


def load_latency(path: Path, overrides: "Sequence[str | Option] | None") -> "Latency":
    """Load a latency spec as `load` does."""
    return cast("Latency", load(path, overrides, {"latency"}))


def load_setup(path: Path, overrides: "Sequence[str | Option] | None") -> "Setup":
    """Load a setup as `load` does."""
    return cast("Setup", load(path, overrides, {"setup"}))


def spec_file(path: Path, kinds: Collection[str] | None) -> Path:
    """Return the file that a spec's argument stands for: itself, or what comes with stilts under that name, of such a kind."""
    kinds = SHIPPED if kinds is None else kinds
    named = dict.fromkeys(SHIPPED[kind] for kind in kinds if kind in SHIPPED)
    return shipped.spec(path, tuple(named)) if named else path


def with_setup(spec: Path, setup: str | None, overrides: Sequence[str] | None) -> list[str]:
    """Return the overrides, before them that of the setup: a file, or a name in the folder `setups` beside the spec's or in what
    comes with stilts. UserError if there is no such setup."""
    if setup is None:
        return list(overrides or [])
    beside = spec_file(spec, None).parent.parent / "setups"
    file = Path(setup) if setup.endswith(".yaml") else beside / f"{setup}.yaml"
    if not file.is_file() and (known := shipped.file("setups", setup)):
        file = known
    if not os.path.isfile(file):
        there = ", ".join(sorted({*(path.stem for path in beside.glob("*.yaml")), *shipped.names("setups")}))
        raise UserError(f"--setup {setup}: there is no {file}; give a file, or one of {there}")
    return [f"setup={file}", *(overrides or [])]


def check_encoder(path: Path, loaded: "Spec", scale: str = "") -> None:
    """Raise UserError if the folder of a spec's published encoder is missing or broken; at a `scale` that a study names, an
    encoder with a short name need not have been fetched."""
    if loaded.kind == "task":
        return
    setup = cast("Setup", getattr(loaded, "setup", loaded))  # of a setup itself
    given = setup.encoder.pretrained
    if scale and given is not None and published.unfetched(given.name):
        return
    try:
        if given is not None and (folder := published.local(given.name)) is not None:
            published.check(folder)
    except UserError as fault:
        raise UserError(f"{path}: {fault}") from None
