"""Archives stand for the files in them: the same rows and digest as unpacked; the hostile and the damaged are refused."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stilts_xtreme.data import archive
from stilts_xtreme.data.read import Folder, digest, languages, read
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.errors import UserError

CASES = sorted((Path(__file__).parent / "cases" / "readings").glob("*.json"))
PACKERS = {"tar": bytes, "tar.gz": gzip.compress, "tgz": gzip.compress, "tar.bz2": bz2.compress, "tar.xz": lzma.compress}
PANX, XNLI, MLQA, UDPOS = (TASKS[name] for name in ("panx", "xnli", "mlqa", "udpos"))
ROWS = "Bo\tB-PER\nran\tO\n\n"


def packed(files: dict[str, str | bytes], ending: str) -> bytes:
    content = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
    whole = io.BytesIO()
    if ending == "zip":
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in content.items():
                file.writestr(name, data)
        return whole.getvalue()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return PACKERS[ending](whole.getvalue())


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("ending", ["zip", *PACKERS])
@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_the_same_reading_as_unpacked(case: Path, ending: str, tmp_path: Path) -> None:
    """Every golden reading, from an archive: source, digest and all."""
    told = json.loads(case.read_text(encoding="utf-8"))
    if told["task"] == "text":
        pytest.skip("plain text has no release")
    files = {name: "\n".join(lines) for name, lines in told["files"].items()}
    for name, content in files.items():
        put(tmp_path / "plain" / name, content.encode())
    put(tmp_path / "packed" / f"release.{ending}", packed(files, ending))
    plain, inside = (
        read(TASKS[told["task"]], told["split"], told["language"], Folder(tmp_path / name)) for name in ("plain", "packed")
    )
    assert inside == plain and inside.rows == told["rows"] > 0
    assert [path.name for path in (tmp_path / "packed").iterdir()] == [f"release.{ending}"]  # nothing is unpacked to disk


def test_archives_as_they_are_published(tmp_path: Path) -> None:
    """One archive a language in a folder of its own; a release in a subfolder; both found where they would be unpacked."""
    for code in ("de", "sw"):
        put(tmp_path / f"panx_dataset/{code}.tar.gz", packed({"train": ROWS, "dev": ROWS, "test": ROWS * 2}, "tar.gz"))
    assert languages(PANX, Folder(tmp_path)) == ("de", "sw")
    reading = read(PANX, "test", "sw", Folder(tmp_path))
    assert (reading.rows, reading.source) == (2, "files:panx_dataset/sw/test")
    question = {"id": "1", "question": "Who?", "answers": [{"text": "Bo", "answer_start": 0}]}
    content = json.dumps({"data": [{"paragraphs": [{"context": "Bo ran.", "qas": [question]}]}]})
    name = "MLQA_V1/test/test-context-de-question-de.json"
    for folder in ("mlqa/", ""):
        place = Folder(tmp_path / f"at-{folder or 'root'}")
        put(place.path / f"{folder}MLQA_V1.zip", packed({name: content}, "zip"))
        assert read(MLQA, "test", "de", place).source == f"files:{folder}{name}"


def test_a_plain_file_comes_first(tmp_path: Path) -> None:
    put(tmp_path / "panx/test-de.tsv", ROWS.encode())
    put(tmp_path / "panx.zip", packed({"test-de.tsv": ROWS * 3, "panx/test-sw.tsv": ROWS * 2}, "zip"))
    assert [read(PANX, "test", code, Folder(tmp_path)).rows for code in ("de", "sw")] == [1, 2]


def test_patterns_reach_into_archives(tmp_path: Path) -> None:
    line = "1\tBo\t_\tPROPN\t_\t_\t_\t_\t_\t_\n\n"
    names = ["UD_German-GSD/de_gsd-ud-test.conllu", "UD_German-PUD/de_pud-ud-test.conllu", "UD_Danish-DDT/da_ddt-ud-test.conllu"]
    put(tmp_path / "ud.tgz", packed({f"./ud-treebanks-v2.5/{name}": line for name in names}, "tgz"))
    reading = read(UDPOS, "test", "de", Folder(tmp_path))
    assert reading.rows == 2 and reading.source == "files:" + "+".join(f"ud-treebanks-v2.5/{name}" for name in names[:2])


def test_a_replaced_archive_is_read_anew(tmp_path: Path) -> None:
    where = Folder(tmp_path)
    before = (put(tmp_path / "panx.zip", packed({"panx/test-de.tsv": ROWS}, "zip")), digest(PANX, "test", "de", where))
    put(tmp_path / "panx.zip", packed({"panx/test-de.tsv": ROWS * 2}, "zip"))
    assert read(PANX, "test", "de", where).rows == 2 and digest(PANX, "test", "de", where) != before[1]


@pytest.mark.parametrize("ending", ["zip", "tar", "tgz"])
@pytest.mark.parametrize("name", ["../panx/test-de.tsv", "a/../panx/test-de.tsv", "/panx/test-de.tsv", "panx\\test-de.tsv"])
def test_names_that_lead_out_are_never_matched(name: str, ending: str, tmp_path: Path) -> None:
    put(tmp_path / f"panx.{ending}", packed({name: ROWS, "panx/test-sw.tsv": ROWS}, ending))
    assert languages(PANX, Folder(tmp_path)) == ("sw",)


def test_links_and_folders_are_not_files(tmp_path: Path) -> None:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, kind in (
            ("panx/test-de.tsv", tarfile.SYMTYPE),
            ("panx/test-sw.tsv", tarfile.LNKTYPE),
            ("panx", tarfile.DIRTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    put(tmp_path / "links.tar", whole.getvalue())
    info = zipfile.ZipInfo("panx/test-fr.tsv")
    info.external_attr = 0o120777 << 16
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as file:
        file.writestr(info, "/etc/passwd")
    put(tmp_path / "links.zip", whole.getvalue())
    assert languages(PANX, Folder(tmp_path)) == ()


@pytest.mark.parametrize("ending", ["zip", "tgz"])
def test_a_member_that_unpacks_to_too_much_is_refused(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST", 1000)
    put(tmp_path / f"panx.{ending}", packed({"panx/test-de.tsv": ROWS * 100}, ending))
    with pytest.raises(UserError, match="test-de.tsv: unpacks to 1,600 bytes, more than 1,000"):
        read(PANX, "test", "de", Folder(tmp_path))


def test_too_many_members_or_too_much_kept_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "panx.tgz", packed({f"panx/test-{code}.tsv": ROWS for code in ("de", "en", "fr")}, "tgz"))
    monkeypatch.setattr(archive, "MOST", 2)
    with pytest.raises(UserError, match="more than 2 members"):
        read(PANX, "test", "de", Folder(tmp_path))
    monkeypatch.undo()
    monkeypatch.setattr(archive, "KEPT", 50)
    with pytest.raises(UserError, match="unpack it there"):
        read(PANX, "test", "de", Folder(tmp_path))


def damaged() -> list[tuple[str, bytes]]:
    import random

    noise = "".join(random.Random(1).choices("abcdefgh", k=40_000))
    files = {"panx/test-de.tsv": ROWS * 500, "README": noise}
    found = [("empty.zip", b""), ("text.zip", b"not an archive at all " * 50), ("text.tgz", b"not an archive " * 90)]
    for ending in ("zip", *PACKERS):
        whole = packed(files, ending)
        found.append((f"cut.{ending}", whole[: len(whole) // 2]))
        if ending not in ("tar", "zip"):  # no checksum; damage in what nothing reads
            middle = len(whole) // 3
            found.append(
                (
                    f"changed.{ending}",
                    whole[:middle] + bytes(byte ^ 0x55 for byte in whole[middle : middle + 40]) + whole[middle + 40 :],
                )
            )
    return found


@pytest.mark.parametrize(("name", "content"), damaged(), ids=[name for name, _ in damaged()])
def test_a_damaged_archive_is_a_user_error(name: str, content: bytes, tmp_path: Path) -> None:
    put(tmp_path / name, content)
    with pytest.raises(UserError, match="damaged archive|cannot be read") as caught:
        read(PANX, "test", "de", Folder(tmp_path))
    assert name in str(caught.value) and "\n" not in str(caught.value)


@given(ending=st.sampled_from(["zip", *PACKERS]), at=st.integers(0, 4000), bits=st.binary(min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_damage_is_a_user_error_or_does_no_harm(ending: str, at: int, bits: bytes) -> None:
    whole = packed({"panx/test-de.tsv": ROWS * 20}, ending)
    at %= len(whole)
    with TemporaryDirectory() as folder:
        put(Path(folder) / f"panx.{ending}", (whole[:at] + bits + whole[at + len(bits) :])[: len(whole)])
        try:
            assert read(PANX, "test", "de", Folder(Path(folder))).rows <= 20 + len(bits)
        except UserError:
            pass


def test_damage_inside_a_zip_is_found_where_it_is_read(tmp_path: Path) -> None:
    whole = packed({"panx/test-de.tsv": ROWS * 500}, "zip")
    at = whole.index(b"test-de.tsv") + 30
    put(tmp_path / "panx.zip", whole[:at] + bytes(byte ^ 0x55 for byte in whole[at : at + 8]) + whole[at + 8 :])
    with pytest.raises(UserError, match=r"panx.zip!panx/test-de.tsv.*cannot be read .*fetch it again"):
        read(PANX, "test", "de", Folder(tmp_path))


def test_an_encrypted_member_is_a_user_error(tmp_path: Path) -> None:
    whole = bytearray(packed({"panx/test-de.tsv": ROWS}, "zip"))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        whole[whole.index(mark) + offset] |= 1
    put(tmp_path / "panx.zip", bytes(whole))
    with pytest.raises(UserError, match="panx.zip!panx/test-de.tsv.*encrypted"):
        read(PANX, "test", "de", Folder(tmp_path))


def test_a_fault_is_told_with_archive_member_and_line(tmp_path: Path) -> None:
    header = "language\tgold_label\tsentence1\tsentence2\n"
    put(tmp_path / "XNLI-1.0.zip", packed({"XNLI-1.0/xnli.test.tsv": header + "de\tmaybe\ta\tb\n"}, "zip"))
    with pytest.raises(UserError, match=r"XNLI-1.0.zip!XNLI-1.0/xnli.test.tsv:2: label: 'maybe' is not one of"):
        read(XNLI, "test", "de", Folder(tmp_path))


def test_a_tar_is_passed_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []
    through = archive._tar
    monkeypatch.setattr(archive, "_tar", lambda one: passes.append(one.path.name) or through(one))
    files = {f"panx/test-{code}.tsv": ROWS for code in PANX.languages}
    put(tmp_path / "panx.tgz", packed(files, "tgz"))
    assert [read(PANX, "test", code, Folder(tmp_path)).rows for code in languages(PANX, Folder(tmp_path))] == [1] * 48
    assert passes == ["panx.tgz"]


def test_archives_are_left_alone_where_plain_files_do(tmp_path: Path) -> None:
    put(tmp_path / "another.zip", b"damaged")
    qas = [{"id": "1", "question": "Who?", "answers": [{"text": "Bo", "answer_start": 0}]}]
    put(tmp_path / "xquad/xquad.de.json", json.dumps({"data": [{"paragraphs": [{"context": "Bo", "qas": qas}]}]}).encode())
    assert read(TASKS["xquad"], "test", "de", Folder(tmp_path)).rows == 1
    with pytest.raises(UserError, match="another.zip: damaged archive"):
        read(PANX, "test", "de", Folder(tmp_path))
