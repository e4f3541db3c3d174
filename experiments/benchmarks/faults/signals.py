"""Signals at random moments: the exit code, how long it takes, and that what is kept is sound and leads to the same end.

    python -m experiments.benchmarks.faults.signals

SIGTERM, SIGUSR1 and SIGUSR2 must end a command within ten seconds with exit code 75, a second Ctrl-C at once with 130; then the
same command must end with what an undisturbed one makes.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from experiments.benchmarks import store
from experiments.benchmarks.faults import child
from stilts_xtreme.store import faults

RESULTS = Path(__file__).parent / "results" / "signals.json"
TIMES = {"SIGTERM": 50, "SIGUSR1": 20, "SIGUSR2": 20, "SIGINT": 20}
WORDS = ("evaluate", "experiments/first/4-evaluate.yaml", *child.SETUP)
STUDY = ("study", "experiments/studies/main.yaml", "intermediate=[mnli]", "targets=[xnli]", *child.SETUP, "--jobs", 2)


def signalled(name: str, moment: float, words: tuple[object, ...], root: Path, log: Path) -> dict[str, Any]:
    """Send a signal (SIGINT twice) at a moment; how the command ended and what it left."""
    began = time.monotonic()
    pid = child.start([*words, "--store", root], log)
    time.sleep(moment)
    sent = time.monotonic()
    for again in range(2 if name == "SIGINT" else 1):
        time.sleep(0.05 * again)
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            os.kill(pid, getattr(signal, name))
    ended = child.wait(pid, log, began)
    saved = list(root.glob("*/.*.saved/[0-9]*"))
    return {
        "moment": round(moment, 3),
        "seconds": round(time.monotonic() - sent, 2),
        "code": ended.code,
        "checkpoints": len(saved),
        "unsound": [str(path) for path in (*saved, *root.glob("*/[0-9a-f]*")) if faults(path)],
        "left": [str(path) for path in root.glob("*/.*.part")],
        "traceback": "Traceback" in ended.told,
    }


def trials(name: str, times: int, words: tuple[object, ...], folder: Path, seed: int) -> list[dict[str, Any]]:
    """So many trials with one signal, at moments drawn from the undisturbed run's time."""
    log, whole = folder / "log", folder / "whole"
    usual = child.run([*words, "--store", whole], log)
    assert usual.code == 0, usual.told
    wanted, chance, rounds = child.contents(whole), random.Random(seed), []
    for _ in range(times):
        root = folder / "root"
        told = signalled(name, chance.uniform(0.05, usual.seconds), words, root, log)
        codes = {0, 75} if name != "SIGINT" else {0, 75, 130}  # 0: it had ended; 75: the first came before anything was begun
        ended = child.run([*words, "--store", root], log)
        told["identical"] = ended.code == 0 and child.contents(root) == wanted
        told["good"] = told["identical"] and told["code"] in codes and told["seconds"] < 10 and not told["traceback"]
        told["good"] = told["good"] and not told["unsound"] and not told["left"]
        if not told["good"]:
            told["told"] = ended.told[-1500:]
        rounds.append(told)
        print(f"{name} {told}", file=sys.stderr, flush=True)
        shutil.rmtree(root, ignore_errors=True)
    shutil.rmtree(whole)
    return rounds


def main() -> None:
    """Run the trials, write results/signals.json; exit 1 if any went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of trials")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=Path, default=RESULTS)
    given = parser.parse_args()
    child.preload()
    good = True
    for name, times in TIMES.items():
        for row, words, share in ((name, WORDS, 0.8), (f"{name}-two-processes", STUDY, 0.2)):
            began, number = time.monotonic(), max(1, round(times * share * given.share))
            with tempfile.TemporaryDirectory() as folder:
                rounds = trials(name, number, words, Path(folder), given.seed)
            fine = sum(told["good"] for told in rounds)
            slowest = max(told["seconds"] for told in rounds)
            told = {"row": row, "trials": number, "good": fine, "slowest": slowest, "rounds": rounds}
            store.add(given.to, [told], time.monotonic() - began)
            print(f"{row}: {fine} of {number} good, slowest {slowest} s")
            good = good and fine == number
    sys.exit(not good)


if __name__ == "__main__":
    main()
