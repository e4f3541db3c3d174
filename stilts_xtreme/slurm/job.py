"""Run the stages of a job in turn."""

import os
from collections.abc import Sequence
from pathlib import Path

from stilts_xtreme.pipeline import plan
from stilts_xtreme.slurm import submissions
from stilts_xtreme.stages import run as running
from stilts_xtreme.stages.events import Event, Options, ProgressCallback
from stilts_xtreme.store import Store
from stilts_xtreme.utils import ranks
from stilts_xtreme.utils.errors import RunFailed, UserError


def stages(all_stages: Sequence[plan.Stage], folder: Path) -> list[plan.Stage]:
    """Return those of the study's stages that this job runs.

    Raises UserError if this is no job of the submission in `folder`, or the study was changed after it.
    """
    batches, index = submissions.read_batches(folder), array_index()
    if index >= len(batches):
        raise UserError(f"{folder}: there is no job {index} in this round; `stilts study` submits jobs itself")
    by_fingerprint = {plan.address(stage): stage for stage in all_stages}
    if unknown := [name for name in batches[index] if name not in by_fingerprint]:
        problem = "its spec or its data was changed after the job was submitted; run the same command again"
        submissions.write_failures(folder, index, dict.fromkeys(batches[index], {"kind": "input", "said": problem}))
        raise UserError(f"{unknown[0]} is no stage of this study: {problem}")
    return [by_fingerprint[name] for name in batches[index]]


def run(todo: Sequence[plan.Stage], store: Store, options: Options, callback: ProgressCallback, folder: Path) -> None:
    """Run stages like `stages.run.run` and write their failures for the scheduler; raises UserError or RunFailed like it."""
    failed: dict[str, str] = {}

    def on_event(event: Event) -> None:
        if event.state == "failed":
            failed[event.address] = event.note
        callback(event)

    if ranks.first():
        submissions.write_failures(folder, array_index(), {})  # removes those of this job before it was requeued
    try:
        running.run(todo, store, options, on_event)
    except (UserError, RunFailed) as error:
        kind = "input" if isinstance(error, UserError) else "run"
        if ranks.first():
            failures = {name: {"kind": kind, "said": message} for name, message in failed.items()}
            submissions.write_failures(folder, array_index(), failures)
        raise


def array_index() -> int:
    """Return the index of this job in its array; UserError outside a Slurm array."""
    index = os.environ.get("SLURM_ARRAY_TASK_ID", "")
    if not index.isdigit():
        raise UserError(
            "this is no job of a Slurm array: there is no SLURM_ARRAY_TASK_ID; `stilts study --launcher slurm` makes them"
        )
    return int(index)
