"""A speed only counts where the training is the same: from the same start, without dropout, ours beside the Trainer's."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.benchmarks.setting import SHAPES, Job
from experiments.benchmarks.turns import Told, together

STEPS = 25
ALLOWED = 2.0  # times what the Trainer's own two ways of attention differ by


def gate(job: Job, steps: int = STEPS) -> dict[str, Any]:
    """Largest weight difference to the Trainer's, beside that of the Trainer with another attention, and how far weights moved.

    One after another, since three models of the base shape at once need 15 GB. For span QA the Trainer's model is given a
    loss that leaves padding out, as ours does; its own gives padding a share.

    Weights that no loss can feel are compared apart (`unfelt`): a softmax stays the same with a constant added to all its
    logits, so the gradient of key biases, and in span QA of the last two biases, is rounding alone, and Adam makes steps of
    full size of it, on every side others.

    Where the gate fails, the Trainer trains once more in double precision: `exact` tells how far from that each lies (root mean
    square).
    """
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            "ours": replace(job, variant="ours"),
            "sdpa": replace(job, variant="stock", attention="sdpa"),
            "eager": replace(job, variant="stock", attention="eager"),
        }
        paths = {name: str(Path(folder, f"{name}.safetensors")) for name in runs}
        told = {name: _trained(replace(run, precision="fp32", steps=steps, parity=paths[name])) for name, run in runs.items()}
        difference, unfelt = _largest(paths["ours"], paths["sdpa"], job)
        reference, unfelt_reference = _largest(paths["sdpa"], paths["eager"], job)
        passed, exact = difference <= ALLOWED * reference, {}
        if not passed:
            paths["exact"] = str(Path(folder, "exact.safetensors"))
            _trained(replace(runs["sdpa"], precision="fp64", steps=steps, parity=paths["exact"]))
            exact = {"exact": {name: _typical(paths[name], paths["exact"], job) for name in runs}}
    return {
        "passed": passed,
        "difference": difference,
        "reference": reference,
        "allowed": ALLOWED * reference,
        "unfelt": {"difference": unfelt, "reference": unfelt_reference},
        "moved": told["sdpa"].extra["moved"],
        "steps": steps,
        "batch": job.batch,
        "loss": [told[name].answers[-1].loss for name in ("ours", "sdpa")],
        **exact,
    }


def _trained(job: Job) -> Told:
    return together({job.variant: replace(job, dropout=0.0)})[job.variant]


def _typical(one: str, other: str, job: Job) -> float:
    """Root mean square difference of two files' weights, of those a loss can feel."""
    squares = total = 0
    for name, difference in _differences(one, other):
        if _felt(name, job):
            squares, total = squares + float(difference.double().square().sum()), total + difference.numel()
    return (squares / total) ** 0.5


def _largest(one: str, other: str, job: Job) -> tuple[float, float]:
    """Largest difference of two files' weights: of those a loss can feel, of the others; the files hold the same names."""
    found = {True: 0.0, False: 0.0}
    for name, difference in _differences(one, other):
        found[_felt(name, job)] = max(found[_felt(name, job)], float(difference.abs().max()))
    return found[True], found[False]


def _differences(one: str, other: str) -> Iterator[tuple[str, Any]]:
    """Name and difference of each of two files' weights."""
    from safetensors import safe_open

    with safe_open(one, "pt") as first, safe_open(other, "pt") as second:
        assert set(first.keys()) == set(second.keys()), set(first.keys()) ^ set(second.keys())
        for name in first.keys():
            yield name, first.get_tensor(name) - second.get_tensor(name)


def _felt(name: str, job: Job) -> bool:
    last = f"layer.{SHAPES[job.shape].layers - 1}.output.LayerNorm.bias"
    return not name.endswith(("key.bias", "qa_outputs.bias", last) if job.head == "span_qa" else "key.bias")
