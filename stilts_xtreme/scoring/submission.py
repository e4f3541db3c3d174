"""Scoring a folder of predictions in XTREME's submission layout: TASK/test-LANGUAGE.tsv, .json or .jsonl, labels in the same."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from stilts_xtreme import files
from stilts_xtreme.errors import UserError
from stilts_xtreme.scoring.accuracy import accuracy
from stilts_xtreme.scoring.benchmarks import BENCHMARKS, aggregate
from stilts_xtreme.scoring.qa import mlqa_scores, squad_scores
from stilts_xtreme.scoring.tags import xtreme_f1
from stilts_xtreme.shown import visible

LARGEST = 2**30  # bytes of one file
# Of all other tasks: tsv.
ENDINGS = {"xquad": "json", "mlqa": "json", "tydiqa": "json", "mewslix": "json", "lareqa": "json", "xcopa": "jsonl"}
LABELS = {
    "xnli": frozenset({"entailment", "neutral", "contradiction"}),
    "pawsx": frozenset({"0", "1"}),
    "xcopa": frozenset({"0", "1"}),
    # "_" is the mark of a contracted word, left in by some conversions of the treebanks.
    "udpos": frozenset("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X _".split()),
    "panx": frozenset("O B-LOC I-LOC B-ORG I-ORG B-PER I-PER".split()),
}


def file_name(task: str, language: str) -> str:
    """Where a submission has a task's predictions in a language, below its folder."""
    return f"{task}/test-{language}.{ENDINGS.get(task, 'tsv')}"


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
    return aggregate(chosen, scores)


def score_files(task: str, language: str, predicted: Path, gold: Path) -> dict[str, float]:
    """The metrics of one task in one language, 0 to 100, from its two files; UserError as in `score_submission`."""
    match task:
        case "udpos" | "panx":
            return _score_tags(task, predicted, gold)
        case "xquad" | "mlqa" | "tydiqa":
            answers, references = _answers(predicted), _references(gold)
            _check_ids(predicted, gold, answers, references)
            return mlqa_scores(answers, references, language) if task == "mlqa" else squad_scores(answers, references)
        case "mewslix" | "lareqa":
            from stilts_xtreme.scoring.retrieval import mean_average_precision

            ranked, relevant = _ranked(predicted), _ranked(gold)
            _check_ids(predicted, gold, ranked, relevant)
            for question, entities in relevant.items():
                if not entities:
                    _fail(gold, question, "ids", "no right answer; every entry needs one")
            # A question without a prediction counts as one whose answers were not found.
            found = mean_average_precision([ranked.get(question, []) for question in relevant], list(relevant.values()), 20)
            return {"map@20": found}
        case "bucc2018":
            from stilts_xtreme.scoring.retrieval import pair_f1

            wanted = _pairs(gold)
            if not wanted:
                _fail(gold, 1, "pairs", "there are none; put the right pairs here")
            return pair_f1(_pairs(predicted), wanted)
        case _:
            return _score_labels(task, predicted, gold)


def _score_labels(task: str, predicted: Path, gold: Path) -> dict[str, float]:
    found, wanted = _labels(task, predicted), _labels(task, gold)
    if len(found) != len(wanted):
        wrong = f"{len(found)} for the {len(wanted)} labels of {gold}; write one line for each, in the same order"
        _fail(predicted, min(len(found), len(wanted)) + 1, "predictions", wrong)
    if not wanted:
        _fail(gold, 1, "labels", "there are none; put the right labels here")
    return {"accuracy": accuracy(found, wanted)}


def _score_tags(task: str, predicted: Path, gold: Path) -> dict[str, float]:
    found, wanted = _sentences(task, predicted), _sentences(task, gold)
    for (line, ours), (other_line, theirs) in zip(found, wanted, strict=False):
        if len(ours) != len(theirs):
            wrong = f"{len(ours)} tags; {gold}:{other_line} has {len(theirs)}; write one for each token"
            _fail(predicted, line, "sentence", wrong)
    if len(found) != len(wanted):
        wrong = f"{len(found)} for the {len(wanted)} of {gold}; write all, with a blank line between two"
        _fail(predicted, found[-1][0] if found else 1, "sentences", wrong)
    if not wanted:
        _fail(gold, 1, "tags", "there are none; put the right tags here")
    return xtreme_f1([tags for _, tags in found], [tags for _, tags in wanted])


