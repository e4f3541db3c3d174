"""The rows of the table: what each must reach, what it aims at, and what a prototype reached on another machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """`must` and `aim` are least values, or with `most` greatest ones; None: measured, without a target."""

    row: str
    what: str
    prototype: str = "-"
    must: float | None = None
    aim: float | None = None
    most: bool = False
    unit: str = "x"  # x: times as fast; %: a share; "": a ratio of sizes; s: seconds


KINDS = {
    "fp32": "fp32",
    "bf16": "bf16 against the Trainer's bf16",
    "bf16-default": "bf16 against the Trainer's default fp32",
}
REAL = {"mnli": "MNLI", "squad": "SQuAD", "panx": "PAN-X", "xnli": "XNLI in five languages"}  # what real.py measures

TARGETS = (
    Target("fp32-base-mnli", "training fp32, base, MNLI lengths", "2.4-3.4", 2.4, 4),
    Target("fp32-base-squad", "training fp32, base, SQuAD lengths", "3.1", 2.8, 4),
    Target("fp32-small-mnli", "training fp32, small, MNLI lengths", "3.1", 2.8, 4),
    Target("fp32-small-squad", "training fp32, small, SQuAD lengths", "2.2-2.4", 2.1, 3),
    Target("fp32-small-mlm", "masked-LM step, small", "14", 10),
    Target("share-base-mnli", "share of the core's fp32 matrix peak, training base, MNLI lengths", "73 %", 0.7, 0.8, unit="%"),
    Target("share-base-squad", "share of the core's fp32 matrix peak, training base, SQuAD lengths", "-", 0.7, 0.8, unit="%"),
    Target("share-base-predict", "share of the core's fp32 matrix peak, prediction base", "-", 0.8, 0.88, unit="%"),
    Target("bf16-base-mnli", "training bf16 against the Trainer's bf16, base, MNLI lengths", "2.9-3.3", 2.8, 4),
    Target("bf16-base-squad", "training bf16 against the Trainer's bf16, base, SQuAD lengths"),
    Target("bf16-small-mnli", "training bf16 against the Trainer's bf16, small, MNLI lengths"),
    Target("bf16-small-squad", "training bf16 against the Trainer's bf16, small, SQuAD lengths"),
    Target("bf16-default-base-mnli", "training bf16 against the Trainer's default fp32, base, MNLI lengths", "4.6-8.0", 4.5, 8),
    Target("bf16-default-base-squad", "training bf16 against the Trainer's default fp32, base, SQuAD lengths", "6.3", 6, 10),
    Target("bf16-default-small-mnli", "training bf16 against the Trainer's default fp32, small, MNLI lengths", "4.1-4.6"),
    Target("bf16-default-small-squad", "training bf16 against the Trainer's default fp32, small, SQuAD lengths", "3.3-3.5"),
    Target("fp32-e5-small-mnli", "training fp32, e5-small, MNLI lengths", "-", 3.2),
    Target("fp32-e5-small-squad", "training fp32, e5-small, SQuAD lengths", "-", 2.6),
    Target("bf16-e5-small-mnli", "training bf16 against the Trainer's bf16, e5-small, MNLI lengths", "-", 3.6),
    Target("bf16-e5-small-squad", "training bf16 against the Trainer's bf16, e5-small, SQuAD lengths", "-", 3),
    Target("bf16-default-e5-small-mnli", "training bf16 against the Trainer's default fp32, e5-small, MNLI lengths", "-", 5.2),
    Target("bf16-default-e5-small-squad", "training bf16 against the Trainer's default fp32, e5-small, SQuAD lengths", "-", 4),
    Target("fp32-e5-small-predict", "prediction fp32, e5-small, 15 languages"),
    Target("bf16-default-e5-small-predict", "prediction bf16 against the Trainer's default, e5-small, 15 languages", "-", 4.5),
    Target("memory-e5-small-mnli", "peak memory, training e5-small, MNLI lengths", "-", 0.4, most=True, unit=""),
    Target("memory-e5-small-squad", "peak memory, training e5-small, SQuAD lengths", most=True, unit=""),
    *(
        Target(f"{kind}-real-{name}", f"real e5-small, real data: training {what}, {told}")
        for name, told in REAL.items()
        if name != "xnli"
        for kind, what in KINDS.items()
    ),
    Target("fp32-real-xnli", f"real e5-small, real data: prediction fp32, {REAL['xnli']}"),
    Target("bf16-default-real-xnli", f"real e5-small, real data: prediction {KINDS['bf16-default']}, {REAL['xnli']}"),
    *(
        Target(f"memory-real-{name}", f"real e5-small, real data: peak memory, {told}", most=True, unit="")
        for name, told in REAL.items()
    ),
    Target(
        "held-predicting",
        "resident memory of a prediction after trainings in its process, against one of its own",
        "-",
        1.3,
        most=True,
        unit="",
    ),
    Target("with-packing-small-techniques", "of ours: unpadded batches against padded ones, small, MNLI lengths", "1.8-2.1"),
    Target("with-vocabulary-small-techniques", "of ours: compact table of words against the whole one, the same", "1.25"),
    Target("fp32-base-predict", "prediction fp32, base, 15 languages", "2.0", 2, 2.5),
    Target("bf16-default-base-predict", "prediction bf16 against the Trainer's default fp32, base, 15 languages", "6.0", 5.5, 8),
    Target("padded-base-predict", "(the Trainer's prediction against XTREME's way: batch 8 padded to 128)", "1.7"),
    Target("mining-fp32", "mining fp32", "1.75", 1.7, 2.5),
    Target("mining-bf16", "mining bf16", "2.9", 2.5, 3.5),
    Target("mining-fp32-clustered", "mining fp32, vectors around a common one"),
    Target("mining-bf16-clustered", "mining bf16, vectors around a common one"),
    Target("features-second-use", "features of a task, second use", "-", 100),
    Target("first-step", "start to first training step", "-", 3, 1.5, most=True, unit="s"),
    Target("whole-table", "whole miniature main table against a grid stage by stage without sharing (extrapolated)", "-", 10, 20),
    Target("whole-table-shared", "the same against a user who trains each intermediate once (extrapolated)"),
    Target("memory-base-mnli", "peak memory, training base, MNLI lengths", "-", 0.6, most=True, unit=""),
    Target("memory-base-squad", "peak memory, training base, SQuAD lengths", "-", 0.6, most=True, unit=""),
    Target("checkout-miniature-classification", "against d06be21: training fp32, miniature, classification", "-", 1.3),
    Target("checkout-miniature-mlm", "against d06be21: training fp32, miniature, masked LM", "-", 1.15),
    Target("checkout-miniature-multiple_choice", "against d06be21: training fp32, miniature, multiple choice"),
    Target("checkout-miniature-tagging", "against d06be21: training fp32, miniature, tagging"),
    Target("checkout-miniature-span_qa", "against d06be21: training fp32, miniature, span QA (reads all tokens)"),
    Target("checkout-miniature-predict", "against d06be21: prediction fp32, miniature, classification"),
    Target("checkout-e5-small-classification", "against d06be21: training fp32, e5-small, MNLI lengths", "-", 1.05),
    Target("checkout-e5-small-classification-bf16", "against d06be21: training bf16, e5-small, MNLI lengths", "-", 1.05),
    Target("checkout-e5-small-mlm", "against c35ec6f: training fp32, e5-small, masked LM"),
    Target("checkout-e5-small-mlm-bf16", "against c35ec6f: training bf16, e5-small, masked LM"),
    Target("checkout-e5-small-predict", "against d06be21: prediction fp32, e5-small, 15 languages"),
    Target("checkout-first", "against d06be21: `make first`, processor time", "-", 2),
    Target("gpu-large-mnli", "one GPU: training bf16 against the Trainer's bf16, large, MNLI lengths", "-", 2.5, 4),
    Target("gpu-large-squad", "one GPU: training bf16 against the Trainer's bf16, large, SQuAD lengths"),
    Target("gpu-large-mnli-4", "one GPU: the same, MNLI lengths, the paper's batch"),
    Target("gpu-compiled-large-mnli", "one GPU: training bf16 against the Trainer compiled, large, MNLI lengths"),
    Target("gpu-compiled-large-squad", "one GPU: training bf16 against the Trainer compiled, large, SQuAD lengths"),
    Target("gpu-compiled-large-mnli-4", "one GPU: the same, MNLI lengths, the paper's batch"),
    Target("gpu-large-mlm", "one GPU: masked-LM step, large, MNLI lengths"),
    Target("gpu-large-predict", "one GPU: prediction bf16 against the Trainer's bf16, large, languages in turn"),
    Target("gpu-floor-large-mnli", "one GPU: share of the floor's speed, large, MNLI lengths", "-", 0.5, 0.65, unit="%"),
    Target("gpu-floor-large-squad", "one GPU: share of the floor's speed, large, SQuAD lengths", "-", 0.5, 0.65, unit="%"),
    Target("gpu-floor-large-mnli-4", "one GPU: the same, MNLI lengths, the paper's batch", unit="%"),
    Target("gpu-floor-large-mlm", "one GPU: the same, masked LM", unit="%"),
    Target("gpu-share-large-mnli", "one GPU: share of its bf16 matrix peak, training large, MNLI lengths", unit="%"),
    Target("gpu-share-large-squad", "one GPU: share of its bf16 matrix peak, training large, SQuAD lengths", unit="%"),
    Target("gpu-share-large-mnli-4", "one GPU: the same, MNLI lengths, the paper's batch", unit="%"),
    Target("gpu-share-large-predict", "one GPU: share of its bf16 matrix peak, prediction large", unit="%"),
    Target("gpu-memory-large-mnli", "one GPU: peak memory, training large, MNLI lengths", most=True, unit=""),
    Target("gpu-memory-large-squad", "one GPU: peak memory, training large, SQuAD lengths", most=True, unit=""),
    *(
        Target(f"growth-{axis}", f"growth of a study's processor time by that of its {axis}, worst", must=1, most=True, unit="")
        for axis in ("rows", "targets", "languages", "seeds")
    ),
)
