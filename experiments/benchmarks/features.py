"""What the cache of features saves: first and second use, their size, and a cached stage's way to its first step.

    OMP_NUM_THREADS=1 python -m experiments.benchmarks.features

First and second use take turns, over a file of 50,000 sentence pairs, each with nothing remembered of the file's content. The
start is that of `stilts finetune-target` in the miniature setup, from the process to the first line of its log, by the clock and
in processor seconds; all it starts from is finished, and its features are there.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from experiments.benchmarks import store

ROOT = Path(__file__).parents[2]
SPEC = ("finetune-target", "experiments/first/3-target.yaml", "setup.pretraining.recipe.steps=20",
        "setup.recipes.intermediate.mnli.steps=20")  # fmt: skip
PAIRS, ROUNDS, STARTS = 50_000, 3, 5


def uses(folder: Path) -> dict[str, Any]:
    """Seconds of first and second use, and the bytes of the same features as files and as lists."""
    from stilts_xtreme.data import folder as files
    from stilts_xtreme.data.read import Folder, Miniature, read
    from stilts_xtreme.engine import tokenizer
    from stilts_xtreme.models.heads import Limits
    from stilts_xtreme.stages.events import SilentProgress
    from stilts_xtreme.stages.feature_cache import FeatureCache
    from stilts_xtreme.store import Store
    from stilts_xtreme.tasks.catalogue import TASKS

    given = read(TASKS["mnli"], "train", "en", Miniature(0)).examples
    words = tokenizer.train([example.first for example in given[:4000]], 2600)
    (folder / "mnli").mkdir(parents=True)
    with open(folder / "mnli" / "multinli_1.0_train.jsonl", "w", encoding="utf-8") as file:
        for i in range(PAIRS):
            one, other = given[i % len(given)], given[(7 * i + i // len(given)) % len(given)]
            row = {"gold_label": one.label, "sentence1": f"{one.first} {other.first}", "sentence2": one.second}
            file.write(json.dumps(row) + "\n")

    def use(store: Path) -> tuple[float, Any]:
        files._content_digest.cache_clear()
        began = time.perf_counter()
        desk = FeatureCache(Store(store), Folder(folder, cut=True), words, Limits(128), SilentProgress())
        features = desk.encoded("mnli", "train", "en", head="classification", labels=TASKS["mnli"].labels, training=True).features
        assert len(features) == len(features.lengths) > 0.8 * PAIRS  # the rest is the half cut off for dev
        return time.perf_counter() - began, features

    first, second = [], []
    for number in range(ROUNDS):
        store = folder.with_name(f"store-{number}")
        first.append(use(store)[0])
        seconds, features = use(store)
        second.append(seconds)
    size = sum(file.stat().st_size for file in store.rglob("*.npy"))
    held = sum(8 * len(feature["rows"][0]) + sys.getsizeof(feature) + sys.getsizeof(feature["rows"]) for feature in features)
    return {
        "features": len(features),
        "first_use_seconds": first,
        "second_use_seconds": second,
        "ratio": statistics.median(first) / statistics.median(second),
        "bytes_mapped": size,
        "bytes_as_lists": held,
    }


def starts(store: Path) -> dict[str, Any]:
    """Seconds from process start to the first line of the log, after one run that makes all that is made once."""
    words = (sys.executable, "-m", "stilts_xtreme", *SPEC, "--store", str(store))
    began = time.perf_counter()
    subprocess.run([*words, "recipe.steps=1"], cwd=ROOT, check=True, capture_output=True)  # the stages before, and the features
    prepared = time.perf_counter() - began
    clock, processor = [], []
    for number in range(STARTS):
        began = time.perf_counter()
        rate = f"recipe.learning_rate={1e-3 + 1e-6 * (number + 1)}"  # a stage of its own
        process = subprocess.Popen([*words, rate], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not any(log.stat().st_size for log in store.glob("train/.*.part/log.jsonl")):
            assert process.poll() is None, "it ended before its first step"
            time.sleep(0.005)
        clock.append(time.perf_counter() - began)
        process.send_signal(signal.SIGKILL)
        usage = os.wait4(process.pid, 0)[2]
        processor.append(usage.ru_utime + usage.ru_stime)
        for log in store.glob("train/.*.part/log.jsonl"):
            log.unlink()
    return {"prepared_seconds": prepared, "clock_seconds": clock, "processor_seconds": processor}


def main() -> None:
    """Measure, print a table, and write the figures where `--to` says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=store.RESULTS / "features.json", help="file for the figures")
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        told = {"load": os.getloadavg(), "uses": uses(Path(folder) / "data"), "starts": starts(Path(folder) / "runs")}
    use, start = told["uses"], told["starts"]
    rows = [
        ("first use, s", statistics.median(use["first_use_seconds"])),
        ("second use, s", statistics.median(use["second_use_seconds"])),
        ("times faster", use["ratio"]),
        ("MB mapped", use["bytes_mapped"] / 1e6),
        ("MB as lists", use["bytes_as_lists"] / 1e6),
        ("start to first step, s by the clock", statistics.median(start["clock_seconds"])),
        ("start to first step, processor s", statistics.median(start["processor_seconds"])),
    ]
    for name, value in rows:
        print(f"{name:40} {value:10.3f}")
    processor = {"ratio": statistics.median(start["processor_seconds"])}
    measured = [
        {"row": "features-second-use", "ratio": use["ratio"], "rounds": use, "load": told["load"]},
        {"row": "first-step", "ratio": statistics.median(start["clock_seconds"]), "processor": processor, "rounds": start},
    ]
    store.add(given.to, measured, time.monotonic() - began)


if __name__ == "__main__":
    main()
