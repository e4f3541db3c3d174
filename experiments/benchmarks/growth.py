"""How the cost of a study grows with its rows, targets, languages and seeds, written to results/growth.json.

    python -m experiments.benchmarks.growth

Studies on the miniature world whose trainings take three steps each, so that what is not training counts most: with one, two,
four, ... parts of an axis (rows, targets, ...), each from a store that has the stages which all of them share. `curve` has
processor seconds and the number of new stages. `ratio`: the worst growth of seconds from one point to the next, by that of the
parts: at most 1 where the cost grows no faster than the parts.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from experiments.benchmarks import store as measured

STUDY = Path(__file__).parents[1] / "studies" / "main.yaml"
TINY = (
    "setup.encoder.random.hidden_size=16", "setup.encoder.random.layers=1", "setup.encoder.random.heads=2",
    "setup.encoder.random.intermediate_size=32", "setup.encoder.random.vocab_size=1200",
    "setup.pretraining.recipe.steps=4", "setup.retrieval.layer=1",
    "setup.recipes={default: {steps: 3, examples: 64, dev_limit: 24, batch_size: 8, max_length: 128}}",
)  # fmt: skip
AXES = {
    "rows": ("mnli", "squad", "qqp", "anli", "squad_v2", "commonsenseqa", "hellaswag", "cosmosqa"),
    "targets": ("pawsx", "panx", "udpos", "xquad", "mlqa", "tydiqa", "tatoeba", "bucc2018"),
    "languages": ("xa", "xb", "xc", "xd", "xe"),
    "seeds": ("2", "3", "4", "5"),
}
SHARED = {"rows": ("none",), "targets": ("xnli",), "languages": ("en",), "seeds": ("1",)}  # what every study has


def study(root: Path, **parts: Sequence[str]) -> float:
    """Run a study of the shared parts and these in this store; its processor seconds."""
    axes = {axis: (*SHARED[axis], *parts.get(axis, ())) for axis in AXES}
    listed = {"intermediate": axes["rows"], "targets": axes["targets"], "seeds": axes["seeds"]}
    words = [f"{key}=[{','.join(values)}]" for key, values in listed.items()]
    if "targets" not in parts:  # a target has languages of its own names
        words += ["--languages", ",".join(axes["languages"])]
    before = os.times()
    command = [sys.executable, "-m", "stilts_xtreme", "study", str(STUDY), *TINY, *words, "--store", str(root), "--jobs", "1"]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def measure(axis: str, base: Path, folder: Path) -> dict[str, Any]:
    """The row of an axis, from a store in which the shared stages are done."""
    curve: list[dict[str, Any]] = []
    for count in [count for count in (1, 2, 4) if count < len(AXES[axis])] + [len(AXES[axis])]:
        root = folder / f"{axis}-{count}"
        shutil.copytree(base, root)
        seconds = study(root, **{axis: AXES[axis][:count]})
        curve.append({"parts": count, "seconds": seconds, "stages": _stages(root) - _stages(base)})
        shutil.rmtree(root)
        print(axis, curve[-1], flush=True)
    growth = [b["seconds"] / a["seconds"] * a["parts"] / b["parts"] for a, b in pairwise(curve)]
    return {"row": f"growth-{axis}", "ratio": max(growth), "curve": curve}


def _stages(root: Path) -> int:
    return len(list(root.glob("*/*/result.json")))


def main() -> None:
    """Measure the axes asked for; each is written as soon as it is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=AXES, default=tuple(AXES))
    parser.add_argument("--to", type=Path, default=measured.RESULTS / "growth.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name) / "base"
        study(base)
        for axis in given.only:
            began = time.monotonic()
            row = measure(axis, base, Path(name))
            measured.add(given.to, [row], time.monotonic() - began)


if __name__ == "__main__":
    main()
