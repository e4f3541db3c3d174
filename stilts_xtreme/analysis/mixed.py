"""What the rows of a study of mixtures are: which tasks support the target, when its own data comes in, by which rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stilts_xtreme import axes, plan
from stilts_xtreme.results.rows import Row
from stilts_xtreme.spec.study import TARGET

FIRST, JOINT, BEFORE, CHAIN = "first", "joint", "joint, then target", "first, then joint"


@dataclass(frozen=True)
class Arm:
    """A row: `way` is when the target's data comes in, `rule` how tasks are drawn ("" for one task alone), `text` the share of
    steps on text.
    """

    row: Row
    sources: tuple[str, ...]
    way: str
    rule: str
    text: float = 0.0

    def record(self) -> dict[str, Any]:
        """As results hold it: the row's fields, then these."""
        told = {"sources": list(self.sources), "way": self.way, "rule": self.rule}
        return {**self.row.record(), **told, **({"text": self.text} if self.text else {})}


def arms(rows: Sequence[Row], mixtures: Mapping[str, Any]) -> list[Arm]:
    """Of the rows those that are one task, one mixture, or one of these, then a mixture with the target; text alone is none."""
    found = [_arm(row, mixtures) for row in rows if not (row.is_baseline or row.is_control)]
    return [arm for arm in found if arm is not None]


def _arm(row: Row, mixtures: Mapping[str, Any]) -> Arm | None:
    links = row.intermediate
    holds = [link in mixtures and TARGET in mixtures[link].tasks for link in links]
    way = _way(holds, links[-1] in mixtures and mixtures[links[-1]].last)
    if way is None or any(link in mixtures and not mixtures[link].tasks for link in links):
        return None
    made = [mixtures[link] for link in links if link in mixtures]
    rules = dict.fromkeys(_rule(mixture) for mixture in made if len(mixture.tasks) > 1)
    text = max((mixture.text.share for mixture in made if mixture.text is not None), default=0.0)
    sources = {task for link in links for task in (mixtures[link].tasks if link in mixtures else [link]) if task != TARGET}
    return Arm(row, tuple(sorted(sources)), way, " / ".join(rules), text)


def _way(holds: Sequence[bool], last: bool) -> str | None:
    """Of a chain's links: which hold the target's data, and whether fine-tuning follows."""
    if list(holds) == [False]:
        return FIRST
    if list(holds) == [True]:
        return JOINT if last else BEFORE
    if holds[-1] and not any(holds[:-1]) and len(holds) == 2:
        return CHAIN if last else f"{CHAIN}, then target"
    return None


def _rule(mixture: Any) -> str:
    """`proportional`, `temperature 2`, `mnli 1, squad 2`. The target's weight is left out."""
    if isinstance(mixture.rates, Mapping):
        return ", ".join(f"{task} {weight:g}" for task, weight in sorted(mixture.rates.items()) if task != TARGET)
    words = mixture.rates + (f" {mixture.temperature:g}" if mixture.temperature else "")
    return words + (f", cap {mixture.cap:,}" if mixture.rates != "equal" else "")


def trained(spec: Any, cells: Sequence[axes.Cell]) -> dict[str, str]:
    """The mixture that each training of one was made for, by address: the first where several are the same training."""
    before, found = int(spec.setup.encoder.random is not None), dict[str, str]()
    for cell in cells:
        if not (cell.row.is_baseline or cell.row.is_control):
            trainings = [stage for stage in plan.chain(cell.stage) if isinstance(stage, plan.Train)][before:]
            for link, stage in zip(cell.row.intermediate, trainings, strict=False):
                if link in spec.mixtures:
                    found.setdefault(plan.address(stage), link)
    return found
