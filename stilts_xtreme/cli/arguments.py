"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Spec = Annotated[Path, typer.Argument(metavar="SPEC", help="A YAML experiment spec.", show_default=False)]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY.PATH=VALUE]...", help="Typed and checked like the file.", show_default=False)
]
StoreOption = Annotated[Path, typer.Option("--store", help="Folder of finished stages.", envvar="STILTS_STORE")]
Device = Annotated[str, typer.Option("--device", help="auto or cpu.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads per process; default: by the size of the encoder.", show_default=False)
]
Every = Annotated[
    float, typer.Option("--checkpoint-every", metavar="SECONDS", min=0.0, help="How often a stage keeps what it has so far.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan: done, to do, shared; of a study also its forecast.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result itself instead of its path.")]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, help="Stages run side by side; default: one a core, on a GPU one.", show_default=False),
]
Out = Annotated[
    Path | None, typer.Option(help="Where the study's result goes; default: STORE/study/NAME.json.", show_default=False)
]
Address = Annotated[
    str | None, typer.Argument(help="Remove this stage; without it, only what dead processes left.", show_default=False)
]
Submission = Annotated[
    Path | None,
    typer.Option("--submission", help="Also write the predictions below this folder, as XTREME takes them.", show_default=False),
]
SetupOption = Annotated[
    Path | None, typer.Option("--setup", metavar="SETUP.yaml", help="Look where this setup reads its data.", show_default=False)
]
Scale = Annotated[
    str | None,
    typer.Option("--setup", metavar="NAME|FILE", help="Another setup: mini-real, paper, or a file.", show_default=False),
]
DataOption = Annotated[Path | None, typer.Option("--data", metavar="FOLDER", help="Look in this folder.", show_default=False)]
RUNS, EVERY = Path("runs"), 600.0
