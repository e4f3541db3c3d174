"""What a process holds in memory after each of about thirty stages, written to results/held.json.

    python -m experiments.benchmarks.held --encoder FOLDER --data FOLDER

Trainings of a few steps and evaluations of them take turns in one process, as in a study: span QA (batches of 32, rows of up to
256 tokens) and classification of pairs, from the encoder at the setup `small`. Then an evaluation of each kind is done again in
a process of its own. `ratio` is the highest resident memory of any evaluation by that of the same kind alone; `curve` has MiB
for each stage: anonymous and file-backed memory after it, and the highest while it ran. Of an older checkout that has the same
functions: PYTHONPATH=OLDER python experiments/benchmarks/held.py --row held-older
"""

import argparse
import json
import multiprocessing
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from experiments.benchmarks import store as measured
from stilts_xtreme.pipeline import loading, plan, planner
from stilts_xtreme.stages import run
from stilts_xtreme.stages.events import Options
from stilts_xtreme.store import Store
from stilts_xtreme.utils import system

SETUP = Path(__file__).parents[1] / "setups" / "small.yaml"
EXAMPLES = 64  # two steps
KINDS = {"xquad": 256, "xnli": 128}  # the longest row, by target


def stages(target: str, seed: int, encoder: Path, data: Path, folder: Path) -> list[plan.Stage]:
    """A training for this target and an evaluation of it in one language."""
    recipe = {
        "examples": EXAMPLES, "epochs": 1, "batch_size": 32, "max_length": KINDS[target], "dev_limit": 20, "evaluate_every": 0,
    }  # fmt: skip
    model = {"kind": "target", "setup": str(SETUP.resolve()), "task": target, "recipe": recipe, "seed": seed}
    spec = {"kind": "evaluation", "setup": model["setup"], "model": model, "task": target, "languages": ["de"]}
    path = folder / "spec.yaml"
    path.write_text(json.dumps(spec | {"test_examples": 100}), encoding="utf-8")
    over = [f"setup.encoder.pretrained.name={encoder.resolve()}", f"setup.data.files.path={data.resolve()}"]
    return list(plan.chain(planner.resolve(loading.load(path, over, {"evaluation"}))))


def do(stage: plan.Stage, root: Path) -> dict[str, Any]:
    """Do the stage in this process; its point of the curve."""
    assert run.do(stage, Store(root), Options("cpu", 1), lambda event: None)
    point = {name: _mib(key) for name, key in (("anonymous", "RssAnon"), ("file", "RssFile"), ("peak", "VmHWM"))}
    return {"stage": f"{plan.kind(stage)} {stage.label}", **point}


def _mib(key: str) -> int:
    return round(int((system.proc_field("/proc/self/status", key) or "0").split()[0]) / 1024)


def measure(count: int, encoder: Path, data: Path, folder: Path) -> dict[str, Any]:
    """The row of `count` trainings and as many evaluations."""
    root, curve, alone, predicted = folder / "runs", [], {}, dict[str, list[int]]()
    first = {target: stages(target, 1, encoder, data, folder) for target in KINDS}
    for number in range(count):
        target = list(KINDS)[number % len(KINDS)]
        seed = number // len(KINDS) + 1
        chain = stages(target, seed, encoder, data, folder)
        curve += [do(stage, root) for stage in chain]
        predicted.setdefault(target, []).append(curve[-1]["peak"])
        print(*curve[-2:], sep="\n", flush=True)
        if seed > 1:
            shutil.rmtree(Store(root).path(chain[0]))  # each holds the encoder once more
    for target in predicted:
        Store(root).discard(first[target][-1])
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            alone[target] = pool.apply(do, (first[target][-1], root))["peak"]
    ratios = {target: max(peaks) / alone[target] for target, peaks in predicted.items()}
    return {"ratio": max(ratios.values()), "by_target": ratios, "alone": alone, "stages": len(curve), "curve": curve}


def main() -> None:
    """Measure, and write the row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", type=Path, required=True, help="the folder of multilingual-e5-small, or of another encoder")
    parser.add_argument("--data", type=Path, required=True, help="the folder of real data")
    parser.add_argument("--trainings", type=int, default=15)
    parser.add_argument("--row", default="held-predicting")
    parser.add_argument("--to", type=Path, default=measured.RESULTS / "held.json")
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        row = measure(given.trainings, given.encoder, given.data, Path(folder))
    measured.add(given.to, [{"row": given.row, **row}], time.monotonic() - began)
    print(f"{given.row}: {row['ratio']:.2f} {row['by_target']}, {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
