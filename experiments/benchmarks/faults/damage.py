"""Every file of finished stages, cached readings and checkpoints, cut short, with a bit turned over, removed: is it noticed?

    OMP_NUM_THREADS=1 python -m experiments.benchmarks.faults.damage

A tiny evaluation is run, and a training that is stopped with its checkpoints. 64 lengths and 256 bits of each file, drawn with a
seed (of files with fewer, all), and the file's removal. Each is done alone and undone; the folder is then looked at as
`stilts verify` and a resuming stage look at it.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.benchmarks import store as figures

ROOT = Path(__file__).parents[3]
RESULTS = Path(__file__).parent / "results" / "damage.json"
TRUNCATIONS, FLIPS = 64, 256
TINY = [
    "setup.encoder.random.hidden_size=16", "setup.encoder.random.layers=1", "setup.encoder.random.heads=2",
    "setup.encoder.random.intermediate_size=32", "setup.encoder.random.vocab_size=1200", "setup.pretraining.languages=[en]",
    "setup.retrieval.layer=1",
    "setup.recipes={default: {steps: 3, examples: 64, dev_limit: 24, batch_size: 8, max_length: 128}}",
]  # fmt: skip


def harms(content: bytes, truncations: int, flips: int, chance: random.Random) -> Iterator[tuple[str, bytes | None]]:
    """What a file may come to: the kind of harm, and what it then holds (None: it is gone)."""
    yield "removed", None
    for length in chance.sample(range(len(content)), min(truncations, len(content))):
        yield "truncated", content[:length]
    for bit in chance.sample(range(8 * len(content)), min(flips, 8 * len(content))):
        harmed = bytearray(content)
        harmed[bit // 8] ^= 1 << bit % 8
        yield "flipped", bytes(harmed)


def missed(kind: str, folder: Path, truncations: int, flips: int, seed: int = 0) -> dict[str, list[int]]:
    """By kind of harm: how often it was done to a file of the folder, and how often nothing was noticed."""
    from stilts_xtreme.store import files
    from stilts_xtreme.verify.file_check import damage

    found: dict[str, list[int]] = {}
    assert not damage(kind, folder)
    for name in files(folder):
        path, chance = folder / name, random.Random(f"{seed} {name}")
        content = path.read_bytes()
        for harm, harmed in harms(content, truncations, flips, chance):
            path.unlink() if harmed is None else path.write_bytes(harmed)
            counts = found.setdefault(harm, [0, 0])
            counts[0] += 1
            counts[1] += not damage(kind, folder)
        path.write_bytes(content)
    assert not damage(kind, folder)
    return found


def make(root: Path) -> None:
    """Fill a store: an evaluation and what it needs, and a training that was stopped."""
    first = ROOT / "experiments" / "first"
    words = [sys.executable, "-m", "stilts_xtreme"]
    rest = [*TINY, "--store", str(root)]
    subprocess.run(
        [*words, "evaluate", str(first / "4-evaluate.yaml"), "setup.pretraining.recipe.steps=4", *rest],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    stopped = subprocess.Popen(
        [*words, "train-intermediate", str(first / "1-intermediate.yaml"), "setup.pretraining.recipe.steps=100000", *rest,
         "--checkpoint-every", "0"],
        cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    while stopped.poll() is None and len(list(root.glob("train/.*.saved/[0-9]*"))) < 2:
        time.sleep(0.2)
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait() == 75, "the training was to be stopped"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=RESULTS)
    to = parser.parse_args().to
    from stilts_xtreme.store import Store, files

    began, rows = time.monotonic(), dict[str, dict[str, Any]]()
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        for kind, one in Store(Path(folder)).folders():
            row = rows.setdefault(kind, {"row": kind, "folders": 0, "files": 0, "harms": {}})
            row["folders"] += 1
            row["files"] += len(files(one))
            for harm, (done, unnoticed) in missed(kind, one, TRUNCATIONS, FLIPS).items():
                told = row["harms"].setdefault(harm, {"done": 0, "unnoticed": 0})
                told["done"] += done
                told["unnoticed"] += unnoticed
    figures.add(to, list(rows.values()), time.monotonic() - began)
    for row in rows.values():
        print(row)


if __name__ == "__main__":
    main()
