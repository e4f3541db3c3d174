"""A study's finished evaluations and trainings, gathered into one result."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from stilts_xtreme import axes, plan, results
from stilts_xtreme.analysis import comparisons, language_groups, mixed, noise, order, pairs, resources, selection, settings, sizes
from stilts_xtreme.analysis.effects import Drawing
from stilts_xtreme.data import read as data
from stilts_xtreme.data.counts import remarks
from stilts_xtreme.scoring.benchmarks import BENCHMARKS, Benchmark, mean
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS, trained_on

NEAR_0 = 1.0  # below it a chance level is not worth a mark on a page


def gather(spec: Any, cells: Sequence[axes.Cell], store: Store, command: str) -> dict[str, Any]:
    """The study as `stilts/study@2`; cells whose stage is not finished are absent."""
    plan.declare([cell.stage for cell in cells])
    finished = [cell for cell in cells if store.done(cell.stage)]
    done = [cell for cell in finished if not cell.noise]
    drawing = Drawing(store)
    found, repeats = comparisons.differences(done, drawing), sizes.repeats(done, store)
    many = language_groups.many(done)  # targets whose languages stand in groups of their own
    single = {key: by_seed for key, by_seed in found.items() if key not in repeats}
    trainings = [stage for stage in plan.ordered([cell.stage for cell in done]) if isinstance(stage, plan.Train)]
    told = [store.result(stage) for stage in trainings]
    evaluations = [_evaluation(cell, store.result(cell.stage)) for cell in done]
    where, made = cells[0].stage.where, mixed.trained(spec, done)
    named, predicted = settings.of_trainings(spec, done, made), [store.result(cell.stage) for cell in done]
    return {
        "schema": results.STUDY,
        "name": spec.name,
        "question": spec.question,
        "setup": spec.setup.name,
        "note": spec.setup.note,
        "command": command,
        "encoder": settings.encoder(cells),
        "code": {kind: plan.CODE[kind] for kind in ("train", "predict")},
        "hyperparameters": dict(sorted({named[plan.address(stage)]: settings.of(stage) for stage in trainings}.items())),
        "predictions": settings.predictions(done),
        "rows": [row.record() for row in axes.rows(spec)],
        "mixtures": {name: mixture.model_dump(exclude_none=True) for name, mixture in spec.mixtures.items()},
        "targets": list(spec.targets),
        "seeds": list(spec.seeds),
        "benchmark": spec.benchmark,
        **({} if spec.languages is None else {"languages": spec.languages}),
        **({} if spec.test_examples is None else {"test_examples": spec.test_examples}),
        "training_languages": spec.training_languages,
        "recipes": {name: recipe.model_dump(exclude_none=True) for name, recipe in spec.recipes.items()},
        "tasks": {
            name: _task(name, BENCHMARKS[spec.benchmark], [store.result(cell.stage) for cell in done if cell.target == name])
            for name in spec.targets
        },
        "evaluations": evaluations,
        "comparisons": comparisons.comparisons(found, spec.targets, repeats),
        **selection.gather(done, found, store, drawing),
        **pairs.gather(spec, done, drawing),
        **noise.gather(spec, finished, store, drawing),
        **order.gather(spec, done, store, drawing),
        **resources.gather([cell for cell in done if cell.target not in many], single, store, drawing),
        **language_groups.gather(done, single, store),
        **sizes.gather(spec, done, found, store),
        "trainings": [_training(stage, result, made, named) for stage, result in zip(trainings, told, strict=True)],
        "data": {
            "source": data.name(where), "readings": settings.readings([*told, *predicted]), **_read([*told, *predicted]),
        },
        "provenance": {
            **results.provenance_of([*told, *(store.result(cell.stage) for cell in finished)]), **settings.commit(cells),
        },
    }


def _read(results: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """What reading dropped, changed or made from another split's file, in lines; nothing where all was read as it is."""
    lines = remarks(record for result in results for record in result["data"])
    return {"reading": lines} if lines else {}


def _task(name: str, benchmark: Benchmark, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A target; its chance level is that of the test data as its evaluations record it, else (older ones) the task's own."""
    task = TASKS[name]
    trains_on = ", then ".join(trained_on(benchmark.encoders.get(name, name))) or None
    told: dict[str, Any] = {"headline": list(task.headline), "chance": task.chance, "trains_on": trains_on, "head": task.head}
    chances = {code: score for result in found if "chance" in result for code, score in result["chance"]["languages"].items()}
    if chances:
        level = mean(list(chances.values()))
        told |= {"chance": level if level >= NEAR_0 else None, "chance_languages": dict(sorted(chances.items()))}
    if reading := next((result["reading"] for result in found if "reading" in result), ""):
        told["reading"] = reading
    return told


def _evaluation(cell: axes.Cell, result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "address": result["address"],
        **cell.row.record(),
        "target": cell.target,
        "seed": cell.seed,
        "score": result["score"],
        "metrics": result["metrics"],
        "languages": result["languages"],
        "collapsed": result["collapsed"],
        **({"lacking": result["lacking"]} if "lacking" in result else {}),
        "chain": [link["address"] for link in result["chain"][:-1]],
    }


def _training(
    stage: plan.Train, result: Mapping[str, Any], mixtures: Mapping[str, str], named: Mapping[str, str]
) -> dict[str, Any]:
    earlier = plan.before(stage)
    scores = results.dev_scores(result)
    return {
        "address": result["address"],
        "label": "untrained" if result["steps"]["planned"] == 0 else stage.label,
        "group": plan.family(stage),
        "start": plan.address(earlier) if earlier else None,
        "tasks": list(stage.tasks),
        "hyperparameters": named[plan.address(stage)],
        **({"mixture": mixtures[name]} if (name := plan.address(stage)) in mixtures else {}),
        **({} if stage.text_share is None else {"text_share": stage.text_share}),
        "seed": stage.seed,
        "steps": result["steps"]["done"],
        "dev": math.fsum(scores) / len(scores) if scores else None,
        "collapsed": result["collapsed"],
        "collapse": result["collapse"],
        "examples": result["examples"],
    }
