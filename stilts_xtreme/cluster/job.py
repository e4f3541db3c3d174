"""What one job does: the stages that its round gives it, one after another."""

import os
from collections.abc import Sequence
from pathlib import Path

from stilts_xtreme import plan, ranks
from stilts_xtreme.cluster import rounds
from stilts_xtreme.errors import RunFailed, UserError
from stilts_xtreme.stages import run as running
from stilts_xtreme.stages.events import Event, Options, Tell
from stilts_xtreme.store import Store


def stages(everything: Sequence[plan.Stage], folder: Path) -> list[plan.Stage]:
    """Those stages that the job we are does; UserError where this is none of the round in `folder`, or the study is another."""
    packs, index = rounds.packs(folder), number()
    if index >= len(packs):
        raise UserError(f"{folder}: there is no job {index} in this round; `stilts study` submits jobs itself")
    found = {plan.address(stage): stage for stage in everything}
    if strange := [name for name in packs[index] if name not in found]:
        told = "its spec or its data was changed after the job was submitted; run the same command again"
        rounds.tell_failures(folder, index, dict.fromkeys(packs[index], {"kind": "input", "said": told}))
        raise UserError(f"{strange[0]} is no stage of this study: {told}")
    return [found[name] for name in packs[index]]


def run(todo: Sequence[plan.Stage], store: Store, options: Options, tell: Tell, folder: Path) -> None:
    """Do them, as `stages.run.run`; what fails is told to the driver."""
    failed: dict[str, str] = {}

    def heard(event: Event) -> None:
        if event.state == "failed":
            failed[event.address] = event.note
        tell(event)

    if ranks.first():
        rounds.tell_failures(folder, number(), {})  # of the same job, before it was put back into the queue
    try:
        running.run(todo, store, options, heard)
    except (UserError, RunFailed) as fault:
        kind = "input" if isinstance(fault, UserError) else "run"
        if ranks.first():
            rounds.tell_failures(folder, number(), {name: {"kind": kind, "said": said} for name, said in failed.items()})
        raise


def number() -> int:
    """Which job of its array this one is; UserError where it is none."""
    told = os.environ.get("SLURM_ARRAY_TASK_ID", "")
    if not told.isdigit():
        raise UserError(
            "this is no job of a Slurm array: there is no SLURM_ARRAY_TASK_ID; `stilts study --launcher slurm` makes them"
        )
    return int(told)
