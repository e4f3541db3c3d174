"""Scores of evaluations derived again from their stored predictions and the gold data, or from their examples' scores."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stilts_xtreme import plan
from stilts_xtreme.analysis.example_scores import ExampleScorer, ExampleScores, bundled, read
from stilts_xtreme.stages import scored
from stilts_xtreme.store import Store
from stilts_xtreme.tasks import constant
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.verify.artefacts import redo
from stilts_xtreme.verify.found import Found, Tell

PARTS = ("languages", "metrics", "score", "chance")


def derived(stages: Sequence[plan.Predict], store: Store, tell: Tell) -> Found:
    """Every score of the evaluations' results, compared to the last digit."""
    scorer, told, counts = ExampleScorer(store), [], Counter[str]()
    for done, stage in enumerate(stages, 1):
        folder, result = store.path(stage), store.result(stage)
        try:
            if bundled(folder):
                differences, count = _of_examples(result, scorer.scores(stage)), 1
            else:
                made = _again(stage, scorer, store)
                if "chance" not in result:  # an older result
                    del made["chance"]
                differences = _differences({name: result.get(name) for name in PARTS if name in made}, made)
                count = len(_leaves(made))
        except (LookupError, TypeError, ValueError, AttributeError) as fault:
            told.append(f"{folder}: predictions do not fit the test data ({fault}); {redo(folder)}")
            continue
        counts.update({"evaluations": 1, "scores": count})
        if differences:
            told.append(f"{folder / 'result.json'}: {differences[0]} ({len(differences)} in all); {redo(folder)}")
        tell("evaluations", done, len(stages))
    return Found(tuple(told), counts)


def _again(stage: plan.Predict, scorer: ExampleScorer, store: Store) -> dict[str, Any]:
    examples, task = scorer.gold(stage), TASKS[stage.task]
    languages, chances = {}, {}
    for code in stage.languages:
        predictions = read(store.path(stage) / f"test-{code}.jsonl")
        languages[code] = scored.language(stage.task, predictions, examples[code], code)
        chances[code] = constant.chance(task, examples[code], code)
    return {**scored.together(stage.task, languages), "chance": scored.chance(chances)}


def _of_examples(result: Mapping[str, Any], examples: Mapping[str, ExampleScores]) -> list[str]:
    """How an evaluation's score differs from its examples' scores; metrics beside the score cannot be derived from them."""
    if set(examples) != set(result["languages"]):
        return [f"its languages are {' '.join(result['languages'])} where the examples' are {' '.join(examples)}"]
    ratios = [part.numerators.sum() / (part.denominators.sum() or 1.0) for part in examples.values()]
    score = 100 * float(sum(ratios)) / len(ratios)
    return [] if abs(score - result["score"]) < 1e-6 else [f"score is {result['score']} where the examples give {score}"]


def _differences(told: Any, made: Any) -> list[str]:
    old, new = _leaves(told), _leaves(made)
    names = dict.fromkeys([*new, *old])
    return [
        f"{name} is {old.get(name, 'absent')} where the predictions give {new.get(name, 'none')}"
        for name in names
        if old.get(name) != new.get(name)
    ]


def _leaves(content: Any, name: str = "") -> dict[str, Any]:
    """Values by where they stand, such as languages.de.f1."""
    if not isinstance(content, Mapping):
        return {name: content}
    found: dict[str, Any] = {}
    for key, value in content.items():
        found |= _leaves(value, f"{name}.{key}".lstrip("."))
    return found
