"""Number of steps of a training and the task of each: known before it starts, from the sizes of its data."""

from collections.abc import Mapping

from stilts_xtreme.pipeline import plan
from stilts_xtreme.tasks import mixture


def rates(stage: plan.Train, sizes: Mapping[str, int]) -> dict[str, float]:
    """Sampling rates of the stage's tasks with `sizes` training features."""
    rule = stage.rates if isinstance(stage.rates, str) else dict(stage.rates)
    labelled = mixture.rates({task: sizes[task] for task in stage.labelled}, rule, stage.cap, stage.temperature)
    if stage.text_share is None:
        return labelled
    return {**{task: rate * (1 - stage.text_share) for task, rate in labelled.items()}, "text": stage.text_share}


def steps(stage: plan.Train, sizes: Mapping[str, int]) -> int:
    """Optimizer steps, as the recipe says or as its epochs make them."""
    recipe = stage.recipe
    if recipe.steps is not None:
        return recipe.steps
    assert recipe.epochs is not None
    counted = {task: sizes[task] for task in stage.labelled}  # text comes on top of the labelled tasks' epochs
    whole = recipe.epochs * mixture.epoch_steps(counted, recipe.batch_size, stage.cap)
    return max(1, round(whole / (1 - (stage.text_share or 0.0))))


def order(stage: plan.Train, sizes: Mapping[str, int]) -> list[str]:
    """Return the task of every step."""
    return mixture.schedule(rates(stage, sizes), steps(stage, sizes), stage.seed)


def scorings(recipe: plan.Recipe, count: int) -> int:
    """Return how often dev data is scored during so many steps: when it is due, and after the last step."""
    every = recipe.evaluate_every
    return count // every + (count % every > 0) if every else min(count, 1)
