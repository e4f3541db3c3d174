"""Fine-tuning by stilts and by MaChAmp on the same files: seconds of an update and scores, written to results/machamp.json.

    git clone https://github.com/machamp-nlp/machamp
    python -m venv mv; mv/bin/pip install torch==2.13.0 -r machamp/requirements.txt
    python -m experiments.benchmarks.machamp --machamp machamp --python mv/bin/python --encoder FOLDER --data FOLDER

MaChAmp (van der Goot et al. 2021, arXiv 2005.14672) asks for transformers below 5, so it has an environment of its own. Both read
the same TSV files (MNLI as a task of one's own, PAN-X as CoNLL-like columns) through their own commands, in single precision on
one core, with batches of 16 of like lengths, one epoch, AdamW at 1e-4. MaChAmp's gradual unfreezing and lower rates for lower
layers are off; its schedule and dropout of 0.2 stay. A run with few and one with many updates take turns: their difference is
the time of the updates, without start, reading and scoring. `ratio`: how many times as fast stilts is, the median of `--repeats`.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from experiments.benchmarks import store

ROOT = Path(__file__).parents[2]
BATCH, DEV, RATE = 16, 200, 1e-4
RECIPE = {"epochs": 1, "batch_size": BATCH, "learning_rate": RATE, "precision": "fp32", "dev_limit": DEV}
PARAMETERS = {
    "encoder": {"dropout": 0.2, "max_input_length": 128, "update_weights_encoder": True},
    "batching": {"max_tokens": 10**6, "shuffle": True, "batch_size": BATCH, "sort_by_size": True},
    "training": {
        "keep_top_n": 1, "num_epochs": 1, "optimizer": {"betas": [0.9, 0.99], "lr": RATE, "weight_decay": 0.01},
        "learning_rate_scheduler": {
            "cut_frac": 0.3, "decay_factor": 0.38, "discriminative_fine_tuning": False, "gradual_unfreezing": False
        },
    },
}  # fmt: skip
# Head, format and columns of the task for stilts; columns and task of the data set for MaChAmp; its measure.
PARTS = {
    "mnli": (
        {"head": "pair_classification", "format": "tsv", "columns": {"first": 1, "second": 2, "label": 3}},
        {"sent_idxs": [0, 1], "tasks": {"task": {"task_type": "classification", "column_idx": 2}}},
        "accuracy",
    ),
    "panx": (
        {"head": "tagging", "format": "conll", "columns": {"token": 1, "tag": 2}},
        {"word_idx": 0, "tasks": {"task": {"task_type": "seq_bio", "column_idx": 1}}},
        "span_f1",
    ),
}


def write_files(part: str, count: int, data: Path, folder: Path) -> None:
    """Write train.tsv with `count` examples and dev.tsv; both tools read them."""
    from stilts_xtreme.data import read
    from stilts_xtreme.tasks.catalogue import TASKS

    for split, rows in (("train", count), ("dev", DEV)):
        examples = read.read(TASKS[part], split, "en", read.Folder(data, cut=True)).examples[:rows]
        if part == "panx":
            text = "".join("".join(f"{a}\t{b}\n" for a, b in zip(e.tokens, e.tags, strict=True)) + "\n" for e in examples)
        else:
            text = "".join("\t".join(" ".join(cell.split()) for cell in (e.first, e.second, e.label)) + "\n" for e in examples)
        (folder / f"{split}.tsv").write_text(text, encoding="utf-8")


def run_stilts(part: str, encoder: Path, folder: Path) -> float:
    """Fine-tune in this folder; the score on dev."""
    task = {"kind": "task", "name": f"{part}-files", "about": "The same files.", "licence": "that of the data", **PARTS[part][0]}
    if part == "mnli":
        task["labels"] = ["entailment", "neutral", "contradiction"]
    (folder / "task.yaml").write_text(json.dumps({**task, "files": {"train": "train.tsv", "dev": "dev.tsv"}}), encoding="utf-8")
    spec = {"kind": "intermediate", "setup": "small", "task": "task.yaml", "recipe": RECIPE}
    (folder / "training.yaml").write_text(json.dumps(spec), encoding="utf-8")
    command = [
        sys.executable, "-m", "stilts_xtreme", "train-intermediate", str(folder / "training.yaml"), "--encoder", str(encoder),
        "--data", str(folder), "--device", "cpu", "--json", "--store", str(folder / "runs"),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return float(json.loads(done.stdout)["dev"][f"{part}-files"]["score"])


def run_machamp(part: str, encoder: Path, folder: Path, machamp: Path, python: Path) -> float:
    """Fine-tune in this folder; the score on dev."""
    given = {"transformer_model": str(encoder), "random_seed": 1, "reset_transformer_model": False}
    defaults = _defaults(machamp / "configs" / "params.json", python)
    own = {name: defaults[name] | values for name, values in PARAMETERS.items()}
    (folder / "params.json").write_text(json.dumps(defaults | given | own), encoding="utf-8")
    files = {"train_data_path": str(folder / "train.tsv"), "dev_data_path": str(folder / "dev.tsv")}
    (folder / "data.json").write_text(json.dumps({"DATA": files | PARTS[part][1]}), encoding="utf-8")
    command = [
        str(python), "train.py", "--device", "-1", "--dataset_configs", str(folder / "data.json"), "--parameters_config",
        str(folder / "params.json"), "--model_dir", str(folder / "logs"),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=machamp, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    metrics = json.loads((folder / "logs" / "metrics.json").read_text(encoding="utf-8"))
    name = PARTS[part][2]
    return 100 * float(next(value for key, value in metrics.items() if "dev" in key and name in key))


def _defaults(path: Path, python: Path) -> dict[str, Any]:
    code = f"import json, _jsonnet; print(json.dumps(json.loads(_jsonnet.evaluate_file({str(path)!r}))))"
    return dict(json.loads(subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout))


def measure(part: str, given: argparse.Namespace) -> dict[str, Any]:
    """The row of a part."""
    few, many = given.updates
    seconds: dict[str, list[float]] = {"stilts": [], "machamp": []}
    scores: dict[str, float] = {}
    for _ in range(given.repeats):
        spent = dict.fromkeys(seconds, 0.0)
        for count in (few, many):
            for side in seconds:
                with tempfile.TemporaryDirectory() as name:
                    folder = Path(name)
                    write_files(part, count * BATCH, given.data, folder)
                    before = _children()
                    if side == "stilts":
                        scores[side] = run_stilts(part, given.encoder, folder)
                    else:
                        scores[side] = run_machamp(part, given.encoder, folder, given.machamp, given.python)
                    spent[side] = _children() - before - spent[side]
        for side, total in spent.items():
            seconds[side].append(total / (many - few))
    ratios = [theirs / ours for theirs, ours in zip(seconds["machamp"], seconds["stilts"], strict=True)]
    return {
        "row": f"machamp-{part}", "ratio": statistics.median(ratios), "ratios": ratios, "seconds": seconds, "scores": scores,
        "updates": many, "batch": BATCH, "dev": DEV, "machamp": store.commit(given.machamp),
    }  # fmt: skip


def _children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def main() -> None:
    """Measure the parts asked for; each is written as soon as it is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    texts = {"machamp": "its checkout", "python": "of its environment", "encoder": "multilingual-e5-small", "data": "real data"}
    for name, text in texts.items():
        parser.add_argument(f"--{name}", type=lambda path: Path(os.path.abspath(path)), required=True, help=text)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--updates", nargs=2, type=int, default=(2, 32), metavar=("FEW", "MANY"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--to", type=Path, default=store.RESULTS / "machamp.json")
    given = parser.parse_args()
    for part in given.only:
        began = time.monotonic()
        row = measure(part, given)
        print(json.dumps(row), flush=True)
        store.add(given.to, [row], time.monotonic() - began)


if __name__ == "__main__":
    main()
