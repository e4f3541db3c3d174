"""--track: what trackers are told is what the log says, nothing else changes, and no tracker can end a training."""

import json
import shutil
import struct
import sys
import time
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
from test_end_to_end import FIRST, TINY

from stilts_xtreme import cli, results, spec
from stilts_xtreme.pipeline import planner
from stilts_xtreme.stages import tracking
from stilts_xtreme.stages.events import Options
from stilts_xtreme.store import Store
from stilts_xtreme.utils.errors import UserError

LONGER = ["setup.recipes.default.steps=12", "setup.recipes.default.evaluate_every=5"]


def ran(monkeypatch, capsys, store: Path, *words: str) -> Path:
    asked = ["train-intermediate", str(FIRST / "1-intermediate.yaml"), *TINY, *LONGER, "--store", str(store), *words]
    monkeypatch.setattr(sys, "argv", ["stilts", *asked])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()
    assert not end.value.code and said.out.count("\n") == 1, said.err
    assert "--track" not in said.err
    return Path(said.out.strip()).parent


def log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = reading.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    told = {name: [(event.step, event.value) for event in found.Scalars(name)] for name in found.Tags()["scalars"]}
    assert all(len(dict(points)) == len(points) for points in told.values()), "a step is there twice"
    return {name: dict(points) for name, points in told.items()}


def history(project: str, run: str) -> list[dict]:
    """What trackio kept."""
    from trackio.sqlite_storage import SQLiteStorage

    return SQLiteStorage.get_logs(project, run)


@pytest.fixture(scope="module")
def trackio(tmp_path_factory):
    """Where trackio writes: its folder is read when it is imported."""
    import os

    os.environ["TRACKIO_DIR"] = str(tmp_path_factory.mktemp("trackio"))
    pytest.importorskip("trackio")
    yield
    del os.environ["TRACKIO_DIR"]


def test_tensorboard_shows_the_log_and_results_stay_what_they_are(monkeypatch, capsys, tmp_path) -> None:
    pytest.importorskip("tensorboard")
    plain = ran(monkeypatch, capsys, tmp_path / "plain")
    shown = ran(monkeypatch, capsys, tmp_path / "shown", "--track", "tensorboard")
    for name in ("log.jsonl", "model.safetensors", "stage.json"):
        assert (plain / name).read_bytes() == (shown / name).read_bytes()
    stable = [results.stable((folder / "result.json").read_text()) for folder in (plain, shown)]
    assert stable[0] == stable[1]
    there = {folder.name for folder in (tmp_path / "shown" / "tensorboard" / "stages").iterdir()}
    assert len(there) == 2 and f"mnli-{shown.name}" in there  # the pre-training, too
    told, lines = scalars(tmp_path / "shown" / "tensorboard" / "stages" / f"mnli-{shown.name}"), log(shown)
    assert len(lines) == 12
    assert told["loss"] == pytest.approx({line["step"]: line["loss"] for line in lines}, rel=1e-6)
    assert told["dev/score"] == pytest.approx({line["step"]: line["score"] for line in lines if "score" in line}, rel=1e-6)
    assert set(told["dev/score"]) == {5, 10, 12}
    rate = json.loads((shown / "stage.json").read_text())["recipe"]["learning_rate"]
    assert set(told["learning_rate"]) == set(range(1, 13)) and max(told["learning_rate"].values()) <= rate * 1.001
    assert not (tmp_path / "plain" / "tensorboard").exists()


def test_trackio_shows_the_log(monkeypatch, capsys, tmp_path, trackio) -> None:
    folder = ran(monkeypatch, capsys, tmp_path, "--track", "trackio")
    kept = history("stilts", f"mnli-{folder.name}")
    assert {row["step"]: row["loss"] for row in kept} == {line["step"]: line["loss"] for line in log(folder)}
    assert {row["step"]: row["dev/score"] for row in kept if "dev/score" in row} == {
        line["step"]: line["score"] for line in log(folder) if "score" in line
    }


