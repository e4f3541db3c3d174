"""Measure training and prediction on one GPU against the stock Trainer and against the floor; write results/gpu.json.

    python -m experiments.benchmarks.gpu                              all of it, in less than nine minutes
    python -m experiments.benchmarks.gpu --only mnli squad            some parts; rows of the others stay as they were
    python -m experiments.benchmarks.gpu --device cpu --shape tiny    a rehearsal on a CPU; nothing is written

Weights are random and the data synthetic (lengths.py); both sides start from the same weights and see the same examples in the
same order. Each variant has a process and a model of its own on the GPU, and they take turns (turns.py) in blocks of as many
steps as our loop runs ahead, with the GPU idle at both ends. In every part a third process measures the GPU itself.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarks import figures, setting, store, table
from experiments.benchmarks.setting import SHAPES, Job
from experiments.benchmarks.targets import TARGETS
from experiments.benchmarks.turns import Told, together

BUDGET = 520.0  # seconds for all parts
COMPILING = 200.0  # seconds for a part with a compiled model, its start included
LEAST = {"cpu": 1.0, "cuda": 45.0}  # seconds without which no part is begun: models are built for half of that
WARMUP, MEASURED = {"cpu": 1, "cuda": 2}, {"cpu": 2, "cuda": 8}  # blocks
ADAMW = 28  # bytes a weight and step, see `floor`


@dataclass(frozen=True)
class Part:
    """What runs side by side: `rates` measures the machine, `compiled` is the Trainer with torch.compile."""

    name: str
    job: Job
    variants: tuple[str, ...] = ("ours", "stock", "rates")
    limit: float = BUDGET

    def jobs(self) -> dict[str, Job]:
        """A job for each variant."""
        blocks = self.job.steps // self.job.block
        every = {
            "ours": replace(self.job, variant="ours"),
            "stock": self.job,
            "compiled": replace(self.job, compiled=True),
            "rates": replace(self.job, variant="peak", work="rates", steps=blocks, block=1),
        }
        return {name: every[name] for name in self.variants}


def parts(device: str, shape: str, compiling: float = COMPILING) -> tuple[Part, ...]:
    """What matters most comes first, what may not end in time last."""
    ahead = _ahead() if device != "cpu" else 2
    blocks = WARMUP[device] + MEASURED[device]

    def trained(head: str, lengths: str, batch: int) -> Job:
        known = "tiny" if shape == "tiny" else lengths
        return Job("stock", "train", "bf16", shape, head, known, batch, blocks * ahead, device=device, block=ahead)

    mnli, squad = trained("classification", "mnli", 32), trained("span_qa", "squad", 16)
    few = trained("classification", "mnli", 4)
    # Ours fills batches by tokens; the Trainer's are larger here than its default of 8, which suits no GPU.
    asked = replace(mnli, work="predict", batch=2048 if device != "cpu" else 8, steps=blocks, block=1, eval_batch=64)
    return (
        Part("mnli", mnli),
        Part("squad", squad),
        Part("mnli-4", few),
        Part("predict", asked),
        Part("mlm", trained("mlm", "mnli", 32)),
        *(
            Part(f"compiled-{name}", job, ("ours", "compiled"), compiling)
            for name, job in (("mnli", mnli), ("squad", squad), ("mnli-4", few))
        ),
    )


def _ahead() -> int:
    from stilts_xtreme.engine.train import LAG

    return LAG


@dataclass(frozen=True)
class Floor:
    """Seconds below which steps cannot take: their arithmetic, and the optimizer's traffic by active rows and by all."""

    arithmetic: float
    optimizer: float
    dense: float


