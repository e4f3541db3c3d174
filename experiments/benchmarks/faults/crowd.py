"""Several processes given the same study and one store, some of which are killed and begun anew.

    python -m experiments.benchmarks.faults.crowd

Every stage must be published once, by whichever process, and the store must be what one process alone makes.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from experiments.benchmarks import store
from experiments.benchmarks.faults import child
from stilts_xtreme.store import faults
from stilts_xtreme.utils import atomic_io

RESULTS = Path(__file__).parent / "results" / "crowd.json"
STUDY = (
    "study", "experiments/studies/main.yaml", "intermediate=[none,mnli]",
    "targets=[pawsx,xnli,panx,udpos,xquad,tatoeba,bucc2018]", "seeds=[1,2]", *child.SETUP,
    "setup.pretraining.recipe.steps=12", "--jobs", 1, "--checkpoint-every", 0.2,
)  # fmt: skip


def noted(log: Path) -> None:
    """In a child: note every folder that is published, at the moment it is."""
    publish = atomic_io.publish

    def tell(scratch: Path, final: Path) -> None:
        publish(scratch, final)
        if final.parent.name != "features" and not final.parent.name.endswith(".saved"):
            with open(log, "a") as file:
                file.write(f"{final.name}\n")

    atomic_io.publish = tell


def crowd(processes: int, kills: int, folder: Path, seed: int) -> dict[str, Any]:
    """Run them to their end; what was published and what differs."""
    alone, root, published = folder / "alone", folder / "shared", folder / "published"
    ended = child.run([*STUDY, "--store", alone, "--out", alone / "study.json"], folder / "log")
    assert ended.code == 0, ended.told
    wanted, chance = child.contents(alone), random.Random(seed)
    words = [*STUDY, "--store", root]
    running: dict[int, Path] = {}
    number, killed, codes, began = 0, 0, list[int](), time.monotonic()

    def begin() -> None:
        nonlocal number
        number += 1
        log = folder / f"log-{number}"
        running[child.start([*words, "--out", folder / f"out-{number}.json"], log, before=lambda: noted(published))] = log

    for _ in range(processes):
        begin()
    moments = sorted(chance.uniform(0.5, 0.8 * ended.seconds) for _ in range(kills))  # alone it takes so long
    while running:
        if killed < kills and time.monotonic() - began > moments[killed]:
            os.kill(chance.choice(list(running)), signal.SIGKILL)
            killed += 1
        for pid in list(running):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                done = child.wait(pid, running.pop(pid), began)
                codes.append(done.code)
                if done.code == -signal.SIGKILL:
                    begin()
                elif done.code:
                    print(done.told, file=sys.stderr)
        time.sleep(0.02)
    stages = published.read_text().split()
    found = child.contents(root)
    there = [path for path in root.glob("[tp]r*/[0-9a-f]*") if path.is_dir()]
    wanted.pop("study.json")
    return {
        "row": f"crowd-{processes}", "trials": len(there), "published": len(stages),
        "twice": len(stages) - len(set(stages)), "killed": codes.count(-signal.SIGKILL),
        "failed": sum(code not in (0, -signal.SIGKILL) for code in codes),
        "torn": [str(path) for path in there if faults(path)],
        "left": [str(path) for path in root.glob("*/.*.part")],
        "differ": sorted(name for name, _ in set(found.items()) ^ set(wanted.items())),
        "seconds": {"alone": ended.seconds, "together": time.monotonic() - began},
    }  # fmt: skip


def main() -> None:
    """Run it, write results/crowd.json; exit 1 if anything was done twice, torn or left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=Path, default=RESULTS)
    given = parser.parse_args()
    child.preload()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        row = crowd(given.processes, given.kills, Path(folder), given.seed)
    store.add(given.to, [row], time.monotonic() - began)
    print({name: value for name, value in row.items()})
    sys.exit(bool(row["twice"] or row["failed"] or row["torn"] or row["left"] or row["differ"]))


if __name__ == "__main__":
    main()
