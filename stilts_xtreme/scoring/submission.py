"""Score a folder of predictions in XTREME's submission layout: TASK/test-LANGUAGE.tsv, .json or .jsonl, labels in the same.

Scores are those of google-research/xtreme's evaluate.py (commit 838c13b). Differences are on purpose, where that script gives a
wrong score without a warning, or none:
- Refused, where it scores them: texts that are no label, sentences with another number of tags, lines of BUCC that are not two
  ids or have them in the other order, a repeated question, an object without entries, or without any id of the labels.
- Refused, where it scores them or fails: questions without an answer or with an empty answer, and labels that are all the same
  (50 or more), since the labels of such files were removed.
- Refused, where it leaves the task out: a task with predictions but without labels.
- Ignored, where it fails or scores lower: a byte order mark, blank lines at the end of a file, repeated blank lines between two
  sentences. BUCC's blank lines count as a pair, as there.
- LAReQA, for which it has no scorer, is scored by mean average precision at 20.
"""

import os
from collections.abc import Set
from pathlib import Path

from stilts_xtreme.scoring import submission_read as read
from stilts_xtreme.scoring.accuracy import accuracy
from stilts_xtreme.scoring.benchmarks import BENCHMARKS, aggregate
from stilts_xtreme.scoring.qa import mlqa_scores, squad_scores
from stilts_xtreme.scoring.submission_write import extension
from stilts_xtreme.scoring.tags import CHUNKING, entity_f1, xtreme_f1
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

# Task -> head, which decides the file format.
HEADS = {
    "pawsx": "classification",
    "xnli": "classification",
    "xcopa": "multiple_choice",
    "udpos": "tagging",
    "panx": "tagging",
    "xquad": "span_qa",
    "mlqa": "span_qa",
    "tydiqa": "span_qa",
    "bucc2018": "embedding",
    "tatoeba": "embedding",
    "mewslix": "dual_encoder",
    "lareqa": "dual_encoder",
}


def file_name(task: str, language: str, head: str | None = None) -> str:
    """Return the path of a task's predictions in a language, relative to the submission; a task of no benchmark needs `head`."""
    return f"{task}/test-{language}.{extension(head or HEADS[task])}"


def score_submission(predictions_dir: Path | str, labels_dir: Path | str, benchmark: str = "xtreme") -> Record:
    """Score a submission; the result is that of `benchmarks.aggregate`. `benchmark` is xtreme or xtreme-r.

    Scores the benchmark's tasks that have a folder in `predictions_dir`; they need predictions and labels in all their languages.
    Other folders are ignored. Raises UserError with file and line for missing files, wrong lengths and invalid labels.
    """
    if benchmark not in BENCHMARKS:
        raise UserError(f"benchmark: {benchmark!r} is not one of {', '.join(BENCHMARKS)}")
    predictions, labels, chosen = Path(predictions_dir), Path(labels_dir), BENCHMARKS[benchmark]
    tasks = [task for task in chosen.tasks if os.path.isdir(predictions / task)]
    if not tasks:
        raise UserError(f"{predictions}: no folder of a task of {benchmark}; expected one or more of {', '.join(chosen.tasks)}")
    files = {(task, code): file_name(task, code) for task in tasks for code in chosen.languages[task]}
    missing = [folder / file for file in files.values() for folder in (predictions, labels) if not os.path.isfile(folder / file)]
    if missing:
        hint = "missing; a task is scored in all its languages (to leave a task out, take its predictions away)"
        raise UserError("\n".join(f"{path}: {hint}" for path in missing))
    scores: dict[str, dict[str, dict[str, float]]] = {task: {} for task in tasks}
    for (task, code), file in files.items():
        scores[task][code] = score_files(task, code, predictions / file, labels / file)
    result = aggregate(chosen, scores)
    for task in tasks:
        if HEADS[task] == "tagging":
            result["tasks"][task]["reading"] = CHUNKING
    return result