def records(kept: bytes) -> Iterator[bytes]:
    """Those of a wandb file: LevelDB's log format, blocks of 32 KiB (the first less wandb's own seven bytes)."""
    whole, at, end = b"", 0, 32768 - 7
    while at + 7 <= len(kept):
        if end - at < 7:
            at, end = end, end + 32768
            continue
        length, kind = struct.unpack("<HB", kept[at + 4 : at + 7])
        whole, at = whole + kept[at + 7 : at + 7 + length], at + 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield whole
            whole = b""


def wandb_runs(store: Path, address: str) -> list[tuple]:
    """The offline runs of a training, in order: what each says of itself, and the rows of its history."""
    from wandb.proto import wandb_internal_pb2

    found = []
    for file in sorted(store.glob(f"wandb/offline-run-*-{address}/run-{address}.wandb")):
        rows, run = [], None
        for content in records(file.read_bytes()[7:]):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(content)
            if record.HasField("run"):
                run = record.run
            if record.HasField("history"):
                rows.append({item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item})
        found.append((run, rows))
    return found


def test_wandb_shows_the_log(monkeypatch, capsys, tmp_path) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    folder = ran(monkeypatch, capsys, tmp_path, "--track", "wandb")
    ((run, rows),) = wandb_runs(tmp_path, folder.name)
    assert run is not None and (run.project, run.display_name, run.run_group) == ("stilts", f"mnli-{folder.name}", "stages")
    assert [(row["_step"], row["loss"]) for row in rows] == [(line["step"], line["loss"]) for line in log(folder)]


@pytest.fixture
def stage():
    return planner.resolve(spec.load(FIRST / "1-intermediate.yaml", TINY))


def line(step: int) -> dict:
    return {"step": step, "task": "mnli", "loss": 1 / step, "tokens": 10}


def follow(stage, store: Path, tracker: str, steps: range, say=pytest.fail, planned: int = 9) -> None:
    rates = [0.1] * planned
    options = Options(track=(tracker,), group="some-study")
    with tracking.tracked(stage, Store(store), options, rates, steps.start - 1, say) as tell:
        for step in steps:
            tell(line(step))


def test_a_training_that_goes_on_from_a_checkpoint_is_told_once(stage, tmp_path, trackio) -> None:
    """Killed after step 6, it goes on after the checkpoint of step 4."""
    from stilts_xtreme.pipeline import plan

    name, steps = f"mnli-{plan.address(stage)}", set(range(1, 10))
    follow(stage, tmp_path, "trackio", range(1, 7))
    follow(stage, tmp_path, "trackio", range(5, 10))
    assert sorted(row["step"] for row in history("stilts", name)) == sorted(steps)
    pytest.importorskip("tensorboard")
    follow(stage, tmp_path, "tensorboard", range(1, 7))
    follow(stage, tmp_path, "tensorboard", range(5, 10))
    assert set(scalars(tmp_path / "tensorboard" / "some-study" / name)["loss"]) == steps
    follow(stage, tmp_path, "tensorboard", range(1, 4))  # done again from its first step
    assert set(scalars(tmp_path / "tensorboard" / "some-study" / name)["loss"]) == {1, 2, 3}


def test_wandb_offline_has_no_step_twice(monkeypatch, stage, tmp_path) -> None:
    """Killed after step 6, it goes on after the checkpoint of step 4; wandb's own count begins anew at every offline run."""
    from stilts_xtreme.pipeline import plan

    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    steps = iter((range(1, 7), range(5, 8), range(5, 10)))
    for part in steps:
        follow(stage, tmp_path, "wandb", part)
        time.sleep(1.1)  # wandb names the folder of a run by the second
    runs = wandb_runs(tmp_path, plan.address(stage))
    assert [[row["_step"] for row in rows] for _, rows in runs] == [[1, 2, 3, 4, 5, 6], [7], [8, 9]]


