"""A process that waits for what another one does says whose it is and for how long."""

import json
import os
import re
import threading
import time
from pathlib import Path

import pytest
from pty_screen import run
from test_end_to_end import EXPERIMENTS, FIRST, TINY

from stilts_xtreme.pipeline import loading, plan, planner
from stilts_xtreme.stages import parallel
from stilts_xtreme.stages.events import Event, Options, ProgressCallback
from stilts_xtreme.store import Store, folders, owner

WHOSE = re.compile(rf"waiting for process {os.getpid()} of \S+ on \S+, at it for \d+:\d\d")


def first_of(spec: Path, kind: str) -> plan.Stage:
    return plan.chain(planner.resolve(loading.load(spec, TINY, {kind})))[0]


def test_the_terminal_says_whose_a_stage_is_that_is_waited_for(tmp_path) -> None:
    stage = first_of(FIRST / "4-evaluate.yaml", "evaluation")
    with pytest.raises(Over), Store(tmp_path).claim(stage):
        words = ["evaluate", FIRST / "4-evaluate.yaml", *TINY, "--store", tmp_path]
        shown = run(words, 100, interrupt=lambda written: "at it for 0:0" in written)
        (waiting, *_) = [line for line in shown.lines if "waiting for" in line]
        assert waiting.startswith(f"train text {plan.address(stage)[:6]}  ") and WHOSE.search(waiting)
        assert shown.code == 75 and "Traceback" not in shown.written
        raise Over


class Over(Exception):
    """Whoever does the stage is stopped."""


def test_several_processes_say_so_too(tmp_path) -> None:
    study = [EXPERIMENTS / "studies" / "main.yaml", "intermediate=[none]", "targets=[panx,xnli]", *TINY]
    stage = first_of(FIRST / "4-evaluate.yaml", "evaluation")
    with pytest.raises(Over), Store(tmp_path).claim(stage):
        words = ["study", *study, "--store", tmp_path, "--jobs", "2"]
        shown = run(words, 100, interrupt=lambda written: "at it for 0:0" in written)
        assert any(WHOSE.search(line) for line in shown.lines) and shown.code == 75
        raise Over


def test_who_is_at_a_folder_is_told_while_they_are_and_not_later(tmp_path) -> None:
    stage, store = first_of(FIRST / "1-intermediate.yaml", "intermediate"), Store(tmp_path)
    file = tmp_path / "train" / f".{plan.address(stage)}.owner"
    with pytest.raises(ZeroDivisionError), store.claim(stage):
        assert re.fullmatch(rf"process {os.getpid()} of \S+ on \S+, at it for 0:00", store.whose(stage))
        told = json.loads(file.read_text())
        file.write_text(json.dumps({**told, "since": told["since"] - 3754, "job": "77", "user": "an\x1b[2Jn"}))
        assert store.whose(stage).startswith("job 77, process ") and store.whose(stage).endswith("at it for 1:02:34")
        assert "\x1b" not in store.whose(stage)
        for damaged in ("", "[]", "{", '{"process": 1}'):
            file.write_text(damaged)
            assert store.whose(stage) == "another process"
        raise ZeroDivisionError
    assert not file.exists()


def test_features_that_another_process_encodes_are_waited_for_with_a_word(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(folders, "SOON", 0.1)
    store, began, end, said = Store(tmp_path), threading.Event(), threading.Event(), list[str]()

    def slow(scratch: Path) -> None:
        (scratch / "x").write_text("1")
        began.set()
        end.wait(20)

    other = threading.Thread(target=lambda: store.cached("ab", lambda folder: (folder / "x").read_text(), slow, said.append))
    other.start()
    assert began.wait(20)

    def heard(text: str) -> None:
        said.append(text)
        end.set()

    assert store.cached("ab", lambda folder: (folder / "x").read_text(), slow, heard) == "1"
    other.join()
    (text,) = said
    assert re.fullmatch(rf"waiting for ab: process {os.getpid()} of \S+ on \S+, at it for 0:00", text)


def test_where_the_owner_cannot_be_written_nothing_is_lost(tmp_path) -> None:
    owner.write(tmp_path / "none" / "x")
    assert owner.described(tmp_path / "none" / "x") == "another process"


ENCODER = plan.Random(16, 1, 2, 32, 130, 1200)
ONE, OTHER = (plan.Train(ENCODER, ("text",), plan.Recipe(epochs=None, steps=steps), 1, ()) for steps in (1, 2))


def do(stage: plan.Stage, store: Store, options: Options, tell: ProgressCallback) -> bool:
    """One stage takes a while; the other is done elsewhere until that is over. Each call leaves a line."""
    with open(store.root / plan.address(stage), "a") as file:
        file.write(f"{time.time()}\n")
    over = store.root / "over"
    if stage == ONE:
        time.sleep(2.0)
        over.touch()
    return stage == ONE or over.exists()


class MemoryEstimates:
    def of(self, stage: plan.Stage) -> None: ...

    def learn(self, stage: plan.Stage) -> None: ...


def test_what_is_done_elsewhere_is_asked_for_now_and_then_and_not_all_the_time(tmp_path) -> None:
    told = list[Event]()
    failed = parallel.run([ONE, OTHER], Store(tmp_path), Options(), told.append, do, 2, None, MemoryEstimates())  # type: ignore[arg-type]
    assert failed == {}
    assert 1 < len((tmp_path / plan.address(OTHER)).read_text().splitlines()) < 15
