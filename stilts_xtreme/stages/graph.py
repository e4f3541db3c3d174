"""Which stages are ready, which wait for what failed, which come first, and what is said of failures in the end."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool

from stilts_xtreme import plan, ranks
from stilts_xtreme.errors import RunFailed, UserError
from stilts_xtreme.stages.events import Event, Tell
from stilts_xtreme.store import Store

Failed = dict[str, BaseException]  # by address


def starts(stage: plan.Stage) -> Sequence[plan.Stage]:
    """The stages whose weights it reads."""
    if isinstance(stage, plan.Latency):
        return stage.models
    earlier = plan.before(stage)
    return [earlier] if earlier else []


def ready(stage: plan.Stage, store: Store) -> bool:
    """Whether all that it starts from is finished."""
    return ranks.told(lambda: all(store.done(start) for start in starts(stage)))


def blocked(stage: plan.Stage, failed: Failed) -> bool:
    """Whether any stage that this one builds on has failed."""
    return any(plan.address(link) in failed for link in plan.chain(stage)[:-1])


def note(failed: Failed, stage: plan.Stage, fault: BaseException, tell: Tell) -> None:
    """A stage failed."""
    failed[plan.address(stage)] = fault
    tell(Event(plan.address(stage), "failed", stage.label, note=str(fault)))


def most_needed_first(todo: Sequence[plan.Stage]) -> list[plan.Stage]:
    """The stages that others wait for before those that none does: so no process is idle at the end while one trains."""
    needed = Counter(plan.address(link) for stage in todo for link in plan.chain(stage))
    return sorted(todo, key=lambda stage: -needed[plan.address(stage)])


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
