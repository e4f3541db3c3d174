"""What a reader of targets' scores has to know of their test data: which F1, which labels no model can give."""

from stilts_xtreme.report import text
from stilts_xtreme.report.summary import Summary
from stilts_xtreme.scoring.benchmarks import mean
from stilts_xtreme.scoring.tags import MIN_DIFFERENCE, NAMES
from stilts_xtreme.tasks import coverage


def strict(summary: Summary) -> str:
    """By how much F1 of strict IOB2 differs from XTREME's, where it does."""
    notes = []
    for target in summary.targets:
        runs = [run for (_, name), seeds in summary.cells.items() if name == target for run in seeds.values()]
        rows = [(code, row) for run in runs for code, row in run["languages"].items() if "f1_iob2" in row]
        if not rows:
            continue
        code, far = max(rows, key=lambda one: abs(one[1]["f1"] - one[1]["f1_iob2"]))
        if abs(far["f1"] - far["f1_iob2"]) > MIN_DIFFERENCE:
            means = [mean([row[name] for _, row in rows]) for name in NAMES]
            notes.append(
                f"{target}: {NAMES['f1']} is {text.number(means[0])} over all rows and languages, {NAMES['f1_iob2']}"
                f" {text.number(means[1])}; farthest apart in {code}: {text.number(far['f1'])} and {text.number(far['f1_iob2'])}."
            )
    return " ".join(notes)


def lacking(summary: Summary) -> str:
    """Which labels of test data the heads do not have."""
    notes: dict[tuple[str, str], str] = {}
    for (_, target), seeds in summary.cells.items():
        for run in seeds.values():
            for code, gap in run.get("lacking", {}).items():
                notes.setdefault((target, code), f"{target}, {code}: {coverage.in_words(gap)}.")
    return " ".join(notes.values())
