"""The whole miniature main table, ours against a grid of stock Trainers: extrapolated from measured steps, not run.

    python -m experiments.benchmarks.grid

Measured, side by side: seconds of a training step and of an evaluated example for each kind of task (masked text,
classification, choices, tagging, questions) on the miniature world's own data, shape and batch sizes, fp32, no dropout; our
side groups by length as the setup says, the Trainer takes its defaults. Counted, from results/main.json: the steps of every
training, its evaluations on English dev (every 100 steps and at the end) and the examples every cell is scored on.

Ours does every distinct training once. Against it stand two users of the stock Trainer, both of whom keep the encoders they
pre-trained once a seed:
  whole-table         goes cell by cell: trains the intermediate task, then the target, for each cell anew
  whole-table-shared  trains each intermediate task once a seed, and each cell's target on it

Left out on both sides: start-up, reading and encoding, saving, dev scores of pre-training, retrieval (no Trainer does it).
A kind's task stands for all of its kind, and a step of the mixture for one of its tasks' kinds, by their examples.
"""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.benchmarks import figures, store
from experiments.benchmarks.groups import MEASURED, WARMUP
from experiments.benchmarks.setting import Job
from experiments.benchmarks.turns import together
from stilts_xtreme import results
from stilts_xtreme.tasks.catalogue import training

MAIN = Path(__file__).parents[1] / "results" / "main.json"
# A kind's task, its batch size in the setup and in the mixture of all tasks.
KINDS = {
    "mlm": ("text", 32),
    "classification": ("mnli", 32),
    "multiple_choice": ("hellaswag", 16),
    "tagging": ("panx", 32),
    "span_qa": ("squad", 32),
}
MIXED = 32  # examples a step of the mixture
EVERY, DEV = 100, 400  # steps from scoring to scoring of English dev; its examples
EVALUATED, EVALUATIONS = 64, 6  # examples a step when timing evaluation, steps


def write_features(folder: Path) -> dict[str, Job]:
    """The miniature world's training features of each kind, as files; a job for each."""
    from stilts_xtreme.data import read
    from stilts_xtreme.engine import tokenizer
    from stilts_xtreme.models.heads import HEADS, Limits

    world = read.Miniature(seed=0)
    text = training("text")[0]
    words = tokenizer.train([e.text for e in read.read(text, "train", "en", world).examples], 2600)
    jobs = {}
    for kind, (name, batch) in KINDS.items():
        task, codes = training(name)
        examples = read.read(task, "train", codes[0] if kind != "mlm" else "en", world).examples
        labels = task.labels or tuple(sorted({tag for example in examples for tag in getattr(example, "tags", ())}))
        limits = Limits(128, doc_stride=64, max_answer_length=16, mask_rate=0.3)
        features = HEADS[kind].encode(examples[:4000], words, labels, limits, training=True)
        (path := folder / f"{kind}.json").write_text(json.dumps(features), encoding="utf-8")
        jobs[kind] = Job(
            "stock", "train", "fp32", "miniature", kind, "", batch, WARMUP + MEASURED, len(features), max(len(labels), 1),
            dropout=0.0, mask_rate=0.3, data=str(path),
        )  # fmt: skip
    return jobs


def measure(job: Job, warmup: int = WARMUP) -> dict[str, list[float]]:
    """Seconds of each measured step, ours and stock's."""
    told = together({side: replace(job, variant=side, group_by_length=side == "ours") for side in ("ours", "stock")})
    return {side: [answer.seconds for answer in one.answers[warmup:]] for side, one in told.items()}


def counted(main: Mapping[str, Any]) -> dict[str, tuple[Counter, Counter]]:
    """For each way of doing the table: training steps by kind, evaluated examples by kind."""
    trainings = {told["address"]: told for told in main["trainings"]}
    ours, shared, alone = ((Counter(), Counter()) for _ in range(3))
    for told in trainings.values():
        _add(ours, told)
        if _is_pretraining(told):
            _add(shared, told)
            _add(alone, told)
    begun = set()
    for cell in main["evaluations"]:
        for address in cell["chain"]:
            told = trainings[address]
            if _is_pretraining(told):
                continue
            _add(alone, told)
            last = address == cell["chain"][-1] and main["tasks"][cell["target"]]["trains_on"] is not None
            if last or address not in begun:
                _add(shared, told)
                begun.add(address)
        head = main["tasks"][cell["target"]]["head"]
        if head in KINDS:
            for way in (ours, shared, alone):
                way[1][head] += sum(language.get("n") or 0 for language in cell["languages"].values())
    return {"ours": ours, "whole-table": alone, "whole-table-shared": shared}


def _is_pretraining(told: Mapping[str, Any]) -> bool:
    return told["start"] is None


def _add(way: tuple[Counter, Counter], told: Mapping[str, Any]) -> None:
    """A training's steps, and the dev examples it is scored on."""
    steps, scored = way
    examples = told["examples"]
    for name, count in examples.items():
        kind, part = training(name)[0].head, count / sum(examples.values())
        mixed = MIXED / KINDS[kind][1] if len(examples) > 1 else 1
        steps[kind] += told["steps"] * part * mixed
        if kind != "mlm":
            scored[kind] += DEV * (told["steps"] // EVERY + 1)


def seconds(way: tuple[Counter, Counter], step: Mapping[str, float], example: Mapping[str, float]) -> float:
    """What a way of doing the table takes."""
    steps, scored = way
    return sum(n * step[kind] for kind, n in steps.items()) + sum(n * example[kind] for kind, n in scored.items())


def rows(main: Mapping[str, Any], taken: Mapping[str, Any], scored: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The two rows, from seconds of steps and of evaluated examples by kind and side."""
    ways = counted(main)
    means = {
        side: [{kind: sum(found[side]) / len(found[side]) for kind, found in of.items()} for of in (taken, scored)]
        for side in ("ours", "stock")
    }
    ours = seconds(ways["ours"], *means["ours"])
    kinds = {kind: figures.compared(found["ours"], found["stock"]) for kind, found in taken.items()}
    told = {"step": kinds, "evaluation": {kind: figures.compared(f["ours"], f["stock"]) for kind, f in scored.items()}}
    found = []
    for row in ("whole-table", "whole-table-shared"):
        stock = seconds(ways[row], *means["stock"])
        unshared = seconds(ways[row], *means["ours"]) / ours  # what sharing alone is worth: the same steps at our speed
        steps = {name: round(sum(ways[way][0].values())) for name, way in (("ours", "ours"), ("stock", row))}
        hours = [ours / 3600, stock / 3600]
        found.append({"row": row, "ratio": stock / ours, "sharing": unshared, "hours": hours, "steps": steps, **told})
    return found


def main() -> None:
    """Measure the kinds, extrapolate, write results/grid.json."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        jobs = write_features(Path(folder))
        taken = {kind: measure(job) for kind, job in jobs.items()}
        evaluated = {
            kind: measure(replace(job, work="predict", batch=EVALUATED, steps=EVALUATIONS), warmup=1)
            for kind, job in jobs.items()
            if kind != "mlm"
        }
    per_example = {
        kind: {side: [value / EVALUATED for value in values] for side, values in found.items()}
        for kind, found in evaluated.items()
    }
    measured = rows(results.read(MAIN, results.STUDY), taken, per_example)
    store.add(store.RESULTS / "grid.json", measured, time.monotonic() - began)
    for row in measured:
        print(f"{row['row']:28} {row['ratio']:6.2f} (sharing alone {row['sharing']:.2f}; hours {row['hours']})")


if __name__ == "__main__":
    main()
