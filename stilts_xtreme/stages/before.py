"""What can be known before anything runs: whether the data that stages will read is sound, whether their weights fit on disk."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stilts_xtreme import disk, flops, plan
from stilts_xtreme.data import read as data
from stilts_xtreme.errors import RunFailed, UserError
from stilts_xtreme.stages.encoded import Desk
from stilts_xtreme.stages.events import Progress
from stilts_xtreme.stages.graph import starts
from stilts_xtreme.stages.saving import size
from stilts_xtreme.store import Store
from stilts_xtreme.store.folders import BROKEN
from stilts_xtreme.tasks.catalogue import TASKS

Say = Callable[[str], None]


def check(todo: Sequence[plan.Stage], store: Store, say: Say, drop: bool = False) -> None:
    """Read what these stages will read only after a training, and compare their weights with the free disk.

    What is recorded of each reading goes into the store's cache, where the stages find it. UserError with a line for each
    reading that would be refused; RunFailed where a training's weights cannot fit.
    """
    if faults := reading_faults(todo, store, say, keep=True):
        raise UserError("\n".join(faults))
    if fault := weights_fault(todo, store, drop, single=True):
        raise RunFailed(fault)
    if fault := weights_fault(todo, store, drop):
        say(fault)


def reading_faults(todo: Sequence[plan.Stage], store: Store, say: Say, keep: bool) -> list[str]:
    """Why readings would be refused, a line each: those of evaluations, and labelled ones of trainings that start from another.

    With `keep` what is recorded of a reading is put into the cache; without it nothing is written, and the hub, from which data
    may have to be downloaded, is not read. Data that is made here cannot be broken.
    """
    faults: dict[str, None] = {}
    desks = {stage.where: _desk(stage, store, say) for stage in todo}
    entries = dict.fromkeys((stage.where, *asked) for stage in todo for asked in _late(stage, todo))
    told = False
    for where, method, task, *rest in entries:
        place = data.nearest(TASKS[task], where)
        if isinstance(place, data.Release | data.Miniature) or not keep and isinstance(place, data.HubCache):
            continue
        try:
            key, load, make = getattr(desks[where], method)(task, *rest)
            if _loads(store, key, load):
                continue
            if not told:
                say(f"reading the data that is needed after a training: {len(entries)} splits")
            told = True
            if keep:
                store.cached(key, load, make, say)
            else:
                with TemporaryDirectory() as folder:
                    make(Path(folder))
        except UserError as fault:
            faults[str(fault)] = None
        finally:
            if method == "together_entry" or not _together(task):
                desks[where].held.clear()
    return list(faults)


def _desk(stage: plan.Stage, store: Store, say: Say) -> Desk:
    """For facts alone: without a tokenizer."""
    return Desk(store, stage.where, None, None, Progress(stage, lambda event: say(event.note)))  # type: ignore[arg-type]


def weights_fault(todo: Sequence[plan.Stage], store: Store, drop: bool, single: bool = False) -> str:
    """Why the weights of the trainings to be done do not fit on the store's disk, all of them or any `single` one; empty where
    they do, where that is not known, and, of all of them, where weights are dropped."""
    free = disk.free(store.root)
    found = [flops.shape(plan.root(stage)) for stage in todo if isinstance(stage, plan.Train)]
    sizes = [shape.bytes for shape in found if shape is not None]
    needed = max(sizes, default=0) if single else 0 if drop else sum(sizes)
    if free is None or needed <= free:
        return ""
    whose = "the weights of one training take" if single else f"the weights of {len(sizes)} trainings take"
    return f"{store.root}: {whose} {size(needed)}, and {size(free)} are free: make room, or give another --store"


def _late(stage: plan.Stage, todo: Sequence[plan.Stage]) -> list[tuple[Any, ...]]:
    """What the stage reads only after a training, each with the method of `Desk` that has its entry; text, which is large and has
    no labels, is not among it."""
    if isinstance(stage, plan.Train) and not any(start in todo for start in starts(stage)):
        return []
    found: list[tuple[Any, ...]] = [
        ("entry", one.task, one.split, one.language) for one in stage.reads if TASKS[one.task].head != "mlm"
    ]
    if isinstance(stage, plan.Predict) and _together(stage.task):
        found.append(("together_entry", stage.task, stage.languages))
    return found


def _together(task: str) -> bool:
    """Whether an evaluation takes several readings together."""
    return bool(TASKS[task].pool) or task == "bucc2018"


def _loads(store: Store, key: str, load: Callable) -> bool:
    try:
        load(store.cache(key))
    except BROKEN:
        return False
    return True
