"""Small tasks of one's own, described in YAML: one for each kind of head, with files in English and German."""

import json
from pathlib import Path

ANIMALS = ("cat", "dog", "hen", "cow", "fox", "owl", "ape", "eel")
TIERE = ("Katze", "Hund", "Henne", "Kuh", "Fuchs", "Eule", "Affe", "Aal")
SIZES = {"train": 48, "dev": 16, "test": 12}
SPLITS = (("train", "en"), ("dev", "en"), ("test", "en"), ("test", "de"))


def sentence(i: int, language: str) -> tuple[str, bool]:
    """A sentence, and whether it is a friendly one."""
    names, good = (ANIMALS if language == "en" else TIERE), i % 2 == 0
    word = {"en": ("lovely", "nasty"), "de": ("lieb", "böse")}[language][not good]
    return f"number {i}: the {names[i % 8]} is {word}", good


def numbers(split: str) -> range:
    """Different ones in each split."""
    start = {"train": 0, "dev": 100, "test": 200}[split]
    return range(start, start + SIZES[split])


def reviews(folder: Path) -> Path:
    """Single texts, TSV with a header."""
    for split, code in SPLITS:
        rows = [sentence(i, code) for i in numbers(split)]
        lines = ["stars\ttext", *(f"{'good' if good else 'bad'}\t{text}" for text, good in rows)]
        write(folder / f"reviews/{split}-{code}.tsv", "\n".join(lines) + "\n")
    return describe(
        folder / "reviews.yaml",
        """\
kind: task
name: reviews
about: Is an animal described as lovely or as nasty?
licence: CC BY 4.0
head: classification
format: tsv
columns: {text: text, label: stars}
labels: [good, bad]
files:
  train: reviews/train-en.tsv
  dev: reviews/dev-en.tsv
  test: reviews/test-{language}.tsv
""",
    )


def claims(folder: Path) -> Path:
    """Pairs of texts, CSV without a header."""
    for split, code in SPLITS:
        rows = [(sentence(i, code), i) for i in numbers(split)]
        lines = [f'"{text}, they say",animal {i} is good,{int(good)}' for (text, good), i in rows]
        write(folder / f"claims/{split}/{code}.csv", "\n".join(lines) + "\n")
    return describe(
        folder / "claims.yaml",
        """\
kind: task
name: claims
head: pair_classification
format: csv
columns: {first: 1, second: 2, label: 3}
labels: [0, 1]
files:
  train: {en: claims/train/en.csv}
  dev: {en: claims/dev/en.csv}
  test: {en: claims/test/en.csv, de: claims/test/de.csv}
""",
    )


def riddles(folder: Path) -> Path:
    """Multiple choice, JSON lines; without dev files, which are cut from those for training."""
    for split, code in SPLITS:
        if split == "dev":
            continue
        names = ANIMALS if code == "en" else TIERE
        rows = []
        for i in numbers(split):
            options = [names[i % 8], names[(i + 3) % 8]]
            right = {"options": options, "answer": "A"} if i % 3 else {"options": options[::-1], "answer": "B"}
            rows.append({"story": sentence(i, code)[0], "ask": "Who is it?", **right})
        write(folder / f"riddles/{split}.{code}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    return describe(
        folder / "riddles.yaml",
        """\
kind: task
name: riddles
head: multiple_choice
format: jsonl
columns: {context: story, question: ask, choices: options, label: answer}
labels: [A, B]
files:
  train: riddles/train.en.jsonl
  test: "riddles/test.{language}.jsonl"
""",
    )


def beasts(folder: Path) -> Path:
    """Tagging, CoNLL-like."""
    for split, code in SPLITS:
        blocks = []
        for i in numbers(split):
            words = sentence(i, code)[0].split()
            blocks.append("".join(f"{word} x {'B-BEAST' if n == 3 else 'O'}\n" for n, word in enumerate(words)))
        write(folder / f"beasts/{code}-{split}.conll", "\n".join(blocks))
    return describe(
        folder / "beasts.yaml",
        """\
kind: task
name: beasts
head: tagging
format: conll
columns: {token: 1, tag: 3}
labels: [O, B-BEAST, I-BEAST]
files:
  train: beasts/en-train.conll
  dev: beasts/en-dev.conll
  test: "beasts/{language}-test.conll"
""",
    )


def asked(folder: Path) -> Path:
    """Questions on a context, SQuAD's JSON."""
    for split, code in SPLITS:
        paragraphs = []
        for i in numbers(split):
            context = sentence(i, code)[0]
            answer = context.split()[-1]
            answers = [{"text": answer, "answer_start": context.rindex(answer)}]
            paragraphs.append({"context": context, "qas": [{"id": f"q{i}", "question": "how is it?", "answers": answers}]})
        write(folder / f"asked/{split}-{code}.json", json.dumps({"data": [{"title": "all", "paragraphs": paragraphs}]}))
    return describe(
        folder / "asked.yaml",
        """\
kind: task
name: asked
head: span_qa
format: squad
files: {train: asked/train-en.json, dev: asked/dev-en.json, test: "asked/test-{language}.json"}
""",
    )


EVERY = {"reviews": reviews, "claims": claims, "riddles": riddles, "beasts": beasts, "asked": asked}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def describe(path: Path, text: str) -> Path:
    write(path, text)
    return path