def floor(job: Job, tokens: int, squares: int, words: int, peak: float, bandwidth: float) -> Floor:
    """The floor of one step of `tokens`, on a machine of `peak` operations and `bandwidth` bytes a second.

    Arithmetic: what `setting.operations` counts; for masked LM also the product of the chosen tokens with the whole table,
    forward and twice backward, 2 operations a weight each.

    Optimizer: AdamW with everything in fp32 must read a weight, its gradient and its two moments (4 x 4 bytes) and write the
    weight and the moments (3 x 4): 28 bytes a weight and step. Of the table of words only the `words` rows that the stage's
    data touch need it, for the others have no gradient and change by a factor that can be multiplied in at the end; masked LM
    touches all. Nothing is counted for what a step could do without: the casts to bf16, gradients written and cleared, their
    norm. Vectors, positions and heads, under 1 % of a large model's weights, are left out.
    """
    shape = SHAPES[job.shape]
    operations = float(setting.operations(job, tokens, squares))
    if job.head == "mlm":
        operations += 6 * job.mask_rate * tokens * shape.hidden_size * shape.vocab_size
    active = shape.vocab_size if job.head == "mlm" else words
    moved, dense = (ADAMW * (shape.body + count * shape.hidden_size) for count in (active, shape.vocab_size))
    return Floor(operations / peak, moved / bandwidth, dense / bandwidth)


def rows(part: Part, told: Mapping[str, Told]) -> list[dict[str, Any]]:
    """The rows of the table that a part gives; seconds are of a step, the first blocks left out."""
    job, warmup = part.job, WARMUP[part.job.device]
    block = job.block
    sides = {name: one for name, one in told.items() if name != "rates"}
    seconds = {name: [a.seconds for a in one.answers[warmup:]] for name, one in sides.items()}
    steps = setting.work(job)[warmup * block :]
    tokens = sum(count for count, _ in steps)
    other = next(name for name in sides if name != "ours")
    prefix = "gpu" if job.device != "cpu" else "rehearsal"
    kept = {"batch": job.batch, "steps": len(steps), "warmup": warmup * block, "block": block}

    def row(kind: str, found: Mapping[str, Any]) -> dict[str, Any]:
        before, name = f"compiled-{kind}" if other == "compiled" else kind, part.name.removeprefix("compiled-")
        return {"row": "-".join(word for word in (prefix, before.strip("-"), job.shape, name) if word), **found, **kept}

    speed = {
        **figures.compared(seconds["ours"], seconds[other]),
        "seconds": {name: float(np.sum(taken) / len(steps)) for name, taken in seconds.items()},
        "spread": {name: [float(q) / block for q in np.percentile(taken, [25, 50, 75])] for name, taken in seconds.items()},
        "tokens_per_second": {name: float(tokens / np.sum(taken)) for name, taken in seconds.items()},
        "mib": {name: vars(one.memory) for name, one in sides.items()},
    }
    if job.work == "train":
        speed["loss"] = {name: one.answers[-1].loss for name, one in sides.items()}
    found = [row("", speed)]
    if part.name in ("mnli", "squad"):
        found.append(row("memory", {"ratio": sides["ours"].memory.peak / sides[other].memory.peak, "mib": speed["mib"]}))
    if "rates" in told:
        found += [row(kind, against) for kind, against in _against(part, told, seconds, steps).items()]
    return found


def _against(
    part: Part, told: Mapping[str, Told], seconds: Mapping[str, Sequence[float]], steps: Sequence[tuple[int, int]]
) -> dict[str, dict[str, Any]]:
    """Shares of the peak and of the floor's speed; the machine's rates are those of this part, the best of each kind."""
    job, warmup = part.job, WARMUP[part.job.device]
    every = {name: values[warmup:] for name, values in told["rates"].extra.items()}
    rates = {name: float(np.median(values)) for name, values in every.items()}
    matrix = max("square", "layer", key=rates.__getitem__)
    found: dict[str, dict[str, Any]] = {}
    if job.head != "mlm":  # of whose head `operations` knows nothing
        done = _blocks([setting.operations(job, *step) for step in steps], job.block)
        shares = {name: figures.share(done, taken, every[matrix]) for name, taken in seconds.items()}
        found["share"] = {**shares["ours"], "stock": shares["stock"]["ratio"], "rates": rates}
    if job.work == "train":
        words = len(np.unique(np.concatenate([row for feature in setting.data(job) for row in feature["rows"]])))
        floors = [floor(job, *step, words, rates[matrix], max(rates["copy"], rates["axpy"])) for step in steps]
        least = _blocks([one.arithmetic + one.optimizer for one in floors], job.block)
        shares = {name: figures.compared(taken, least) for name, taken in seconds.items()}
        means = {name: float(np.mean([getattr(one, name) for one in floors])) for name in ("arithmetic", "optimizer", "dense")}
        found["floor"] = {**shares["ours"], "stock": shares["stock"]["ratio"], "floor": means, "words": words, "rates": rates}
    return found


