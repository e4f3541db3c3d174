"""How well an intermediate task can be chosen before training: rankings of a study's tasks against the gains it measured.

    python -m experiments.benchmarks.selection RESULT --encoder FOLDER --data FOLDER --out FILE.json

Each target is left out in turn: nothing of its own gains is used to rank for it. Of every method: Spearman's correlation and NDCG
with the measured gains, and the points lost by training the first, or the best of the first three, with bootstrap intervals over
targets. `english dev` looks at the target's development scores after full training, so it is no choice before training.
"""

import argparse
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stilts_xtreme import results
from stilts_xtreme.data import read as data
from stilts_xtreme.engine import loading
from stilts_xtreme.shape import retrieval_layer
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.transferability import evaluation, measures
from stilts_xtreme.transferability.embeddings import embed, sample, text

EXAMPLES = 300  # of a data set that are embedded
PER_LANGUAGE = 30  # test inputs of each language, without labels
NEIGHBOURS = 3
Scores = Mapping[str, Mapping[str, float]]  # by target, by intermediate task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=Path)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    study = results.read(given.result, results.STUDY)
    gains = measured(study)
    candidates = sorted({name for column in gains.values() for name in column} & set(TASKS))
    gains = {target: {name: column[name] for name in candidates if name in column} for target, column in gains.items()}
    vectors, seconds = embeddings(given, candidates, gains, study)
    scores = rankings(study, gains, candidates, vectors)
    table = {name: quality(column, gains) for name, column in scores.items()}
    for k in (1, 3):
        expected = [evaluation.expected_regret(column, k) for column in gains.values()]
        table.setdefault("random", {})[f"regret@{k}"] = evaluation.interval_of(expected)
    content = {"study": study["name"], "seeds": study["seeds"], "targets": list(gains), "candidates": candidates}
    content |= {"gains": gains, "scores": scores, "quality": table, "seconds": seconds}
    given.out.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    for name, row in table.items():
        print(f"{name:22}", *(f"{key} {part['mean']:.2f} [{part['low']:.2f}, {part['high']:.2f}]" for key, part in row.items()))


def measured(study: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Mean gain over seeds, in points, by target and intermediate task."""
    scores = {(row["target"], row["row"], row["seed"]): row["score"] for row in study["evaluations"]}
    gains: dict[str, dict[str, list[float]]] = {}
    for (target, intermediate, seed), score in scores.items():
        if intermediate in TASKS and (target, "none", seed) in scores:
            gains.setdefault(target, {}).setdefault(intermediate, []).append(score - scores[target, "none", seed])
    return {target: {name: float(np.mean(values)) for name, values in column.items()} for target, column in gains.items()}


def embeddings(
    given: argparse.Namespace, candidates: list[str], gains: Scores, study: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Embeddings of every candidate's and target's English training data, and of each target's test inputs ("plain TARGET");
    processor seconds of each."""
    encoder, tokenizer = loading.load(given.encoder)
    layer = retrieval_layer(encoder.config.num_hidden_layers)
    where, vectors, seconds = data.Folder(Path(given.data), cut=True), {}, {}

    def add(name: str, lines: list[str]) -> None:
        began = time.process_time()
        vectors[name] = embed(encoder, tokenizer, lines, layer)
        seconds[name] = round(time.process_time() - began, 1)

    for name in dict.fromkeys([*candidates, *(TASKS[target].source_task or "" for target in gains)]):
        if name:
            task = TASKS[name]
            add(name, [text(example) for example in sample(task, data.read(task, "train", "en", where).examples, EXAMPLES)])
    for target in gains:
        codes = sorted({code for row in study["evaluations"] if row["target"] == target for code in row["languages"]} - {"en"})
        task = TASKS[target]
        lines = []
        for code in codes:
            examples = [one for one in data.read(task, "test", code, where).examples if getattr(one, "side", "") != "english"]
            lines += [text(example) for example in sample(task, examples, PER_LANGUAGE)]
        add(f"plain {target}", lines)
    return vectors, seconds


def rankings(
    study: Mapping[str, Any], gains: Scores, candidates: list[str], vectors: Mapping[str, np.ndarray]
) -> dict[str, dict[str, dict[str, float]]]:
    """Scores of every method, by target and candidate; a method without a score for a target leaves it out."""
    sizes = {name: float(study_examples(study, name)) for name in candidates}
    target_data = {t: vectors[TASKS[t].source_task] if TASKS[t].source_task else vectors[f"plain {t}"] for t in gains}
    methods: dict[str, dict[str, dict[str, float]]] = {
        "data size": {t: {name: measures.data_size(int(sizes[name])) for name in candidates} for t in gains},
        "always mnli": {t: {name: float(name == "mnli") for name in candidates} for t in gains},
        "embedding similarity": {
            t: {name: measures.embedding_similarity(vectors[name], target_data[t]) for name in candidates} for t in gains
        },
        "domain similarity": {
            t: {name: measures.domain_similarity(vectors[name], vectors[f"plain {t}"]) for name in candidates} for t in gains
        },
    }
    mean, near, head = {}, {}, {}
    for target in gains:
        own = TASKS[target].source_task  # XQuAD and MLQA are the same training: neither may tell of the other
        others = [other for other in gains if other != target and (own is None or TASKS[other].source_task != own)]
        order = sorted(others, key=lambda other: -measures.embedding_similarity(target_data[target], target_data[other]))
        mean[target] = average(gains, others, candidates)
        near[target] = average(gains, order[:NEIGHBOURS], candidates)
        if alike := [other for other in others if TASKS[other].head == TASKS[target].head]:
            head[target] = average(gains, alike, candidates)
    methods |= {"past mean": mean, "past, nearest targets": near, "past, same head": head}
    return methods | {"english dev": english_dev(study, gains)}


def average(gains: Scores, targets: list[str], candidates: list[str]) -> dict[str, float]:
    """Mean gain of every candidate over targets."""
    return {name: float(np.mean([gains[t][name] for t in targets if name in gains[t]])) for name in candidates}


def study_examples(study: Mapping[str, Any], task: str) -> int:
    """Training examples of an intermediate task in this study."""
    return next(row["examples"][task] for row in study["trainings"] if row["tasks"] == [task] and row["start"] is None)


def english_dev(study: Mapping[str, Any], gains: Scores) -> dict[str, dict[str, float]]:
    """English development score of each target's training, mean over seeds; none for targets that are not trained."""
    dev = {row["address"]: row["dev"] for row in study["trainings"]}
    found: dict[str, dict[str, list[float]]] = {}
    for row in study["evaluations"]:
        if row["target"] in gains and row["row"] in gains[row["target"]] and TASKS[row["target"]].source_task:
            found.setdefault(row["target"], {}).setdefault(row["row"], []).append(dev[row["chain"][-1]])
    return {target: {name: float(np.mean(values)) for name, values in column.items()} for target, column in found.items()}


def quality(scores: Scores, gains: Scores) -> dict[str, dict[str, float]]:
    """Means over targets with intervals."""
    targets = [target for target in gains if target in scores]
    columns = {
        "spearman": [evaluation.spearman(scores[t], gains[t]) for t in targets],
        "ndcg": [evaluation.ndcg(scores[t], gains[t]) for t in targets],
        "regret@1": [evaluation.regret(scores[t], gains[t], 1) for t in targets],
        "regret@3": [evaluation.regret(scores[t], gains[t], 3) for t in targets],
    }
    return {
        name: evaluation.interval_of([value for value in values if not math.isnan(value)])
        for name, values in columns.items()
        if any(not math.isnan(value) for value in values)
    }


if __name__ == "__main__":
    main()
