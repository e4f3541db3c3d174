"""The miniature world at full length: masked LM from random weights, then targets, then languages never seen with labels."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

STUDY = Path(__file__).parent.parent / "experiments" / "studies" / "main.yaml"


@pytest.mark.slow
def test_every_target_is_learned_and_most_languages_follow(tmp_path) -> None:
    """On the default seed. Where STILTS_STORE names a store in which `make reproduce` ran, its stages are found there."""
    store = os.environ.get("STILTS_STORE", tmp_path / "runs")
    words = ["study", STUDY, "intermediate=[untrained,none]", "--store", store, "--out", tmp_path / "study.json"]
    subprocess.run([sys.executable, "-m", "stilts_xtreme", *map(str, words)], check=True)
    study = json.loads((tmp_path / "study.json").read_text())
    rows = {(run["row"], run["target"]): run for run in study["evaluations"]}
    least = {"pawsx": 75, "xnli": 60, "panx": 90, "udpos": 90, "xquad": 60, "mlqa": 40, "tydiqa": 55}
    for target, floor in least.items():
        names = study["tasks"][target]["headline"]
        found = rows["none", target]["languages"]
        score = {code: sum(metrics[name] for name in names) / len(names) for code, metrics in found.items()}
        control = rows["untrained", target]["score"]
        assert score["en"] >= floor, target
        assert sum(value > control for code, value in score.items() if code != "en") >= 4, target
        assert rows["none", target]["score"] > control + 10, target
    for target in ("bucc2018", "tatoeba"):  # chance is below 1, but names and digits match even under random weights
        assert rows["none", target]["score"] > rows["untrained", target]["score"], target
        assert all(metrics[study["tasks"][target]["headline"][0]] > 5 for metrics in rows["none", target]["languages"].values())
