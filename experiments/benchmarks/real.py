"""A real encoder on real tasks: training and prediction against the stock Trainer, written to results/real.json.

    python -m experiments.benchmarks.real --encoder FOLDER --data FOLDER
    python -m experiments.benchmarks.real --encoder FOLDER --data FOLDER --only mnli --steps 20

The encoder is multilingual-e5-small; trainings are on English MNLI, SQuAD and PAN-X, predictions in five languages of XNLI, which
take turns. Both sides start from the same weights, see the same examples in the same order, and take turns step by step in
processes of their own on one core (turns.py). A training counts only where it is the same: the gate is that of the other rows
(parity.py), on this encoder and this data.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.benchmarks import parity, store, train
from experiments.benchmarks.groups import MEASURED, WARMUP, Group
from experiments.benchmarks.setting import Job
from experiments.benchmarks.targets import REAL

EXAMPLES = 3000  # of a training's data
LANGUAGES = ("de", "sw", "th", "tr", "zh")  # of XNLI
# Training data, batch size and longest row of each part, as at the setup `small` but for SQuAD's batch.
PARTS = {"mnli": ("mnli", 32, 128), "squad": ("squad", 16, 256), "panx": ("panx", 32, 128), "xnli": ("mnli", 64, 128)}
SHAPE = "e5-small"
SIDES = ("stock", "ours", "stock-bf16", "ours-bf16")


def group(name: str, encoder: Path, data: Path, folder: Path, steps: int) -> Group:
    """What runs side by side; its features are written into the folder."""
    from stilts_xtreme.data import read
    from stilts_xtreme.engine import loading
    from stilts_xtreme.models.heads import HEADS, Limits
    from stilts_xtreme.tasks.catalogue import TASKS, training

    source, batch, longest = PARTS[name]
    task, where, words = training(source)[0], read.Folder(data, cut=True), loading.tokenizer(encoder)
    predicted = name == "xnli"
    if predicted:
        parts = [read.read(TASKS[name], "test", code, where).examples[:batch] for code in LANGUAGES]
    else:
        parts = [read.read(task, "train", "en", where).examples[:EXAMPLES]]
    examples = [example for part in parts for example in part]
    labels = task.labels or tuple(sorted({tag for example in examples for tag in getattr(example, "tags", ())}))
    limits = Limits(longest, doc_stride=128, max_answer_length=30)
    features = HEADS[task.head].encode(examples, words, labels, limits, training=not predicted)
    (path := folder / f"{name}.json").write_text(json.dumps(features), encoding="utf-8")
    job = Job(
        "stock", "predict" if predicted else "train", "fp32", SHAPE, task.head, "", batch, WARMUP + steps, len(features),
        max(len(labels), 1), data=str(path), encoder=str(encoder.resolve()),
    )  # fmt: skip
    return Group(f"real-{name}", job, SIDES[:2] + SIDES[3:] if predicted else SIDES, gate=None if predicted else SHAPE)


def measure(name: str, encoder: Path, data: Path, steps: int) -> list[dict[str, Any]]:
    """The rows of a part."""
    with tempfile.TemporaryDirectory() as folder:
        made = group(name, encoder, data, Path(folder), steps)
        gate = parity.gate(replace(job, examples=made.job.examples)) if (job := made.parity()) else None
        return train.measure(made, False, gate)


def main() -> None:
    """Measure the parts asked for; each is written as soon as it is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", type=Path, required=True, help="the folder of multilingual-e5-small")
    parser.add_argument("--data", type=Path, required=True, help="the folder of real data")
    parser.add_argument("--only", nargs="+", choices=REAL)
    parser.add_argument("--steps", type=int, default=MEASURED, help="that are measured")
    parser.add_argument("--note", help="put into the rows: what else the machine did")
    parser.add_argument("--to", type=Path, default=store.RESULTS / "real.json")
    given = parser.parse_args()
    for name in given.only or REAL:
        began = time.monotonic()
        rows = measure(name, given.encoder, given.data, given.steps)
        store.add(given.to, [row | ({"note": given.note} if given.note else {}) for row in rows], time.monotonic() - began)
        for row in rows:
            void = " VOID: the weights differ" if row.get("parity") and not row["parity"]["passed"] else ""
            print(f"{row['row']:28} batch {row['batch']:3} {row['ratio']:6.2f} {row.get('interval', '')}{void}", flush=True)
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
