"""Which stages one job does together."""

from collections.abc import Sequence

from stilts_xtreme import plan


def packs(ready: Sequence[plan.Stage], waiting: Sequence[plan.Stage]) -> list[list[plan.Stage]]:
    """The jobs of stages that are `ready`, in their order: a training and the predictions, of those `waiting`, that are made with
    its model; predictions with the same model.

    Many predictions take seconds, as long as a job takes to begin (the wait in the queue aside), and half of all stages are
    predictions; those of one model share it, its loading and its data. Trainings never share a job: they take long, and
    others wait for them.
    """
    found: dict[str, list[plan.Stage]] = {}
    for stage in ready:
        if isinstance(stage, plan.Predict):
            found.setdefault(f"with {_model(stage)}", []).append(stage)
        else:
            found[plan.address(stage)] = [stage]
    for stage in waiting:
        if isinstance(stage, plan.Predict) and _model(stage) in found:
            found[_model(stage)].append(stage)
    return list(found.values())


def _model(stage: plan.Predict) -> str:
    return plan.address(stage.model) if isinstance(stage.model, plan.Train) else str(stage.model)
