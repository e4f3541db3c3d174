"""Data that can be read and is wrong: small releases, each with one kind of damage, beside the same release without it.

For every kind: what is right (refused; read, with the damage told; or read as sound), and what came of it. The damage is told
where `stilts data check`, or what a training's result records of the reading, differs from that of the release without it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

ROWS = 600  # so that two broken rows are less than half a percent
Release = Mapping[str, str]  # names below a data folder, and contents
Made = tuple[Release, Release]  # damaged, and without the damage


@dataclass(frozen=True)
class Kind:
    """One kind of damage: `make(chance)` gives the release; `right` is "refused", "told" or "sound"."""

    name: str
    asked: tuple[str, str, str]  # task, split, language
    right: str
    make: Callable[[Random], Made]


def lines(rows: Sequence[Sequence[Any]], first: str = "") -> str:
    return first + "".join("\t".join(map(str, row)) + "\n" for row in rows)


def records(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def sentences(count: int, name: str = "hen") -> list[str]:
    return [f"In the town of {i} a {name} sat on wall number {i * 7}." for i in range(count)]


# ---- questions ----


def squad(count: int, change: Callable[[dict[str, Any]], None] | None = None, every: int = 20) -> str:
    """SQuAD's JSON, the answer "wall" in each context; every so many questions are changed."""
    paragraphs = []
    for i, context in enumerate(sentences(count)):
        answers = [{"text": "wall", "answer_start": context.index("wall")}]
        question = {"id": f"q{i}", "question": f"What did hen {i} sit on?", "answers": answers}
        if change is not None and i % every == 0:
            change(question)
        paragraphs.append({"context": context, "qas": [question]})
    return json.dumps({"version": "1.1", "data": [{"title": "t", "paragraphs": paragraphs}]})


