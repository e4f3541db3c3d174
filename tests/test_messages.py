"""Commands answer wrong input with the way out: parts of releases, empty predictions, numbers that no training has."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stilts_xtreme.cli import app
from stilts_xtreme.scoring.submission import score_files
from stilts_xtreme.utils.errors import UserError

FIRST = Path(__file__).parent.parent / "experiments" / "first"
ROWS = "Bo\tB-PER\nran\tO\n\n"


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_folder_of_parts_is_checked_with_cut(tmp_path) -> None:
    (tmp_path / "panx").mkdir()
    for name in ("train-en", "test-en", "test-de"):
        (tmp_path / f"panx/{name}.tsv").write_text(ROWS * 30)
    asked = ("data", "check", "panx", "--data", tmp_path)
    lines = str(run(*asked).exception).splitlines()
    assert any("panx test de: differs" in line for line in lines[:-1])
    assert "say --cut" in lines[-1] and "cut: true" in lines[-1]
    told = json.loads(run(*asked, "--cut", "--json").stdout)
    assert {one["state"] for one in told if one["rows"]} == {"part"} and {"train", "dev"} < {one["split"] for one in told}
    assert "say --cut" not in str(run(*asked, "--cut").exception)
    assert "dev" in run("tasks", "panx", "--data", tmp_path, "--cut").stdout
    wrong = run("data", "check", "panx", "--setup", FIRST.parent / "setups" / "miniature.yaml", "--cut").exception
    assert isinstance(wrong, UserError) and str(wrong).startswith("--cut: goes with --data FOLDER")


def test_broken_files_are_no_matter_of_parts(tmp_path) -> None:
    (tmp_path / "panx").mkdir()
    (tmp_path / "panx/test-de.tsv").write_text("Bo\tB-MISC\n")
    fault = str(run("data", "check", "--data", tmp_path).exception)
    assert "panx test de: broken" in fault and "--cut" not in fault


@pytest.mark.parametrize("task", ["xquad", "mlqa", "tydiqa", "mewslix", "lareqa"])
def test_predictions_of_nothing_are_no_submission(task, tmp_path) -> None:
    predicted, gold = tmp_path / "predicted.json", tmp_path / "gold.json"
    question = {"id": "a", "answers": [{"text": "Bo"}]}
    ranked = task in ("mewslix", "lareqa")
    gold.write_text('{"a": ["x"]}' if ranked else json.dumps({"data": [{"paragraphs": [{"qas": [question]}]}]}))
    predicted.write_text("{}")
    with pytest.raises(UserError, match=r"predicted.json:1: \w+: not an object with entries; expected \{"):
        score_files(task, "de", predicted, gold)


def stilts(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "stilts_xtreme", *map(str, words)], capture_output=True, text=True)


def test_a_dry_run_refuses_what_no_training_has(tmp_path) -> None:
    overrides = ("model.recipe.learning_rate=5e5", "model.recipe.dropout=2")
    done = stilts("evaluate", FIRST / "4-evaluate.yaml", "--dry-run", "--store", tmp_path, *overrides)
    assert done.returncode == 2 and [line.split("'")[1] for line in done.stderr.splitlines()] == list(reversed(overrides))
    overrides = ("model.recipe.max_length=4000", "setup.retrieval.layer=99", "languages=[qqq]")
    for command in (("evaluate", FIRST / "4-evaluate.yaml", "--dry-run", "--store", tmp_path),):
        done = stilts(*command, *overrides[:1])
        assert done.returncode == 2 and "4000 tokens do not fit the encoder: max_positions 130 has room for 128" in done.stderr
        assert "only the states 0 (embeddings) to 3" in stilts(*command, *overrides[1:2]).stderr
        assert "'qqq' is not a language of xnli's test data" in stilts(*command, *overrides[2:]).stderr


def test_check_says_the_language_that_is_none(tmp_path) -> None:
    setup = FIRST.parent / "setups" / "miniature.yaml"
    (tmp_path / "spec.yaml").write_text(f"kind: evaluation\nsetup: {setup}\nmodel: none\ntask: tatoeba\nlanguages: [qqq]\n")
    done = stilts("check", tmp_path / "spec.yaml")
    assert done.returncode == 2 and done.stdout == "" and "spec.yaml:5:13: languages[0]: 'qqq' is not a language" in done.stderr
