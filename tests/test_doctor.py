"""`stilts doctor`: what it finds is what is there, it never hangs, and it ends with 2 where nothing can be run."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from stilts_xtreme.cli import doctor
from stilts_xtreme.store import Store

ROOT = Path(__file__).parent.parent


def ran(*words: object, code: int = 0, **extra: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **extra}
    words = (sys.executable, "-m", "stilts_xtreme", "doctor", *map(str, words))
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture
def online(monkeypatch):
    for name in doctor.OFFLINE:
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_the_command_tells_what_is_there(tmp_path) -> None:
    (tmp_path / "train" / "aaa111aaa111").mkdir(parents=True)
    (tmp_path / "train" / "aaa111aaa111" / "result.json").write_text("{}")
    (tmp_path / "train" / ".bbb222bbb222.part").mkdir()
    told = json.loads(ran("--store", tmp_path, "--json", HF_HUB_OFFLINE="1").stdout)
    assert told["packages"]["torch"] == torch.__version__ and told["packages"]["python"].startswith("3.")
    assert told["machine"]["vector instructions"] == torch.backends.cpu.get_cpu_capability()
    assert told["store"]["finished stages"] == "1 train" and told["store"]["leftovers"] == 1
    assert told["hub"] == {"https://huggingface.co": "not asked: offline is set"} and not told["faults"]
    assert any("HF_HUB_OFFLINE is set" in warning for warning in told["warnings"])
    assert any("stilts runs clean" in warning for warning in told["warnings"])
    assert (tmp_path / "train" / ".bbb222bbb222.part").is_dir()  # it only looks
    lines = ran("--store", tmp_path / "none", HF_HUB_OFFLINE="1").stdout
    assert "(not there yet)" in lines and "\nwarning: HF_HUB_OFFLINE is set" in lines and not (tmp_path / "none").exists()


def test_a_store_that_cannot_be_written_ends_with_2() -> None:
    if not Path("/proc/self").exists():
        pytest.skip("no /proc, where nobody can write")
    done = ran("--store", "/proc/runs", code=2, HF_HUB_OFFLINE="1")
    assert done.stderr.startswith("/proc: cannot be written or locked") and "give another --store" in done.stderr


def test_the_hub_that_answers(online, monkeypatch) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(404)  # an answer, too
            self.end_headers()

        def log_message(self, *_) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://somebody:secret@127.0.0.1:{server.server_port}")
        told = doctor.hub()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        plain = doctor.hub()
        server.shutdown()
    assert plain.value.startswith("answers in ") and "secret" not in f"{told}"


def test_the_hub_that_does_not(online, monkeypatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the call and says nothing
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        assert doctor.hub().value.startswith(("no answer", "cannot be reached"))
        assert time.monotonic() - began < 2 * doctor.ANSWER + 2
    assert doctor.hub().value.startswith("cannot be reached")  # nobody there any more
    monkeypatch.setattr(doctor, "_head", lambda url: time.sleep(60) or "")  # a name that is looked up for ever
    monkeypatch.setattr(doctor, "ANSWER", 0.1)
    assert doctor.hub().value.startswith("no answer in 0.1 s") and not doctor.hub().warning
    monkeypatch.setenv("HF_ENDPOINT", "file:///etc/passwd")
    assert doctor.hub().warning == "HF_ENDPOINT is no http address"


def test_packages_that_are_missing_or_too_old(monkeypatch) -> None:
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: {"torch": "2.1.0", "rich": None, "pytest": None}.get(name, real(name)))
    found = {fact.name: fact for fact in doctor.packages()}
    assert found["torch"].fatal and found["torch"].warning == "torch 2.1.0: >=2.10 is needed"
    assert found["rich"].fatal and "pip install" in found["rich"].warning
    assert not found["pytest (test)"].fatal and not found["pytest (test)"].warning and "[test]" in found["pytest (test)"].value
    assert not found["transformers"].warning
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: (_ for _ in ()).throw(doctor.metadata.PackageNotFoundError))
    assert {"torch", "wandb (wandb)", "pytest (test)"} <= {fact.name for fact in doctor.packages()}  # as the checkout says


@pytest.mark.parametrize(("free", "trap", "fatal"), [(9e9, False, False), (1e9, True, False), (1e6, True, True)])
def test_little_room_is_told(monkeypatch, tmp_path, free, trap, fatal) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1e12, 0, free))
    told = next(fact for fact in doctor.folder(Store(tmp_path)) if fact.name == "free disk")
    assert (bool(told.warning), told.fatal) == (trap, fatal)


@pytest.mark.parametrize(
    ("capability", "free", "trap"),
    [
        ((9, 0), 70e9, ""),
        ((7, 5), 70e9, "recipe.precision=bf16 is slow on it: say fp32"),
        ((8, 0), 9e9, "others use more than half"),
    ],
)
def test_gpus_as_torch_tells_of_them(capability, free, trap) -> None:
    cuda = SimpleNamespace(
        is_available=lambda: True, device_count=lambda: 1, mem_get_info=lambda n: (free, 80e9),
        get_device_capability=lambda n: capability, get_device_name=lambda n: "Some GPU",
    )  # fmt: skip
    backends = SimpleNamespace(mps=SimpleNamespace(is_available=lambda: False))
    (told,) = doctor._gpus(SimpleNamespace(cuda=cuda, backends=backends))
    assert told.value.startswith("Some GPU, 80.0 GB of memory")
    assert told.warning.startswith(trap) and bool(told.warning) == bool(trap)


def test_sizes_are_added_up(tmp_path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a").write_bytes(bytes(1500))
    (tmp_path / "b").write_bytes(bytes(600))
    (tmp_path / "link").symlink_to("/")
    assert doctor._taken(tmp_path) == "2 kB" and doctor._taken(tmp_path / "no") == "not there"
