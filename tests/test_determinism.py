"""The same spec gives the same bytes, wherever and under whatever environment it runs: the real command, twice."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_end_to_end import EXPERIMENTS, TINY

SPEC = Path("first") / "4-evaluate.yaml"
SHORT = ["model={kind: target, task: xnli}", "languages=[en,xa]"]
EVERYTHING = {
    "env": {"PYTHONHASHSEED": "7", "LC_ALL": "C", "LANG": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu", "COLUMNS": "40"},
    "folder": "späce ein/実験 2",
    "umask": 0o077,
}
ONE = {
    "hash seed": {"env": {"PYTHONHASHSEED": "12345"}},
    "C locale": {"env": {"LC_ALL": "C"}},
    "ASCII": {"env": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}},
    "Turkish": {"env": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}},
    "UTF-8 locale": {"env": {"LC_ALL": "C.UTF-8"}},
    "time zone": {"env": {"TZ": "Pacific/Apia"}},
    "umask": {"umask": 0o077},
    "folder": {"folder": "a/b c/d"},
    "unicode": {"folder": "é/日本 語/ı"},
}


def run(root: Path, env: dict[str, str] | None = None, folder: str = "plain", umask: int = 0o022) -> dict[str, bytes]:
    """What an evaluation leaves in its store, by path: all but times, commits and locks."""
    here = root / folder
    for name in ("first", "setups"):
        shutil.copytree(EXPERIMENTS / name, here / name)
    words = [sys.executable, "-m", "stilts_xtreme", "evaluate", SPEC, *TINY, *SHORT, "--store", "the runs"]
    package = {"PYTHONPATH": str(EXPERIMENTS.parent), "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    done = subprocess.run(words, cwd=here, env={**os.environ, **package, **(env or {})}, umask=umask, capture_output=True)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert (here / os.fsdecode(done.stdout.strip())).name == "result.json"
    store, found = here / "the runs", {}
    for path in sorted(store.rglob("*")):
        if path.is_file() and path.suffix != ".lock" and path.name != "manifest.json":  # which holds the result's hash
            content = path.read_bytes()
            content = content.split(b'"provenance"')[0] if path.name == "result.json" else content
            found[path.relative_to(store).as_posix()] = content
    return found


@pytest.fixture(scope="module")
def usual(tmp_path_factory) -> dict[str, bytes]:
    found = run(tmp_path_factory.mktemp("usual"))
    kinds = {path.partition("/")[0] + Path(path).suffix for path in found}
    assert {"features.npy", "train.safetensors", "train.json", "predict.jsonl", "train.jsonl"} <= kinds
    return found


def compare(usual: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert usual.keys() == other.keys()
    assert [path for path in usual if usual[path] != other[path]] == []


def test_all_differences_at_once_give_the_same_bytes(usual, tmp_path) -> None:
    compare(usual, run(tmp_path, **EVERYTHING))


@pytest.mark.slow
@pytest.mark.parametrize("name", ONE)
def test_each_difference_alone_gives_the_same_bytes(name, usual, tmp_path) -> None:
    compare(usual, run(tmp_path, **ONE[name]))


def test_what_is_printed_is_the_same_in_every_locale(tmp_path) -> None:
    words = ["recommend", EXPERIMENTS / "results" / "main.json", "--target", "xquad"]
    said = set()
    for env in ({"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii:strict"}):
        done = subprocess.run([sys.executable, "-m", "stilts_xtreme", *words], env={**os.environ, **env}, capture_output=True)
        assert done.returncode == 0, done.stderr
        said.add(done.stdout)
    assert len(said) == 1 and "\N{MINUS SIGN}" in said.pop().decode()
