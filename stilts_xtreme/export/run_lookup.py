"""Find a finished training, and what the store has of its chain of stages and its evaluations."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stilts_xtreme import results
from stilts_xtreme.store import Store, dropped, faults
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

Result = Record  # the content of a result.json


@dataclass(frozen=True)
class Run:
    """A finished training's folder and result."""

    folder: Path
    result: Result

    @property
    def fingerprint(self) -> str:
        return self.result["address"]

    @cached_property
    def chain(self) -> list[tuple[Record, Result | None]]:
        """(plan, result) of each stage up to this training; None for a result that is not in the store."""
        return [
            (link, self.result if link["address"] == self.fingerprint else self._result_of(link)) for link in self.result["chain"]
        ]

    @cached_property
    def evaluations(self) -> list[Result]:
        """Results of this training's evaluations in its store, by task.

        Left out are those on noisy text, and those whose languages are a part of another evaluation on the same test examples.
        """
        own = []
        for path in sorted(self.folder.parent.parent.glob("predict/[0-9a-f]*/result.json")):
            result = results.read(path, results.EVALUATION)
            if result["plan"].get("model") == {"stage": self.fingerprint} and "noise" not in result["plan"]:
                own.append(result)
        whole = [result for result in own if not any(_is_part_of(result, other) for other in own)]
        return sorted(whole, key=lambda result: result["task"])

    def _result_of(self, link: Record) -> Result | None:
        path = self.folder.parent / link["address"] / "result.json"
        return results.read(path, results.TRAINING) if path.is_file() else None


def _is_part_of(result: Result, other: Result) -> bool:
    """Return whether an evaluation has only some of the languages of another that is equal otherwise."""
    plan, other_plan = (
        {name: value for name, value in evaluation["plan"].items() if name not in ("languages", "reads")}
        for evaluation in (result, other)
    )
    return plan == other_plan and set(result["languages"]) < set(other["languages"])


def find(name: str, store: Path) -> Run:
    """Find a training by its folder, its result.json, its fingerprint or the start of that.

    Raises UserError if there is none, or if it is an evaluation, is damaged or has no weights any more.
    """
    folder = Path(name).parent if Path(name).name == "result.json" else Path(name)
    if not (folder / "result.json").is_file():
        folder = _by_fingerprint(name, store)
    result = results.read(folder / "result.json", results.TRAINING, results.EVALUATION)
    if result["schema"] == results.EVALUATION:
        model = result["plan"]["model"].get("stage")
        hint = f"give the training it evaluates: {model}" if model else "what it evaluates was not trained here"
        raise UserError(f"{name} is an evaluation, which has no weights; {hint}")
    if damaged := faults(folder):
        raise UserError(f"{folder}: {'; '.join(damaged)}; run the command that trained it again, then it is done again")
    if dropped(folder):
        again = f"`stilts runs clean {folder.name} --store {folder.parent.parent}`, then its study with `weights=keep`"
        raise UserError(f"{folder}: its weights were dropped (`weights: drop`); to train it again: {again}")
    return Run(folder, result)


def _by_fingerprint(start: str, store: Path) -> Path:
    folders = Store(store).beginning(start)
    if len(folders) != 1:
        what = "is no folder of a finished training, and " if not folders else ""
        raise UserError(
            f"{start}: {what}{len(folders)} finished stages in {store} have an address that begins so; see `stilts runs list`"
        )
    return folders[0]
