"""A speed only counts where the training is the same: from the same start, without dropout, ours beside the Trainer's."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.benchmarks.setting import Job
from experiments.benchmarks.turns import together

STEPS = 25
ALLOWED = 2.0  # times what the Trainer's own two ways of attention differ by


def gate(job: Job, steps: int = STEPS) -> dict[str, Any]:
    """Largest weight difference to the Trainer's, beside that of the Trainer with another attention, and how far weights moved.

    One after another, since three models of the base shape at once need 15 GB. For span QA the Trainer's model is given a
    loss that leaves padding out, as ours does; its own gives padding a share.
    """
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            "ours": replace(job, variant="ours"),
            "sdpa": replace(job, variant="stock", attention="sdpa"),
            "eager": replace(job, variant="stock", attention="eager"),
        }
        paths = {name: str(Path(folder, f"{name}.safetensors")) for name in runs}
        told = {
            name: together({name: replace(run, precision="fp32", dropout=0.0, steps=steps, parity=paths[name])})[name]
            for name, run in runs.items()
        }
        difference, reference = _largest(paths["ours"], paths["sdpa"]), _largest(paths["sdpa"], paths["eager"])
    return {
        "passed": difference <= ALLOWED * reference,
        "difference": difference,
        "reference": reference,
        "allowed": ALLOWED * reference,
        "moved": told["sdpa"].extra["moved"],
        "steps": steps,
        "batch": job.batch,
        "loss": [told[name].answers[-1].loss for name in ("ours", "sdpa")],
    }


def _largest(one: str, other: str) -> float:
    """Largest difference of two files' weights, every weight of the one looked for in the other."""
    from safetensors import safe_open

    with safe_open(one, "pt") as first, safe_open(other, "pt") as second:
        assert set(first.keys()) == set(second.keys()), set(first.keys()) ^ set(second.keys())
        return max(float((first.get_tensor(name) - second.get_tensor(name)).abs().max()) for name in first.keys())
