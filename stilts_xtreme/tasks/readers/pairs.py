"""Read releases of labelled sentence pairs: natural language inference and paraphrase."""

from collections.abc import Callable, Iterator
from pathlib import Path

from stilts_xtreme.tasks.readers.lines import Location, Row, choice, columns, fail, lines, text, tsv, without_last_blanks
from stilts_xtreme.tasks.readers.skipped import BROKEN, Skipped, json_rows, rows_of

NLI = ("entailment", "neutral", "contradiction")
# "-" is MNLI's and SNLI's mark for "no majority"; XNLI's machine-translated files write "contradictory".
_NLI_WORDS = {**{label: label for label in NLI}, "contradictory": "contradiction", "-": "-"}
_ANLI_LETTERS = {"e": "entailment", "n": "neutral", "c": "contradiction"}


def _nli(path: Path, number: Location, name: str, premise: str, hypothesis: str, label: str) -> Row:
    if label not in _NLI_WORDS:
        hint = " (a test file without labels? the dev file is the one that is scored)" if label in ("hidden", "") else ""
        fail(path, number, "label", f"{label!r} is not one of {', '.join(_NLI_WORDS)}{hint}")
    return {"id": name, "premise": premise, "hypothesis": hypothesis, "label": _NLI_WORDS[label]}


def mnli_jsonl(path: Path) -> Iterator[Row | Skipped]:
    """Read MNLI and SNLI: JSON lines with gold_label, sentence1, sentence2 and optionally pairID."""

    def row(number: Location, record: Row) -> Row:
        name = text(path, number, record, "pairID") if "pairID" in record else str(number)
        premise, hypothesis = text(path, number, record, "sentence1"), text(path, number, record, "sentence2")
        return _nli(path, number, name, premise, hypothesis, text(path, number, record, "gold_label"))

    return json_rows(path, row)


def anli_jsonl(path: Path) -> Iterator[Row | Skipped]:
    """Read ANLI: JSON lines with uid, context, hypothesis and a label of a letter (e, n, c)."""

    def row(number: Location, record: Row) -> Row:
        label = _ANLI_LETTERS[choice(path, number, record, "label", tuple(_ANLI_LETTERS))]
        premise, hypothesis = text(path, number, record, "context"), text(path, number, record, "hypothesis")
        return _nli(path, number, text(path, number, record, "uid"), premise, hypothesis, label)

    return json_rows(path, row)


def xnli_tsv(path: Path) -> Iterator[Row | Skipped]:
    """Read XNLI as XTREME prepares it: premise, hypothesis, label; no header. XNLI-MT-1.0 has the header premise, hypo, label."""

    def row(number: Location, fields: list[str]) -> Row:
        if len(columns(path, number, fields, 2, 3)) == 2:
            fail(path, number, "label", "missing (XTREME blanks its test files); use XNLI-1.0/xnli.test.tsv of the release")
        return _nli(path, number, str(number), *fields)

    return rows_of(path, tsv(path, ("premise", "hypo", "label")), row)


def xnli_release_tsv(path: Path) -> Iterator[Row | Skipped]:
    """Read XNLI 1.0: a file of 15 languages with a header; rows have `language`."""
    numbered = without_last_blanks(lines(path))
    header = next(numbered, (1, ""))[1].split("\t")

    def row(number: Location, line: str) -> Row:
        fields = line.split("\t")
        record = dict(zip(header, fields, strict=False))
        if len(fields) != len(header):
            fail(path, number, "columns", f"{len(fields)} instead of the header's {len(header)}; put the line right")
        premise, hypothesis = text(path, number, record, "sentence1"), text(path, number, record, "sentence2")
        name, label = record.get("pairID", str(number)), text(path, number, record, "gold_label")
        return {**_nli(path, number, name, premise, hypothesis, label), "language": text(path, number, record, "language")}

    return rows_of(path, numbered, row)


def paws_tsv(path: Path) -> Iterator[Row | Skipped]:
    """Read PAWS and PAWS-X: sentence1, sentence2, 0 or 1; releases have an id in front and a header, XTREME has neither."""

    def row(number: Location, fields: list[str]) -> Row:
        if len(columns(path, number, fields, 2, 3, 4)) == 2:
            fail(path, number, "label", "missing (XTREME blanks its test files); use the release's x-final/*/test_2k.tsv")
        name, first, second, label = fields if len(fields) == 4 else [str(number), *fields]
        label = choice(path, number, {"label": label}, "label", ("0", "1"), "x-final/*/test_2k.tsv")
        return {"id": name, "sentence1": first, "sentence2": second, "label": label}

    return rows_of(path, tsv(path, ("id",)), row)


def _translated(path: Path, row: Callable[[str, str, str, str], Row | None]) -> Iterator[Row | Skipped]:
    """Read XTREME's translations of training data: two English texts, the same two translated, the label.

    Lines that are broken or have an unknown label (`row` returns None) are skipped, whatever their number, as in
    github.com/tensorflow/datasets, xtreme_pawsx.py.
    """
    whole = 0
    for number, line in without_last_blanks(lines(path)):
        fields = line.split("\t")
        whole += len(fields) == 5
        result = row(str(number), *fields[2:]) if len(fields) == 5 else None
        yield Skipped(BROKEN, str(number)) if result is None else {"at": str(number), **result}
    if not whole:
        fail(path, 1, "columns", "no line has 5, divided by tabs; is this a file of XTREME's translate-train?")


def xnli_translated_tsv(path: Path) -> Iterator[Row | Skipped]:
    """Read MNLI as XTREME translated it (XNLI/translate-train)."""

    def row(name: str, premise: str, hypothesis: str, label: str) -> Row | None:
        pair = {"id": name, "premise": premise, "hypothesis": hypothesis, "label": _NLI_WORDS.get(label)}
        return pair if pair["label"] else None

    return _translated(path, row)


def paws_translated_tsv(path: Path) -> Iterator[Row | Skipped]:
    """Read PAWS as XTREME translated it (PAWSX/translate-train)."""

    def row(name: str, first: str, second: str, label: str) -> Row | None:
        return {"id": name, "sentence1": first, "sentence2": second, "label": label} if label in ("0", "1") else None

    return _translated(path, row)


QQP = ("id", "qid1", "qid2", "question1", "question2", "is_duplicate")


def qqp_tsv(path: Path) -> Iterator[Row | Skipped]:
    """Read GLUE's Quora question pairs: a header, then id, qid1, qid2, question1, question2, is_duplicate."""
    header = tuple(next(lines(path), (1, ""))[1].split("\t"))
    if header == ("id", "question1", "question2"):
        fail(path, 1, "header", "GLUE's test file, which has no labels; QQP is scored on dev.tsv")
    if header != QQP:
        fail(path, 1, "header", f"expected {' '.join(QQP)}, divided by tabs (GLUE's QQP/train.tsv or dev.tsv)")

    def row(number: Location, fields: list[str]) -> Row:
        record = dict(zip(QQP, columns(path, number, fields, len(QQP)), strict=True))
        label = choice(path, number, record, "is_duplicate", ("0", "1"), "GLUE's dev.tsv")
        return {"id": fields[0], "question1": fields[3], "question2": fields[4], "is_duplicate": label}

    return rows_of(path, tsv(path, QQP), row)
