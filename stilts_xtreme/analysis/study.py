"""A study's finished evaluations and trainings, gathered into one result."""

import math
from collections.abc import Mapping, Sequence

from stilts_xtreme import results
from stilts_xtreme.analysis import comparisons, language_groups, mixed, noise, order, pairs, resources, selection, settings, sizes
from stilts_xtreme.analysis.bootstrap_scores import BootstrapScores
from stilts_xtreme.data import read as data
from stilts_xtreme.data.counts import remarks
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.scoring.benchmarks import BENCHMARKS, Benchmark, mean
from stilts_xtreme.spec.study import Study
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS, trained_on
from stilts_xtreme.utils.bounded_io import Record

NEAR_0 = 1.0  # below it a chance level is not worth a mark on a page


def gather(spec: Study, cells: Sequence[grid.Cell], store: Store, command: str) -> Record:
    """Return the study as `stilts/study@2` (`schemas.study.Study`); cells whose stage is not finished are absent."""
    plan.declare([cell.stage for cell in cells])
    finished = [cell for cell in cells if store.done(cell.stage)]
    clean = [cell for cell in finished if not cell.noise]
    scores = BootstrapScores(store)
    gains, repeats = comparisons.differences(clean, scores), sizes.repeats(clean, store)
    many = language_groups.many(clean)  # targets whose languages stand in groups of their own
    single = {key: by_seed for key, by_seed in gains.items() if key not in repeats}
    trainings = [stage for stage in plan.ordered([cell.stage for cell in clean]) if isinstance(stage, plan.Train)]
    trained = [store.result(stage) for stage in trainings]
    evaluated = [store.result(cell.stage) for cell in clean]
    mixtures = mixed.trained(spec, clean)
    names = settings.of_trainings(spec, clean, mixtures)
    return {
        "schema": results.STUDY,
        "name": spec.name,
        "question": spec.question,
        "setup": spec.setup.name,
        "note": spec.setup.note,
        "command": command,
        "encoder": settings.encoder(cells),
        "code": {kind: plan.CODE[kind] for kind in ("train", "predict")},
        "hyperparameters": dict(sorted({names[plan.address(stage)]: settings.of(stage) for stage in trainings}.items())),
        "predictions": settings.predictions(clean),
        "rows": [row.record() for row in grid.rows(spec)],
        "mixtures": {name: mixture.model_dump(exclude_none=True) for name, mixture in spec.mixtures.items()},
        "targets": list(spec.targets),
        "seeds": list(spec.seeds),
        "benchmark": spec.benchmark,
        **({} if spec.languages is None else {"languages": spec.languages}),
        **({} if spec.test_examples is None else {"test_examples": spec.test_examples}),
        "training_languages": spec.training_languages,
        "recipes": {name: recipe.model_dump(exclude_none=True) for name, recipe in spec.recipes.items()},
        "tasks": {
            name: _task(
                name, BENCHMARKS[spec.benchmark],
                [result for cell, result in zip(clean, evaluated, strict=True) if cell.target == name],
            )
            for name in spec.targets
        },
        "evaluations": [_evaluation(cell, result) for cell, result in zip(clean, evaluated, strict=True)],
        "comparisons": comparisons.comparisons(gains, spec.targets, repeats),
        **selection.gather(clean, gains, store, scores),
        **pairs.gather(spec, clean, scores),
        **noise.gather(spec, finished, store, scores),
        **order.gather(spec, clean, store, scores),
        **resources.gather([cell for cell in clean if cell.target not in many], single, store, scores),
        **language_groups.gather(clean, single, store),
        **sizes.gather(spec, clean, gains, store),
        "trainings": [_training(stage, result, mixtures, names) for stage, result in zip(trainings, trained, strict=True)],
        "data": {
            "source": data.name(cells[0].stage.where),
            "readings": settings.readings([*trained, *evaluated]),
            **_remarks([*trained, *evaluated]),
        },
        "provenance": {
            **results.provenance_of([*trained, *(store.result(cell.stage) for cell in finished)]), **settings.commit(cells),
        },
    }  # fmt: skip


def _remarks(results: Sequence[Record]) -> dict[str, list[str]]:
    """Return `reading`: in lines, what reading dropped, changed or made from another split's file; empty where nothing."""
    lines = remarks(split for result in results for split in result["data"])
    return {"reading": lines} if lines else {}


def _task(name: str, benchmark: Benchmark, evaluations: Sequence[Record]) -> Record:
    """Return a target's description; its chance level is that of the test data as its evaluations record it, else (older
    evaluations) the task's own.
    """
    task = TASKS[name]
    trains_on = ", then ".join(trained_on(benchmark.encoders.get(name, name))) or None
    record: Record = {"headline": list(task.headline), "chance": task.chance, "trains_on": trains_on, "head": task.head}
    levels = [evaluation["chance"]["languages"] for evaluation in evaluations if "chance" in evaluation]
    chances = {code: score for languages in levels for code, score in languages.items()}
    if chances:
        level = mean(list(chances.values()))
        record |= {"chance": level if level >= NEAR_0 else None, "chance_languages": dict(sorted(chances.items()))}
    if reading := next((evaluation["reading"] for evaluation in evaluations if "reading" in evaluation), ""):
        record["reading"] = reading
    return record


def _evaluation(cell: grid.Cell, result: Record) -> Record:
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


def _training(stage: plan.Train, result: Record, mixtures: Mapping[str, str], names: Mapping[str, str]) -> Record:
    """Return a training as results hold it; `mixtures` and `names` (of its settings) by address."""
    address, earlier = plan.address(stage), plan.before(stage)
    scores = results.dev_scores(result)
    return {
        "address": result["address"],
        "label": "untrained" if result["steps"]["planned"] == 0 else stage.label,
        "group": plan.family(stage),
        "start": plan.address(earlier) if earlier else None,
        "tasks": list(stage.tasks),
        "hyperparameters": names[address],
        **({"mixture": mixtures[address]} if address in mixtures else {}),
        **({} if stage.text_share is None else {"text_share": stage.text_share}),
        "seed": stage.seed,
        "steps": result["steps"]["done"],
        "dev": math.fsum(scores) / len(scores) if scores else None,
        "collapsed": result["collapsed"],
        "collapse": result["collapse"],
        "examples": result["examples"],
    }
