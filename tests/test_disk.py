"""Failures of writes as one line, and files that are whole or not there."""

import errno
import os
from pathlib import Path

import pytest

from stilts_xtreme.utils import atomic_io
from stilts_xtreme.utils.errors import RunFailed, UserError


@pytest.mark.parametrize(
    ("number", "kind", "told"),
    [
        (errno.ENOSPC, RunFailed, "No space left on device"),
        (errno.EDQUOT, RunFailed, "quota"),
        (errno.EROFS, UserError, "Read-only file system"),
        (errno.EACCES, UserError, "Permission denied"),
    ],
)
def test_a_failed_write_is_one_line_with_path_needed_and_free_bytes(tmp_path, number, kind, told) -> None:
    for fault in (OSError(number, os.strerror(number)), Exception(f"I/O error: {os.strerror(number)} (os error {number})")):
        with pytest.raises(kind) as caught, atomic_io.writing(tmp_path / "model", 12_345):
            raise fault
        line = str(caught.value)
        assert "\n" not in line and told in line and str(tmp_path / "model") in line and "12,345 bytes needed" in line
        assert int(line.split(" bytes free")[0].split()[-1].replace(",", "")) > 0


def test_other_faults_are_left_alone(tmp_path) -> None:
    for fault in (ValueError("x"), FileNotFoundError(errno.ENOENT, "gone"), UserError("mine")):
        with pytest.raises(type(fault)) as caught, atomic_io.writing(tmp_path):
            raise fault
        assert caught.value is fault


def test_a_file_is_written_whole_or_stays_what_it_was(tmp_path, monkeypatch) -> None:
    path = tmp_path / "result.json"
    atomic_io.put(path, "one\n")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFailed, match=r"result\.json.*4 bytes needed"):
        atomic_io.put(path, "two\n")
    assert path.read_text() == "one\n" and [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_a_link_beside_a_file_is_not_followed(tmp_path) -> None:
    (tmp_path / "theirs").write_text("kept")
    (tmp_path / ".result.json.part").symlink_to(tmp_path / "theirs")
    atomic_io.put(tmp_path / "result.json", "mine\n")
    assert (tmp_path / "theirs").read_text() == "kept" and (tmp_path / "result.json").read_text() == "mine\n"
    assert not (tmp_path / "result.json").is_symlink()


def test_files_of_a_folder_may_be_read_by_whoever_may_read_the_folder(tmp_path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir(mode=0o750)
    (scratch / "weights").write_text("1")
    (scratch / "weights").chmod(0o600)
    atomic_io.publish(scratch, tmp_path / "final")
    assert (tmp_path / "final" / "weights").stat().st_mode & 0o777 == 0o640


def test_a_folder_takes_the_place_of_another(tmp_path) -> None:
    for number in (1, 2):
        scratch = tmp_path / "scratch"
        (scratch / "below").mkdir(parents=True)
        (scratch / "below" / "file").write_text(str(number))
        atomic_io.publish(scratch, tmp_path / "final")
    assert Path(tmp_path / "final" / "below" / "file").read_text() == "2" and not scratch.exists()
