"""Saving on a full disk: told before a training begins, and waited for after it."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from test_end_to_end import FIRST, TINY

from stilts_xtreme import results, spec
from stilts_xtreme.engine import checkpoint
from stilts_xtreme.engine.encoder import Model
from stilts_xtreme.engine.train import Step
from stilts_xtreme.pipeline import planner
from stilts_xtreme.stages import run, saving
from stilts_xtreme.stages import training_log as journals
from stilts_xtreme.stages.events import Event, Options
from stilts_xtreme.stages.training_log import TrainingLog
from stilts_xtreme.store import Store
from stilts_xtreme.utils import atomic_io
from stilts_xtreme.utils.errors import RunFailed


def test_a_model_that_does_not_fit_ends_its_training_before_it_begins_a_checkpoint_is_told_of(tmp_path, monkeypatch) -> None:
    notes: list[str] = []
    monkeypatch.setattr(saving.atomic_io, "free", lambda path: 1000)
    saving.check_room(tmp_path, 1000, 4000, float("inf"), notes.append)
    assert not notes
    saving.check_room(tmp_path, 999, 4000, 600.0, notes.append)
    assert len(notes) == 1 and "3 checkpoints and the trained model take 13 kB" in notes[0]
    with pytest.raises(RunFailed, match="the trained model takes"):
        saving.check_room(tmp_path, 1001, 4000, float("inf"), notes.append)


def full_for(times: int, how: Callable[[], Exception]) -> Callable[[], None]:
    left = iter(range(times))

    def fails() -> None:
        if next(left, None) is not None:
            raise how()

    return fails


def wrapped() -> Exception:
    try:
        with atomic_io.writing(Path("there")):
            raise OSError(errno.EDQUOT, "full")
    except RunFailed as fault:
        return fault
    raise AssertionError


FULL = [
    lambda: OSError(errno.ENOSPC, "full"),
    lambda: Exception("Error while serializing: I/O error: No space left on device (os error 28)"),  # safetensors' own
    wrapped,
]


@pytest.mark.parametrize("how", FULL)
def test_a_save_waits_for_room(tmp_path, monkeypatch, how) -> None:
    monkeypatch.setattr(saving, "PAUSE", 0.0)
    (tmp_path / "log.jsonl").write_text("kept")
    fails, notes = full_for(2, how), []

    def write() -> None:
        assert sorted(file.name for file in tmp_path.iterdir()) == ["log.jsonl"]  # nothing is left of the try before
        (tmp_path / "model").write_text("half")
        fails()
        (tmp_path / "model").write_text("whole")

    saving.patiently(tmp_path, write, notes.append)
    assert (tmp_path / "model").read_text() == "whole" and (tmp_path / "log.jsonl").read_text() == "kept"
    assert len(notes) == 1 and "the results stay in memory" in notes[0]


def test_a_save_does_not_wait_for_ever_nor_for_other_faults(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(saving, "PAUSE", 0.0)
    with pytest.raises(OSError, match="broken"):
        saving.patiently(tmp_path, full_for(1, lambda: OSError(errno.EIO, "broken")), pytest.fail)
    monkeypatch.setattr(saving, "PATIENCE", -1.0)
    with pytest.raises(OSError, match="full"):
        saving.patiently(tmp_path, full_for(1, FULL[0]), pytest.fail)
    monkeypatch.setattr(saving, "PATIENCE", 60.0)
    monkeypatch.setattr(saving.signals, "asked", lambda: True)  # by a signal
    with pytest.raises(OSError, match="full"):
        saving.patiently(tmp_path, full_for(1, FULL[0]), pytest.fail)


def test_a_log_whose_disk_is_full_for_a_while_has_every_line_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(saving, "PAUSE", 0.0)

    class Full(journals.FileIO):
        """Takes five bytes, then is full, and so on."""

        def write(self, content: memoryview) -> int:
            self.turn = not getattr(self, "turn", False)
            if self.turn:
                return super().write(content[:5])
            raise OSError(errno.ENOSPC, "full")

    notes: list[str] = []
    lines = []
    for kind in (journals.FileIO, Full):
        monkeypatch.setattr(journals, "FileIO", kind)
        journal = TrainingLog(tmp_path / kind.__name__, say=notes.append)
        with journal.open():
            for number in range(3):
                journal.add(Step(number, "mnli", 0.5, 10))
        lines.append(journal.path.read_text())
    assert lines[0] == lines[1] and lines[0].count("\n") == 3 and len(notes) == 3


def trained(store: Store, notes: list[str], every: float = float("inf")) -> tuple[bytes, str]:
    """The weights and the result of a small training without a start that is trained."""
    stage = planner.resolve(spec.load(FIRST / "1-intermediate.yaml", TINY)).start

    def tell(event: Event) -> None:
        notes.extend([event.note] if event.persistent else [])

    run.run([stage], store, Options(checkpoint_every=every), tell)
    folder = store.path(stage)
    assert not list(folder.parent.glob(".*.part")) and not store.checkpoints(stage).last()
    text = (folder / "result.json").read_text()
    assert (folder / "log.jsonl").read_text().count("\n") == 4
    return (folder / "model.safetensors").read_bytes(), results.stable(text)


def test_a_training_whose_model_cannot_be_saved_waits_and_loses_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(saving, "PAUSE", 0.0)
    notes: list[str] = []
    wanted = trained(Store(tmp_path / "plain"), notes)
    assert not any("the disk is full" in note for note in notes)
    fails, save = full_for(2, FULL[1]), Model.save

    def full(self: Model, folder: Path, *given) -> None:
        save(self, folder, *given)
        fails()

    monkeypatch.setattr(Model, "save", full)
    assert trained(Store(tmp_path / "full"), notes) == wanted
    (full_disk,) = [note for note in notes if "the disk is full" in note]
    assert "the results stay in memory" in full_disk


def test_a_training_goes_on_without_a_checkpoint_that_cannot_be_written(tmp_path, monkeypatch) -> None:
    notes: list[str] = []
    wanted = trained(Store(tmp_path / "plain"), notes)
    fails, write = full_for(3, FULL[0]), checkpoint.write

    def full(folder: Path, snapshot: checkpoint.Snapshot) -> None:
        write(folder, snapshot)
        fails()

    monkeypatch.setattr(checkpoint, "write", full)
    assert trained(Store(tmp_path / "full"), notes, every=0.0) == wanted
    told = [note for note in notes if "the training goes on without this checkpoint" in note]
    assert len(told) == 3 and "No space left on device" in told[0]


def test_a_training_whose_model_will_not_fit_does_not_begin(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(atomic_io, "free", lambda path: 10_000)
    monkeypatch.setattr(Model, "forward", pytest.fail)
    with pytest.raises(RunFailed, match="the trained model takes .* and 10 kB are free: make room"):
        trained(Store(tmp_path), [])
