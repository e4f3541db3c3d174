"""Training by two processes beside one: how many times as fast at the same effective batch, on the cores of this machine.

    python -m experiments.benchmarks.devices

Sides: one process with one thread, one with two, two processes with one each, and the same with sharded layers. They take turns:
in every round each trains over the same examples in processes of its own, whose start does not count. A row's ratio is the
median over rounds of tokens a second against one process with one thread in the same round.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from experiments.benchmarks import setting, store
from experiments.benchmarks.setting import TASK, Job

SIDES = {"one": (1, 1, False), "threads": (1, 2, False), "two": (2, 1, False), "sharded": (2, 1, True)}  # processes, threads
JOBS = {
    "miniature": Job("ours", "train", "fp32", "miniature", "classification", "mnli", 32, 60, dropout=0.0),
    "small": Job("ours", "train", "fp32", "small", "classification", "mnli", 32, 24, dropout=0.0),
    "small-mlm": Job("ours", "train", "fp32", "small", "mlm", "mnli", 32, 10, dropout=0.0),
}
WARM = 4  # steps that are not timed


def work(name: str, threads: int, shard: bool, to: Path) -> None:
    """As one of the processes: train, and write how long the steps took."""
    import numpy as np
    import torch

    from experiments.benchmarks import ours
    from stilts_xtreme.engine import sharding
    from stilts_xtreme.engine import train as training
    from stilts_xtreme.utils import ranks

    job = JOBS[name]
    if ranks.count() > 1:
        ranks.join("cpu")
    torch.set_num_threads(threads)
    model, tokenizer = ours._model(job)
    features = setting.data(job)
    streams = {TASK: training.Stream(job.head, features, {"en": range(len(features))}, {"en": 1.0})}
    met = None if job.head == "mlm" else np.unique(np.concatenate([row for feature in features for row in feature["rows"]]))
    runner = training.accelerator(job.precision, "cpu")
    torch.set_num_threads(threads)
    sharding.shard(model, runner.device, shard)
    loop = training.train(model, streams, [TASK] * job.steps, setting.recipe(job), setting.SEED, tokenizer, runner, None, met)
    tokens, losses = 0, []
    for step in loop:
        if step.number == WARM:
            began = time.perf_counter()
        if step.number > WARM:
            tokens, last = tokens + step.tokens, time.perf_counter()
            losses.append(step.loss)
    if ranks.first():
        to.write_text(json.dumps({"rate": tokens / (last - began), "losses": losses}))
    if ranks.count() > 1:
        ranks.leave()


def side(name: str, kind: str) -> dict[str, Any]:
    """One turn of a side."""
    from stilts_xtreme.stages.launcher import _environment

    count, threads, shard = SIDES[kind]
    with tempfile.TemporaryDirectory() as folder:
        to = Path(folder) / "told.json"
        command = [sys.executable, "-m", "experiments.benchmarks.devices", "--work", name, str(threads), str(int(shard)), str(to)]
        base = _environment(count) if count > 1 else dict(os.environ)
        base["OMP_NUM_THREADS"] = str(threads)
        ours = [
            subprocess.Popen(command, env={**base, **({"RANK": str(n), "LOCAL_RANK": str(n)} if count > 1 else {})})
            for n in range(count)
        ]
        if any(process.wait() for process in ours):
            sys.exit(f"{name} {kind}: failed")
        return json.loads(to.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=list(JOBS))
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        name, threads, shard, to = given.work
        return work(name, int(threads), shard == "1", Path(to))
    began, rows, load = time.monotonic(), [], [os.getloadavg()[0]]
    for name in [given.only] if given.only else JOBS:
        rounds: list[dict[str, Any]] = []
        for _ in range(given.rounds):
            rounds.append({kind: side(name, kind) for kind in SIDES})
            load.append(os.getloadavg()[0])
        for kind in list(SIDES)[1:]:
            ratios = [one[kind]["rate"] / one["one"]["rate"] for one in rounds]
            pairs = [pair for one in rounds for pair in zip(one[kind]["losses"], one["one"]["losses"], strict=True)]
            spread = max(abs(ours / alone - 1) for ours, alone in pairs)
            row = {"row": f"devices-{name}-{kind}", "batch": JOBS[name].batch, "ratio": statistics.median(ratios)}
            rates = [{kind: one[kind]["rate"] for kind in SIDES} for one in rounds]
            rows.append(row | {"ratios": ratios, "losses_differ_by": spread, "tokens_a_second": rates, "load": load[:]})
            print(f"{row['row']}: {row['ratio']:.2f} ({min(ratios):.2f} to {max(ratios):.2f}), losses differ by {spread:.1e}")
    where = f"{os.cpu_count()} cores"
    store.add(store.RESULTS / "devices.json", rows, time.monotonic() - began, where)


if __name__ == "__main__":
    main()
