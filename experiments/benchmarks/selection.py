"""How well an intermediate task can be chosen before training: rankings of a study's tasks against the gains it measured.

    python -m experiments.benchmarks.selection RESULT --encoder FOLDER --data FOLDER --out FILE.json

Each target is left out in turn: nothing of its own gains is used to rank for it, nor those of a target of the same training. Of
every method: Spearman's correlation and NDCG with the measured gains, and the points lost by training the first, or the best of
the first three, with bootstrap intervals over targets; by how much it loses less than the baselines, paired by target; seconds.
`english-dev` looks at the target's development scores after full training, so it is no choice before training; `--trainings` (the
folder `train` of its stages) says what those cost. `--logme`: what `experiments.benchmarks.logme` wrote.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stilts_xtreme import results
from stilts_xtreme.data import read as data
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.transferability import evaluation, expected, measures
from stilts_xtreme.transferability.embedding_cache import Embeddings
from stilts_xtreme.transferability.methods import METHODS
from stilts_xtreme.transferability.past_gains import Past, of_study

BASELINES = ("random", "data-size", "always-mnli")
Scores = Mapping[str, Mapping[str, float]]  # by target, by intermediate task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=Path)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--logme", type=Path)
    parser.add_argument("--trainings", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    study = results.read(given.result, results.STUDY)
    past = of_study(study)
    library = Embeddings(given.encoder, data.Folder(Path(given.data), cut=True), lambda *parts: print(*parts, flush=True))
    scores, verdicts = rankings(past, library)
    scores |= {"always-mnli": {target: {name: float(name == "mnli") for name in past.candidates} for target in past.gains}}
    scores |= {"domain-similarity of test inputs": test_inputs(past, library), "english-dev": english_dev(study, past.gains)}
    seconds = costs(past, library.seconds)
    if given.logme:
        measured = json.loads(given.logme.read_text())
        scores["logme"] = {target: column for target, column in measured["scores"].items() if target in past.gains}
        sources = len({TASKS[target].source_task for target in scores["logme"]})  # whose features were taken one after another
        parts = measured["seconds"].values()
        seconds["logme"] = round(sum(part["training"] + part["features"] / sources for part in parts), 1)
    if given.trainings:
        seconds["english-dev"] = full_training(study, past, given.trainings)
    content = {
        "study": past.study, "setup": past.setup, "seeds": list(past.seeds), "candidates": list(past.candidates),
        "gains": past.gains, "sizes": past.sizes, "languages": {target: list(codes) for target, codes in past.languages.items()},
        "scores": scores, "verdicts": verdicts, "seconds": seconds, "seconds_by_data": library.seconds,
        **table(scores, past.gains),
    }  # fmt: skip
    given.out.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    for name, row in content["quality"].items():
        print(f"{name:34}", *(f"{key} {part['mean']:.2f} [{part['low']:.2f}, {part['high']:.2f}]" for key, part in row.items()))


def rankings(past: Past, library: Embeddings) -> tuple[dict[str, Any], dict[str, Any]]:
    """Scores of the command's methods by target and candidate, and what they would have recommended, with the gain of that."""
    scores: dict[str, dict[str, dict[str, float]]] = {name: {} for name in METHODS}
    verdicts: dict[str, dict[str, Any]] = {name: {} for name in METHODS}
    for target, gains in past.gains.items():
        query = library.query(target, past.languages[target])
        for name, method in METHODS.items():
            ranked = expected.ranking(method, query, past.without(target), library, sorted(gains))
            if not ranked:
                continue
            scores[name][target] = {candidate.task: candidate.score for candidate in ranked}
            best = next((candidate for candidate in ranked if candidate.helps), None)
            verdicts[name][target] = {"use": best.task, "gain": gains[best.task]} if best else {"use": "none"}
    return scores, verdicts


