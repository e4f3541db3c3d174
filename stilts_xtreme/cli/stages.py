"""The commands of single stages: train, fine-tune, evaluate."""

from stilts_xtreme import console
from stilts_xtreme.cli.arguments import (
    EVERY,
    RUNS,
    AsJson,
    Device,
    DryRun,
    Every,
    Overrides,
    Processes,
    Shard,
    Spec,
    StoreOption,
    Submission,
    Threads,
)


def train_intermediate(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, device: Device = "auto", threads: Threads = None,
    every: Every = EVERY, processes: Processes = None, shard: Shard = False,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Train an encoder on one English intermediate task (kind: intermediate)."""
    console.stage(
        "intermediate", spec, overrides, store, console.options(device, threads, every, processes, shard), dry_run, as_json
    )


def train_multitask(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, device: Device = "auto", threads: Threads = None,
    every: Every = EVERY, processes: Processes = None, shard: Shard = False,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Train an encoder on a mixture of intermediate tasks (kind: multitask)."""
    console.stage(
        "multitask", spec, overrides, store, console.options(device, threads, every, processes, shard), dry_run, as_json
    )


def finetune_target(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, device: Device = "auto", threads: Threads = None,
    every: Every = EVERY, processes: Processes = None, shard: Shard = False,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Fine-tune on a target task's English data (kind: target)."""
    how = console.options(device, threads, every, processes, shard)
    console.stage("target", spec, overrides, store, how, dry_run, as_json)


def evaluate(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, device: Device = "auto", threads: Threads = None,
    every: Every = EVERY, processes: Processes = None, shard: Shard = False,
    submission: Submission = None, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Predict zero-shot in every language of a target and score (kind: evaluation)."""
    console.stage(
        "evaluation",
        spec,
        overrides,
        store,
        console.options(device, threads, every, processes, shard),
        dry_run,
        as_json,
        submission,
    )
