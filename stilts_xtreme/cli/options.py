"""Options that several commands take, written down once: how stages are run, and where."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stilts_xtreme import console
from stilts_xtreme.cli.arguments import (
    EVERY,
    ArrayLimit,
    Cpus,
    Device,
    Every,
    Gpus,
    Jobs,
    Launcher,
    Mem,
    Memory,
    Partition,
    Processes,
    Sbatch,
    Shard,
    Threads,
    Time,
    Track,
)
from stilts_xtreme.errors import UserError

Command = Callable[..., None]


def taking(**groups: Callable[..., Any]) -> Callable[[Command], Command]:
    """A command's parameters of these names are made, each by its function, of options that the command takes in their place."""

    def decorate(command: Command) -> Command:
        def called(**given: Any) -> None:
            for name, group in groups.items():
                given[name] = group(**{option: given.pop(option) for option in inspect.signature(group).parameters})
            command(**given)

        parameters: list[inspect.Parameter] = []
        for name, parameter in inspect.signature(command).parameters.items():
            parameters += inspect.signature(groups[name]).parameters.values() if name in groups else [parameter]
        keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
        called.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in keyword}
        called.__name__, called.__doc__ = command.__name__, command.__doc__
        return called

    return decorate


def how(
    device: Device = "auto", threads: Threads = None, every: Every = EVERY, processes: Processes = None, shard: Shard = False,
    track: Track = None,
) -> Any:  # fmt: skip
    """How stages are run."""
    return console.options(device, threads, every, processes, shard, track)


@dataclass(frozen=True)
class Place:
    """Where stages are done: here, `jobs` side by side within `memory` GiB; or by jobs of a cluster with these settings."""

    jobs: int | None
    memory: float | None
    cluster: Any


def place(
    jobs: Jobs = None, memory: Memory = None, launcher: Launcher = "local", partition: Partition = None, gpus: Gpus = None,
    cpus: Cpus = None, mem: Mem = None, time: Time = None, array_limit: ArrayLimit = None, slurm: Sbatch = None,
) -> Place:  # fmt: skip
    """Where; UserError for options that do not belong to the launcher."""
    here = {"--jobs": jobs, "--memory": memory}
    there = {"--partition": partition, "--gpus": gpus, "--cpus": cpus, "--mem": mem, "--time": time, "--array-limit": array_limit}
    if launcher not in ("local", "slurm"):
        raise UserError(f"--launcher {launcher}: give local or slurm")
    other, strange = ("slurm", {**there, "--slurm": slurm or None}) if launcher == "local" else ("local", here)
    if said := [name for name, value in strange.items() if value is not None]:
        raise UserError(f"{', '.join(said)}: only for --launcher {other}")
    if launcher == "local":
        return Place(jobs, memory, None)
    from stilts_xtreme.cluster.settings import settings

    return Place(None, None, settings(partition, gpus, cpus, mem, time, array_limit, slurm or []))


def again(spec: Path, overrides: Sequence[str], store: Path, how: Any) -> list[str]:
    """The words of a command behind `stilts study` that does the same with the stages of a study."""
    said = ["--store", str(store), "--device", how.device, "--checkpoint-every", str(how.checkpoint_every)]
    said += ["--threads", str(how.threads)] if how.threads else []
    said += ["--processes", str(how.processes)] if how.processes > 1 else []
    said += ["--shard"] if how.shard else []
    return [str(spec), *overrides, *said, *(word for name in how.track for word in ("--track", name))]
