"""Hyperparameters of a training from a setup's recipes, laid over each other."""

from collections.abc import Sequence

from stilts_xtreme.pipeline.plan import Recipe
from stilts_xtreme.spec.setup import RecipeSpec
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError


def lay(*layers: RecipeSpec | None) -> Recipe:
    """Lay each recipe over the recipe before, the defaults below; `steps` takes `epochs` out and the other way round."""
    values: Record = {}
    for layer in layers:
        new = layer.model_dump(exclude_none=True) if layer is not None else {}
        if "steps" in new:
            values["epochs"] = None
        elif "epochs" in new:
            values["steps"] = None
        values |= new
    return Recipe(**values)


def check_undivided(tasks: Sequence[str], recipe: Recipe) -> None:
    """Raise UserError for divided batches of a dual encoder, whose result the division would change, but not the address."""
    if any(TASKS[task].head == "dual_encoder" for task in tasks) and 0 < (recipe.micro_batch or 0) < recipe.batch_size:
        raise UserError(
            f"{'+'.join(tasks)}: recipe.micro_batch: {recipe.micro_batch} is less than batch_size {recipe.batch_size}, and the "
            f"other examples of a batch are its wrong answers; say micro_batch: {recipe.batch_size}, or a smaller batch_size"
        )
