"""What the rows of a study of mixtures are: which tasks support the target, when its own data comes in, by which rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stilts_xtreme import axes, plan
from stilts_xtreme.axes import Row
from stilts_xtreme.spec.study import TARGET

FIRST, JOINT, BEFORE, CHAIN = "first", "joint", "joint, then target", "first, then joint"


@dataclass(frozen=True)
class Arm:
    """A row: `way` is when the target's data comes in, `rule` how tasks are drawn ("" for one task alone), `tail` what stands in
    brackets behind the row's name, `text` the share of steps on text.
    """

    row: str
    sources: tuple[str, ...]
    way: str
    rule: str
    tail: str
    text: float = 0.0


def arms(rows: Sequence[Row], mixtures: Mapping[str, Any]) -> list[Arm]:
    """Of the rows those that are one task, one mixture, or one of these, then a mixture with the target; text alone is none."""
    found = [_arm(row, mixtures) for row in rows if axes.kind(row.name) not in (axes.BASELINE, axes.CONTROL)]
    return [arm for arm in found if arm is not None]


def _arm(row: Row, mixtures: Mapping[str, Any]) -> Arm | None:
    links = [row.intermediate] if isinstance(row.intermediate, str) else list(row.intermediate)
    holds = [link in mixtures and TARGET in mixtures[link].tasks for link in links]
    way = _way(holds, links[-1] in mixtures and mixtures[links[-1]].last)
    if way is None or any(link in mixtures and not mixtures[link].tasks for link in links):
        return None
    made = [mixtures[link] for link in links if link in mixtures]
    rules = dict.fromkeys(_rule(mixture) for mixture in made if len(mixture.tasks) > 1)
    text = max((mixture.text.share for mixture in made if mixture.text is not None), default=0.0)
    sources = {task for link in links for task in (mixtures[link].tasks if link in mixtures else [link]) if task != TARGET}
    return Arm(row.name, tuple(sorted(sources)), way, " / ".join(rules), row.name[len(axes.kind(row.name)) :], text)


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
    links = {row.name: [row.intermediate] if isinstance(row.intermediate, str) else row.intermediate for row in axes.rows(spec)}
    before, found = int(spec.setup.encoder.random is not None), dict[str, str]()
    for cell in cells:
        if axes.kind(cell.intermediate) not in (axes.BASELINE, axes.CONTROL):
            trainings = [stage for stage in plan.chain(cell.stage) if isinstance(stage, plan.Train)][before:]
            for link, stage in zip(links[cell.intermediate], trainings, strict=False):
                if link in spec.mixtures:
                    found.setdefault(plan.address(stage), link)
    return found
