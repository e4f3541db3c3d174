"""What the rows of a study of mixtures are: their tasks, where the target's own data comes in, how tasks are sampled."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.results.rows import Row
from stilts_xtreme.spec.study import TARGET, Study, StudyMixture
from stilts_xtreme.utils.bounded_io import Record

FIRST, JOINT, BEFORE, CHAIN = "first", "joint", "joint, then target", "first, then joint"
Mixtures = Mapping[str, StudyMixture]


@dataclass(frozen=True)
class Arm:
    """A row by what it is trained on.

    `sources`: tasks without the target's, sorted. `placement`: when the target's data comes in. `rule`: how tasks are sampled,
    "" for a single task. `text`: share of steps on text.
    """

    row: Row
    sources: tuple[str, ...]
    placement: str
    rule: str
    text: float = 0.0

    def record(self) -> Record:
        """Return the arm as results hold it: the row's fields, then its own."""
        text = {"text": self.text} if self.text else {}
        return {**self.row.record(), "sources": list(self.sources), "way": self.placement, "rule": self.rule, **text}


def arms(rows: Iterable[Row], mixtures: Mixtures) -> list[Arm]:
    """Return the rows that are a task, a mixture, or either followed by a mixture with the target; text alone is none."""
    known = (_arm(row, mixtures) for row in rows if not (row.is_baseline or row.is_control))
    return [arm for arm in known if arm is not None]


def _arm(row: Row, mixtures: Mixtures) -> Arm | None:
    links = row.intermediate
    with_target = [link in mixtures and TARGET in mixtures[link].tasks for link in links]
    placement = _placement(with_target, links[-1] in mixtures and mixtures[links[-1]].last)
    mixed = [mixtures[link] for link in links if link in mixtures]
    if placement is None or any(not mixture.tasks for mixture in mixed):
        return None
    rules = dict.fromkeys(_rule(mixture) for mixture in mixed if len(mixture.tasks) > 1)
    text = max((mixture.text.share for mixture in mixed if mixture.text is not None), default=0.0)
    sources = {task for link in links for task in (mixtures[link].tasks if link in mixtures else [link]) if task != TARGET}
    return Arm(row, tuple(sorted(sources)), placement, " / ".join(rules), text)


def _placement(with_target: Sequence[bool], last: bool) -> str | None:
    """Say when the target's data comes in; None for another chain.

    `with_target`: which links of the chain hold it. `last`: nothing is fine-tuned after the chain.
    """
    if list(with_target) == [False]:
        return FIRST
    if list(with_target) == [True]:
        return JOINT if last else BEFORE
    if with_target[-1] and not any(with_target[:-1]) and len(with_target) == 2:
        return CHAIN if last else f"{CHAIN}, then target"
    return None


def _rule(mixture: StudyMixture) -> str:
    """Name how a mixture samples its tasks (`proportional`, `temperature 2`, `mnli 1, squad 2`), without the target's weight."""
    if isinstance(mixture.rates, Mapping):
        return ", ".join(f"{task} {weight:g}" for task, weight in sorted(mixture.rates.items()) if task != TARGET)
    rule = mixture.rates + (f" {mixture.temperature:g}" if mixture.temperature else "")
    return rule + (f", cap {mixture.cap:,}" if mixture.rates != "equal" else "")


def trained(spec: Study, cells: Iterable[grid.Cell]) -> dict[str, str]:
    """Return training's address -> the mixture it was run for; the first where several are the same training."""
    before, names = int(spec.setup.encoder.random is not None), dict[str, str]()
    for cell in cells:
        if not (cell.row.is_baseline or cell.row.is_control):
            trainings = [stage for stage in plan.chain(cell.stage) if isinstance(stage, plan.Train)][before:]
            for link, stage in zip(cell.row.intermediate, trainings, strict=False):
                if link in spec.mixtures:
                    names.setdefault(plan.address(stage), link)
    return names
