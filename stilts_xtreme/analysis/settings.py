"""What a colleague who has only a study's result needs to repeat it: encoder, hyperparameters, readings with their digests."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from stilts_xtreme.models import published
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.results.rows import USUAL
from stilts_xtreme.scoring.benchmarks import BENCHMARKS
from stilts_xtreme.spec.study import Study
from stilts_xtreme.tasks.catalogue import TASKS, trained_on
from stilts_xtreme.utils.bounded_io import Record

NOT_SETTINGS = ("kind", "code", "start", "model", "seed", "reads", "task")  # of a stage's identity
OF_SEVERAL = ("rates", "cap", "temperature")  # of a training's identity: without meaning where it is on one task


def encoder(cells: Sequence[grid.Cell]) -> Record:
    """Return the encoder that every chain begins with: {"random": shape}, or {"pretrained": name, revision, digest of its files}.

    Of a local folder the name is that of the folder alone: where it stands belongs to one machine.
    """
    root = plan.root(cells[0].stage)
    fields = {name: value for name, value in asdict(root).items() if value is not None}
    if isinstance(root, plan.Random):
        return {"random": fields}
    if root.digest is not None:
        fields["name"] = Path(root.name).name
    return {"pretrained": fields}


def commit(cells: Sequence[grid.Cell]) -> dict[str, str]:
    """Return for provenance the commit in the hub's cache of an encoder named without a revision, where it is there."""
    root = plan.root(cells[0].stage)
    if not isinstance(root, plan.Pretrained) or root.digest is not None or root.revision is not None:
        return {}
    folder = published.cached(root.name)
    return {} if folder is None else {"encoder_commit": folder.name}


def of_trainings(spec: Study, cells: Sequence[grid.Cell], mixtures: Mapping[str, str]) -> dict[str, str]:
    """Return training's address -> the name of its settings: its roles and its data, such as "intermediate mnli", "target panx"
    or, where a training is both, "intermediate and target mnli".

    Trainings that differ only in the seed or in what they start from have the same name. `mixtures`: names by address.
    """
    roles: dict[str, dict[str, None]] = {}
    stages: dict[str, plan.Train] = {}
    for cell in cells:
        for stage, role in _roles(spec, cell):
            stages[address := plan.address(stage)] = stage
            roles.setdefault(address, {})[role] = None
    names: dict[str, str] = {}
    settings: dict[str, Record] = {}  # by name: two mixtures of the same tasks, say, are numbered
    for address, stage in stages.items():
        mixture = f"{mixtures[address]}: " if address in mixtures else ""
        own, number = f"{' and '.join(sorted(roles[address]))} {mixture}{stage.label}", 1
        name = own
        while settings.setdefault(name, of(stage)) != of(stage):
            number += 1
            name = f"{own} #{number}"
        names[address] = name
    return names


def of(stage: plan.Train | plan.Predict) -> Record:
    """Return all that decides the stage's result beside its seed, its data and where it starts; what is not set is absent."""
    settings = {name: value for name, value in plan.identity(stage).items() if name not in NOT_SETTINGS and value is not None}
    if isinstance(stage, plan.Train):
        recipe = asdict(stage.recipe)  # whole: an identity leaves out what older versions did not have
        settings["recipe"] = {name: value for name, value in recipe.items() if value is not None and name != "micro_batch"}
        if len(stage.tasks) == 1:
            settings = {name: value for name, value in settings.items() if name not in OF_SEVERAL}
    return settings


def predictions(cells: Sequence[grid.Cell]) -> dict[str, Record]:
    """Return how each target is predicted: languages, sample, and layer, pooling and length of retrieval."""
    return {cell.target: of(cell.stage) for cell in cells if not cell.noise}


def readings(results: Sequence[Record]) -> dict[str, Record]:
    """Return the splits that these stages read, by task/split/language: digest, examples, and how many of them are sampled."""
    by_name: dict[str, Record] = {}
    for split in (split for result in results for split in result["data"]):
        own = by_name.setdefault(f"{split['task']}/{split['split']}/{split['language']}", {})
        own |= {name: split[name] for name in ("digest", "examples", "sampled") if name in split}
    return dict(sorted(by_name.items()))


def _roles(spec: Study, cell: grid.Cell) -> list[tuple[plan.Train, str]]:
    """Return the trainings of an evaluation's chain, each with what it is there for."""
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