def score_files(task: str, language: str, predicted: Path, gold: Path) -> dict[str, float]:
    """Return metric -> 0 to 100 of a task in a language, from its two files; raises UserError like `score_submission`."""
    match task:
        case "udpos" | "panx":
            return _score_tags(task, predicted, gold)
        case "xquad" | "mlqa" | "tydiqa":
            answers, references = read.answers(predicted), read.references(gold)
            _check_ids(predicted, gold, answers, references)
            return mlqa_scores(answers, references, language) if task == "mlqa" else squad_scores(answers, references)
        case "mewslix" | "lareqa":
            from stilts_xtreme.scoring.retrieval import mean_average_precision

            ranked, relevant = read.ranked(predicted), read.relevant(task, gold)
            _check_ids(predicted, gold, ranked, relevant)
            # A question without a prediction scores 0.
            results = [ranked.get(question, []) for question in relevant]
            return {"map@20": mean_average_precision(results, list(relevant.values()), 20)}
        case "bucc2018":
            from stilts_xtreme.scoring.retrieval import pair_f1

            gold_pairs, mined = read.gold_pairs(gold), read.pairs(predicted)
            _check_columns(predicted, gold, mined, gold_pairs)
            return pair_f1(mined, gold_pairs)
        case _:
            return _score_labels(task, predicted, gold)


def _score_labels(task: str, predicted: Path, gold: Path) -> dict[str, float]:
    predictions, references = read.labels(task, predicted), read.gold_labels(task, gold)
    if len(predictions) != len(references):
        line = min(len(predictions), len(references)) + 1
        problem = f"{len(predictions)} for the {len(references)} labels of {gold}; write one line for each, in the same order"
        read.fail(predicted, line, "predictions", problem)
    return {"accuracy": accuracy(predictions, references)}


def _score_tags(task: str, predicted: Path, gold: Path) -> dict[str, float]:
    predictions, references = read.sentences(task, predicted), read.gold_sentences(task, gold)
    for (line, ours), (gold_line, theirs) in zip(predictions, references, strict=False):
        if len(ours) != len(theirs):
            problem = f"{len(ours)} tags; {gold}:{gold_line} has {len(theirs)}; write one for each token"
            read.fail(predicted, line, "sentence", problem)
    if len(predictions) != len(references):
        problem = f"{len(predictions)} for the {len(references)} of {gold}; write all, with a blank line between two"
        read.fail(predicted, predictions[-1][0] if predictions else 1, "sentences", problem)
    if not references:
        read.fail(gold, 1, "tags", "there are none; put the right tags here")
    score = entity_f1 if task == "panx" else xtreme_f1
    return score([tags for _, tags in predictions], [tags for _, tags in references])


def _check_ids(predicted: Path, gold: Path, predictions: Record, references: Record) -> None:
    """Refuse a file without any id of the gold file: XTREME scores a missing answer 0 and ignores unknown ids."""
    if not predictions.keys() & references.keys():
        problem = f"neither this nor any other id here is in {gold}; is it the right file?"
        read.fail(predicted, next(iter(predictions)), "id", problem)


def _check_columns(predicted: Path, gold: Path, mined: Set[read.Pair], gold_pairs: Set[read.Pair]) -> None:
    """Refuse ids unlike those of the same gold column; correct files need not have an id in common with the gold pairs."""
    ours, theirs = ([{pair[column] for pair in side if len(pair) == 2} for column in (0, 1)] for side in (mined, gold_pairs))
    for column, ids in enumerate(ours):
        if not ids or ids & theirs[column]:
            continue
        crossed = ids & theirs[1 - column]
        if crossed or not {_stem(name) for name in ids} & {_stem(name) for name in theirs[column]}:
            hint = "write the foreign id first" if crossed or _stem(min(ids)) in map(_stem, theirs[1 - column]) else ""
            problem = (
                f"neither this nor any other id of column {column + 1} is in that of {gold}; {hint or 'is it the right file?'}"
            )
            read.fail(predicted, min(ids), "id", problem)


def _stem(name: str) -> str:
    """Return an id without its number: "de-" for de-000000123."""
    return name.rstrip("0123456789")
