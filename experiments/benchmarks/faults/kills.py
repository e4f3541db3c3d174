"""Kill commands at random moments and at every write, run them again, and compare with a run that nobody disturbed.

    python -m experiments.benchmarks.faults.kills --kills 200

A trial is a small study (pre-training, intermediate task, target, evaluation in six languages) and its report. At a random moment
SIGKILL comes; then the same commands are run to their end. Weights, predictions, logs, pages and results (above their
provenance) must be those of the undisturbed run, to the bit. Then, over one training that keeps checkpoints: SIGKILL before every
single write, fsync and rename below the store, and in the middle of every write; what is left must be a sound checkpoint,
an older one or none, and the training must end as the undisturbed one.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.benchmarks import store
from experiments.benchmarks.faults import child
from stilts_xtreme.store import faults

RESULTS = Path(__file__).parent / "results" / "kills.json"
NOTHING = "nothing: it had ended"
EVERY = 0.05  # seconds between checkpoints: as many as there can be without waiting for the disk all the time


def commands(root: Path) -> list[list[object]]:
    """What a trial runs, in the order in which it does."""
    study: list[object] = ["study", "experiments/studies/main.yaml", "intermediate=[mnli]", "targets=[xnli]", *child.SETUP]
    told = root / "study.json"
    return [
        [*study, "--store", root, "--out", told, "--jobs", 1, "--checkpoint-every", EVERY],
        ["report", told, "--to", root / "pages"],
    ]


def undisturbed(root: Path, log: Path) -> tuple[dict[str, str], list[float]]:
    """What the commands make, and the seconds each takes."""
    seconds = []
    for words in commands(root):
        ended = child.run(words, log)
        assert ended.code == 0, ended.told
        seconds.append(ended.seconds)
    return child.contents(root), seconds


def killed_at(moment: float, root: Path, log: Path, seconds: Sequence[float]) -> dict[str, Any]:
    """Run the commands, kill the one that runs at this moment, run it again to its end; where it was and what was there then."""
    told: dict[str, Any] = {"moment": round(moment, 3), "killed": NOTHING}
    for words, usual in zip(commands(root), seconds, strict=True):
        if 0 <= moment < usual:
            ended = child.run(words, log, kill_after=moment)
            told["killed"] = words[0] if ended.code < 0 else NOTHING
            told["checkpoints"] = len(list(root.glob("*/.*.saved/[0-9]*")))
            told["finished"] = len(list(root.glob("[tp]r*/[0-9a-f]*/result.json")))
        moment -= usual
        ended = child.run(words, log)
        if ended.code:
            return {**told, "fault": ended.told[-2000:]}
    return told


def random_kills(kills: int, folder: Path, seed: int) -> dict[str, Any]:
    """Trials, each killed once."""
    log = folder / "log"
    wanted, seconds = undisturbed(folder / "undisturbed", log)
    chance, trials = random.Random(seed), []
    while len(trials) < kills:
        root = folder / "trial"
        told = killed_at(chance.uniform(0, sum(seconds)), root, log, seconds)
        if told["killed"] == NOTHING and "fault" not in told:  # the machine was faster than at first
            shutil.rmtree(root)
            continue
        told["differ"] = sorted(name for name, _ in set(child.contents(root).items()) ^ set(wanted.items()))
        told["identical"] = "fault" not in told and not told["differ"]
        trials.append(told)
        shutil.rmtree(root)
        print(f"{len(trials)}/{kills} {told}", file=sys.stderr, flush=True)
    good = sum(told["identical"] for told in trials)
    return {"row": "random-kills", "trials": kills, "identical": good, "files": len(wanted), "seed": seed, "rounds": trials}


def every_write(folder: Path, half: bool) -> dict[str, Any]:
    """SIGKILL before (or half-way through) every single write, fsync and rename of a training that keeps checkpoints."""
    log, words = folder / "log", ["train-intermediate", "experiments/first/1-intermediate.yaml", *child.SETUP]
    base = folder / "base"
    assert child.run([*words, "recipe.steps=1", "--store", base], log).code == 0  # the encoder and all features
    words += ["recipe.steps=6", "recipe.evaluate_every=2", "--checkpoint-every", 0]
    shutil.copytree(base, folder / "whole")
    assert child.run([*words, "--store", folder / "whole"], log).code == 0
    wanted, number, trials = child.contents(folder / "whole"), 0, []
    while True:
        number += 1
        root = folder / "write"
        shutil.copytree(base, root)
        ended = child.run([*words, "--store", root], log, child.interposed("half" if half else "kill", root, number))
        told: dict[str, Any] = {"write": number}
        if ended.code == 0:
            shutil.rmtree(root)
            break
        told["unsound"] = [str(path) for path in root.glob("train/.*.saved/[0-9]*") if faults(path)]
        told["unsound"] += [str(path) for path in root.glob("train/[0-9a-f]*") if faults(path)]
        ended = child.run([*words, "--store", root], log)
        told["identical"] = ended.code == 0 and child.contents(root) == wanted
        trials.append(told)
        shutil.rmtree(root)
        print(f"write {told}", file=sys.stderr, flush=True)
    good = sum(told["identical"] and not told["unsound"] for told in trials)
    return {"row": f"every-write{'-half' if half else ''}", "trials": len(trials), "identical": good, "rounds": trials}


def interpose() -> None:
    """Begin this process anew with the library that counts writes."""
    if "FAULTS_SHIM" not in os.environ:
        library = Path(tempfile.mkdtemp()) / "shim.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, Path(__file__).with_name("shim.c"), "-ldl"], check=True)
        environment = {**os.environ, "LD_PRELOAD": str(library), "FAULTS_SHIM": str(library)}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def main() -> None:
    """Run the trials, write results/kills.json; exit 1 if any went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["random", "writes", "half"])
    parser.add_argument("--to", type=Path, default=RESULTS)
    given = parser.parse_args()
    interpose()
    child.preload()
    parts = {
        "random": lambda folder: random_kills(given.kills, folder, given.seed),
        "writes": lambda folder: every_write(folder, half=False),
        "half": lambda folder: every_write(folder, half=True),
    }
    good = True
    for name, part in parts.items():
        if given.only in (None, name):
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                row = part(Path(folder))
            store.add(given.to, [row], time.monotonic() - began)
            print(f"{row['row']}: {row['identical']} of {row['trials']} ended bit-identical")
            good = good and row["identical"] == row["trials"]
    sys.exit(not good)


if __name__ == "__main__":
    main()
