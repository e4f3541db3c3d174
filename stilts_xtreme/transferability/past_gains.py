"""The gains of intermediate tasks that a study measured on its targets: the past targets of a new target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

Gains = Mapping[str, Mapping[str, float]]  # points, by target and intermediate task
FEWEST = 2  # past targets without which there is nothing to average


@dataclass(frozen=True)
class PastTarget:
    """Past targets that share a training (XQuAD and MLQA); `gains`: their mean by intermediate task, in points."""

    names: tuple[str, ...]
    gains: Mapping[str, float]


@dataclass(frozen=True)
class Past:
    """A study's gains: means over seeds, in points; `sizes`: training examples of each intermediate task; `languages`: the
    languages that each target was evaluated in, without English."""

    study: str
    setup: str
    seeds: tuple[int, ...]
    gains: Gains
    sizes: Mapping[str, int]
    languages: Mapping[str, tuple[str, ...]]

    @property
    def candidates(self) -> tuple[str, ...]:
        """Intermediate tasks with a gain on any target, by name."""
        return tuple(sorted({name for column in self.gains.values() for name in column}))

    def targets(self) -> list[PastTarget]:
        """Return the targets, joined where they share a training."""
        groups: dict[str, list[str]] = {}
        for target in self.gains:
            groups.setdefault(TASKS[target].source_task or target, []).append(target)
        return [PastTarget(tuple(names), mean_gains([self.gains[name] for name in names])) for names in groups.values()]

    def without(self, target: str) -> "Past":
        """Return all but a target and those trained on the same data, whose gains would give its own away."""
        own = TASKS[target].source_task
        others = [name for name in self.gains if name != target and (own is None or TASKS[name].source_task != own)]
        return replace(self, gains={name: self.gains[name] for name in others})


def mean_gains(columns: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean gain of every intermediate task over the columns that have it."""
    names = dict.fromkeys(name for column in columns for name in column)
    return {name: float(np.mean([column[name] for column in columns if name in column])) for name in names}


def of_table(table: Record) -> Past:
    """Return the gains of the study in the table that `experiments.benchmarks.selection` wrote."""
    languages = {target: tuple(codes) for target, codes in table["languages"].items()}
    return Past(table["study"], table["setup"], tuple(table["seeds"]), table["gains"], table["sizes"], languages)


def of_study(study: Record) -> Past:
    """Collect a study's gains over the baseline of the same seed, for rows of a single intermediate task, fine-tuned as usual.

    UserError where there are fewer than `FEWEST` targets with gains.
    """
    scores = {(row["target"], row["row"], row["seed"]): row["score"] for row in study["evaluations"]}
    by_seed: dict[str, dict[str, list[float]]] = {}
    for (target, name, seed), score in scores.items():
        if name in TASKS and target in TASKS and (target, "none", seed) in scores:
            by_seed.setdefault(target, {}).setdefault(name, []).append(score - scores[target, "none", seed])
    gains = {target: {name: float(np.mean(values)) for name, values in column.items()} for target, column in by_seed.items()}
    if len(gains) < FEWEST:
        there = f"has gains of single intermediate tasks on {len(gains)} targets"
        raise UserError(f"study {study['name']}: {there}; to rank before training takes {FEWEST}")
    languages: dict[str, set[str]] = {}
    for row in study["evaluations"]:
        languages.setdefault(row["target"], set()).update(row["languages"])
    codes = {target: tuple(sorted(languages[target] - {"en"})) for target in gains}
    past = Past(study["name"], study.get("setup") or "not named", tuple(study["seeds"]), gains, {}, codes)
    return replace(past, sizes={name: size for name in past.candidates if (size := _examples(study, name)) is not None})


def _examples(study: Record, task: str) -> int | None:
    """Return an intermediate task's training examples, of the first training on it alone in its row's chain; None without."""
    trainings = {row["address"]: row for row in study["trainings"]}
    for row in study["evaluations"]:
        if row["row"] == task:
            for address in row.get("chain") or ():
                if address in trainings and trainings[address]["tasks"] == [task]:
                    return (trainings[address].get("examples") or {}).get(task)
    return None
