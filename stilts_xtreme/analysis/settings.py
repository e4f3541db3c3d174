"""What a colleague who has only a study's result needs to repeat it: encoder, hyperparameters, readings with their digests."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stilts_xtreme import axes, plan, published
from stilts_xtreme.results.rows import USUAL
from stilts_xtreme.scoring.benchmarks import BENCHMARKS
from stilts_xtreme.tasks.catalogue import TASKS, trained_on

NOT_SETTINGS = ("kind", "code", "start", "model", "seed", "reads", "task")  # of a stage's identity
OF_SEVERAL = ("rates", "cap", "temperature")  # of a training's identity: without meaning where it is on one task


def encoder(cells: Sequence[axes.Cell]) -> dict[str, Any]:
    """The encoder that every chain begins with: {"random": shape}, or {"pretrained": name, revision, digest of its files}.

    Of a local folder the name is that of the folder alone: where it stands belongs to one machine.
    """
    root = plan.root(cells[0].stage)
    told = {name: value for name, value in asdict(root).items() if value is not None}
    if isinstance(root, plan.Random):
        return {"random": told}
    if root.digest is not None:
        told["name"] = Path(root.name).name
    return {"pretrained": told}


def commit(cells: Sequence[axes.Cell]) -> dict[str, str]:
    """For provenance: the commit in the hub's cache of an encoder that is named without a revision, where it is there."""
    root = plan.root(cells[0].stage)
    if not isinstance(root, plan.Pretrained) or root.digest is not None or root.revision is not None:
        return {}
    folder = published.cached(root.name)
    return {} if folder is None else {"encoder_commit": folder.name}


def of_trainings(spec: Any, cells: Sequence[axes.Cell], mixtures: Mapping[str, str]) -> dict[str, str]:
    """By address, the name of each training's settings: its roles and its data, such as "intermediate mnli", "target panx" or,
    where one training is both, "intermediate and target mnli".

    Trainings that differ only in the seed or in what they start from have the same one. `mixtures`: names by address.
    """
    roles: dict[str, dict[str, None]] = {}
    stages: dict[str, plan.Train] = {}
    for cell in cells:
        for stage, role in _roles(spec, cell):
            stages[address := plan.address(stage)] = stage
            roles.setdefault(address, {})[role] = None
    found: dict[str, str] = {}
    settings: dict[str, dict[str, Any]] = {}  # by name: two mixtures of the same tasks, say, are numbered
    for address, stage in stages.items():
        mixture = f"{mixtures[address]}: " if address in mixtures else ""
        own, number = f"{' and '.join(sorted(roles[address]))} {mixture}{stage.label}", 1
        name = own
        while settings.setdefault(name, of(stage)) != of(stage):
            number += 1
            name = f"{own} #{number}"
        found[address] = name
    return found


def of(stage: plan.Train | plan.Predict) -> dict[str, Any]:
    """All that decides the stage's result beside its seed, its data and where it starts; what is not set is absent."""
    told = {name: value for name, value in plan.identity(stage).items() if name not in NOT_SETTINGS and value is not None}
    if isinstance(stage, plan.Train):
        recipe = asdict(stage.recipe)  # an identity leaves out what came later and is as it was before
        told["recipe"] = {name: value for name, value in recipe.items() if value is not None and name != "micro_batch"}
        if len(stage.tasks) == 1:
            told = {name: value for name, value in told.items() if name not in OF_SEVERAL}
    return told


def predictions(cells: Sequence[axes.Cell]) -> dict[str, dict[str, Any]]:
    """How each target is predicted: languages, sample, and layer, pooling and length of retrieval."""
    return {cell.target: of(cell.stage) for cell in cells if not cell.noise}


def readings(results: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every reading of these stages, by task/split/language: its digest, its examples, and how many of them are sampled."""
    found: dict[str, dict[str, Any]] = {}
    for told in (told for result in results for told in result["data"]):
        own = found.setdefault(f"{told['task']}/{told['split']}/{told['language']}", {})
        own |= {name: told[name] for name in ("digest", "examples", "sampled") if name in told}
    return dict(sorted(found.items()))


def _roles(spec: Any, cell: axes.Cell) -> list[tuple[plan.Train, str]]:
    """The trainings of an evaluation's chain, each with what it is there for."""
    trainings = [stage for stage in plan.chain(cell.stage) if isinstance(stage, plan.Train)]
    source = BENCHMARKS[spec.benchmark].encoders.get(cell.target, cell.target)
    row, last = cell.row, "".join(cell.row.intermediate[-1:])
    tuned = TASKS[source].source_task is not None and not (last in spec.mixtures and spec.mixtures[last].last)
    begin = len(trainings) - len(trained_on(source)) if tuned else len(trainings)
    target = "target" if row.recipe == USUAL else f"target ({row.recipe})"
    return [
        (stage, "pretraining" if isinstance(stage.start, plan.Random) else "intermediate" if i < begin else target)
        for i, stage in enumerate(trainings)
    ]
