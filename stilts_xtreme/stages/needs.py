"""Which stages are to be done, in which order, and whose weights nobody needs any more."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from stilts_xtreme import plan
from stilts_xtreme.store import Store


def starts(stage: plan.Stage) -> Sequence[plan.Train]:
    """The stages whose weights it reads."""
    if isinstance(stage, plan.Latency):
        return stage.models
    earlier = plan.before(stage)
    return [earlier] if earlier else []


def unfinished(stages: Sequence[plan.Stage], store: Store, note: Callable[[str], None]) -> list[plan.Stage]:
    """Those of the stages and of all they need that are to be done. Damaged ones are removed, `note` told, and among them; so
    are trainings whose weights are needed and were dropped.

    Weights are read for that only where a stage that is to be done starts from them.
    """

    def usable(stage: plan.Stage, needed: bool) -> bool:
        if not store.done(stage):
            return False
        faults = store.faults(stage, weights=needed)
        if faults or (needed and store.dropped(stage)):
            why = "; ".join(faults) or "its weights were dropped and are needed again"
            note(f"{store.path(stage)}: {why}: this stage is done again")
            store.discard(stage)
            return False
        store.forget(stage)  # where it was killed between the two
        return True

    return _unusable(stages, usable)


def remaining(stages: Sequence[plan.Stage], store: Store) -> list[plan.Stage]:
    """As `unfinished`, but no file is hashed and nothing is changed: for a forecast."""
    return _unusable(stages, lambda stage, needed: store.done(stage) and not (needed and store.dropped(stage)))


def _unusable(stages: Sequence[plan.Stage], usable: Callable[[plan.Stage, bool], bool]) -> list[plan.Stage]:
    """Of the stages and all they need those that are not `usable`, which is asked of each after those that start from it."""
    todo, needed = list[plan.Stage](), set[str]()
    for stage in reversed(plan.ordered(stages)):
        if not usable(stage, plan.address(stage) in needed):
            todo.append(stage)
            needed.update(map(plan.address, starts(stage)))
    return todo[::-1]


def most_needed_first(todo: Sequence[plan.Stage], drop: bool = False) -> list[plan.Stage]:
    """The stages that others wait for before those that none does: so no process is idle at the end while one trains.

    Where weights are dropped, what no stage waits for comes first: it is done as soon as it can be, and lets go of its model's.
    """
    needed = Counter(plan.address(link) for stage in todo for link in plan.chain(stage))
    return sorted(todo, key=lambda stage: (drop and needed[plan.address(stage)] > 1, -needed[plan.address(stage)]))


def users(stages: Sequence[plan.Stage]) -> dict[str, list[plan.Stage]]:
    """The stages that read each training's weights, by its address."""
    found: dict[str, list[plan.Stage]] = {plan.address(stage): [] for stage in stages if isinstance(stage, plan.Train)}
    for stage in stages:
        for start in starts(stage):
            found[plan.address(start)].append(stage)
    return found


@dataclass(frozen=True)
class Retention:
    """Drops the weights of a study's trainings, each as soon as all stages of the study that start from it are done.

    `stages` are all of the study's. Processes that work on the same study in the same store find the same stages done.
    """

    stages: Sequence[plan.Stage]
    store: Store

    def sweep(self) -> None:
        """Drop what can go already."""
        self._spent([stage for stage in self.stages if isinstance(stage, plan.Train)])

    def after(self, address: str) -> None:
        """The stage at this address was done: drop what it was the last to need."""
        stage = self._stages[address]
        self._spent([*starts(stage), *([stage] if isinstance(stage, plan.Train) else [])])

    @cached_property
    def _stages(self) -> dict[str, plan.Stage]:
        return {plan.address(stage): stage for stage in self.stages}

    def _spent(self, trainings: Collection[plan.Train]) -> None:
        for training in trainings:
            if self.store.done(training) and all(map(self.store.done, self._users[plan.address(training)])):
                self.store.drop(training)

    @cached_property
    def _users(self) -> dict[str, list[plan.Stage]]:
        return users(self.stages)
