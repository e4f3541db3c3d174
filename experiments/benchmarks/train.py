"""Measure training and prediction against the stock Trainer and write results/train.json.

    python -m experiments.benchmarks.train                       all of it
    python -m experiments.benchmarks.train --only small-mnli     one group; the other groups' rows stay as they were
    python -m experiments.benchmarks.train --full                also larger batches and further variants

Weights are random and the data synthetic (lengths.py); both sides start from the same weights and see the same examples in
the same order. Each variant runs in a process of its own on the same core, one step after another in turn (turns.py).
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarks import figures, parity, setting, store
from experiments.benchmarks.groups import GROUPS, MEASURED, WARMUP, Group
from experiments.benchmarks.turns import Told, together

# What a row compares: ours, the other side.
SPEED = {"fp32": ("ours", "stock"), "bf16": ("ours-bf16", "stock-bf16"), "bf16-default": ("ours-bf16", "stock")}


def measure(group: Group, full: bool, gate: dict[str, Any] | None, warmup: int = WARMUP) -> list[dict[str, Any]]:
    """The rows of a group: speeds, share of the peak, memory."""
    jobs = group.jobs(full)
    told = together(jobs)
    rows = []
    for kind, (ours, stock) in SPEED.items():
        if ours in told and stock in told:
            rows.append(_speed(f"{kind}-{_kept(group)}", told[ours], told[stock], gate, warmup))
    for variant in told:
        if "/" in variant:
            rows.append(_speed(f"with-{variant.partition('/')[2]}-{_kept(group)}", told["ours"], told[variant], gate, warmup))
    if "xtreme" in told:
        rows.append(_speed(f"padded-{_kept(group)}", told["stock"], told["xtreme"], None, warmup))
    if group.job.work == "predict":
        for row, ours in zip(rows, [SPEED[kind][0] for kind in SPEED if all(side in told for side in SPEED[kind])]):
            row["outputs"] = _outputs(told[ours], told["stock"])
    if "peak" in told:
        rows.append({"row": f"share-{_kept(group)}", **_share(group, told, warmup), "parity": gate})
    if group.job.encoder or group.job.work == "train" and group.job.shape in ("base", "e5-small"):
        rows.append({"row": f"memory-{_kept(group)}", **_memory(told), "parity": gate})
    kept = {"batch": group.job.batch, "steps": group.job.steps - warmup, "warmup": warmup}
    return [row | kept for row in rows]


def _kept(group: Group) -> str:
    """The group's name without its batch size: rows of several batch sizes stand under one name."""
    return group.name.removesuffix(f"-{group.job.batch}") if group.full else group.name


def _speed(row: str, ours: Told, stock: Told, gate: dict[str, Any] | None, warmup: int) -> dict[str, Any]:
    clock, processor = (
        figures.compared(*([getattr(a, name) for a in told.answers[warmup:]] for told in (ours, stock)))
        for name in ("seconds", "processor")
    )
    means = [float(np.mean([a.seconds for a in told.answers[warmup:]])) for told in (ours, stock)]
    return {"row": row, **clock, "processor": processor, "seconds": means, "parity": gate}


def _share(group: Group, told: Mapping[str, Told], warmup: int) -> dict[str, Any]:
    """Against the faster of the square product and the layer's: nobody shall say that the peak was chosen low."""
    done = [setting.operations(group.job, *step) for step in setting.work(group.job)][warmup:]
    peaks = {name: rates[warmup:] for name, rates in told["peak"].extra.items()}
    best = max(peaks, key=lambda name: float(np.median(peaks[name])))
    shares = {
        side: figures.share(done, [a.seconds for a in told[side].answers[warmup:]], peaks[best]) for side in ("ours", "stock")
    }
    rates = {name: float(np.median(values)) for name, values in peaks.items()}
    return {**shares["ours"], "stock": shares["stock"]["ratio"], "peak": rates}


def _memory(told: Mapping[str, Told]) -> dict[str, Any]:
    """Highest resident memory in fp32, ours by stock's; `without_libraries`: less what stood there before the model was built."""
    ours, stock = told["ours"].memory, told["stock"].memory
    return {
        "ratio": ours.peak / stock.peak,
        "without_libraries": (ours.peak - ours.before) / (stock.peak - stock.before),
        "mib": {name: vars(one.memory) for name, one in told.items() if name != "peak"},
    }


def _outputs(ours: Told, stock: Told) -> dict[str, float]:
    """How far our logits lie from the stock side's, and how large those are."""
    mine, theirs = np.stack(ours.extra["outputs"]).astype(float), np.stack(stock.extra["outputs"]).astype(float)
    same = float((mine.argmax(1) == theirs.argmax(1)).mean())
    return {"difference": float(np.abs(mine - theirs).max()), "scale": float(np.abs(theirs).max()), "same_label": same}


def main() -> None:
    """Measure the groups asked for; each is written as soon as it is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[group.name for group in GROUPS])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--steps", type=int, default=MEASURED, help="that are measured")
    parser.add_argument("--to", type=Path, default=store.RESULTS / "train.json")
    given = parser.parse_args()
    gates: dict[tuple[str, str], dict[str, Any]] = {}
    for group in GROUPS:
        if group.name not in given.only if given.only else group.full and not given.full:
            continue
        began = time.monotonic()
        job = group.parity()
        if job is not None and (job.shape, job.head) not in gates:
            gates[job.shape, job.head] = parity.gate(job)
        gate = gates[job.shape, job.head] if job is not None else None
        group = replace(group, job=replace(group.job, steps=WARMUP + given.steps))
        rows = measure(group, given.full, gate)
        store.add(given.to, rows, time.monotonic() - began)
        for row in rows:
            void = " VOID: the weights differ" if gate and not gate["passed"] else ""
            print(f"{row['row']:28} batch {row['batch']:3} {row['ratio']:6.2f} {row.get('interval', '')}{void}", flush=True)
        print(f"{group.name}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
