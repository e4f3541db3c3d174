"""A study's scores as one long table, a score a line, for pandas and other programs: Parquet, CSV or JSON lines."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stilts_xtreme import disk
from stilts_xtreme.errors import UserError
from stilts_xtreme.report.summary import Summary
from stilts_xtreme.results.rows import Row

ALL = "all"  # languages together
COLUMNS = {  # and their types
    "study": str,
    "setup": str,
    "benchmark": str,
    "row": str,  # of the study's tables: the columns up to `recipe`, as one name
    "intermediate": str,  # a task, a mixture, a chain "squad>mnli", "none" or "untrained"
    "training_languages": str,  # of fine-tuning: "en", "en+de"
    "training_noise": float,  # share of changed words in the data of fine-tuning
    "recipe": str,  # the name of what was laid over the target's; "usual"
    "target": str,
    "seed": int,
    "noise": float,  # share of changed words in what was predicted
    "language": str,  # or "all": the mean over languages
    "metric": str,  # or, of "all", "score": the mean of the headline metrics
    "score": float,  # 0 to 100
    "n": int,  # test examples
    "collapsed": bool,  # built on a collapsed training
    "address": str,  # of the evaluation
}
SUFFIXES = (".parquet", ".csv", ".jsonl")


def records(summary: Summary) -> Iterator[dict[str, Any]]:
    """Every score, unrounded, by row, target and seed; then those on noisy inputs."""
    study = summary.study
    same = {"study": study["name"], "setup": study.get("setup"), "benchmark": study.get("benchmark") or "xtreme"}
    for name, row in summary.rows.items():
        for target in summary.targets:
            for seed in summary.seeds:
                if (run := summary.cells.get((name, target), {}).get(seed)) is not None:
                    yield from _scores(run, {**same, **_axes(row), "noise": 0.0}, summary.languages(target))
    for run in (study.get("noise") or {}).get("evaluations", ()):
        told = {**same, **_axes(summary.rows[run["row"]]), "noise": float(run["rate"])}
        yield from _scores(run, told, summary.languages(run["target"]))


def write(summary: Summary, path: Path) -> None:
    """Write them to a file of one of `SUFFIXES`; UserError for another, and where pyarrow is missing."""
    if path.suffix not in SUFFIXES:
        raise UserError(f"--table {path}: give a file that ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    rows = list(records(summary))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        disk.put(path, _parquet(rows, path))
    elif path.suffix == ".csv":
        disk.put(path, table(COLUMNS, rows))
    else:
        disk.put(path, "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows))


def table(columns: Iterable[str], rows: Iterable[Mapping[str, Any] | Sequence[Any]]) -> str:
    """CSV of these columns; what is not known is empty."""
    columns, told = list(columns), io.StringIO()
    writer = csv.writer(told, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row[name] for name in columns] if isinstance(row, Mapping) else row for row in rows)
    return told.getvalue()


def _parquet(rows: list[dict[str, Any]], path: Path) -> bytes:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(f"--table {path}: Parquet needs pyarrow: pip install pyarrow, or give .csv or .jsonl") from None
    types = {str: pyarrow.string(), float: pyarrow.float64(), int: pyarrow.int64(), bool: pyarrow.bool_()}
    schema = pyarrow.schema([(name, types[of]) for name, of in COLUMNS.items()])
    written = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema), written)
    return written.getvalue()


def _axes(row: Row) -> dict[str, Any]:
    told = {"training_languages": "+".join(row.languages), "training_noise": row.noise, "recipe": row.recipe}
    return {"row": row.name, "intermediate": row.chain, **told}


def _scores(run: Mapping[str, Any], same: dict[str, Any], codes: list[str]) -> Iterator[dict[str, Any]]:
    told = {**same, "target": run["target"], "seed": run["seed"]}
    told |= {"collapsed": bool(run.get("collapsed")), "address": run.get("address")}
    languages = {code: run["languages"][code] for code in codes if code in run["languages"]}
    sizes = [_count(found) for found in languages.values()]
    whole = None if None in sizes else sum(size or 0 for size in sizes)
    for metric, score in [("score", run["score"]), *sorted((run.get("metrics") or {}).items())]:
        yield {**told, "language": ALL, "metric": metric, "score": float(score), "n": whole}
    for code, found in languages.items():
        for metric, score in sorted(found.items()):
            if metric != "n" and isinstance(score, int | float) and not isinstance(score, bool):
                yield {**told, "language": code, "metric": metric, "score": float(score), "n": _count(found)}


def _count(scores: Mapping[str, Any]) -> int | None:
    number = scores.get("n")
    return int(number) if isinstance(number, int | float) and number == int(number) else None
