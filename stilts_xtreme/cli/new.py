"""The command that writes a new spec."""

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stilts_xtreme.cli import completion, options
from stilts_xtreme.cli.options import Over
from stilts_xtreme.pipeline import loading
from stilts_xtreme.utils import atomic_io, sanitize, shipped
from stilts_xtreme.utils.errors import UserError

if TYPE_CHECKING:
    from stilts_xtreme.spec.draft import Draft


def _words(option: str, help_: str, complete: Callable[[str], list[str]] | None = None) -> object:
    return typer.Option(option, metavar="NAME,...", help=help_, show_default=False, autocompletion=complete)


@options.taking(over=options.over)
def new(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="study, intermediate, multitask, target or evaluation.",
            show_default=False,
            autocompletion=completion.drafted,
        ),
    ],
    name: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="Its name (NAME.yaml is written), or a file.", show_default=False)
    ],
    *,
    over: Over,
    targets: Annotated[str | None, _words("--targets", "Target tasks: xnli,panx.", completion.targets)] = None,
    languages: Annotated[str | None, _words("--languages", "Only these languages: de,sw; default: all there are.")] = None,
    intermediate: Annotated[
        str | None, _words("--intermediate", "Intermediate tasks: mnli,squad; of a study also chains: squad>mnli.")
    ] = None,
) -> None:
    """Write a commented spec for an encoder, data, targets and languages of your own. It is checked, and ready to be run.

    Recipes are those of --setup (default: small). Prints the file; a file that is there already is left alone.
    """
    from stilts_xtreme.spec import draft as drafts
    from stilts_xtreme.spec.load import COMMANDS

    if kind not in drafts.DRAFTED:
        raise UserError(f"{kind}: is no kind of spec that can be written: give one of {', '.join(drafts.DRAFTED)}")
    file = Path(name) if name.endswith((".yaml", ".yml")) else Path(f"{name}.yaml")
    if file.exists():
        raise UserError(f"{file}: is there already; give another name, or remove it first")
    asked = drafts.Draft(
        kind, file.stem, over.setup or shipped.DEFAULT_SETUP, over.encoder, over.data, over.cut,
        _split(targets), _split(languages), _split(intermediate),
    )  # fmt: skip
    _check(asked, drafts.takes_languages(kind))
    with atomic_io.writing(file):
        with open(file, "x", encoding="utf-8") as stream:
            stream.write(drafts.text(asked, file))
        try:
            loading.check_encoder(file, loading.load(file, None, {kind}))
        except UserError as fault:
            file.unlink()
            raise UserError(_without_places(str(fault), file)) from None
    print(f"next: {COMMANDS[kind]} {file} --dry-run", file=sys.stderr)
    print(sanitize.content(str(file)))


def _split(words: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (words or "").split(",") if word.strip())


def _check(asked: "Draft", languages: bool) -> None:
    """Raise UserError, naming the option, for what is missing, unknown, or not of this kind of spec."""
    from stilts_xtreme.spec.names import TRAINED_TARGETS
    from stilts_xtreme.tasks.catalogue import INTERMEDIATES, TARGETS

    kind, this = asked.kind, f"a spec of kind {asked.kind}"
    if kind == "study" and not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,59}", asked.name):
        raise UserError(f"{asked.name}: a study's name has small letters, digits, - and _ (60 at most); name its file so")
    if asked.languages and not languages:
        raise UserError(f"--languages: {this} names none; a study and an evaluation do")
    if asked.targets and kind in ("intermediate", "multitask"):
        raise UserError(f"--targets: {this} has none; a study, a target and an evaluation do")
    if not asked.targets and kind in ("study", "target", "evaluation"):
        raise UserError(f"--targets: say which; of {', '.join(TARGETS)}")
    if len(asked.targets) > 1 and kind != "study":
        raise UserError(f"--targets: {this} has one; for several write a study")
    least = {"intermediate": 1, "multitask": 2}.get(kind, 0)
    if len(asked.intermediate) < least or kind == "intermediate" and len(asked.intermediate) > 1:
        raise UserError(f"--intermediate: {this} names {'one task' if least == 1 else 'two tasks or more'}")
    _known("--targets", asked.targets, TRAINED_TARGETS if kind == "target" else TARGETS)
    known = (*INTERMEDIATES, "none") if kind == "study" else INTERMEDIATES
    links = [link for entry in asked.intermediate for link in (entry.split(">") if kind == "study" else [entry])]
    _known("--intermediate", [link.partition("@")[0] for link in links], known)
    for option, words in (("--targets", asked.targets), ("--intermediate", asked.intermediate), ("--languages", asked.languages)):
        if twice := next((word for i, word in enumerate(words) if word in words[:i]), None):
            raise UserError(f"{option}: {twice} is named twice")


def _known(option: str, words: Iterable[str], names: Iterable[str]) -> None:
    from difflib import get_close_matches

    names = list(names)
    for word in words:
        if word not in names and not word.endswith((".yaml", ".yml")):  # a description is read with the spec
            near = get_close_matches(word[:60], names, n=1)
            raise UserError(f"{option}: there is no {word} (did you mean {near[0]}?)" if near else
                            f"{option}: there is no {word}; one of: {', '.join(names)}")  # fmt: skip


def _without_places(faults: str, file: Path) -> str:
    """Return the faults of a file that was removed, without the lines they stood in."""
    return re.sub(rf"^{re.escape(str(file))}(:\d+:\d+)?: ", "", faults, flags=re.M)
