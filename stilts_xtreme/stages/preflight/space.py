"""Whether what stages will write fits on the store's disk: a line of what is needed and what is free, empty where it fits or
where that is not known."""

from collections.abc import Sequence

from stilts_xtreme.engine import flops
from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages import saving
from stilts_xtreme.store import Store


def largest(todo: Sequence[plan.Stage], store: Store) -> str:
    """Check the weights of the largest training to be done."""
    return saving.lacking(store.root, "the weights of one training take", max(_weights(todo), default=0))


def all_of(todo: Sequence[plan.Stage], store: Store) -> str:
    """Check the weights of all trainings to be done together."""
    sizes = _weights(todo)
    return saving.lacking(store.root, f"the weights of {len(sizes)} trainings take", sum(sizes))


def peak(store: Store, needed: float) -> str:
    """Check the bytes that a run takes at its peak, as forecast."""
    return saving.lacking(store.root, "at its peak the run takes", needed)


def _weights(todo: Sequence[plan.Stage]) -> list[int]:
    """Bytes of each training's weights, of those whose encoder's shape is known."""
    shapes = [flops.shape(plan.root(stage)) for stage in todo if isinstance(stage, plan.Train)]
    return [shape.bytes for shape in shapes if shape is not None]