def _blocks(values: Sequence[float], block: int) -> list[float]:
    return np.asarray(values, dtype=float).reshape(-1, block).sum(1).tolist()


def measure(chosen: Sequence[Part], device: str, to: Path | None, budget: float) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """All rows, and why which part was left out; both are written after every part."""
    began, named = time.monotonic(), _named(device)
    every: list[dict[str, Any]] = []
    skipped = {part.name: "not begun" for part in chosen}
    for part in chosen:
        now = time.monotonic()
        left = began + budget - now
        del skipped[part.name]
        made: list[dict[str, Any]] = []
        if left < LEAST[device]:
            skipped[part.name] = f"no time left: {max(left, 0):.0f} s of {budget:.0f}"
        else:
            try:
                made = rows(part, together(part.jobs(), now + min(left, part.limit)))
            except (RuntimeError, TimeoutError) as fault:
                skipped[part.name] = f"{fault} (after {time.monotonic() - now:.0f} s)"
        if to is not None:
            what = {"row": "gpu-skipped" if device != "cpu" else "rehearsal-skipped", "parts": dict(skipped)}
            store.add(to, [*made, what], time.monotonic() - now, named)
        for row in made:
            print(_line(row), flush=True)
        print(f"{part.name}: {skipped.get(part.name, f'{time.monotonic() - now:.0f} s')}", flush=True)
        every += made
    return every, skipped


def _line(row: Mapping[str, Any]) -> str:
    target = next((target for target in TARGETS if target.row == row["row"]), None)
    low_high = "{:.3f} to {:.3f}".format(*row["interval"]) if row.get("interval") else ""
    rates = ", ".join(f"{name} {count:,.0f}/s" for name, count in row.get("tokens_per_second", {}).items())
    said = f"target: {table.met(target, dict(row))}" if target and target.must else ""
    return f"{row['row']:28} batch {row['batch']:4} {row['ratio']:7.3f}  {low_high:16}  {rates}{said}".rstrip()


def _named(device: str) -> str | None:
    if device == "cpu":
        return None
    import torch

    return f"{torch.cuda.get_device_name(0)} (CUDA {torch.version.cuda})"


def main(given: Sequence[str] | None = None) -> int:
    """Measure the parts asked for; 2 where there is no GPU to measure."""
    names = [part.name for part in parts("cpu", "tiny")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--shape", choices=tuple(SHAPES), default="large")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds, after which remaining parts are left out")
    parser.add_argument("--compiling", type=float, default=COMPILING, help="seconds for each part with a compiled model")
    parser.add_argument("--to", type=Path, help="default: results/gpu.json; on a CPU nothing is written without it")
    asked = parser.parse_args(given)
    if asked.device == "cuda":
        # One GPU, whatever there is: the Trainer would split its batches over several. Before torch looks for them.
        os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
        import torch

        if not torch.cuda.is_available():
            print("no GPU here that torch can use; --device cpu --shape tiny rehearses without one", file=sys.stderr)
            return 2
    chosen = [part for part in parts(asked.device, asked.shape, asked.compiling) if part.name in asked.only]
    to = asked.to or (store.RESULTS / "gpu.json" if asked.device == "cuda" else None)
    measure(chosen, asked.device, to, asked.budget)
    return 0


if __name__ == "__main__":
    sys.exit(main())
