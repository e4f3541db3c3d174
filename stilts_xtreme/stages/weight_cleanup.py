"""Drop the weights of trainings that no stage needs any more (`weights: drop`)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages.graph import starts
from stilts_xtreme.store import Store


def users(stages: Sequence[plan.Stage]) -> dict[str, list[plan.Stage]]:
    """Map each training's address to the stages that read its weights."""
    stages_by_training: dict[str, list[plan.Stage]] = {
        plan.address(stage): [] for stage in stages if isinstance(stage, plan.Train)
    }
    for stage in stages:
        for start in starts(stage):
            stages_by_training[plan.address(start)].append(stage)
    return stages_by_training


@dataclass(frozen=True)
class WeightCleanup:
    """Drops the weights of a study's trainings, each as soon as all stages of the study that start from it are done.

    `stages` are all of the study's. Processes that work on the same study in the same store find the same stages done.
    """

    stages: Sequence[plan.Stage]
    store: Store

    def sweep(self) -> None:
        """Drop all weights that are unused already."""
        self._drop_unused([stage for stage in self.stages if isinstance(stage, plan.Train)])

    def after(self, address: str) -> None:
        """Drop the weights that the finished stage at this address was the last to need."""
        stage = self._stages[address]
        self._drop_unused([*starts(stage), *([stage] if isinstance(stage, plan.Train) else [])])

    @cached_property
    def _stages(self) -> dict[str, plan.Stage]:
        return {plan.address(stage): stage for stage in self.stages}

    def _drop_unused(self, trainings: Collection[plan.Train]) -> None:
        for training in trainings:
            if self.store.done(training) and all(map(self.store.done, self._users[plan.address(training)])):
                self.store.drop(training)

    @cached_property
    def _users(self) -> dict[str, list[plan.Stage]]:
        return users(self.stages)