@pytest.fixture
def fake_wandb(monkeypatch, tmp_path):
    """wandb, as far as it is used: offline, or online where the service knows of earlier steps. `rows`: what was logged."""
    rows: list[tuple[str, int]] = []

    class Run:
        def __init__(self, offline: bool, number: int, identity: str, known: int):
            folder = tmp_path / "wandb" / f"{'offline-' if offline else ''}run-{number}-{identity}"
            (folder / "files").mkdir(parents=True)
            self.offline, self.starting_step, self.dir = offline, known, str(folder / "files")

        def log(self, values: dict, step: int) -> None:
            rows.append((Path(self.dir).parent.name, step))

        def finish(self) -> None:
            pass

    class Wandb(ModuleType):
        online = False

        def init(self, id: str, **_: object) -> Run:
            known = max((step for _, step in rows), default=-1) + 1 if self.online else 0
            return Run(not self.online, len(list((tmp_path / "wandb").glob("*"))), id, known)

        def Settings(self, **_: object) -> None:  # noqa: N802
            return None

    from accelerate import PartialState

    PartialState(cpu=True)  # asked for by accelerate's logger
    made = Wandb("wandb")
    made.__spec__ = ModuleSpec("wandb", None)
    monkeypatch.setitem(sys.modules, "wandb", made)
    made.rows = rows  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize("online", [False, True])
def test_a_training_that_goes_on_is_logged_once_by_wandb(fake_wandb, stage, tmp_path, online) -> None:
    fake_wandb.online = online
    for steps in (range(1, 7), range(5, 8), range(5, 10)):
        follow(stage, tmp_path, "wandb", steps)
    assert [step for _, step in fake_wandb.rows] == list(range(1, 10))
    other = next((tmp_path / "wandb").glob("*")).parent / "offline-run-0-another" / tracking.RECORD
    other.parent.mkdir()
    other.write_text("99")  # of another training
    if not online:
        for folder in (tmp_path / "wandb").glob("offline-run-*"):
            if folder.name != "offline-run-0-another":
                shutil.rmtree(folder)
        follow(stage, tmp_path, "wandb", range(1, 4))  # its runs were removed: it is logged from the first step on
        assert [step for _, step in fake_wandb.rows[9:]] == [1, 2, 3]


def test_a_long_training_is_told_in_about_a_thousand_points(stage, tmp_path) -> None:
    from stilts_xtreme.pipeline import plan

    pytest.importorskip("tensorboard")
    follow(stage, tmp_path, "tensorboard", range(1, 5001), planned=5000)
    told = scalars(tmp_path / "tensorboard" / "some-study" / f"mnli-{plan.address(stage)}")["loss"]
    assert set(told) == set(range(5, 5001, 5))


@pytest.mark.parametrize("at", ["start", "log", "finish"])
def test_a_tracker_that_fails_is_told_of_once(monkeypatch, stage, tmp_path, at) -> None:
    from accelerate.tracking import TensorBoardTracker

    pytest.importorskip("tensorboard")

    def fails(*_, **__) -> None:
        raise OSError("the network is\ndown")

    monkeypatch.setattr(TensorBoardTracker, at, fails)
    said: list[str] = []
    follow(stage, tmp_path, "tensorboard", range(1, 10), said.append)
    assert said == ["--track tensorboard has failed and is left out: the network is"]


def test_a_tracker_that_does_not_end_is_not_waited_for(monkeypatch) -> None:
    def fails() -> None:
        raise OSError("down")

    monkeypatch.setattr(tracking, "PATIENCE", 0.1)
    with pytest.raises(TimeoutError, match="it has not ended in 0.1 s"):
        tracking._in_time(lambda: time.sleep(60))
    with pytest.raises(OSError, match="down"):
        tracking._in_time(fails)
    assert tracking._in_time(lambda: None) is None


def test_what_cannot_be_tracked_is_told_at_once(monkeypatch) -> None:
    with pytest.raises(UserError, match="give tensorboard, trackio or wandb"):
        tracking.known(["mlflow"])
    monkeypatch.setattr(tracking.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'wandb is not installed: pip install "stilts-xtreme\[wandb\]"'):
        tracking.known(["wandb"])
    assert tracking.known([]) == ()
