"""How much memory a stage takes, as far as it can be known before: measured where one like it is finished; and what fits."""

from collections.abc import Sequence
from typing import Any

from stilts_xtreme import plan, published
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import training

LIBRARIES = 750 * 2**20  # bytes of a process that has imported torch and transformers and read a task's examples
MARGIN = 1.1  # times what was measured: a heap has holes that differ from run to run
ROWS = 2048  # tokens of a batch of a prediction, see `engine.predict.TOKENS`


class Needs:
    """What stages need, by what the finished ones among `stages` took."""

    def __init__(self, stages: Sequence[plan.Stage], store: Store):
        self.store = store
        self.alike: dict[Any, list[plan.Stage]] = {}
        for stage in stages:
            self.alike.setdefault(_shape(stage), []).append(stage)
        self.measured: dict[str, int] = {}

    def of(self, stage: plan.Stage) -> int | None:
        """Bytes of a process that does it; None where nothing is known of its encoder."""
        took = [self._took(other) for other in self.alike.get(_shape(stage), [])]
        known = [size for size in took if size]
        return round(MARGIN * max(known)) if known else estimate(stage)

    def _took(self, stage: plan.Stage) -> int:
        """What a finished stage took at most, 0 where that is not known."""
        if (name := plan.address(stage)) not in self.measured and self.store.done(stage):
            found = self.store.result(stage)["provenance"].get("peak_memory_bytes")
            self.measured[name] = found if isinstance(found, int) else 0
        return self.measured.get(name, 0)


def alongside(
    wanted: Sequence[int | None],
    running: Sequence[int | None],
    idle: Sequence[int],
    memory: int,
    slots: int,
    settled: bool = True,
) -> list[int]:
    """Which of the `wanted` sizes to begin now, at most `slots`, in their order; smaller ones may overtake one that must wait.

    What runs, what is begun and what `idle` processes hold stays within `memory`; a stage goes to an idle process where there
    is one, and counts with what that one holds if it is `settled` which are idle. Where nothing runs the first is begun,
    whatever it needs. None: unknown, as much as there is.
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
    """Bytes by the sizes of weights and of a batch alone; None where nothing is known of the encoder.

    A training: weights, gradients, two moments, the best weights and what a checkpoint copies, in fp32, and what the layers keep
    of a micro-batch for the way back. A prediction: weights, and the layers' widest place.
    """
    if isinstance(stage, plan.Latency):
        found = [estimate(model) for model in stage.models]
        return None if None in found else max(found, default=None)  # type: ignore[type-var]
    encoder = _encoder(_root(stage))
    if encoder is None:
        return None
    weights, width, inner, layers, vocabulary = encoder
    if isinstance(stage, plan.Predict):
        return LIBRARIES + 4 * (weights + ROWS * (6 * width + 2 * inner))
    recipe, heads = stage.recipe, {training(task)[0].head for task in stage.tasks}
    tokens = (recipe.micro_batch or recipe.batch_size) * recipe.max_length * (4 if "multiple_choice" in heads else 1)
    kept = tokens * layers * (16 * width + 3 * inner)
    guessed = 3 * round(tokens * recipe.mask_rate) * vocabulary if "mlm" in heads else 0
    return LIBRARIES + 4 * (6 * weights + kept + guessed)


def _shape(stage: plan.Stage) -> Any:
    """What decides the memory a stage takes: alike for all seeds, and wherever it stands in its chain."""
    if isinstance(stage, plan.Latency):
        return "latency", stage.task, tuple(map(_shape, stage.models))
    if isinstance(stage, plan.Predict):
        return "predict", _root(stage), stage.task, stage.languages, stage.max_length
    recipe = stage.recipe
    return "train", _root(stage), stage.tasks, recipe.micro_batch or recipe.batch_size, recipe.max_length, recipe.precision


def _root(stage: plan.Train | plan.Predict) -> plan.Random | plan.Pretrained:
    first = plan.chain(stage)[0]
    return first.start if isinstance(first, plan.Train) else first.model  # type: ignore[union-attr, return-value]


def _encoder(root: plan.Random | plan.Pretrained) -> tuple[int, int, int, int, int] | None:
    """Weights, width, inner width, layers, vocabulary; of a published one as its folder or the hub's cache tells."""
    if isinstance(root, plan.Random):
        width, inner, layers, vocabulary = root.hidden_size, root.intermediate_size, root.layers, root.vocab_size
        positions = root.max_positions
    else:
        told = published.config(root.name, root.revision) or {}
        names = ("hidden_size", "intermediate_size", "num_hidden_layers", "vocab_size", "max_position_embeddings")
        if not all(isinstance(told.get(name), int) for name in names):
            return None
        width, inner, layers, vocabulary, positions = (told[name] for name in names)
    weights = (vocabulary + positions + 3) * width + layers * (4 * width * (width + 1) + 2 * width * inner + inner + 5 * width)
    return weights, width, inner, layers, vocabulary