def table(scores: Mapping[str, Scores], gains: Scores) -> dict[str, Any]:
    """Quality of every ranking, and by how much each loses less than the baselines."""
    quality = {name: evaluation.quality(column, gains) for name, column in scores.items()}
    random = {k: evaluation.random_regrets(gains, k) for k in evaluation.CUTS}
    quality["random"] = {f"regret@{k}": evaluation.interval_of(list(random[k].values())) for k in evaluation.CUTS}
    less: dict[str, Any] = {}
    for name, column in scores.items():
        for k in evaluation.CUTS:
            own = evaluation.regrets(column, gains, k)
            for baseline in BASELINES:
                other = random[k] if baseline == "random" else evaluation.regrets(scores[baseline], gains, k)
                less.setdefault(name, {}).setdefault(f"regret@{k}", {})[baseline] = evaluation.less(own, other)
    return {"quality": quality, "less_than": less}


def markdown(content: Mapping[str, Any]) -> str:
    """The table of the how-to: every ranking with its quality, means over targets with intervals, and processor seconds."""
    heads = ("method", "Spearman", "NDCG", "regret@1", "regret@3", "seconds")
    keys = (("spearman", 2), ("ndcg", 2), ("regret@1", 1), ("regret@3", 1))
    rows = [" | ".join(heads), " | ".join([":---", *["---:"] * (len(heads) - 1)])]
    for name, quality in sorted(content["quality"].items(), key=lambda row: row[1]["regret@1"]["mean"]):
        cells = [_cell(quality.get(key), digits) for key, digits in keys]
        rows.append(" | ".join([name, *cells, f"{content['seconds'][name]:,.0f}"]))
    return "\n".join(f"| {row} |" for row in rows)


def _cell(part: Mapping[str, float] | None, digits: int) -> str:
    return "" if part is None else f"{part['mean']:.{digits}f} [{part['low']:.{digits}f}, {part['high']:.{digits}f}]"


def test_inputs(past: Past, library: Embeddings) -> dict[str, dict[str, float]]:
    """Domain similarity to the targets' own test inputs in other languages, without labels."""
    return {
        target: {
            name: measures.domain_similarity(library.task(name), library.inputs(target, past.languages[target])) for name in gains
        }
        for target, gains in past.gains.items()
    }


def english_dev(study: Mapping[str, Any], gains: Scores) -> dict[str, dict[str, float]]:
    """English development score of each target's training, mean over seeds; none for targets that are not trained."""
    dev = {row["address"]: row["dev"] for row in study["trainings"]}
    scores: dict[str, dict[str, list[float]]] = {}
    for row in study["evaluations"]:
        if row["target"] in gains and row["row"] in gains[row["target"]] and TASKS[row["target"]].source_task:
            scores.setdefault(row["target"], {}).setdefault(row["row"], []).append(dev[row["chain"][-1]])
    return {target: {name: float(np.mean(values)) for name, values in column.items()} for target, column in scores.items()}


def costs(past: Past, seconds: Mapping[str, float]) -> dict[str, float]:
    """Processor seconds of each method for one target more, its own data included, without loading the encoder."""
    queries = {target: TASKS[target].source_task or f"{target} test" for target in past.gains}
    own = float(np.mean([seconds[name] for name in queries.values()]))
    candidates = sum(seconds[name] for name in past.candidates)
    text = float(np.mean([sum(seconds.get(f"text {code}", 0) for code in codes) for codes in past.languages.values()]))
    known = sum(seconds[name] for name in set(queries.values()))
    costs = dict.fromkeys(("past-mean", "same-head", "data-size", "always-mnli", "random"), 0.0)
    costs |= {"nearest-targets": known + own, "data-similarity": candidates + own, "domain-similarity": candidates + text}
    costs["domain-similarity of test inputs"] = candidates + float(np.mean([seconds[f"{target} test"] for target in past.gains]))
    return {name: round(value, 1) for name, value in costs.items()}


def full_training(study: Mapping[str, Any], past: Past, folder: Path) -> float:
    """Seconds by the clock, one thread, of all intermediate trainings and those of one target after each, mean over targets."""
    seconds = {path.parent.name: json.loads(path.read_text())["provenance"]["seconds"] for path in folder.glob("*/result.json")}
    targets: dict[str, set[str]] = {}
    for row in study["evaluations"]:
        if row["target"] in past.gains and row["row"] in past.gains[row["target"]] and TASKS[row["target"]].source_task:
            targets.setdefault(row["target"], set()).update(row["chain"])
    return round(float(np.mean([sum(seconds[address] for address in chain) for chain in targets.values()])), 1)


if __name__ == "__main__":
    main()
