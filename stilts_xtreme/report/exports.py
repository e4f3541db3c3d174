"""A study's numbers for other programs: all scores as a long table, gains with their tests, the main table as LaTeX."""

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from stilts_xtreme.report import tables
from stilts_xtreme.report.scores import main
from stilts_xtreme.report.summary import Summary, metrics
from stilts_xtreme.results.rows import Row
from stilts_xtreme.utils import atomic_io
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError

if TYPE_CHECKING:
    from pandas import DataFrame

    from stilts_xtreme.results.schemas.sections import NoisyEvaluation
    from stilts_xtreme.results.schemas.study import Evaluation

ALL = "all"  # languages together
COLUMNS = {  # and their types in pandas
    "study": "string",
    "setup": "string",
    "benchmark": "string",
    "row": "string",  # of the study's tables: the columns up to `recipe`, as a name
    "intermediate": "string",  # a task, a mixture, a chain "squad>mnli", "none" or "untrained"
    "training_languages": "string",  # of fine-tuning: "en", "en+de"
    "training_noise": "Float64",  # share of changed words in the data of fine-tuning
    "recipe": "string",  # the name of what was laid over the target's; "usual"
    "target": "string",
    "seed": "Int64",
    "noise": "Float64",  # share of changed words in what was predicted
    "language": "string",  # or "all": the mean over languages
    "metric": "string",  # or, of "all", "score": the mean of the headline metrics
    "score": "Float64",  # 0 to 100
    "n": "Int64",  # test examples
    "collapsed": "boolean",  # built on a collapsed training
    "address": "string",  # of the evaluation
}
GAINS = ("row", "baseline", "target", "language", "seeds", "gain", "deviation", "error", "low", "high", "p", "q")
SUFFIXES = (".parquet", ".csv", ".jsonl")


def files(summary: Summary) -> dict[str, str]:
    """Write table.csv, gains.csv and table.tex as text by file name; numbers are not rounded, an empty field is not known."""
    clean = [record for record in records(summary) if not record["noise"]]
    shown = ("row", "target", "seed", "language", "metric", "score")
    return {
        "table.csv": _csv(_frame(clean), shown),
        "gains.csv": _csv(_frame(list(gains(summary)), dict.fromkeys(GAINS, "object")), GAINS),
        "table.tex": tables.latex(main(summary)),
    }  # fmt: skip


def write(summary: Summary, path: Path) -> None:
    """Write all scores to a file that ends in any of `SUFFIXES`; UserError for other files, and where pyarrow is missing."""
    if path.suffix not in SUFFIXES:
        raise UserError(f"--table {path}: give a file that ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    rows = list(records(summary))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jsonl":
        atomic_io.put(path, "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows))
    elif path.suffix == ".csv":
        atomic_io.put(path, _csv(_frame(rows), tuple(COLUMNS)))
    else:
        written = io.BytesIO()
        try:
            _frame(rows).to_parquet(written, engine="pyarrow", index=False)
        except ImportError:
            raise UserError(f"--table {path}: Parquet needs pyarrow: pip install pyarrow, or give .csv or .jsonl") from None
        atomic_io.put(path, written.getvalue())


def records(summary: Summary) -> Iterator[Record]:
    """Yield every score, unrounded, by row, target and seed; then those on noisy inputs."""
    study = summary.study
    same = {"study": study["name"], "setup": study.get("setup"), "benchmark": study.get("benchmark") or "xtreme"}
    for name, row in summary.rows.items():
        for target in summary.targets:
            for seed in summary.seeds:
                if (run := summary.cells.get((name, target), {}).get(seed)) is not None:
                    yield from _scores(run, {**same, **_axes(row), "noise": 0.0}, summary.languages(target))
    noise = study.get("noise")
    for noisy in noise["evaluations"] if noise else ():
        here = {**same, **_axes(summary.rows[noisy["row"]]), "noise": float(noisy["rate"])}
        yield from _scores(noisy, here, summary.languages(noisy["target"]))


def gains(summary: Summary) -> Iterator[Record]:
    """Yield every gain over the row's baseline, means over seeds, of all languages together and of each, with its test.

    `deviation`: over seeds; `error`: standard error over test examples of a single language; `low` to `high`: 95 %; `q` of single
    languages is adjusted over all of them, rows and targets together.
    """
    for row in summary.compared if summary.has_baseline else []:
        for column in summary.columns:
            codes = summary.languages(column) if column in summary.targets else []
            for code in (None, *codes):
                gain = summary.gain(row, column, [code] if code else ())
                if gain is None:
                    continue
                effect = summary.tests.get((row, column, code))
                known = summary.comparison_in(row, column, code) if code else None
                yield {
                    "row": row, "baseline": summary.baseline(row), "target": column, "language": code or ALL,
                    "seeds": len(gain.values), "gain": gain.mean, "deviation": gain.deviation,
                    "error": known.get("deviation") if known else None,
                    **{name: getattr(effect, name, None) for name in ("low", "high", "p", "q")},
                }  # fmt: skip


def _frame(rows: list[Record], types: Mapping[str, str] = COLUMNS) -> "DataFrame":
    import pandas

    return pandas.DataFrame(rows, columns=list(types)).astype(types)


def _csv(frame: "DataFrame", columns: tuple[str, ...]) -> str:
    return frame.to_csv(columns=list(columns), index=False, lineterminator="\n")


def _axes(row: Row) -> Record:
    tuning = {"training_languages": "+".join(row.languages), "training_noise": row.noise, "recipe": row.recipe}
    return {"row": row.name, "intermediate": row.chain, **tuning}


def _scores(run: "Evaluation | NoisyEvaluation", same: Record, codes: list[str]) -> Iterator[Record]:
    here = {**same, "target": run["target"], "seed": run["seed"]}
    here |= {"collapsed": bool(run.get("collapsed")), "address": run.get("address")}
    languages = {code: metrics(run, code) for code in codes if code in run["languages"]}
    sizes = [scores["n"] for scores in languages.values() if "n" in scores]
    whole = sum(map(int, sizes)) if len(sizes) == len(languages) else None
    means = cast("Mapping[str, float]", run.get("metrics") or {})
    for metric, score in [("score", run["score"]), *sorted(means.items())]:
        yield {**here, "language": ALL, "metric": metric, "score": float(score), "n": whole}
    for code, scores in languages.items():
        for metric, score in sorted(scores.items()):
            if metric != "n":
                yield {**here, "language": code, "metric": metric, "score": float(score), "n": scores.get("n")}
