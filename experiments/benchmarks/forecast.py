"""Is the forecast of a study what the study then takes? Calibrates, forecasts, runs the study in a store of its own, compares.

python -m experiments.benchmarks.forecast --jobs 2

The study is a reduced `main` on the miniature world unless told otherwise. Seconds by the clock and of processors, since others
may use the machine; disk as the file system counts it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

RESULT = Path(__file__).with_name("results") / "forecast.json"
SPEC = "experiments/studies/main.yaml"
REDUCED = ["intermediate=[none,mnli,squad]", "targets=[pawsx,xnli,udpos,xquad,tatoeba]", "seeds=[1]"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("overrides", nargs="*", default=REDUCED)
    parser.add_argument("--spec", default=SPEC)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--calibration", type=Path, help="one that was made before; else it is made first")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["STILTS_CALIBRATION"] = str(asked.calibration or root / "calibration.json")
        calibrating = None
        if asked.calibration is None:
            setup = "experiments/setups/miniature.yaml"
            calibrating = _run("calibrate", "--device", "cpu", "--setup", setup, "--jobs", asked.jobs)
        study = ["study", asked.spec, *asked.overrides, "--store", root / "runs", "--jobs", asked.jobs, "--device", "cpu"]
        planned = _run(*study, "--dry-run", "--json")
        forecast = json.loads(planned.pop("said"))
        load = [os.getloadavg()[0]]
        took = _run(*study)
        load.append(os.getloadavg()[0])
        told = _compared(asked, forecast, took, root / "runs", load)
    if calibrating:
        told["calibrating"] = {name: calibrating[name] for name in ("clock", "processor")}
    told["dry_run"] = planned
    RESULT.write_text(json.dumps(told, indent=1) + "\n")
    print(json.dumps(told, indent=1))


def _run(*words: Any) -> dict[str, Any]:
    """Seconds of a command, by the clock and of processors (its workers' too), and what it said."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([sys.executable, "-m", "stilts_xtreme", *map(str, words)], stdout=said)
        _, status, used = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{' '.join(map(str, words))}: ended with {os.waitstatus_to_exitcode(status)}")
        said.seek(0)
        text = said.read().decode()
    return {"clock": round(time.monotonic() - began, 1), "processor": round(used.ru_utime + used.ru_stime, 1), "said": text}


def _compared(asked: Any, forecast: Any, took: dict[str, Any], store: Path, load: list[float]) -> dict[str, Any]:
    stages = {stage["address"]: stage for stage in forecast["stages"]}
    kinds: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    tokens = steps = 0
    for path in store.glob("*/*/result.json"):
        result = json.loads(path.read_text())
        stage = stages[result["address"]]
        row = kinds[f"{stage['kind']} {stage['label']}"]
        row[0] += 1
        row[1] += stage["seconds"]
        row[2] += result["provenance"]["seconds"]
        tokens += result["provenance"].get("tokens", 0)
        steps += result.get("steps", {}).get("done", 0)
    time_ = forecast["times"][0]
    busy, wall = time_["busy"] * 3600, time_["wall"] * 3600
    inside = sum(row[2] for row in kinds.values())
    disk = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())

    def beside(forecast: float, took: float) -> dict[str, float]:
        return {"forecast": round(forecast, 1), "took": round(took, 1), "ratio": round(forecast / took, 3)}

    return {
        "command": f"stilts study {asked.spec} {' '.join(asked.overrides)} --jobs {asked.jobs}",
        "stages": len(stages),
        "source": time_["source"],
        "load_average": [round(one, 1) for one in load],
        "clock": beside(wall, took["clock"]),
        "processor": beside(busy, took["processor"]),
        "stages_by_the_clock": beside(busy, inside),
        "steps": beside(forecast["steps"], steps),
        "tokens": beside(forecast["trained"], tokens),
        "bytes": beside(forecast["disk"]["end_keep"], disk),
        "kinds": {name: {"stages": row[0], **beside(row[1], row[2])} for name, row in sorted(kinds.items())},
    }


if __name__ == "__main__":
    main()
