"""This checkout against an older one: training and prediction side by side on one core, written to results/checkouts.json.

    git worktree add /tmp/older COMMIT
    python -m experiments.benchmarks.checkouts /tmp/older
    python -m experiments.benchmarks.checkouts /tmp/older --only e5-small-classification

Each side is a process that imports everything, these benchmarks too, from its own checkout. The sides take turns block by block
(turns.py) over the same examples from the same weights. A ratio is how many times as fast this checkout is (figures.py); `memory`
is the ratio of the highest resident memory, `loss` the last block's of both.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from experiments.benchmarks import figures, grid, setting, store
from experiments.benchmarks.setting import Job
from experiments.benchmarks.turns import Told, in_turn

HERE = Path(__file__).parents[2]
WARM = 2  # blocks that do not count
# An older checkout knows the worker's ways in, but need not know the shape.
WORKER = """
import json, sys
from multiprocessing.connection import Connection
from pathlib import Path
import stilts_xtreme
from experiments.benchmarks import setting, turns
told = json.loads(sys.argv[2])
assert Path(stilts_xtreme.__file__).parents[1] == Path.cwd(), stilts_xtreme.__file__
setting.SHAPES[told["job"]["shape"]] = setting.Shape(**told["shape"])
turns._work(setting.Job(**told["job"]), Connection(int(sys.argv[1])))
"""


def jobs(folder: Path) -> dict[str, Job]:
    """What is measured: the miniature world's own data at its setup, and synthetic data at a real encoder's shape."""
    found = {}
    for kind, job in grid.write_features(folder).items():
        found[f"miniature-{kind}"] = replace(job, variant="ours", group_by_length=True, steps=420, block=10)
    found["miniature-predict"] = replace(
        found["miniature-classification"], work="predict", batch=64, steps=248, block=4, group_by_length=False
    )
    wide = Job("ours", "train", "fp32", "e5-small", "classification", "mnli", 32, 22)
    found["e5-small-classification"] = wide
    found["e5-small-classification-bf16"] = replace(wide, precision="bf16")
    found["e5-small-mlm"] = replace(wide, head="mlm")
    found["e5-small-mlm-bf16"] = replace(wide, head="mlm", precision="bf16")
    found["e5-small-predict"] = replace(wide, work="predict", batch=16)
    return found


def measure(name: str, job: Job, older: Path) -> dict[str, Any]:
    """The row of a job."""
    sides = {"ours": HERE, "older": older.resolve()}
    with _workers(job, sides) as drivers:
        told = in_turn(drivers, dict.fromkeys(sides, job))
    clock, processor = (_compared(told, kind) for kind in ("seconds", "processor"))
    memory = {side: vars(one.memory) for side, one in told.items()}
    return {
        "row": f"checkout-{name}", **clock, "processor": processor, "older": store.commit(older), "batch": job.batch,
        "blocks": job.steps // job.block - WARM, "block": job.block,
        "loss": {side: one.answers[-1].loss for side, one in told.items()},
        "memory": memory["ours"]["peak"] / memory["older"]["peak"], "mib": memory,
    }  # fmt: skip


def _compared(told: Mapping[str, Told], kind: str) -> dict[str, Any]:
    return figures.compared(*([getattr(answer, kind) for answer in one.answers[WARM:]] for one in told.values()))


@contextmanager
def _workers(job: Job, sides: Mapping[str, Path]) -> Iterator[dict[str, Connection]]:
    """A process for each checkout, and our ends of the connections to them."""
    told = json.dumps({"job": asdict(job), "shape": asdict(setting.SHAPES[job.shape])})
    drivers, processes = {}, []
    try:
        for side, root in sides.items():
            drivers[side], theirs = Pipe()
            threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-c", WORKER, str(theirs.fileno()), told], cwd=root, pass_fds=[theirs.fileno()],
                    env=os.environ | threads | {"PYTHONPATH": str(root)},
                )
            )  # fmt: skip
            theirs.close()
        yield drivers
        for process in processes:
            process.wait()
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def main() -> None:
    """Measure the jobs asked for; each is written as soon as it is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("older", type=Path, help="the folder of the older checkout")
    parser.add_argument("--only", nargs="+", metavar="ROW")
    parser.add_argument("--to", type=Path, default=store.RESULTS / "checkouts.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        known = jobs(Path(folder))
        if wrong := [name for name in given.only or () if name not in known]:
            parser.error(f"--only: {wrong[0]} is not one of {', '.join(known)}")
        for name in given.only or known:
            began = time.monotonic()
            row = measure(name, known[name], given.older)
            store.add(given.to, [row], time.monotonic() - began)
            low, high = row["interval"]
            print(
                f"{name:32} {row['ratio']:5.2f} [{low:.2f}, {high:.2f}], median {row['median']:.2f}, processor "
                f"{row['processor']['ratio']:.2f}, memory {row['memory']:.3f}, {time.monotonic() - began:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
