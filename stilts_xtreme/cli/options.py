"""Options that several commands take, written down once: what is laid over a spec, how stages are run, and where."""

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stilts_xtreme.cli.arguments import (
    EVERY,
    ArrayLimit,
    Cpus,
    Cut,
    DataPlace,
    Device,
    Encoder,
    Every,
    Gpus,
    Jobs,
    Launcher,
    Mem,
    Memory,
    Partition,
    Processes,
    Sbatch,
    Scale,
    Shard,
    Threads,
    Time,
    Track,
)
from stilts_xtreme.models import published
from stilts_xtreme.pipeline import loading
from stilts_xtreme.stages import execution
from stilts_xtreme.utils.errors import UserError

if TYPE_CHECKING:
    from stilts_xtreme.slurm.settings import SlurmSettings
    from stilts_xtreme.spec.base import Option
    from stilts_xtreme.stages.events import Options

Command = Callable[..., None]


def taking(**groups: Callable[..., object]) -> Callable[[Command], Command]:
    """Decorate a command: a function for each of these parameters makes it of options, which the command takes in its place."""

    def decorate(command: Command) -> Command:
        def called(**given: object) -> None:
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


@dataclass(frozen=True)
class Over:
    """What a command lays over its spec: a setup in place of the spec's, then an encoder and a place of data in place of the
    setup's (as given; None: not given)."""

    setup: str | None = None
    encoder: str | None = None
    data: str | None = None
    cut: bool = False

    def laid(self, spec: Path, overrides: Sequence[str] | None = None, setup: str | None = None) -> "list[str | Option]":
        """List what `loading.load` lays over the spec; the command's `overrides` come last. `setup`: where --setup names none."""
        return [*loading.with_setup(spec, self.setup or setup, None), *self.options(), *(overrides or ())]

    def options(self) -> "list[Option]":
        """List the options of encoder and data, for a spec or a setup."""
        from stilts_xtreme.spec.base import Option

        options = []
        if self.encoder is not None:
            folder = None if self.encoder in published.FETCHED else published.local(self.encoder)
            name = os.path.abspath(folder) if folder is not None else self.encoder
            options.append(Option(f"--encoder {self.encoder}", {"encoder": {"pretrained": {"name": name}}}))
        if self.data is not None:
            files = {"path": os.path.abspath(self.data), **({"cut": True} if self.cut else {})}
            options.append(Option(f"--data {self.data}", {"data": {"hub": {}} if self.data == "hub" else {"files": files}}))
        return options

    def words(self, shown: bool = False) -> list[str]:
        """Return the options again, as words of a command; `shown`: without paths of this machine."""
        encoder, data = self.encoder, self.data
        if shown:
            encoder = "FOLDER" if encoder and os.path.isdir(encoder) else encoder
            data = "FOLDER" if data and data != "hub" else data
        given = {"--setup": self.setup, "--encoder": encoder, "--data": data}
        return [word for name, value in given.items() if value is not None for word in (name, value)] + ["--cut"] * self.cut


def over(setup: Scale = None, encoder: Encoder = None, data: DataPlace = None, cut: Cut = False) -> Over:
    """Return what is laid over a spec; UserError, naming the option, for what is not there."""
    if cut and data in (None, "hub"):
        raise UserError("--cut: goes with --data FOLDER; a setup says it itself: files: {path: FOLDER, cut: true}")
    if data not in (None, "hub") and not os.path.isdir(str(data)):
        raise UserError(f"--data {data}: there is no such folder; give the folder of the releases, or hub")
    if encoder is not None:
        try:
            if (folder := published.local(encoder)) is not None:
                published.settings(folder)
        except UserError as fault:
            known = str(fault).removeprefix(f"encoder {encoder}: ")
            raise UserError(f"--encoder {encoder}: {known}") from None
    return Over(setup, encoder, data, cut)


def how(
    device: Device = "auto", threads: Threads = None, every: Every = EVERY, processes: Processes = None, shard: Shard = False,
    track: Track = None,
) -> "Options":  # fmt: skip
    """Return how stages are run; UserError as `execution.options`."""
    return execution.options(device, threads, every, processes, shard, track)


@dataclass(frozen=True)
class Place:
    """Where stages are done: here, `jobs` side by side within `memory` GiB; or by jobs of a cluster with these settings."""

    jobs: int | None
    memory: float | None
    cluster: "SlurmSettings | None"


def place(
    jobs: Jobs = None, memory: Memory = None, launcher: Launcher = "local", partition: Partition = None, gpus: Gpus = None,
    cpus: Cpus = None, mem: Mem = None, time: Time = None, array_limit: ArrayLimit = None, slurm: Sbatch = None,
) -> Place:  # fmt: skip
    """Return where stages are done; UserError for options that do not belong to the launcher."""
    here = {"--jobs": jobs, "--memory": memory}
    there = {"--partition": partition, "--gpus": gpus, "--cpus": cpus, "--mem": mem, "--time": time, "--array-limit": array_limit}
    if launcher not in ("local", "slurm"):
        raise UserError(f"--launcher {launcher}: give local or slurm")
    other, strange = ("slurm", {**there, "--slurm": slurm or None}) if launcher == "local" else ("local", here)
    if misplaced := [name for name, value in strange.items() if value is not None]:
        raise UserError(f"{', '.join(misplaced)}: only for --launcher {other}")
    if launcher == "local":
        return Place(jobs, memory, None)
    from stilts_xtreme.slurm.settings import settings

    return Place(None, None, settings(partition, gpus, cpus, mem, time, array_limit, slurm or []))


def again(spec: Path, over: Over, overrides: Sequence[str] | None, store: Path, how: "Options") -> list[str]:
    """Return the arguments with which `stilts study` does the same with the stages of a study."""
    options = ["--store", str(store), "--device", how.device, "--checkpoint-every", str(how.checkpoint_every)]
    options += ["--threads", str(how.threads)] if how.threads else []
    options += ["--processes", str(how.processes)] if how.processes > 1 else []
    options += ["--shard"] if how.shard else []
    options += [word for name in how.track for word in ("--track", name)]
    return [str(spec), *(overrides or ()), *over.words(), *options]
