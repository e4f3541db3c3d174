"""The training that is asked for, with what the store holds of its chain and its evaluations."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from stilts_xtreme import results
from stilts_xtreme.errors import UserError
from stilts_xtreme.store import Store, dropped, faults


@dataclass(frozen=True)
class Run:
    """A finished training's folder and result."""

    folder: Path
    result: dict[str, Any]

    @property
    def address(self) -> str:
        return self.result["address"]

    @cached_property
    def chain(self) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
        """Each stage's plan and its result, from the first to this one; None where that does not stand beside it."""
        return [(link, self.result if link["address"] == self.address else self._beside(link)) for link in self.result["chain"]]

    @cached_property
    def evaluations(self) -> list[dict[str, Any]]:
        """Results of the evaluations of this training in its store, by task; those on noisy text are left out, and those of whose
        languages another evaluation, of the same test examples, has all and more."""
        found = []
        for path in sorted(self.folder.parent.parent.glob("predict/[0-9a-f]*/result.json")):
            one = results.read(path, results.EVALUATION)
            if one["plan"].get("model") == {"stage": self.address} and "noise" not in one["plan"]:
                found.append(one)
        return sorted((one for one in found if not any(_within(one, other) for other in found)), key=lambda one: one["task"])

    def _beside(self, link: dict[str, Any]) -> dict[str, Any] | None:
        path = self.folder.parent / link["address"] / "result.json"
        return results.read(path, results.TRAINING) if path.is_file() else None


def _within(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether an evaluation has only a part of the languages of another one that is like it."""
    like = [{name: value for name, value in told["plan"].items() if name not in ("languages", "reads")} for told in (one, other)]
    return like[0] == like[1] and set(one["languages"]) < set(other["languages"])


def find(asked: str, store: Path) -> Run:
    """A training by its folder, or by its address in the store or the beginning of that; UserError where there is none."""
    folder = Path(asked)
    if not (folder / "result.json").is_file():
        folder = _by_address(asked, store)
    result = results.read(folder / "result.json", results.TRAINING, results.EVALUATION)
    if result["schema"] == results.EVALUATION:
        model = result["plan"]["model"].get("stage")
        hint = f"give the training it evaluates: {model}" if model else "what it evaluates was not trained here"
        raise UserError(f"{asked} is an evaluation, which has no weights; {hint}")
    if damaged := faults(folder):
        raise UserError(f"{folder}: {'; '.join(damaged)}; run the command that trained it again, then it is done again")
    if dropped(folder):
        again = f"`stilts runs clean {folder.name} --store {folder.parent.parent}`, then its study with `weights=keep`"
        raise UserError(f"{folder}: its weights were dropped (`weights: drop`); to train it again: {again}")
    return Run(folder, result)


def _by_address(asked: str, store: Path) -> Path:
    found = Store(store).beginning(asked)
    if len(found) != 1:
        what = "is no folder of a finished training, and " if not found else ""
        raise UserError(
            f"{asked}: {what}{len(found)} finished stages in {store} have an address that begins so; see `stilts runs list`"
        )
    return found[0]
