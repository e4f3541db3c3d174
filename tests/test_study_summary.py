"""What a study leaves on the terminal, and tables that fit it."""

import json

import pytest
from pty_screen import run
from rich.console import Console
from test_end_to_end import EXPERIMENTS, TINY, stilts

from stilts_xtreme import results
from stilts_xtreme.utils.terminal import tables

MAIN = EXPERIMENTS / "results" / "main.json"
PROGRAM = """
import sys
from pathlib import Path
from stilts_xtreme.cli import study_summary
from stilts_xtreme import results
study_summary.study(results.read(Path(sys.argv[1]), results.STUDY), Path(sys.argv[1]))
"""


@pytest.mark.parametrize("columns", [80, 200])
def test_a_study_ends_with_its_main_table_what_collapsed_and_what_to_do_next(columns) -> None:
    shown = run([MAIN], columns, program=PROGRAM)
    assert shown.code == 0 and shown.out == ""
    screen = shown.screen(columns)
    assert max(map(len, shown.lines[:-2])) <= columns  # a command is not broken: it is there to be copied
    study = results.read(MAIN, results.STUDY)
    text = "\n".join(screen)
    heads = [word for line in screen if line.startswith("intermediate") for word in line.split()[1:]]
    assert heads == ["average", *study["targets"]]  # in several tables where they do not fit
    for row in [row["row"] for row in study["rows"]]:
        assert sum(line.split()[:1] == [row] for line in screen) == text.count("intermediate  ")
    scores = [run["score"] for run in study["evaluations"] if (run["row"], run["target"]) == ("none", "xnli")]
    (line, *_) = [line for line in screen if line.startswith("none ")]
    assert f"{sum(scores) / len(scores):.1f}" in line
    assert text.count("collapsed: ") == sum(training["collapsed"] for training in study["trainings"])
    assert shown.lines[-2:] == [f"next: stilts report {MAIN}", f"      stilts recommend {MAIN} --target {study['targets'][0]}"]


def test_a_command_of_a_study_says_so_on_stderr_and_its_path_on_stdout(tmp_path) -> None:
    words = ["study", EXPERIMENTS / "studies" / "main.yaml", "intermediate=[none]", "targets=[tatoeba]", *TINY,
             "setup.pretraining.recipe.steps=1", "--store", tmp_path]  # fmt: skip
    done = stilts(*words)
    path = tmp_path / "study" / "main.json"
    assert done.stdout == f"{path}\n"
    assert "tatoeba" in done.stderr and done.stderr.endswith(f"next: stilts report {path}\n")  # no rows that could be recommended
    (training,) = [line for line in done.stderr.splitlines() if "train text" in line and "English dev" in line]
    score = json.loads(path.read_text())["trainings"][0]["dev"]
    assert f"English dev {score:.1f}, 1 steps" in training
    again = stilts(*words)  # nothing is to be done: the table is shown all the same
    assert again.stdout == done.stdout and "tatoeba" in again.stderr and "English dev" not in again.stderr.split("next:")[1]


@pytest.mark.parametrize("width", [30, 80, 200])
def test_columns_that_do_not_fit_stand_below_and_none_is_lost(width) -> None:
    heads = ["row", *(f"column{i}" for i in range(12))]
    rows = [[f"a long name of row {j}", *(f"{i}.{j}" for i in range(12))] for j in range(3)]
    console = Console(width=width, record=True, file=open("/dev/null", "w"))
    for table in tables(heads, rows, width):
        console.print(table)
    text = console.export_text()
    assert all(len(line.rstrip()) <= width for line in text.splitlines()) and "…" not in text
    words = text.split()
    assert all(words.count(f"{i}.{j}") == 1 for i in range(12) for j in range(3)) and all(head in words for head in heads)
    assert width < 200 or len(text.splitlines()) == 4
