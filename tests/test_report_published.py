"""Published numbers beside a study's own, and the files for other programs. All scores of studies here are invented."""

import csv
import io
import re

import pytest
from test_report import cells, invented, small, smalls
from test_report_comparisons import SCORES, Q, compared

from stilts_xtreme.report import exports, published, published_comparison
from stilts_xtreme.report import study as page
from stilts_xtreme.report.summary import summarise
from stilts_xtreme.scoring.benchmarks import HEADLINES, XTREME
from stilts_xtreme.utils.errors import UserError

HEAD = ",".join(published.COLUMNS)


def beside(summary):
    (section,) = published_comparison.sections(summary)
    return section


def test_the_published_numbers_are_confirmed_sourced_and_known_to_the_benchmark() -> None:
    numbers = published.read()
    assert len(numbers) > 20 and all(number.source for number in numbers)
    for one in numbers:
        assert one.column == "average" or one.column in HEADLINES
        assert one.kind != "score" or one.column == "average" or one.metric in HEADLINES[one.column]
        assert one.value is None or 0 < one.value < 100
    whole = {(one.column, one.metric): one.value for one in numbers if one.system == "XLM-R Large" and one.split == "test"}
    tasks = {column for column, _ in whole} - {"average"}
    means = [sum(values) / len(values) for task in tasks if (values := [v for (c, _), v in whole.items() if c == task])]
    assert len(tasks) == 9 and abs(sum(means) / 9 - whole["average", ""]) < 0.2  # the README of the folder says why it is not 0


def test_unconfirmed_numbers_are_kept_as_data_and_never_read() -> None:
    rows = [row for path in published.FOLDER.glob("*.csv") for row in csv.DictReader(path.read_text("utf-8").splitlines())]
    assert len(published.read()) == sum(row["status"] == "confirmed" for row in rows) < len(rows)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n", "the columns are kind, system"),
        (f"{HEAD}\nscore,x,none,xnli,accuracy,test,high,,confirmed,somewhere,\n", "p.csv:2: value: 'high' is not a number"),
        (f"{HEAD}\nscore,x,none,xnli,accuracy,test,1,,confirmed,,\n", "p.csv:2: source, column and split"),
        (f"{HEAD}\nguess,x,none,xnli,accuracy,test,1,,confirmed,a,\n", "p.csv:2: kind is score, gain, claim"),
        (f"{HEAD}\nclaim,x,none,xnli,,test,1,,confirmed,a,\n", "p.csv:2: a claim has words and no value"),
        (f"{HEAD}\nclaim,x\n", "p.csv:2: a row has 11 fields"),
    ],
)
def test_a_faulty_file_is_told_with_its_line(content, words, tmp_path) -> None:
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(UserError, match=re.escape(words)):
        published.read(tmp_path)


def test_published_scores_and_gains_stand_beside_ours() -> None:
    study = invented()
    section = beside(summarise(study | {"setup": "miniature"}))
    assert "not comparable" in section.sentences[0]
    gains, scores = section.tables
    assert cells(scores, "xquad, test")[:2] == ["68.7", "71.0"] and smalls(scores, "xquad, test")[0] == "EM 60.8, F1 76.6"
    assert cells(scores, "bucc2018, dev")[:2] == ["71.5", "–"]
    summary = summarise(study)
    best = summary.best("xnli")
    assert cells(scores, "xnli, test")[3] == f"{summary.score(best, 'xnli').mean:.1f}" and cells(scores, "xnli, test")[4] == best
    assert cells(gains, "average: squad")[0] == "+8.4"
    assert cells(gains, "bucc2018: intermediate training")[0] == "large gains"
    assert "not comparable" not in beside(summarise(study | {"setup": "paper"})).sentences[0]


def readings(target: str, examples: int, **more) -> dict:
    return {f"{target}/test/{code}": {"digest": "d" * 64, "examples": examples, **more} for code in XTREME.languages[target]}


def heads(study: dict) -> set[str]:
    """Targets of the rows with published figures."""
    tables = [table for table in beside(summarise(study)).tables if table is not None]
    return {re.split("[:,]", head)[0] for table in tables for body in table.bodies for head, _ in body.rows}


