"""How many examples the miniature world's readings have, and how long rows are: what a forecast knows before data is read.

python -m experiments.benchmarks.sizes RUNS/train/ADDRESS --data FOLDER

writes stilts_xtreme/forecast/sizes.csv: for the miniature world by the tokenizer of a finished training; for releases English
rows in FOLDER, CHARACTERS to a token. Rows that come from elsewhere (`KNOWN`) stand here.
"""

import argparse
import csv
import math
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stilts_xtreme.data import read as data
from stilts_xtreme.forecast.sizes import FILE, texts
from stilts_xtreme.models.heads import HEADS, Limits
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.task import training_split
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.languages import MANY

CHARACTERS = 4.7  # of English to a token of XLM-R's: 4.6 in MNLI's pairs, 4.9 in SQuAD's (`lengths.py`)
UNCUT = Limits(max_length=100_000)
COLUMNS = ("world", "task", "split", "language", "examples", "rows", "tokens", "spread", "source")
KNOWN = [
    ("release", "ccg", "train", "en", 39604, 1, 32, 0.5, "CCGbank, sections 02 to 21: 23.5 words a sentence"),
    ("release", "ccg", "dev", "en", 1913, 1, 32, 0.5, "CCGbank, section 00"),
    *(
        ("release", "bucc2018", split, code, count, 1, 35, 0.4, "both sides, overview of the shared task; lengths assumed")
        for split, sizes in {
            "test": {"de": 813206, "fr": 641684, "ru": 1019254, "zh": 183497},
            "dev": {"de": 72947, "fr": 59566, "ru": 118225, "zh": 22213},
        }.items()
        for code, count in sizes.items()
    ),
    ("release", "qqp", "*", "*", "", 1, 32, 0.4, "two questions of eleven words: assumed"),
    ("release", "xcopa", "*", "*", "", 2, 20.8, 0.16, "as copa"),
    ("release", "tatoeba", "*", "*", "", 1, 13, 0.5, "German sentences, characters"),
]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    asked = parser.parse_args()
    with open(FILE, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(miniature(asked.model))
        writer.writerows(releases(data.Folder(asked.data, cut=True)))
        writer.writerows(KNOWN)


def miniature(model: Path) -> Iterator[tuple[Any, ...]]:
    from transformers import AutoTokenizer

    words, where = AutoTokenizer.from_pretrained(model), data.Miniature(0)
    languages = data.languages(TASKS["text"], where)
    for name, task in TASKS.items():
        for split in ("train", "translated", "dev", "test", "pool"):
            for code in (*languages, MANY):
                if split == "translated" and training_split(task, code) != split:
                    continue
                try:
                    reading = data.read(task, split, code, where)
                except UserError:
                    continue
                labels = task.labels or tuple(reading.labels)
                made = HEADS[task.head].encode(reading.examples, words, labels, UNCUT, False)
                sizes = [len(row) for feature in made for row in feature["rows"]]
                rows = round(len(sizes) / len(reading.examples), 3)
                yield ("miniature 1", name, split, code, len(reading.examples), rows, *_lengths(sizes), "encoded")


def releases(where: data.Folder) -> Iterator[tuple[Any, ...]]:
    for name, task in TASKS.items():
        for split in ("train", "test", "pool"):
            try:
                reading = data.read(task, split, "en", where)
            except UserError:
                continue
            if task.head == "embedding" or name == "ccg":  # another release than CCGbank's, or of one side
                continue
            rows = [row for example in reading.examples[:5000] for row in texts(example)]
            sizes = [max(3.0, len(row) / CHARACTERS + 3) for row in rows]
            count = round(len(rows) / min(5000, len(reading.examples)), 3)
            which = "*" if split == "train" else split
            yield ("release", name, which, "*", "", count, *_lengths(sizes), "English rows, characters")


def _lengths(sizes: list[Any]) -> tuple[float, float]:
    return round(statistics.mean(sizes), 1), round(statistics.pstdev([math.log(size) for size in sizes]), 2)


if __name__ == "__main__":
    main()
