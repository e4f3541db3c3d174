"""Group stages into the batches that a job runs."""

from collections.abc import Sequence

from stilts_xtreme.pipeline import plan


def batch_stages(ready: Sequence[plan.Stage], waiting: Sequence[plan.Stage]) -> list[list[plan.Stage]]:
    """Return the stages of each job, in the order of `ready`.

    A batch is a training with those predictions of `waiting` that use its model, or the ready predictions of a model. Many
    predictions take seconds, as long as a job takes to start (apart from queueing), and half of all stages are predictions; those
    of a model share the job, the loaded model and the data. Trainings never share a job: they are long, and others wait for
    them.
    """
    batches: dict[str, list[plan.Stage]] = {}
    for stage in ready:
        if isinstance(stage, plan.Predict):
            batches.setdefault(f"with {_model(stage)}", []).append(stage)
        else:
            batches[plan.address(stage)] = [stage]
    for stage in waiting:
        if isinstance(stage, plan.Predict) and _model(stage) in batches:
            batches[_model(stage)].append(stage)
    return list(batches.values())


def _model(stage: plan.Predict) -> str:
    return plan.address(stage.model) if isinstance(stage.model, plan.Train) else str(stage.model)
