"""`stilts runs pack` and `unpack`: seeds that ran in different stores make the result that one store makes."""

import hashlib
import io
import json
import lzma
import shutil
import tarfile
from pathlib import Path

import pytest
from test_end_to_end import EXPERIMENTS, TINY, stilts

from stilts_xtreme import results
from stilts_xtreme.analysis import bundle
from stilts_xtreme.store import Store
from stilts_xtreme.store.manifest import text
from stilts_xtreme.utils.errors import UserError

STUDY = (
    EXPERIMENTS / "studies" / "main.yaml", *TINY, "intermediate=[none,mnli]", "targets=[xnli,panx,xquad,bucc2018,tatoeba]",
    "test_examples=9", "noise={rates: [0.3]}", "--languages", "xa,xb",
)  # fmt: skip
SEEDS = "seeds=[1,2]"


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A store in which both seeds ran."""
    store = tmp_path_factory.mktemp("whole")
    stilts("study", *STUDY, SEEDS, "--jobs", 1, "--store", store)
    return store


@pytest.fixture(scope="module")
def packed(whole, tmp_path_factory) -> list[Path]:
    """A bundle of each seed."""
    paths = [tmp_path_factory.mktemp("packed") / f"seed-{seed}.tar.xz" for seed in (1, 2)]
    for seed, path in enumerate(paths, 1):
        done = stilts("runs", "pack", *STUDY, f"seeds=[{seed}]", "--store", whole, "--to", path)
        assert done.stdout.strip() == str(path) and "20 of 20 evaluations" in done.stderr
    return paths


@pytest.fixture(scope="module")
def gathered(packed, tmp_path_factory) -> Path:
    """A store that has both seeds from bundles."""
    store = tmp_path_factory.mktemp("gathered")
    for path in packed:
        assert "0 were there" in stilts("runs", "unpack", path, "--store", store).stderr
    return store


def test_seeds_of_two_bundles_make_the_result_of_one_store(whole, gathered) -> None:
    done = stilts("study", *STUDY, SEEDS, "--store", gathered)
    assert "train " not in done.stderr and not list(gathered.rglob("*.safetensors")) and not list(gathered.rglob("test-*"))
    one, other = ((store / "study" / "main.json").read_text() for store in (whole, gathered))
    assert results.stable(one) == results.stable(other)
    assert any(part["flips"] for one in json.loads(one)["noise"]["evaluations"] for part in one["languages"].values())
    checked = stilts("verify", *STUDY, SEEDS, "--store", gathered)
    assert "40 evaluations" in checked.stdout + checked.stderr


def test_a_bundle_of_what_came_in_a_bundle_is_the_same(packed, gathered, tmp_path) -> None:
    again = tmp_path / "again.tar.xz"
    stilts("runs", "pack", *STUDY, "seeds=[1]", "--store", gathered, "--to", again)
    assert again.read_bytes() == packed[0].read_bytes()
    assert "0 stages added" in stilts("runs", "unpack", again, "--store", gathered).stderr


def test_a_row_that_is_added_trains_what_it_starts_from(gathered, tmp_path) -> None:
    store = shutil.copytree(gathered, tmp_path / "store")
    more = [*STUDY[:-1], "xa,xb,xc", "seeds=[1]", "noise=null", "targets=[xnli]", "intermediate=[mnli]"]
    done = stilts("study", *more, "--jobs", 1, "--store", store)
    assert "train mnli" in done.stderr and len(list(store.glob("train/*/*.safetensors"))) >= 2


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}


def rewritten(path: Path, content: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:xz") as archive:
        for name, part in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(part)
            archive.addfile(entry, io.BytesIO(part))
    return path


def with_examples(content: dict[str, bytes], examples: bytes | None) -> dict[str, bytes]:
    """With other example scores of one evaluation, or none, and a manifest that agrees with that."""
    name = next(name for name in content if name.endswith("examples.json"))
    listed = name.replace("examples.json", "manifest.json")
    digests = {key: value for key, value in json.loads(content[listed]).items() if key != "examples.json"}
    if examples is None:
        content = {key: part for key, part in content.items() if key != name}
    else:
        content, digests = {**content, name: examples}, {**digests, "examples.json": hashlib.sha256(examples).hexdigest()}
    return {**content, listed: text(digests).encode()}


def changed(content: dict[str, bytes], suffix: str, old: bytes, new: bytes) -> dict[str, bytes]:
    name = next(name for name in content if name.endswith(suffix) and old in content[name])
    return {**content, name: content[name].replace(old, new, 1)}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda parts: changed(parts, "result.json", b'"score": ', b'"score": 1'), "result.json is damaged"),
        (lambda parts: changed(parts, "examples.json", b"1.0", b"0.0"), "examples.json is damaged"),
        (lambda parts: {**parts, "train/elsewhere.json": b"{}"}, "'train/elsewhere.json' is not part of a bundle"),
        (lambda parts: {n: p for n, p in parts.items() if not n.endswith("manifest.json")}, "manifest.json is missing"),
        (lambda parts: {n.replace("predict/", "train/"): p for n, p in parts.items()}, "schema"),
        (lambda parts: with_examples(parts, None), "examples.json does not hold the scores of examples"),
        (lambda parts: with_examples(parts, b"[]"), "examples.json does not hold the scores of examples"),
        (lambda parts: with_examples(parts, b'{"en": {"ids": ["1"]}}'), "examples.json does not hold the scores of examples"),
    ],
)
def test_what_is_not_whole_is_refused(packed, tmp_path, broken, message) -> None:
    store = tmp_path / "store"
    path = rewritten(tmp_path / "broken.tar.xz", broken(members(packed[0])))
    with pytest.raises(UserError, match=message):
        bundle.unpack(path, Store(store))
    assert not [folder for folder in store.glob("*/.*.part")]


def test_a_stage_that_another_process_does_is_left_to_it(packed, tmp_path) -> None:
    store = Store(tmp_path / "store")
    held = next(name for name in members(packed[0]) if name.startswith("predict/")).split("/")[1]
    with pytest.raises(KeyboardInterrupt), store.adopt("predict", held):
        added, present = bundle.unpack(packed[0], store)
        assert present == 1 and added > 20
        raise KeyboardInterrupt
    assert not list(store.root.glob("*/.*.part"))
    assert bundle.unpack(packed[0], store) == (1, added)


def test_a_file_that_is_no_bundle_is_refused(packed, tmp_path) -> None:
    for content in (b"", b"nothing", packed[0].read_bytes()[:-100], lzma.compress(b"nothing")):
        (tmp_path / "file").write_bytes(content)
        error = stilts("runs", "unpack", tmp_path / "file", "--store", tmp_path / "store", code=2).stderr
        assert len(error.splitlines()) == 1 and "not a bundle of `stilts runs pack`" in error
    stilts("runs", "unpack", tmp_path / "absent", "--store", tmp_path / "store", code=2)
    error = stilts("runs", "pack", *STUDY, "--store", tmp_path / "store", "--to", tmp_path / "file", code=2).stderr
    assert "no evaluation of this study is finished" in error