def test_figures_stand_only_beside_the_same_test_sets() -> None:
    study = invented(targets=("xnli", "pawsx", "xquad", "bucc2018"))
    own = {**readings("xnli", 5010), **readings("pawsx", 2000, sampled=150), **readings("bucc2018", 9)}
    parts = dict(list(readings("xquad", 1190).items())[:9])  # two languages are absent
    told = study | {"data": {**study["data"], "readings": own | parts}}
    assert heads(study) == {"xnli", "pawsx", "xquad", "bucc2018"} and heads(told) == {"xnli", "bucc2018", "xquad"}
    gains, scores = beside(summarise(told)).tables
    assert [head for body in scores.bodies for head, _ in body.rows if head.startswith("xquad")] == []
    assert cells(gains, "xquad: intermediate training")[0] == "moderate gains"  # words are no figures
    assert "left out for pawsx and xquad" in beside(summarise(told)).sentences[-1]
    cut = study | {"data": {**study["data"], "readings": own | readings("xnli", 1053)}}
    assert "xnli" not in heads(cut)
    assert "left out" not in " ".join(beside(summarise(study)).sentences)  # an older result does not say what it read


@pytest.mark.parametrize(
    ("encoder", "words"),
    [
        ({"pretrained": {"name": "FacebookAI/xlm-roberta-large"}}, "Compare splits and versions"),
        ({"pretrained": {"name": "e5", "digest": "d" * 64}}, "The encoder e5 is not XLM-R Large: the scales are not comparable"),
        ({"random": {"layers": 3}}, "trained here and is not XLM-R Large: the scales are not comparable"),
    ],
)
def test_only_the_papers_encoder_is_on_its_scale(encoder: dict, words: str) -> None:
    assert words in beside(summarise(invented() | {"setup": "mine", "encoder": encoder})).sentences[0]
    assert "setup small is far smaller" in beside(summarise(invented() | {"setup": "small"})).sentences[0]


def test_the_section_is_left_out_for_other_benchmarks_and_without_the_folder(tmp_path, monkeypatch) -> None:
    study = small(SCORES)
    assert "Beside the published numbers" in page.files(summarise(study))["report.md"]
    assert published_comparison.sections(summarise(study | {"benchmark": "xtreme-r"})) == []
    assert published_comparison.sections(summarise(study), published.read(tmp_path / "none")) == []
    heads = [head for table in beside(summarise(study)).tables if table for body in table.bodies for head, _ in body.rows]
    assert not [head for head in heads if head.startswith("average")]  # two of nine targets have no average to compare


def rows(told: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(told)))


def test_every_score_is_exported_unrounded() -> None:
    study = invented(seeds=(1, 2), intermediates=("none", "mnli"), targets=("xquad", "xnli"))
    told = rows(exports.files(summarise(study))["table.csv"])
    run = next(run for run in study["evaluations"] if run["row"] == "mnli" and run["target"] == "xquad")
    found = {(row["language"], row["metric"]): float(row["score"]) for row in told
             if (row["row"], row["target"], row["seed"]) == ("mnli", "xquad", "1")}  # fmt: skip
    assert found.pop(("all", "score")) == run["score"] and found.pop(("all", "f1")) == run["metrics"]["f1"]
    assert found["hi", "exact_match"] == run["languages"]["hi"]["exact_match"] and ("hi", "n") not in found
    assert len(found) == 1 + 2 * 11


def test_gains_are_exported_with_their_tests() -> None:
    told = rows(exports.files(summarise(compared(small(SCORES), Q)))["gains.csv"])
    found = {(row["row"], row["target"], row["language"]): row for row in told}
    assert float(found["mnli", "xnli", "all"]["gain"]) == 4.0 and found["mnli", "xnli", "all"]["low"] == "2.0"
    assert found["mnli", "xnli", "de"]["error"] == "0.9" and found["mnli", "xnli", "de"]["q"] == ""
    assert found["mnli", "average", "all"]["q"] == "0.6" and found["mnli", "xnli", "all"]["baseline"] == "none"
    assert {row["p"] for row in rows(exports.files(summarise(small(SCORES)))["gains.csv"])} == {""}


def test_the_latex_table_is_rectangular_and_escaped() -> None:
    study = compared(invented(intermediates=("none", "squad_v2", "a&b%#{}~^\\")), {("squad_v2", "xnli"): 0.01})
    told = exports.files(summarise(study))["table.tex"]
    body = told[told.index("\\toprule") :]
    lines = [line for line in body.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {10}
    assert r"squad\_v2 & " in told and r"a\&b\%\#\{\}\textasciitilde{}\textasciicircum{}\textbackslash{} & " in told
    assert "$^{*}$" in body and body.isascii() and told.count(r"\begingroup") == told.count(r"\endgroup") == 1
    assert all(line.startswith("%") for line in told[: told.index(r"\begingroup")].splitlines())
