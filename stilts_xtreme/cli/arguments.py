"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from stilts_xtreme.cli import completion

Spec = Annotated[
    Path,
    typer.Argument(metavar="SPEC", help="A YAML spec, or a study's name.", show_default=False, autocompletion=completion.specs),
]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY.PATH=VALUE]...", help="Typed and checked like the file.", show_default=False)
]
StoreOption = Annotated[Path, typer.Option("--store", help="Folder of finished stages.", envvar="STILTS_STORE")]
Device = Annotated[str, typer.Option("--device", help="auto or cpu.", autocompletion=completion.devices)]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Threads per process; default: 1 for a small random encoder, else 4.", show_default=False),
]
Every = Annotated[
    float, typer.Option("--checkpoint-every", metavar="SECONDS", min=0.0, help="How often a stage keeps what it has so far.")
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="NAME",
        help="Also tell trainings to tensorboard, trackio or wandb.",
        show_default=False,
        autocompletion=completion.trackers,
    ),
]
Processes = Annotated[
    int | None,
    typer.Option("--processes", min=1, help="Processes that share each stage's work: a GPU each, or cores.", show_default=False),
]
Shard = Annotated[bool, typer.Option("--shard", help="Spread the layers' weights over the processes while training (FSDP).")]
Languages = Annotated[
    str | None,
    typer.Option("--languages", metavar="CODE,...", help="Evaluate only these, and English beside them.", show_default=False),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what is done and to do; of a study its forecast.")]
Plan = Annotated[bool, typer.Option("--plan", help="As --dry-run, with every stage behind the forecast, as a tree.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result itself instead of its path.")]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, help="Stages run side by side; default: one a core, on a GPU one.", show_default=False),
]
Launcher = Annotated[str, typer.Option("--launcher", help="local, or slurm: stages as jobs of the cluster we are on.")]
Memory = Annotated[
    float | None,
    typer.Option(
        "--memory",
        metavar="GIB",
        min=0.0,
        help="Stages run side by side only within this; default: what is free.",
        show_default=False,
    ),
]
Partition = Annotated[str | None, typer.Option("--partition", help="slurm: where jobs go.", show_default=False)]
Gpus = Annotated[int | None, typer.Option("--gpus", min=0, help="slurm: GPUs of a job.", show_default=False)]
Cpus = Annotated[int | None, typer.Option("--cpus", min=1, help="slurm: processors of a job.", show_default=False)]
Mem = Annotated[str | None, typer.Option("--mem", metavar="SIZE", help="slurm: memory of a job: 32G.", show_default=False)]
Time = Annotated[
    str | None, typer.Option("--time", metavar="LIMIT", help="slurm: a job's time: 90, 8:00:00, 1-12.", show_default=False)
]
ArrayLimit = Annotated[
    int | None, typer.Option("--array-limit", min=1, help="slurm: jobs in the queue at once, at most.", show_default=False)
]
Sbatch = Annotated[
    list[str] | None,
    typer.Option("--slurm", metavar="KEY=VALUE", help="slurm: any other option of sbatch; repeatable.", show_default=False),
]
Job = Annotated[Path | None, typer.Option("--job", hidden=True)]  # what the launcher's jobs are called with
Out = Annotated[
    Path | None, typer.Option(help="Where the study's result goes; default: STORE/study/NAME.json.", show_default=False)
]
Address = Annotated[
    str | None,
    typer.Argument(
        help="Remove this stage; without it, only what dead processes left.",
        show_default=False,
        autocompletion=completion.addresses,
    ),
]
Submission = Annotated[
    Path | None,
    typer.Option("--submission", help="Also write the predictions below this folder, as XTREME takes them.", show_default=False),
]
Probabilities = Annotated[
    bool, typer.Option("--probabilities", help="Store the probability of each answer and of every label, too.")
]
SetupOption = Annotated[
    Path | None,
    typer.Option(
        "--setup",
        metavar="SETUP.yaml",
        help="Look where this setup reads its data.",
        show_default=False,
        autocompletion=completion.setup_files,
    ),
]
Scale = Annotated[
    str | None,
    typer.Option(
        "--setup",
        metavar="NAME|FILE",
        help="Another setup: miniature, small, paper, or a file.",
        show_default=False,
        autocompletion=completion.setups,
    ),
]
Encoder = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="NAME|FOLDER",
        help="Start from this pretrained encoder, not from the setup's: a folder, a hub id, or e5-small.",
        show_default=False,
    ),
]
DataPlace = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="FOLDER|hub", help="Read data from this folder of releases, or from the hub.", show_default=False
    ),
]
DataOption = Annotated[Path | None, typer.Option("--data", metavar="FOLDER", help="Look in this folder.", show_default=False)]
Cut = Annotated[
    bool, typer.Option("--cut", help="The folder holds only parts of the releases on purpose, as `cut: true` in a setup says.")
]
RUNS, EVERY = Path("runs"), 600.0
