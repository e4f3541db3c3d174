"""Write results/table.md from the rows that the scripts beside this one have measured.

python -m experiments.benchmarks.table
"""

import argparse
from pathlib import Path
from typing import Any

from experiments.benchmarks import store
from experiments.benchmarks.targets import TARGETS, Target

COLUMNS = ("what", "batch", "prototype", "must", "aim", "measured", "95 % interval", "processor time alone", "parity", "met")
ABSENT = "not measured"


def table(rows: list[dict[str, Any]]) -> str:
    """Every target with each of its measurements (one a batch size), as a Markdown table."""
    lines = [COLUMNS, ("---",) * len(COLUMNS)]
    for target in TARGETS:
        found = sorted((row for row in rows if row["row"] == target.row), key=lambda row: row.get("batch") or 0)
        lines += [_line(target, row) for row in found or [None]]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _line(target: Target, row: dict[str, Any] | None) -> tuple[str, ...]:
    wanted = tuple(_value(target, value) for value in (target.must, target.aim))
    if row is None:
        return (target.what, "-", target.prototype, *wanted, ABSENT, "-", "-", "-", "-")
    low_high = " to ".join(_value(target, value) for value in row["interval"]) if row.get("interval") else "-"
    processor = _value(target, row["processor"]["ratio"]) if row.get("processor") else "-"
    measured = _value(target, row["ratio"])
    batch = str(row.get("batch") or "-")
    return (target.what, batch, target.prototype, *wanted, measured, low_high, processor, _parity(row), met(target, row))


def met(target: Target, row: dict[str, Any]) -> str:
    """aim, must or no; void where the parity gate failed, whatever the speed."""
    if row.get("parity") and not row["parity"]["passed"]:
        return "void"
    if target.must is None:
        return "-"
    for name, wanted in (("aim", target.aim), ("must", target.must)):
        if wanted is not None and (row["ratio"] <= wanted if target.most else row["ratio"] >= wanted):
            return name
    return "no"


def _parity(row: dict[str, Any]) -> str:
    """The differences behind the gate: ours to the Trainer, the Trainer's own two ways, how far weights moved."""
    gate = row.get("parity")
    if gate:
        told = f"{gate['difference']:.1e} (allowed {gate['allowed']:.1e}, moved {gate['moved']:.1e})"
        if exact := gate.get("exact"):
            told += f"; from double precision ours {exact['ours']:.1e}, the Trainer's {exact['sdpa']:.1e}"
        return ("" if gate["passed"] else "FAILED: ") + told
    if row.get("outputs"):
        return f"logits {row['outputs']['difference']:.1e} of {row['outputs']['scale']:.1f}"
    return "-"


def _value(target: Target, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.0f} %" if target.unit == "%" else f"{value:.3g}" + (f" {target.unit}" if target.unit == "s" else "")


def main() -> None:
    """Read all results, write the table and say it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=store.RESULTS)
    given = parser.parse_args()
    rows = store.every(given.results)
    chips = sorted({row["provenance"]["device"] for row in rows if row.get("provenance")})
    written = table(rows) + "\n" + "".join(f"Measured on {chip}.\n" for chip in chips)
    (given.results / "table.md").write_text(written, encoding="utf-8", newline="\n")
    print(written, end="")


if __name__ == "__main__":
    main()
