"""Measured rows as JSON: every script adds its own, the table reads them all."""

import json
import platform
import subprocess
from pathlib import Path
from typing import Any

from stilts_xtreme import results

SCHEMA = "stilts/benchmark@1"
RESULTS = Path(__file__).parent / "results"


def add(path: Path, rows: list[dict[str, Any]], seconds: float, device: str | None = None) -> None:
    """Put rows into a file in place of older ones of the same name and batch; each says what it was measured with.

    `device`: where that is not one core of the processor.
    """
    told = results.provenance(device or _chip(), seconds)
    kept = results.read(path, SCHEMA)["measured"] if path.exists() else []
    names = {_name(row) for row in rows}
    kept = [row for row in kept if _name(row) not in names]
    path.parent.mkdir(parents=True, exist_ok=True)
    measured = sorted(kept + [row | {"provenance": told} for row in rows], key=_name)
    results.write(path, {"schema": SCHEMA, "measured": measured})


def every(folder: Path) -> list[dict[str, Any]]:
    """The rows of all files of a folder; other results may stand there, too."""
    files = {path: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    rows = [path for path, held in files.items() if held.get("schema") == SCHEMA]
    return [row for path in rows for row in results.read(path, SCHEMA)["measured"]]


def commit(folder: Path) -> str:
    """The commit of a checkout, 12 digits; nothing where the folder is none."""
    done = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _name(row: dict[str, Any]) -> tuple[str, int]:
    return row["row"], row.get("batch") or 0


def _chip() -> str:
    """The processor and what it has for bf16, on which figures depend most."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in told.get("flags", "").split()]
    return f"one core of {told.get('model name', platform.machine())} ({', '.join(flags)})"
