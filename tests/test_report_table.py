"""--table: every score of a study as one long table that pandas reads."""

import csv
import json
import math
import sys
from pathlib import Path

import pytest
from test_report import invented

from stilts_xtreme import cli, results
from stilts_xtreme.report import exports
from stilts_xtreme.report.summary import summarise
from stilts_xtreme.utils.errors import UserError

RESULTS = sorted((Path(__file__).parent.parent / "experiments" / "results").glob("*.json"))
STUDIES = [path for path in RESULTS if json.loads(path.read_text(encoding="utf-8"))["schema"] == results.STUDY]


def asked(monkeypatch, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["stilts", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_pandas_reads_every_score_of_a_committed_result(path, tmp_path, monkeypatch, capsys) -> None:
    import pandas

    out = tmp_path / "new" / "out.parquet"
    asked(monkeypatch, "report", path, "--table", out)
    assert capsys.readouterr().out == f"{out}\n"
    assert [file.name for file in tmp_path.rglob("*")] == ["new", "out.parquet"]  # no pages
    frame, study = pandas.read_parquet(out), json.loads(path.read_text(encoding="utf-8"))
    assert list(frame.columns) == list(exports.COLUMNS)
    clean = frame[frame.noise == 0]
    whole = clean[(clean.language == "all") & (clean.metric == "score")]
    runs = study["evaluations"]
    assert whole.score.sum() == pytest.approx(math.fsum(run["score"] for run in runs), abs=1e-6) and len(whole) == len(runs)
    assert set(whole.address) == {run["address"] for run in runs} and whole.collapsed.sum() == sum(
        run["collapsed"] for run in runs
    )
    assert set(whole.groupby(["row", "target", "seed"]).size()) == {1}
    single = [
        (metric, score)
        for run in runs
        for language in run["languages"].values()
        for metric, score in language.items()
        if metric != "n"
    ]
    languages = clean[clean.language != "all"]
    assert len(languages) == len(single) and languages.score.sum() == pytest.approx(math.fsum(score for _, score in single))
    assert set(languages.metric) == {metric for metric, _ in single} and languages.n.min() > 0
    assert set(frame.intermediate) == {">".join(row["intermediate"]) or "none" for row in study["rows"]}
    headline = languages[
        [metric in study["tasks"][target]["headline"] for metric, target in zip(languages.metric, languages.target)]
    ]
    means = headline.groupby(["row", "target", "seed"]).score.mean()  # every language weighs the same, and has every metric
    assert means.values == pytest.approx(whole.set_index(["row", "target", "seed"]).score.sort_index().values)


def noisy() -> dict:
    study = invented(
        seeds=(1,), intermediates=["none (en+de, noise 0.1, few)"], targets=("xnli",), recipes={"few": {"examples": 10}}
    )
    run = {**study["evaluations"][0], "rate": 0.2, "score": 41.5}
    run["languages"] = {code: {**found, "flips": 3.0} for code, found in run["languages"].items()}
    noise = {"rates": [0.2], "kind": "typos", "policies": {}, "evaluations": [run], "drops": [], "spared": []}
    return study | {"noise": noise}


def test_a_rows_name_is_told_in_columns_and_noise_beside_it(tmp_path) -> None:
    found = list(exports.records(summarise(noisy())))
    assert {(one["intermediate"], one["training_languages"], one["training_noise"], one["recipe"]) for one in found} == {
        ("none", "en+de", 0.1, "few")
    }
    assert {one["noise"] for one in found} == {0.0, 0.2}
    told = [one for one in found if one["noise"] and one["language"] == "all" and one["metric"] == "score"]
    assert [(one["score"], one["n"]) for one in told] == [(41.5, 15 * 400)]
    assert {one["score"] for one in found if one["metric"] == "flips"} == {3.0}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_other_files_hold_the_same(tmp_path, suffix) -> None:
    summary = summarise(noisy())
    exports.write(summary, tmp_path / f"out{suffix}")
    text = (tmp_path / f"out{suffix}").read_text()
    there = [json.loads(line) for line in text.splitlines()] if suffix == ".jsonl" else list(csv.DictReader(text.splitlines()))
    plain = list(exports.records(summary))
    if suffix == ".csv":
        plain = [{name: "" if value is None else str(value) for name, value in one.items()} for one in plain]
    assert there == plain and len(there) > 30


def test_what_is_no_table_is_refused(tmp_path) -> None:
    with pytest.raises(UserError, match="give a file that ends in .parquet, .csv or .jsonl"):
        exports.write(summarise(noisy()), tmp_path / "out.xlsx")
    assert not list(tmp_path.iterdir())
