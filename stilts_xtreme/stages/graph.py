"""Which stages are to be done, which are ready or wait for what failed, which come first, and how failures are summarized."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool

from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages import language_predictions
from stilts_xtreme.stages.events import Event, ProgressCallback
from stilts_xtreme.store import Store
from stilts_xtreme.utils import ranks
from stilts_xtreme.utils.errors import RunFailed, UserError

Failed = dict[str, BaseException]  # by address


def starts(stage: plan.Stage) -> Sequence[plan.Train]:
    """Return the trainings whose weights the stage reads."""
    if isinstance(stage, plan.Latency):
        return stage.models
    earlier = plan.before(stage)
    return [earlier] if earlier else []


def unfinished(stages: Sequence[plan.Stage], store: Store, note: Callable[[str], None]) -> list[plan.Stage]:
    """Return the stages, and those they need, that are to be done. Damaged stages are removed, with a note, and done again; so
    are trainings whose weights are needed and were dropped. Evaluations that others hold in every language are put together.

    Weights are read for that only where a stage that is to be done starts from them.
    """

    def usable(stage: plan.Stage, needed: bool) -> bool:
        if not store.done(stage):
            return language_predictions.assemble(stage, store)
        faults = store.faults(stage, weights=needed)
        if faults or (needed and store.dropped(stage)):
            why = "; ".join(faults) or "its weights were dropped and are needed again"
            note(f"{store.path(stage)}: {why}: this stage is done again")
            store.discard(stage)
            return language_predictions.assemble(stage, store)
        store.forget(stage)  # where it was killed between the two
        return True

    return _unusable(stages, usable)


def remaining(stages: Sequence[plan.Stage], store: Store) -> list[plan.Stage]:
    """List unfinished stages as `unfinished`, but without hashing files or changing anything: for a forecast."""

    def usable(stage: plan.Stage, needed: bool) -> bool:
        return not (needed and store.dropped(stage)) if store.done(stage) else language_predictions.complete(stage, store)

    return _unusable(stages, usable)


def _unusable(stages: Sequence[plan.Stage], usable: Callable[[plan.Stage, bool], bool]) -> list[plan.Stage]:
    """List the stages, and all they need, that are not `usable`; a stage is asked after those that start from it."""
    plan.declare(stages)
    todo, needed = list[plan.Stage](), set[str]()
    for stage in reversed(plan.ordered(stages)):
        if not usable(stage, plan.address(stage) in needed):
            todo.append(stage)
            needed.update(map(plan.address, starts(stage)))
    return todo[::-1]


def ready(stage: plan.Stage, store: Store) -> bool:
    """Return whether every training that the stage starts from is finished; all processes get the same answer."""
    return ranks.broadcast(lambda: all(store.done(start) for start in starts(stage)))


def blocked(stage: plan.Stage, failed: Failed) -> bool:
    """Return whether any stage that this stage builds on has failed."""
    return any(plan.address(link) in failed for link in plan.chain(stage)[:-1])


def note(failed: Failed, stage: plan.Stage, error: BaseException, callback: ProgressCallback) -> None:
    """Record a failed stage and report it. The traceback is dropped: it would keep the stage's tensors in memory."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    failed[plan.address(stage)] = error
    callback(Event(plan.address(stage), "failed", stage.label, note=str(error)))


def most_needed_first(todo: Sequence[plan.Stage], drop: bool = False) -> list[plan.Stage]:
    """Sort stages that others wait for before all others, so that no process idles at the end while another trains.

    Where weights are dropped, what no stage waits for comes first: it is done as soon as it can be, and lets go of its model's.
    """
    needed = Counter(plan.address(link) for stage in todo for link in plan.chain(stage))
    return sorted(todo, key=lambda stage: (drop and needed[plan.address(stage)] > 1, -needed[plan.address(stage)]))


def summarize_failures(failed: Failed, todo: Sequence[plan.Stage]) -> Exception:
    """Return the error to raise at the end, a line for each failure: UserError if only input was wrong, else RunFailed."""
    lines = []
    for stage in todo:
        if error := failed.get(plan.address(stage)):
            why = "a worker process was killed (out of memory?)" if isinstance(error, BrokenProcessPool) else str(error)
            lines.append(f"{plan.kind(stage)} {stage.label} ({plan.address(stage)}): {why}")
    if count := sum(blocked(stage, failed) for stage in todo):
        lines.append(f"{count} stages that need what failed were not begun")
    only_input = all(isinstance(error, UserError) for error in failed.values())
    return (UserError if only_input else RunFailed)("\n".join(lines))