def _labels(task: str, path: Path) -> list[str | int]:
    found: list[str | int] = []
    for number, line in _lines(path):
        if task == "tatoeba":
            if not (line.isascii() and line.isdigit() and len(line) < 10):
                _fail(path, number, "sentence", f"{line!r} is not a number; write the index (from 0) of the foreign sentence")
            found.append(int(line))
            continue
        found.append(_allowed(task, path, number, _xcopa_label(path, number, line) if task == "xcopa" else line))
    return found


def _xcopa_label(path: Path, number: int, line: str) -> str:
    record = _json(path, line, number)
    if not isinstance(record, dict) or "label" not in record:
        _fail(path, number, "label", 'missing; expected an object with a "label" of 0 or 1')
    return str(record["label"])


def _sentences(task: str, path: Path) -> list[tuple[int, list[str]]]:
    """First line and tags of each sentence; one or more blank lines lie between two."""
    found: list[tuple[int, list[str]]] = []
    fresh = True
    for number, line in _lines(path):
        if not line:
            fresh = True
            continue
        if fresh:
            found.append((number, []))
        found[-1][1].append(_allowed(task, path, number, line))
        fresh = False
    return found


def _pairs(path: Path) -> set[tuple[str, str]]:
    found = set()
    for number, line in _lines(path):
        fields = line.split("\t")
        if len(fields) != 2 or not all(fields):
            _fail(path, number, "pair", f"{line!r} is not two sentence ids divided by a tab")
        found.add((fields[0], fields[1]))
    return found


def _answers(path: Path) -> dict[str, str]:
    content = _json(path, _text(path))
    if not isinstance(content, dict) or not content:
        _fail(path, 1, "answers", "not an object with entries; expected {question id: answer}")
    for question, answer in content.items():
        if not isinstance(answer, str):
            _fail(path, question, "answer", f'{answer!r} is not text; write "" for no answer')
    return content


def _references(path: Path) -> dict[str, list[str]]:
    content = _json(path, _text(path))
    found: dict[str, list[str]] = {}
    place = "data"
    try:
        for article in content["data"] if isinstance(content, dict) else content:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    place = _string(question["id"])
                    if place in found:
                        _fail(path, place, "id", "stands here twice; give every question its own")
                    found[place] = [_string(answer["text"]) for answer in question["answers"]]
    except (KeyError, TypeError) as fault:
        _fail(path, place, "questions", f"not SQuAD's layout, at or after this place ({type(fault).__name__}: {fault})")
    if not found:
        _fail(path, 1, "questions", "there are none; put the questions with their answers here")
    return found


def _ranked(path: Path) -> dict[str, list[str]]:
    content = _json(path, _text(path))
    if not isinstance(content, dict) or not content:
        _fail(path, 1, "ids", "not an object with entries; expected {id: list of ids}")
    for question, results in content.items():
        if not isinstance(results, list) or not all(isinstance(result, str) for result in results):
            _fail(path, question, "ids", f"{results!r} is not a list of ids")
    return content


def _check_ids(predicted: Path, gold: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """XTREME scores a missing answer 0 and passes over one too many; a file that has no id in common is the wrong file."""
    if found and not found.keys() & wanted.keys():
        _fail(predicted, next(iter(found)), "id", f"neither this nor any other id here is in {gold}; is it the right file?")


def _allowed(task: str, path: Path, number: int, label: str) -> str:
    if label not in LABELS[task]:
        _fail(path, number, "label", f"{label!r} is not one of {', '.join(sorted(LABELS[task]))}")
    return label


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _lines(path: Path) -> list[tuple[int, str]]:
    """Line number and line without white space around it; blank lines at the end are left out."""
    text = _text(path).rstrip()
    return [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)] if text else []


def _text(path: Path) -> str:
    try:
        return files.content(path, LARGEST).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as fault:
        line = fault.object[: fault.start].count(b"\n") + 1
        _fail(path, line, "text", f"not UTF-8 ({fault.reason}); store the file as UTF-8")
    except OSError as fault:
        _fail(path, 1, "file", f"cannot be read: {fault.strerror}")


def _json(path: Path, text: str, line: int = 1) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as fault:
        _fail(path, line + fault.lineno - 1, "text", f"not JSON: {fault.msg} (column {fault.colno})")
    except RecursionError:
        _fail(path, line, "text", "not JSON we read: nested too deeply")
    except ValueError as fault:  # a number of thousands of digits
        _fail(path, line, "text", f"not JSON we read: {fault}")


def _fail(path: Path, place: int | str, field: str, wrong: str) -> NoReturn:
    raise UserError(visible(f"{path}:{place}: {field}: {wrong}"))
