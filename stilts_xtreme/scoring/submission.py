"""Scoring a folder of predictions in XTREME's submission layout: TASK/test-LANGUAGE.tsv, .json or .jsonl, labels in the same.

Figures are those of google-research/xtreme's evaluate.py (commit 838c13b). It differs from it on purpose where that script gives
a figure that is wrong without a word, or none:
- Refused, where it scores them: texts that are no label, sentences with another number of tags, lines of BUCC that are not two
  ids or have them in the other order, a question that stands twice, an object without entries, one without any id of the labels.
- Refused, where it scores them or ends in an error: questions without an answer or with an empty one, and labels that are all the
  same (50 or more), since such files had their labels taken out.
- Refused, where it leaves the task out: a task with predictions and without labels.
- Passed over, where it ends in an error or a lower score: a byte order mark, blank lines at the end of a file and several between
  two sentences. BUCC's blank lines count as a pair, as there.
- LAReQA, for which it has no scorer, is scored by mean average precision at 20.
"""

import os
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from stilts_xtreme.errors import UserError
from stilts_xtreme.scoring import submission_read as read
from stilts_xtreme.scoring.accuracy import accuracy
from stilts_xtreme.scoring.benchmarks import BENCHMARKS, aggregate
from stilts_xtreme.scoring.qa import mlqa_scores, squad_scores
from stilts_xtreme.scoring.submission_write import ending
from stilts_xtreme.scoring.tags import READING, entity_f1, xtreme_f1

# The benchmarks' tasks by the head that solves them, which decides how a file is written.
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
    """Where a submission has a task's predictions in a language, below its folder; a task of no benchmark needs its `head`."""
    return f"{task}/test-{language}.{ending(head or HEADS[task])}"


def score_submission(predictions_dir: Path | str, labels_dir: Path | str, benchmark: str = "xtreme") -> dict[str, Any]:
    """Scores of a submission, in the shape `benchmarks.aggregate` gives; `benchmark` is xtreme or xtreme-r.

    Scored are the benchmark's tasks that have a folder in `predictions_dir`; such a task needs labels, and both in all its
    languages. Other folders are left alone. UserError with file and line for what is missing, does not line up or is no label.
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
            result["tasks"][task]["reading"] = READING
    return result


def score_files(task: str, language: str, predicted: Path, gold: Path) -> dict[str, float]:
    """The metrics of one task in one language, 0 to 100, from its two files; UserError as in `score_submission`."""
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
            # A question without a prediction counts as one whose answers were not found.
            found = mean_average_precision([ranked.get(question, []) for question in relevant], list(relevant.values()), 20)
            return {"map@20": found}
        case "bucc2018":
            from stilts_xtreme.scoring.retrieval import pair_f1

            wanted, mined = read.gold_pairs(gold), read.pairs(predicted)
            _check_columns(predicted, gold, mined, wanted)
            return pair_f1(mined, wanted)
        case _:
            return _score_labels(task, predicted, gold)


def _score_labels(task: str, predicted: Path, gold: Path) -> dict[str, float]:
    found, wanted = read.labels(task, predicted), read.gold_labels(task, gold)
    if len(found) != len(wanted):
        wrong = f"{len(found)} for the {len(wanted)} labels of {gold}; write one line for each, in the same order"
        read.fail(predicted, min(len(found), len(wanted)) + 1, "predictions", wrong)
    return {"accuracy": accuracy(found, wanted)}


def _score_tags(task: str, predicted: Path, gold: Path) -> dict[str, float]:
    found, wanted = read.sentences(task, predicted), read.gold_sentences(task, gold)
    for (line, ours), (other_line, theirs) in zip(found, wanted, strict=False):
        if len(ours) != len(theirs):
            wrong = f"{len(ours)} tags; {gold}:{other_line} has {len(theirs)}; write one for each token"
            read.fail(predicted, line, "sentence", wrong)
    if len(found) != len(wanted):
        wrong = f"{len(found)} for the {len(wanted)} of {gold}; write all, with a blank line between two"
        read.fail(predicted, found[-1][0] if found else 1, "sentences", wrong)
    if not wanted:
        read.fail(gold, 1, "tags", "there are none; put the right tags here")
    score = entity_f1 if task == "panx" else xtreme_f1
    return score([tags for _, tags in found], [tags for _, tags in wanted])


def _check_ids(predicted: Path, gold: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """XTREME scores a missing answer 0 and passes over one too many; a file that has no id in common is the wrong file."""
    if not found.keys() & wanted.keys():
        read.fail(predicted, next(iter(found)), "id", f"neither this nor any other id here is in {gold}; is it the right file?")


def _check_columns(predicted: Path, gold: Path, found: Set[read.Pair], wanted: Set[read.Pair]) -> None:
    """Mined pairs may have no id in common with the gold ones; but then their ids must look like those of the same column."""
    ours, theirs = ([{pair[place] for pair in side if len(pair) == 2} for place in (0, 1)] for side in (found, wanted))
    for place, column in enumerate(ours):
        if not column or column & theirs[place]:
            continue
        crossed = column & theirs[1 - place]
        if crossed or not {_stem(name) for name in column} & {_stem(name) for name in theirs[place]}:
            hint = "write the foreign id first" if crossed or _stem(min(column)) in map(_stem, theirs[1 - place]) else ""
            wrong = f"neither this nor any other id of column {place + 1} is in that of {gold}; {hint or 'is it the right file?'}"
            read.fail(predicted, min(column), "id", wrong)


def _stem(name: str) -> str:
    """An id without its number: "de-" of de-000000123."""
    return name.rstrip("0123456789")
