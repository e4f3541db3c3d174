"""Memory that a stage needs: as measured on finished stages of the same shape, else estimated; and which stages fit together."""

from collections import Counter
from collections.abc import Hashable, Sequence

from stilts_xtreme.engine import flops
from stilts_xtreme.pipeline import plan
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import training
from stilts_xtreme.utils.errors import UserError

LIBRARIES = 750 * 2**20  # bytes of a process that has imported torch and transformers and read a task's examples
MARGIN = 1.1  # times what was measured: a heap has holes that differ from run to run
ENOUGH = 3  # finished stages that are looked at for each kind
ROWS = 2048  # tokens of a batch of a prediction, see `engine.predict.TOKENS`


class MemoryEstimates:
    """What stages need, by what finished ones took: those among `stages`, and those that are `learnt` later."""

    def __init__(self, stages: Sequence[plan.Stage], store: Store):
        self.store = store
        self.sizes: dict[Hashable, int] = {}  # by shape: measured
        self.estimates: dict[Hashable, int] = {}
        looked_at = Counter[Hashable]()
        for stage in stages:
            if looked_at[shape := _shape(stage)] < ENOUGH and store.done(stage):
                looked_at[shape] += 1
                self.learn(stage)

    def learn(self, stage: plan.Stage) -> None:
        """Take in what a finished stage took."""
        try:
            taken, shape = self.store.result(stage)["provenance"].get("peak_memory_bytes"), _shape(stage)
        except UserError:  # damaged: whoever needs it says so
            return
        if isinstance(taken, int):
            self.sizes[shape] = max(self.sizes.get(shape, 0), round(MARGIN * taken))

    def of(self, stage: plan.Stage) -> int | None:
        """Bytes of a process that does it; None where nothing is known of its encoder."""
        shape = _shape(stage)
        if shape in self.sizes:
            return self.sizes[shape]
        if shape not in self.estimates and (size := estimate(stage)) is not None:
            self.estimates[shape] = size
        return self.estimates.get(shape)


def select_that_fit(
    wanted: Sequence[int | None],
    running: Sequence[int | None],
    idle: Sequence[int],
    memory: int,
    slots: int,
    settled: bool = True,
) -> list[int]:
    """Return the indices of the `wanted` sizes (bytes) to begin now, at most `slots`, in order; smaller stages may overtake.

    What runs, what is begun and what `idle` processes hold stays within `memory`; a stage goes to an idle process if there is
    any, and counts with what that process holds if it is `settled` which are idle. If nothing runs the first is begun,
    whatever it needs. None: unknown, counted as all of `memory`.
    """
    sizes = [memory if size is None else size for size in running]
    free, begun, left = memory - sum(sizes) - sum(idle), list[int](), sorted(idle)
    for i, size in enumerate(wanted):
        if len(begun) == slots:
            break
        own = left[0] if left and settled else 0
        more = (memory if size is None else size) - own
        if more <= free or not sizes and not begun:
            begun.append(i)
            free -= more
            left = left[1:]
    return begun


def estimate(stage: plan.Stage) -> int | None:
    """Return the bytes by the sizes of weights and of a batch alone; None where nothing is known of the encoder.

    A training: weights, gradients, two moments, the best weights and what a checkpoint copies, in fp32, and what the layers keep
    of a micro-batch for the way back. A prediction: weights, and the layers' widest place.
    """
    if isinstance(stage, plan.Latency):
        sizes = [size for model in stage.models if (size := estimate(model)) is not None]
        return max(sizes, default=None) if len(sizes) == len(stage.models) else None
    shape = flops.here(plan.root(stage))
    if shape is None:
        return None
    weights, width, inner, layers = shape.parameters, shape.hidden, shape.intermediate, shape.layers
    if isinstance(stage, plan.Predict):
        return LIBRARIES + 4 * (weights + ROWS * (6 * width + 2 * inner))
    recipe, heads = stage.recipe, {training(task)[0].head for task in stage.tasks}
    tokens = (recipe.micro_batch or recipe.batch_size) * recipe.max_length * (4 if "multiple_choice" in heads else 1)
    activations = tokens * layers * (16 * width + 3 * inner)
    guessed = 3 * round(tokens * recipe.mask_rate) * shape.vocabulary if "mlm" in heads else 0
    return LIBRARIES + 4 * (6 * weights + activations + guessed)


def _shape(stage: plan.Stage) -> Hashable:
    """Return what decides the memory a stage takes: the same for all seeds, and wherever it stands in its chain."""
    if isinstance(stage, plan.Latency):
        return "latency", stage.task, tuple(map(_shape, stage.models))
    if isinstance(stage, plan.Predict):
        return "predict", plan.root(stage), stage.task, stage.languages, stage.max_length, stage.test_examples
    recipe = stage.recipe
    return "train", plan.root(stage), stage.tasks, recipe.micro_batch or recipe.batch_size, recipe.max_length, recipe.precision
