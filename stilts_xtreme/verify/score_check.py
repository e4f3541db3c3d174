"""Recompute the scores of evaluations from their stored predictions and the gold data, or from their examples' scores."""

from collections import Counter
from collections.abc import Mapping, Sequence

from stilts_xtreme.analysis.example_scores import ExampleScorer, ExampleScores, bundled, read
from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages import aggregate
from stilts_xtreme.store import Store
from stilts_xtreme.tasks import constant_baseline
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.verify.file_check import fix_stage
from stilts_xtreme.verify.report import CheckReport, ProgressCallback

KEYS = ("languages", "metrics", "score", "chance")  # of a result


def check_scores(stages: Sequence[plan.Predict], store: Store, callback: ProgressCallback) -> CheckReport:
    """Recompute every score of the evaluations' results and compare it exactly."""
    scorer, errors, counts = ExampleScorer(store), [], Counter[str]()
    for done, stage in enumerate(stages, 1):
        folder, result = store.path(stage), store.result(stage)
        try:
            if bundled(folder):
                differences, count = _compare_with_examples(result, scorer.scores(stage)), 1
            else:
                expected = _recompute(stage, scorer, store)
                if "chance" not in result:  # an older result
                    del expected["chance"]
                differences = _differences({name: result.get(name) for name in KEYS if name in expected}, expected)
                count = len(_leaves(expected))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            errors.append(f"{folder}: predictions do not fit the test data ({error}); {fix_stage(folder)}")
            continue
        counts.update({"evaluations": 1, "scores": count})
        if differences:
            errors.append(f"{folder / 'result.json'}: {differences[0]} ({len(differences)} in all); {fix_stage(folder)}")
        callback("evaluations", done, len(stages))
    return CheckReport(tuple(errors), counts)


def _recompute(stage: plan.Predict, scorer: ExampleScorer, store: Store) -> Record:
    """Return the keys KEYS of the result, computed from the predictions' files."""
    examples, task = scorer.gold(stage), TASKS[stage.task]
    languages, chance_levels = {}, {}
    for code in stage.languages:
        predictions = read(store.path(stage) / f"test-{code}.jsonl")
        languages[code] = aggregate.language(stage.task, predictions, examples[code], code)
        chance_levels[code] = constant_baseline.chance(task, examples[code], code)
    return {**aggregate.together(stage.task, languages), "chance": aggregate.chance(chance_levels)}


def _compare_with_examples(result: Record, examples: Mapping[str, ExampleScores]) -> list[str]:
    """Return how an evaluation's score differs from its examples' scores; other metrics cannot be computed from them."""
    if set(examples) != set(result["languages"]):
        return [f"its languages are {' '.join(result['languages'])} where the examples' are {' '.join(examples)}"]
    ratios = [part.numerators.sum() / (part.denominators.sum() or 1.0) for part in examples.values()]
    score = 100 * float(sum(ratios)) / len(ratios)
    return [] if abs(score - result["score"]) < 1e-6 else [f"score is {result['score']} where the examples give {score}"]


def _differences(recorded: Record, expected: Record) -> list[str]:
    old, new = _leaves(recorded), _leaves(expected)
    names = dict.fromkeys([*new, *old])
    return [
        f"{name} is {old.get(name, 'absent')} where the predictions give {new.get(name, 'none')}"
        for name in names
        if old.get(name) != new.get(name)
    ]


def _leaves(content: object, name: str = "") -> dict[str, object]:
    """Flatten nested mappings to {path: value}, with paths such as languages.de.f1."""
    if not isinstance(content, Mapping):
        return {name: content}
    leaves: dict[str, object] = {}
    for key, value in content.items():
        leaves |= _leaves(value, f"{name}.{key}".lstrip("."))
    return leaves
