"""The commands of single stages: train, fine-tune, evaluate."""

from typing import TYPE_CHECKING

from stilts_xtreme.cli import options, shared
from stilts_xtreme.cli.arguments import RUNS, AsJson, DryRun, Overrides, Probabilities, Spec, StoreOption, Submission
from stilts_xtreme.cli.options import Over

if TYPE_CHECKING:
    from stilts_xtreme.stages.events import Options


@options.taking(over=options.over, how=options.how)
def train_intermediate(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, *, over: Over, how: "Options",
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Train an encoder on an English intermediate task (kind: intermediate)."""
    shared.stage("intermediate", spec, over.laid(spec, overrides), store, how, dry_run, as_json)


@options.taking(over=options.over, how=options.how)
def train_multitask(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, *, over: Over, how: "Options",
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Train an encoder on a mixture of intermediate tasks (kind: multitask)."""
    shared.stage("multitask", spec, over.laid(spec, overrides), store, how, dry_run, as_json)


@options.taking(over=options.over, how=options.how)
def finetune_target(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, *, over: Over, how: "Options",
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Fine-tune on a target task's English data (kind: target)."""
    shared.stage("target", spec, over.laid(spec, overrides), store, how, dry_run, as_json)


@options.taking(over=options.over, how=options.how)
def evaluate(
    spec: Spec, overrides: Overrides = None, store: StoreOption = RUNS, *, over: Over, how: "Options",
    submission: Submission = None, probabilities: Probabilities = False, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Predict zero-shot in every language of a target and score (kind: evaluation)."""
    overrides = [*(["probabilities=true"] if probabilities else []), *(overrides or ())]
    shared.stage("evaluation", spec, over.laid(spec, overrides), store, how, dry_run, as_json, submission)
