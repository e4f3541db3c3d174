"""What is run side by side, and which rows of the table come of it."""

from dataclasses import dataclass, replace

from experiments.benchmarks.setting import Job

WARMUP, MEASURED = 2, 20
TECHNIQUES = ("packing", "vocabulary")


@dataclass(frozen=True)
class Group:
    """Variants that run side by side on the same steps; those of `more`, and whole groups marked `full`, only with --full."""

    name: str
    job: Job
    variants: tuple[str, ...]
    more: tuple[str, ...] = ()
    full: bool = False
    gate: str | None = None  # the shape its parity is tested on

    def jobs(self, full: bool) -> dict[str, Job]:
        """A job for each variant."""
        found = {}
        for variant in self.variants + (self.more if full else ()):
            way, _, without = variant.partition("/")
            side, _, precision = way.partition("-")
            found[variant] = replace(self.job, variant=side, precision=precision or "fp32", without=without)
        return found

    def parity(self) -> Job | None:
        """The run whose weights are compared: same head, few short examples."""
        if self.gate is None:
            return None
        return replace(self.job, shape=self.gate, lengths="short", batch=2, examples=min(self.job.examples, 2000))


def _train(shape: str, head: str, lengths: str, batch: int) -> Job:
    return Job("stock", "train", "fp32", shape, head, lengths, batch, WARMUP + MEASURED)


_FP32, _BF16 = ("stock", "ours"), ("stock-bf16", "ours-bf16")
_PREDICTED = replace(_train("base", "classification", "mnli", 16), work="predict")
_MNLI, _SQUAD = _train("base", "classification", "mnli", 8), _train("base", "span_qa", "squad", 4)

# Without --full it takes a core a quarter of an hour, with the other parts of the benchmark. At the large batches a third variant
# would not fit into 24 GB.
GROUPS = (
    Group("base-mnli", _MNLI, (*_FP32, *_BF16, "peak"), gate="base-parity"),
    Group("base-squad", _SQUAD, (*_FP32, *_BF16, "peak"), full=True, gate="base-parity"),
    Group("small-mnli", _train("small", "classification", "mnli", 32), _FP32, _BF16, gate="small"),
    Group(
        "small-techniques",
        _train("small", "classification", "mnli", 32),
        ("ours", *(f"ours/{name}" for name in TECHNIQUES)),
        full=True,
    ),  # fmt: skip
    Group("small-squad", _train("small", "span_qa", "squad", 16), _FP32, _BF16, full=True, gate="small"),
    Group("small-mlm", _train("small", "mlm", "mnli", 32), _FP32, full=True, gate="small"),
    Group("base-predict", _PREDICTED, (*_FP32, "ours-bf16", "peak"), ("xtreme",)),
    Group("base-mnli-32", replace(_MNLI, batch=32), (*_FP32, "peak"), full=True, gate="base-parity"),
    Group("e5-small-mnli", _train("e5-small", "classification", "mnli", 32), (*_FP32, *_BF16), full=True, gate="e5-small"),
    Group("e5-small-squad", _train("e5-small", "span_qa", "squad", 16), (*_FP32, *_BF16), full=True, gate="e5-small"),
    Group("e5-small-predict", replace(_PREDICTED, shape="e5-small"), (*_FP32, "ours-bf16"), full=True),
    Group("base-squad-16", replace(_SQUAD, batch=16), (*_FP32, "peak"), full=True, gate="base-parity"),
)
