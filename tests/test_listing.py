"""What is listed can be read at 80 columns, and what is listed side by side can be told apart."""

import json
import os
import pty
import re
import subprocess
import sys
from importlib import metadata

import pytest
from test_end_to_end import stilts

from stilts_xtreme import results
from stilts_xtreme.cli import run_table
from stilts_xtreme.pipeline import plan
from stilts_xtreme.pipeline.plan import Predict, Random, Reads, Recipe, Train
from stilts_xtreme.stages.lineage import lineage
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS

ENCODER = Random(16, 1, 2, 32, 130, 1200)
FEW, MORE = Recipe(epochs=None, steps=10), Recipe(epochs=None, steps=20, learning_rate=3e-5)
READS = (Reads("mnli", "train", "en", 1, "a" * 64),)
TEXT = Train(ENCODER, ("text",), FEW, 1, ())


def on_terminal(*words: object, columns: int = 80) -> list[str]:
    """The lines that a command writes to stdout, a terminal of so many columns."""
    controller, terminal = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    command = [sys.executable, "-m", "stilts_xtreme", *map(str, words)]
    process = subprocess.Popen(command, stdout=terminal, stderr=subprocess.DEVNULL, env=environment)
    os.close(terminal)
    written = b""
    while True:
        try:
            more = os.read(controller, 65536)
        except OSError:
            break
        if not more:
            break
        written += more
    os.close(controller)
    assert process.wait() == 0
    return [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).rstrip() for line in written.decode().splitlines()]


def test_tasks_are_listed_in_lines_of_80_columns_with_nothing_cut() -> None:
    lines = on_terminal("tasks")
    assert all(len(line) <= 80 for line in lines) and not any("…" in line for line in lines)
    assert [line.split()[0] for line in lines[1 : 1 + len(TASKS)]] == list(TASKS)  # a line each
    assert any(line.split()[:4] == ["mnli", "intermediate", "1", "392,702"] for line in lines)
    shown = "\n".join(on_terminal("tasks", "xquad"))
    assert "…" not in shown
    for left_out in ("span_qa", "mean of exact_match, f1", "CC BY-SA 4.0", "trained on  squad"):
        assert left_out in shown


def finished(store: Store, stage: plan.Stage, score: float, when: float) -> str:
    """A finished stage with as much of a result as is listed; its address."""
    folder = store.path(stage)
    folder.mkdir(parents=True)
    told = {"address": plan.address(stage), "plan": plan.identity(stage), "chain": lineage(stage), "collapsed": False, "data": [],
            "collapse": {}, "provenance": {}}  # fmt: skip
    if isinstance(stage, Train):
        told |= {"schema": results.TRAINING, "dev": {stage.tasks[0]: {"score": score, "n": 10}}}
    else:
        told |= {"schema": results.EVALUATION, "task": stage.task, "score": score, "metrics": {}, "languages": {}}
    (folder / "result.json").write_text(json.dumps(told))
    os.utime(folder / "result.json", (when, when))
    return plan.address(stage)


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    monkeypatch.setattr("stilts_xtreme.results.checks.fault", lambda content: "")  # results that hold only what is listed
    return Store(tmp_path)


def test_no_two_rows_of_the_list_of_runs_are_alike(store) -> None:
    first = Train(TEXT, ("mnli",), FEW, 1, READS)
    stages = [
        TEXT,
        first,
        Train(TEXT, ("mnli",), FEW, 2, READS),  # another seed
        Train(TEXT, ("mnli",), MORE, 1, READS),  # another recipe
        Train(first, ("mnli",), FEW, 1, READS),  # another start
        Train(TEXT, ("mnli",), FEW, 1, (Reads("mnli", "train", "en", 1, "b" * 64),)),  # other data
        Predict(first, "xnli", ("en",), ()),
    ]
    addresses = [finished(store, stage, 50.0, 1.7e9 + 86400 * i) for i, stage in enumerate(stages)]
    found = {one.address: one for one in run_table.runs(store)}
    assert set(found) == set(addresses)
    told = [(one.kind, one.name, one.before, one.start, one.seed, one.differs) for one in found.values()]
    assert len(set(told)) == len(told)
    assert found[addresses[3]].differs.startswith("steps 20, learning_rate 3e-05, data ")
    last = found[addresses[4]]
    assert (found[addresses[2]].seed, last.start, last.before) == ("2", addresses[1][:6], "text>mnli")
    assert (found[addresses[0]].start, found[addresses[0]].differs) == ("random 1x16", "")  # there is no other of its kind
    assert found[addresses[6]].seed == "1" and found[addresses[6]].score == "50.0"
    assert len({one.when.date() for one in found.values()}) == len(stages)


def test_the_version_is_told() -> None:
    assert stilts("--version").stdout == f"stilts_xtreme {metadata.version('stilts-xtreme')}\n"
