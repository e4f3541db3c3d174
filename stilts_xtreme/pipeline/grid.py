"""A study's axes multiplied out: its rows, and an evaluation for each row, target and seed."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from math import factorial
from pathlib import Path

from stilts_xtreme.data.read import Where
from stilts_xtreme.noise import Noise
from stilts_xtreme.pipeline.plan import Latency, Predict, Train
from stilts_xtreme.pipeline.planner import Planner
from stilts_xtreme.results.rows import BASELINE, Row, labelled
from stilts_xtreme.spec.latency import Latency as LatencySpec
from stilts_xtreme.spec.study import NoiseSpec, Orders, Study
from stilts_xtreme.utils.errors import UserError


@dataclass(frozen=True)
class Cell:
    """An evaluation of a study; `noise` is the share of changed words in what is predicted."""

    row: Row
    target: str
    seed: int
    stage: Predict
    noise: float = 0.0


@dataclass(frozen=True)
class Timed:
    """The models of a seed that are timed together: the stage, and what each of its models is called."""

    seed: int
    names: tuple[str, ...]
    stage: Latency


def rows(spec: Study) -> list[Row]:
    """List the rows of a study's tables, in order; no two have the same name."""
    noise = spec.noise.training if spec.noise is not None else [0.0]
    chains = ((entry,) if isinstance(entry, str) else tuple(entry) for entry in _intermediates(spec))
    chains = (() if chain == (BASELINE,) else chain for chain in chains)
    languages = map(tuple, spec.training_languages)
    return labelled(Row(*fields) for fields in product(chains, languages, noise, spec.recipes))


def study(spec: Study, where: Where | None = None) -> list[Cell]:
    """Plan a study's evaluations: row x target x seed, clean and then with noise, common stages shared.

    `where` in place of where the setup says that data is. UserError with all data that is missing.
    """
    spec.declare_tasks()
    planner = Planner(spec.setup, spec.benchmark, where, spec.languages, spec.test_examples, spec.probabilities)
    cells, faults = [], []
    if absent := planner.absent(spec.targets):
        raise UserError(f"languages: no target has test data in {', '.join(absent)}")
    for row, target, seed in product(rows(spec), spec.targets, spec.seeds):
        try:
            noise = _noise(spec.noise, row.noise) if spec.noise is not None and row.noise else None
            recipe = spec.recipes[row.recipe]
            stage = planner.evaluate(_entry(row), spec.mixtures, target, seed, row.languages, recipe, noise)
            cells.append(Cell(row, target, seed, stage))
            if spec.noise is not None:
                for rate in spec.noise.rates:
                    cells.append(Cell(row, target, seed, planner.noisy(stage, _noise(spec.noise, rate)), rate))
        except UserError as fault:
            faults.append(str(fault))
    if faults:
        raise UserError("\n".join(dict.fromkeys(faults)))
    return cells


def _entry(row: Row) -> str | Sequence[str]:
    """Return the row's intermediate as the planner takes it: a name, or the links of a chain."""
    return row.chain if len(row.intermediate) < 2 else row.intermediate


def _noise(spec: NoiseSpec, rate: float) -> Noise:
    if spec.dictionary is None:
        return Noise(rate, spec.seed)
    return Noise(rate, spec.seed, "dictionary", Path(spec.dictionary))


def _intermediates(spec: Study) -> Iterator[str | Sequence[str]]:
    """Yield the entries of the spec, then the orders that are not among them."""
    yield from spec.intermediate
    chains = {tuple(entry) for entry in spec.intermediate if not isinstance(entry, str)}
    for order in orders(spec.orders) if spec.orders is not None else ():
        if order not in chains:
            yield list(order)


def orders(spec: Orders) -> list[tuple[str, ...]]:
    """List every order of the tasks, or as many different ones as the spec asks for, drawn with its seed."""
    if spec.random is None or spec.random >= factorial(len(spec.tasks)):
        return list(permutations(spec.tasks))
    drawn, generator = dict[tuple[str, ...], None](), random.Random(spec.seed)
    while len(drawn) < spec.random:
        drawn[tuple(generator.sample(spec.tasks, len(spec.tasks)))] = None
    return list(drawn)


def latency(spec: LatencySpec, device: str) -> list[Timed]:
    """Plan a latency spec's measurements, for each seed; `device` is cpu or cuda."""
    spec.declare_tasks()
    planner, stages = Planner(spec.setup), []
    names = sorted(spec.models, key=lambda name: name != "none")  # what the others are held against comes first
    for seed in spec.seeds:
        cells = [planner.evaluate(name, spec.mixtures, spec.target, seed) for name in names]
        predict = planner.predict(cells[0].model, spec.target, spec.languages)
        models = tuple(cell.model for cell in cells if isinstance(cell.model, Train))  # all: a target is fine-tuned
        stage = Latency(
            models=models,
            task=spec.target,
            languages=predict.languages,
            reads=predict.reads,
            variants=tuple(spec.variants),
            batch_sizes=tuple(spec.batch_sizes),
            lengths=tuple(spec.lengths),
            calls=spec.calls,
            warmup=spec.warmup,
            block=spec.block,
            passes=spec.passes,
            pool=spec.pool,
            threads=spec.threads,
            device=device,
            examples=spec.examples,
            where=planner.where,
            own_tasks=predict.own_tasks,
        )
        stages.append(Timed(seed, tuple(names), stage))
    return stages
