"""What is known before any stage runs: are the encoders there, is the data sound, do the weights fit on the disk?

`check` refuses a run, `dry` a dry run, for the same reasons.
"""

from collections.abc import Callable, Sequence

from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages import graph
from stilts_xtreme.stages.preflight import encoders, readings, space
from stilts_xtreme.store import Store
from stilts_xtreme.utils.errors import RunFailed, UserError


def check(todo: Sequence[plan.Stage], store: Store, say: Callable[[str], None], drop: bool = False, tried: bool = False) -> None:
    """Before these stages run: their encoders, the data they read only after a training, and room for their weights.

    What is recorded of each reading goes into the store's cache, where the stages find it. `drop`: weights are dropped once
    nothing needs them. `tried`: whoever started this process has tried the encoders.

    Raises:
        UserError: an encoder is not available or does not know a language; readings would be refused (a line for each); as
            `plan.declare`.
        RunFailed: the weights of one training do not fit. Where those of all together do not, `say` gets the line.
    """
    plan.declare(todo)
    if not tried:
        encoders.check(todo, online=True, say=say)
    if faults := readings.faults(todo, store, say, keep=True):
        raise UserError("\n".join(faults))
    if fault := space.largest(todo, store):
        raise RunFailed(fault)
    if not drop and (fault := space.all_of(todo, store)):
        say(fault)


def dry(stages: Sequence[plan.Stage], store: Store | None, peak: float | None = None) -> None:
    """Check those of `stages` that are to be done, for a dry run: nothing is written and the hub is not asked.

    Encoders and data that are not here yet are passed over. Without a `store` only encoders are looked at. `peak`: bytes that
    the run will take (None: those of the weights).

    Raises:
        UserError: as `check`, also for the disk.
    """
    todo = stages if store is None else graph.remaining(stages, store)
    encoders.check(todo, online=False)
    if store is None:
        return
    faults = readings.faults(todo, store, lambda note: None, keep=False)
    if fault := space.all_of(todo, store) if peak is None else space.peak(store, peak):
        faults.append(fault)
    if faults:
        raise UserError("\n".join(["this has to be mended before it can run:", *faults]))