def offsets(by: Callable[[int], int]) -> Callable[[Random], Made]:
    def make(chance: Random) -> Made:
        def change(question: dict[str, Any]) -> None:
            question["answers"][0]["answer_start"] = by(question["answers"][0]["answer_start"])

        every, dev = chance.choice((5, 20, 50)), {"squad_v1/dev-v1.1.json": squad(20)}
        name = "squad_v1/train-v1.1.json"
        return {name: squad(ROWS // 6, change, every), **dev}, {name: squad(ROWS // 6), **dev}

    return make


def unanswered(chance: Random) -> Made:
    name, every = "mlqa-translate-train/de_squad-translate-train-train-v1.1.json", chance.choice((5, 20))
    return {name: squad(100, lambda question: question.update(answers=[]), every)}, {name: squad(100)}


def blanked(chance: Random) -> Made:
    """Gold answers taken out, as in hidden test sets: all of them, or of some questions."""
    every = chance.choice((1, 5))
    change = lambda question: question["answers"][0].update(text="", answer_start=0)  # noqa: E731
    return {"xquad/xquad.de.json": squad(40, change, every)}, {"xquad/xquad.de.json": squad(40)}


# ---- rows ----


def pawsx(chance: Random) -> Made:
    rows = [[i, a, b, i % 2] for i, (a, b) in enumerate(zip(sentences(60), sentences(60, "cock"), strict=True))]
    empty = [[i, "", "", label] if i % 20 == 4 else row for row in rows for i, label in [(row[0], row[3])]]
    name, header = "x-final/ko/translated_train.tsv", "id\tsentence1\tsentence2\tlabel\n"
    return {name: lines(empty, header)}, {name: lines(rows, header)}


def premises(chance: Random) -> Made:
    labels = ("entailment", "neutral", "contradiction")
    rows = [
        {"pairID": str(i), "gold_label": labels[i % 3], "sentence1": text, "sentence2": "A hen sat."}
        for i, text in enumerate(sentences(60))
    ]
    field = chance.choice(("sentence1", "sentence2"))
    wrong = [row | {field: chance.choice(("", " "))} if i % 15 == 7 else row for i, row in enumerate(rows)]
    name = "mnli/multinli_1.0_train.jsonl"
    return {name: records(wrong)}, {name: records(rows)}


def choices(chance: Random) -> Made:
    rows = [
        {"ind": i, "activity_label": "Hens", "ctx_a": text, "ctx_b": "it", "ctx": f"{text} it", "label": i % 4,
         "endings": ["sat down.", "flew off.", "sang.", "slept."]}
        for i, text in enumerate(sentences(60))
    ]  # fmt: skip
    short = ["sat down.", "flew off.", "sang.", ""]
    wrong = [row | {"endings": short} if i % 15 == 7 else row for i, row in enumerate(rows)]
    name = "hellaswag/hellaswag_train.jsonl"
    return {name: records(wrong)}, {name: records(rows)}


def bitext(chance: Random) -> Made:
    foreign, english = sentences(40, "kuku"), sentences(40)
    empty = ["" if i % 13 == 5 else text for i, text in enumerate(foreign)]
    name, beside = "tatoeba/v1/tatoeba.swh-eng.swh", {"tatoeba/v1/tatoeba.swh-eng.eng": "\n".join(english) + "\n"}
    return {name: "\n".join(empty) + "\n", **beside}, {name: "\n".join(foreign) + "\n", **beside}


def qqp(cut: int) -> Callable[[Random], Made]:
    """Rows with a line break in a question, as GLUE's file has them: `cut` of them."""

    def make(chance: Random) -> Made:
        rows = [[i, 2 * i, 2 * i + 1, one, f"{one} Why?", i % 2] for i, one in enumerate(sentences(ROWS))]
        broken = set(chance.sample(range(10, ROWS), cut))
        header, name = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n", "qqp/train.tsv"
        whole = lines([row for i, row in enumerate(rows) if i not in broken], header)
        parts = [lines([row]).replace(" wall", "\nwall", 1) if i in broken else lines([row]) for i, row in enumerate(rows)]
        return {name: header + "".join(parts)}, {name: whole}

    return make


def translated_row(chance: Random) -> Made:
    rows = [[a, b, "neutral"] for a, b in zip(sentences(ROWS), sentences(ROWS, "cock"), strict=True)]
    at, name, header = chance.randrange(5, ROWS), "XNLI-MT-1.0/multinli/multinli.train.de.tsv", "premise\thypo\tlabel\n"
    return {name: lines([*rows[:at], ["a line cut in two"], *rows[at:]], header)}, {name: lines(rows, header)}


def blank_end(chance: Random) -> Made:
    rows = premises(chance)[1]
    ((name, text),) = rows.items()
    return {name: text + chance.choice(("\n", "\n\n", " \n", "\r\n"))}, rows


def header(chance: Random) -> Made:
    rows = [[a, b, "neutral"] for a, b in zip(sentences(30), sentences(30, "cock"), strict=True)]
    return {"xnli/test-de.tsv": lines([["premise", "hypothesis", "label"], *rows])}, {"xnli/test-de.tsv": lines(rows)}


def prefixes(chance: Random) -> Made:
    """`en:` before no token at all; what is right beside it is the release without that line."""
    tagged = [["en:Bo", "B-PER"], ["en:ran", "O"]]
    part = [lines(tagged), lines([["en:", "O"]])]
    whole = "\n".join(lines(tagged) for _ in range(30)) + "\n"
    return {"panx_dataset/en/train": whole + "\n" + "".join(chance.sample(part, 2)) + "\n"}, {"panx_dataset/en/train": whole}


def missing_pairs(chance: Random) -> Made:
    """PAWS-X rows whose sentence was not translated: scored by the benchmark, so they are told."""
    rows = [[a, b, i % 2] for i, (a, b) in enumerate(zip(sentences(40), sentences(40, "cock"), strict=True))]
    wrong = [["NS", row[1], row[2]] if i % 10 == 3 else row for i, row in enumerate(rows)]
    return {"pawsx/test-de.tsv": lines(wrong)}, {"pawsx/test-de.tsv": lines(rows)}


def empty_test(chance: Random) -> Made:
    rows = lines([[a, "A hen sat.", "neutral"] for a in sentences(10)])
    return {"xnli/test-de.tsv": chance.choice(("", "\n", "\n\n\n"))}, {"xnli/test-de.tsv": rows}


def garbled(chance: Random) -> Made:
    rows = lines([[a, "A hen sat.", "neutral"] for a in sentences(10)])
    return {"xnli/test-de.tsv": "".join(chr(chance.randrange(33, 255)) for _ in range(400))}, {"xnli/test-de.tsv": rows}


def no_english(chance: Random) -> Made:
    """A folder of parts whose English test file is missing: the dev file stands in, and training is cut for a dev split."""
    train = "\n".join(lines([[f"Bo{i}", "B-PER"], ["ran", "O"]]) for i in range(100)) + "\n"
    small = "\n".join(lines([[f"Ida{i}", "B-PER"], ["sat", "O"]]) for i in range(20)) + "\n"
    parts = {"panx/train-en.tsv": train, "panx/dev-en.tsv": small}
    return parts, {**parts, "panx/test-en.tsv": small}


def special(word: str) -> Callable[[Random], Made]:
    """A special token standing in the text: it is text, so that nothing about the reading may change."""

    def make(chance: Random) -> Made:
        rows = [[a, "A hen sat.", "neutral"] for a in sentences(30)]
        wrong = [[row[0].replace("wall", word), *row[1:]] if i % 7 == 2 else row for i, row in enumerate(rows)]
        return {"xnli/test-de.tsv": lines(wrong)}, {"xnli/test-de.tsv": lines(rows)}

    return make


DATA = (
    Kind("answer offset 0", ("squad", "train", "en"), "told", offsets(lambda start: 0)),
    Kind("answer offset too small", ("squad", "train", "en"), "told", offsets(lambda start: start - 7)),
    Kind("answer offset too large", ("squad", "train", "en"), "told", offsets(lambda start: start + 30)),
    Kind("answer offset negative", ("squad", "train", "en"), "told", offsets(lambda start: -1)),
    Kind("translated questions without answers", ("squad", "translated", "de"), "told", unanswered),
    Kind("blanked answers", ("xquad", "test", "de"), "refused", blanked),
    Kind("pairs without text", ("pawsx", "translated", "ko"), "told", pawsx),
    Kind("premises without text", ("mnli", "train", "en"), "told", premises),
    Kind("choices without text", ("hellaswag", "train", "en"), "told", choices),
    Kind("sentences without text", ("tatoeba", "test", "sw"), "told", bitext),
    Kind("two rows cut in two", ("qqp", "train", "en"), "told", qqp(1)),
    Kind("many rows cut in two", ("qqp", "train", "en"), "refused", qqp(30)),
    Kind("a translated row cut in two", ("mnli", "translated", "de"), "told", translated_row),
    Kind("a blank line at the end", ("mnli", "train", "en"), "sound", blank_end),
    Kind("a header where there is none", ("xnli", "test", "de"), "refused", header),
    Kind("a prefix without a token", ("panx", "train", "en"), "refused", prefixes),
    Kind("pairs not translated", ("pawsx", "test", "de"), "told", missing_pairs),
    Kind("an empty test file", ("xnli", "test", "de"), "refused", empty_test),
    Kind("a garbled test file", ("xnli", "test", "de"), "refused", garbled),
    Kind("no English test file", ("panx", "train", "en"), "told", no_english),
    Kind("the word <s> in text", ("xnli", "test", "de"), "sound", special("<s>")),
    Kind("the word </s> in text", ("xnli", "test", "de"), "sound", special("</s>")),
    Kind("the word <mask> in text", ("xnli", "test", "de"), "sound", special("<mask>")),
)
