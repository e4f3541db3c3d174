"""Which stages are to be done, which are ready or wait for what failed, which come first, and what is said of failures."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool

from stilts_xtreme import plan, ranks
from stilts_xtreme.errors import RunFailed, UserError
from stilts_xtreme.stages import parts
from stilts_xtreme.stages.events import Event, Tell
from stilts_xtreme.store import Store

Failed = dict[str, BaseException]  # by address


def starts(stage: plan.Stage) -> Sequence[plan.Train]:
    """The stages whose weights it reads."""
    if isinstance(stage, plan.Latency):
        return stage.models
    earlier = plan.before(stage)
    return [earlier] if earlier else []


def unfinished(stages: Sequence[plan.Stage], store: Store, note: Callable[[str], None]) -> list[plan.Stage]:
    """Those of the stages and of all they need that are to be done. Damaged ones are removed, `note` told, and among them; so
    are trainings whose weights are needed and were dropped. Evaluations that others hold in every language are put together.

    Weights are read for that only where a stage that is to be done starts from them.
    """

    def usable(stage: plan.Stage, needed: bool) -> bool:
        if not store.done(stage):
            return parts.joined(stage, store)
        faults = store.faults(stage, weights=needed)
        if faults or (needed and store.dropped(stage)):
            why = "; ".join(faults) or "its weights were dropped and are needed again"
            note(f"{store.path(stage)}: {why}: this stage is done again")
            store.discard(stage)
            return parts.joined(stage, store)
        store.forget(stage)  # where it was killed between the two
        return True

    return _unusable(stages, usable)


def remaining(stages: Sequence[plan.Stage], store: Store) -> list[plan.Stage]:
    """As `unfinished`, but no training's files are hashed and nothing is changed: for a forecast."""

    def usable(stage: plan.Stage, needed: bool) -> bool:
        return not (needed and store.dropped(stage)) if store.done(stage) else parts.whole(stage, store)

    return _unusable(stages, usable)


def _unusable(stages: Sequence[plan.Stage], usable: Callable[[plan.Stage, bool], bool]) -> list[plan.Stage]:
    """Of the stages and all they need those that are not `usable`, which is asked of each after those that start from it."""
    todo, needed = list[plan.Stage](), set[str]()
    for stage in reversed(plan.ordered(stages)):
        if not usable(stage, plan.address(stage) in needed):
            todo.append(stage)
            needed.update(map(plan.address, starts(stage)))
    return todo[::-1]


def ready(stage: plan.Stage, store: Store) -> bool:
    """Whether all that it starts from is finished."""
    return ranks.told(lambda: all(store.done(start) for start in starts(stage)))


def blocked(stage: plan.Stage, failed: Failed) -> bool:
    """Whether any stage that this one builds on has failed."""
    return any(plan.address(link) in failed for link in plan.chain(stage)[:-1])


def note(failed: Failed, stage: plan.Stage, fault: BaseException, tell: Tell) -> None:
    """A stage failed. Of the fault only its words are kept: its traceback would hold all that the stage held in memory."""
    fault.__traceback__ = fault.__context__ = fault.__cause__ = None
    failed[plan.address(stage)] = fault
    tell(Event(plan.address(stage), "failed", stage.label, note=str(fault)))


def most_needed_first(todo: Sequence[plan.Stage], drop: bool = False) -> list[plan.Stage]:
    """The stages that others wait for before those that none does: so no process is idle at the end while one trains.

    Where weights are dropped, what no stage waits for comes first: it is done as soon as it can be, and lets go of its model's.
    """
    needed = Counter(plan.address(link) for stage in todo for link in plan.chain(stage))
    return sorted(todo, key=lambda stage: (drop and needed[plan.address(stage)] > 1, -needed[plan.address(stage)]))


def verdict(failed: Failed, todo: Sequence[plan.Stage]) -> Exception:
    """What is raised in the end: UserError where only input was at fault."""
    told = []
    for stage in todo:
        if fault := failed.get(plan.address(stage)):
            why = "a worker process was killed (out of memory?)" if isinstance(fault, BrokenProcessPool) else str(fault)
            told.append(f"{plan.kind(stage)} {stage.label} ({plan.address(stage)}): {why}")
    if count := sum(blocked(stage, failed) for stage in todo):
        told.append(f"{count} stages that need what failed were not begun")
    only_input = all(isinstance(fault, UserError) for fault in failed.values())
    return (UserError if only_input else RunFailed)("\n".join(told))
