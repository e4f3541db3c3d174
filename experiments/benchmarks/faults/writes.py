"""A disk that is full from the n-th write on, for every n of one training and of one evaluation.

    python -m experiments.benchmarks.faults.writes

Each time the command must end with exit code 2 or 3 and one line that names the file, what it needs and what is free; what was
finished must be sound, and the same command with room again must end as if nothing had happened.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments.benchmarks import store
from experiments.benchmarks.faults import child
from experiments.benchmarks.faults.kills import interpose
from stilts_xtreme.stages import saving
from stilts_xtreme.store import faults

RESULTS = Path(__file__).parent / "results" / "writes.json"
TRAINING = ("train-intermediate", "experiments/first/1-intermediate.yaml", *child.SETUP)
EVALUATION = ("evaluate", "experiments/first/4-evaluate.yaml", *child.SETUP)


def full(name: str, words: Sequence[object], base: Path, folder: Path, step: int = 1) -> dict[str, Any]:
    """Every `step`-th write of a command that begins with the store `base`."""
    log, root, trials = folder / "log", folder / "root", []
    shutil.copytree(base, root)
    assert child.run([*words, "--store", root], log).code == 0
    wanted, number = child.contents(root), 1 - step
    shutil.rmtree(root)
    while True:
        number += step
        shutil.copytree(base, root)
        ended = child.run([*words, "--store", root], log, impatient(child.interposed("full", root, number)))
        if ended.code == 0:
            shutil.rmtree(root)
            break
        lines = {  # told as it happens and, the same, at the end
            f"STORE{line.partition(str(root))[2]}"
            for line in ended.told.splitlines()
            if "cannot be written" in line and " goes on without " not in line  # a checkpoint: no end of anything
        }
        told: dict[str, Any] = {"write": number, "code": ended.code, "line": " | ".join(sorted(lines))}
        named = len(lines) == 1 and " needed, " in told["line"] and " bytes free" in told["line"]
        told["clear"] = ended.code in (2, 3) and named and "Traceback" not in ended.told
        told["unsound"] = [str(path) for path in root.glob("*/[0-9a-f]*") if faults(path)]
        told["unsound"] += [str(path) for path in root.glob("*/.*.saved/[0-9]*") if faults(path)]
        told["left"] = [str(path) for path in root.glob("*/.*.part")]
        if not told["clear"]:
            told["told"] = ended.told[-1500:]
        ended = child.run([*words, "--store", root], log)
        told["identical"] = ended.code == 0 and child.contents(root) == wanted
        trials.append(told)
        shutil.rmtree(root)
        print(f"{name} {told}", file=sys.stderr, flush=True)
    return summed(name, trials)


def impatient(before: Callable[[], None]) -> Callable[[], None]:
    """Before a command whose disk stays full: no save waits for room."""

    def both() -> None:
        saving.PATIENCE = -1.0
        before()

    return both


def summed(name: str, trials: list[dict[str, Any]]) -> dict[str, Any]:
    """The row of a command: how many went as they must, some of the lines, and whole those that did not."""
    bad = [one for one in trials if not (one["clear"] and one["identical"]) or one["unsound"] or one["left"]]
    codes = {str(code): sum(one["code"] == code for one in trials) for code in sorted({one["code"] for one in trials})}
    lines = [one["line"] for one in trials[:: max(1, len(trials) // 4)]]
    good = len(trials) - len(bad)
    return {"row": f"full-disk-{name}", "trials": len(trials), "good": good, "codes": codes, "lines": lines, "rounds": bad}


def bases(folder: Path) -> dict[str, tuple[Sequence[object], Path]]:
    """The commands, each with a store that holds what it builds on."""
    log = folder / "log"
    before = folder / "before-training"
    assert child.run([*TRAINING, "recipe.steps=1", "--store", before], log).code == 0
    trained = folder / "before-evaluation"
    assert child.run(["finetune-target", "experiments/first/3-target.yaml", *child.SETUP, "--store", trained], log).code == 0
    training = [*TRAINING, "recipe.steps=6", "recipe.evaluate_every=2", "--checkpoint-every", 0]
    return {"training": (training, before), "evaluation": ([*EVALUATION, "--checkpoint-every", 0], trained)}


def main() -> None:
    """Run the trials, write results/writes.json; exit 1 if any went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=RESULTS)
    given = parser.parse_args()
    interpose()
    child.preload()
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for name, (words, base) in bases(Path(folder)).items():
            began = time.monotonic()
            row = full(name, words, base, Path(folder))
            store.add(given.to, [row], time.monotonic() - began)
            print(f"{row['row']}: {row['good']} of {row['trials']} good")
            good = good and row["good"] == row["trials"]
    sys.exit(not good)


if __name__ == "__main__":
    main()
