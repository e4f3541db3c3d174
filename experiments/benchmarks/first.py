"""`make first` by this checkout and by an older one: processor time and scores of several seeds.

    git worktree add /tmp/older d06be21
    python -m experiments.benchmarks.first /tmp/older --stores /tmp/first --seeds 1 2 3 4 5

For each seed the sides run at the same time, pinned to the same core, each from its own checkout into a store of its own,
`STORES/SIDE/SEED`. Seconds are those of the processor, of the process and all that it started. A side that finds an evaluation
in its store says its score; if it finds anything there, its seconds do not count. `--sides older` runs that side alone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from experiments.benchmarks import store
from stilts_xtreme import results
from stilts_xtreme.scoring import intervals

HERE = Path(__file__).parents[2]
SIDES = ("ours", "older")
ROW = "checkout-first"
COMMAND = ("-m", "stilts_xtreme", "evaluate", "experiments/first/4-evaluate.yaml")


def row(seeds: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """The row of `seeds`: seed -> side -> what it gave (`seconds` None where they do not count; `score`).

    `ratio`: how many times the older side's seconds are ours, over the seeds with both; `interval` that of the seeds' ratios.
    `scores`: mean and standard deviation over the seeds of each side, and the mean of the differences of seeds that both have.
    """
    timed = [sides for sides in seeds.values() if all(sides.get(side, {}).get("seconds") for side in SIDES)]
    both = [sides for sides in seeds.values() if set(SIDES) <= set(sides)]
    scores: dict[str, Any] = {}
    for side in SIDES:
        found = [sides[side]["score"] for sides in seeds.values() if side in sides]
        if found:
            scores[side] = {"mean": fmean(found), "deviation": stdev(found) if len(found) > 1 else None, "seeds": len(found)}
    if both:
        differences = [sides["ours"]["score"] - sides["older"]["score"] for sides in both]
        scores["difference"] = {"mean": fmean(differences), "interval": intervals.mean_interval(differences), "seeds": len(both)}
    totals = {side: sum(sides[side]["seconds"] for sides in timed) for side in SIDES}
    return {
        "row": ROW,
        "ratio": totals["older"] / totals["ours"] if timed else None,
        "interval": intervals.mean_interval([sides["older"]["seconds"] / sides["ours"]["seconds"] for sides in timed]),
        "scores": scores,
        "seeds": {seed: dict(sides) for seed, sides in sorted(seeds.items(), key=lambda item: int(item[0]))},
    }


def run(roots: Mapping[str, Path], seed: int, stores: Path, core: int) -> dict[str, dict[str, Any]]:
    """Run the sides at the same time; what each gave. RuntimeError, with the end of its messages, where one failed."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    running: list[tuple[subprocess.Popen, str, Path, bool, Any]] = []
    for side, root in roots.items():
        folder, messages = stores / side / str(seed), tempfile.TemporaryFile("w+")
        fresh = not folder.exists()
        process = subprocess.Popen(
            [sys.executable, *COMMAND, f"seed={seed}", "--store", str(folder.resolve())],
            cwd=root, env=environment | {"PYTHONPATH": str(root)}, stdout=subprocess.DEVNULL, stderr=messages,
        )  # fmt: skip
        os.sched_setaffinity(process.pid, {core})
        running.append((process, side, folder, fresh, messages))  # a process that is dropped may be reaped by subprocess itself
    began, found = time.monotonic(), {}
    while running:
        process, side, folder, fresh, messages = running.pop(0)
        number, status, used = os.wait4(process.pid, os.WNOHANG)
        if not number:
            running.append((process, side, folder, fresh, messages))
            time.sleep(0.02)
            continue
        process.returncode = os.waitstatus_to_exitcode(status)
        messages.seek(0)
        if status:
            raise RuntimeError(f"{side}, seed {seed}: {messages.read()[-1000:]}")
        (file,) = folder.glob("predict/*/result.json")
        result = json.loads(file.read_text())
        found[side] = {
            "seconds": round(used.ru_utime + used.ru_stime, 2) if fresh else None,
            "clock": round(time.monotonic() - began, 1), "score": result["score"],
            "languages": {code: metrics["accuracy"] for code, metrics in result["languages"].items()},
            "commit": store.commit(roots[side]), "load": round(os.getloadavg()[1], 1),
        }  # fmt: skip
    return found


def main() -> None:
    """Run the seeds asked for; the row is written after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("older", type=Path, help="the folder of the older checkout")
    parser.add_argument("--stores", type=Path, required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--to", type=Path, default=store.RESULTS / "first.json")
    given = parser.parse_args()
    roots = {"ours": HERE, "older": given.older.resolve()}
    for seed in given.seeds:
        began = time.monotonic()
        found = run({side: roots[side] for side in given.sides}, seed, given.stores, given.core)
        seeds = results.read(given.to, store.SCHEMA)["measured"][0]["seeds"] if given.to.exists() else {}
        seeds[str(seed)] = seeds.get(str(seed), {}) | found
        made = row(seeds)
        store.add(given.to, [made], time.monotonic() - began)
        print(seed, {side: (told["seconds"], round(told["score"], 2)) for side, told in found.items()}, flush=True)
        print(f"ratio {made['ratio']}, {made['interval']}; scores {made['scores']}", flush=True)


if __name__ == "__main__":
    main()
