"""Releases of labelled sentence pairs: natural language inference and paraphrase."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stilts_xtreme.formats.lines import choice, fail, json_lines, lines, text, tsv

Row = dict[str, Any]

NLI = ("entailment", "neutral", "contradiction")
# "-" is MNLI's and SNLI's mark for "no majority"; XNLI's machine-translated files write "contradictory".
_NLI_WORDS = {**{label: label for label in NLI}, "contradictory": "contradiction", "-": "-"}
_ANLI_LETTERS = {"e": "entailment", "n": "neutral", "c": "contradiction"}


def _nli(path: Path, number: int, name: str, premise: str, hypothesis: str, label: str) -> Row:
    if label not in _NLI_WORDS:
        hint = " (a test file without labels? the dev file is the one that is scored)" if label in ("hidden", "") else ""
        fail(path, number, "label", f"{label!r} is not one of {', '.join(_NLI_WORDS)}{hint}")
    return {"id": name, "premise": premise, "hypothesis": hypothesis, "label": _NLI_WORDS[label]}


def mnli_jsonl(path: Path) -> Iterator[Row]:
    """MNLI and SNLI: JSON lines with gold_label, sentence1, sentence2 (pairID where there is one)."""
    for number, record in json_lines(path):
        name = text(path, number, record, "pairID") if "pairID" in record else str(number)
        premise, hypothesis = text(path, number, record, "sentence1"), text(path, number, record, "sentence2")
        yield _nli(path, number, name, premise, hypothesis, text(path, number, record, "gold_label"))


def anli_jsonl(path: Path) -> Iterator[Row]:
    """ANLI: JSON lines with uid, context, hypothesis and a label of one letter (e, n, c)."""
    for number, record in json_lines(path):
        label = _ANLI_LETTERS[choice(path, number, record, "label", tuple(_ANLI_LETTERS))]
        premise, hypothesis = text(path, number, record, "context"), text(path, number, record, "hypothesis")
        yield _nli(path, number, text(path, number, record, "uid"), premise, hypothesis, label)


def xnli_tsv(path: Path) -> Iterator[Row]:
    """XNLI as XTREME prepares it: premise, hypothesis, label word; no header. XNLI-MT-1.0 has one: premise, hypo, label."""
    for number, fields in tsv(path, 2, 3):
        if number == 1 and fields == ["premise", "hypo", "label"]:
            continue
        if len(fields) == 2:
            fail(path, number, "label", "missing (XTREME blanks its test files); use XNLI-1.0/xnli.test.tsv of the release")
        yield _nli(path, number, str(number), *fields)


def xnli_release_tsv(path: Path) -> Iterator[Row]:
    """XNLI 1.0: one file of 15 languages with a header; rows carry `language`, for the reading to choose from."""
    header: list[str] = []
    for number, line in lines(path):
        fields = line.split("\t")
        if number == 1:
            header = fields
            continue
        record = dict(zip(header, fields))
        if len(fields) != len(header):
            fail(path, number, "columns", f"{len(fields)} instead of the header's {len(header)}; put the line right")
        premise, hypothesis = text(path, number, record, "sentence1"), text(path, number, record, "sentence2")
        row = _nli(path, number, record.get("pairID", str(number)), premise, hypothesis, text(path, number, record, "gold_label"))
        yield {**row, "language": text(path, number, record, "language")}


def paws_tsv(path: Path) -> Iterator[Row]:
    """PAWS and PAWS-X: sentence1, sentence2, 0 or 1; the releases put an id in front and have a header, XTREME has neither."""
    for number, fields in tsv(path, 2, 3, 4):
        if number == 1 and fields[0] == "id":
            continue
        if len(fields) == 2:
            fail(path, number, "label", "missing (XTREME blanks its test files); use the release's x-final/*/test_2k.tsv")
        name, first, second, label = fields if len(fields) == 4 else [str(number), *fields]
        label = choice(path, number, {"label": label}, "label", ("0", "1"), "x-final/*/test_2k.tsv")
        yield {"id": name, "sentence1": first, "sentence2": second, "label": label}


def _translated(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """XTREME's translations of training data: two English texts, the same two translated, the label. Some lines are broken
    (github.com/tensorflow/datasets, xtreme_pawsx.py, leaves them out): their label is given as "-"."""
    whole = 0
    for number, line in lines(path):
        fields = line.split("\t")
        whole += len(fields) == 5
        yield (str(number), fields[2], fields[3], fields[4]) if len(fields) == 5 else (str(number), "", "", "-")
    if not whole:
        fail(path, 1, "columns", "no line has 5, divided by tabs; is this a file of XTREME's translate-train?")


def xnli_translated_tsv(path: Path) -> Iterator[Row]:
    """MNLI as XTREME translated it (XNLI/translate-train); "-" stands for a line that is broken."""
    for name, premise, hypothesis, label in _translated(path):
        yield {"id": name, "premise": premise, "hypothesis": hypothesis, "label": _NLI_WORDS.get(label, "-")}


def paws_translated_tsv(path: Path) -> Iterator[Row]:
    """PAWS as XTREME translated it (PAWSX/translate-train); "-" stands for a line that is broken."""
    for name, first, second, label in _translated(path):
        yield {"id": name, "sentence1": first, "sentence2": second, "label": label if label in ("0", "1") else "-"}


def qqp_tsv(path: Path) -> Iterator[Row]:
    """Quora question pairs as in GLUE: a header, then id, qid1, qid2, question1, question2, is_duplicate."""
    columns = ["id", "qid1", "qid2", "question1", "question2", "is_duplicate"]
    if next(lines(path), (1, ""))[1].split("\t") == ["id", "question1", "question2"]:
        fail(path, 1, "header", "GLUE's test file, which has no labels; QQP is scored on dev.tsv")
    for number, fields in tsv(path, len(columns)):
        if number == 1:
            if fields != columns:
                fail(path, 1, "header", f"expected {' '.join(columns)}, divided by tabs (GLUE's QQP/train.tsv or dev.tsv)")
            continue
        record = dict(zip(columns, fields))
        label = choice(path, number, record, "is_duplicate", ("0", "1"), "GLUE's dev.tsv")
        yield {"id": fields[0], "question1": fields[3], "question2": fields[4], "is_duplicate": label}
