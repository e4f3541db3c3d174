"""Before anything runs: encoders that are not there or do not fit are refused in one line by every command."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import hub_server
import kinds
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from stilts_xtreme import spec
from stilts_xtreme.cli import app
from stilts_xtreme.models import published
from stilts_xtreme.pipeline import planner
from stilts_xtreme.stages.preflight import encoders
from stilts_xtreme.utils.errors import UserError

GREEK = "αβγδεζηθικλμνξοπρστυφχψω"
SETUP = """
kind: setup
name: few
data: {{files: {{path: {data}, cut: true}}}}
encoder: {{pretrained: {{name: "{encoder}"}}}}
retrieval: {{layer: 1, pooling: mean, max_length: 64}}
recipes: {{default: {{steps: 1, batch_size: 8, max_length: 64, learning_rate: 1e-3}}}}
"""
SPECS = {
    "target.yaml": "kind: target\ntask: panx\nsetup: setup.yaml\n",
    "evaluation.yaml": "kind: evaluation\nsetup: setup.yaml\nmodel: target.yaml\nlanguages: [en, de]\n",
    "latency.yaml": "kind: latency\nname: l\nsetup: setup.yaml\ntarget: xnli\nmodels: [none]\nseeds: [1]\nlanguages: [en]\n",
}
COMMANDS = (
    "study study.yaml", "study study.yaml --dry-run", "finetune-target target.yaml", "evaluate evaluation.yaml",
    "evaluate evaluation.yaml --dry-run", "latency latency.yaml --dry-run", "check target.yaml", "check study.yaml",
    "calibrate --setup setup.yaml",
)  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    return kinds.save("xlm-r", tmp_path_factory.mktemp("sound"))


@pytest.fixture
def folder(sound, tmp_path) -> Path:
    """A copy of the encoder, specs that start from it, and data."""
    there = Path(shutil.copytree(sound, tmp_path / "encoder"))
    kinds.study(tmp_path / "data", there, "none", "panx")
    (tmp_path / "data" / "study.yaml").rename(tmp_path / "study.yaml")
    (tmp_path / "setup.yaml").write_text(SETUP.format(data=tmp_path / "data", encoder=there))
    for name, content in SPECS.items():
        (tmp_path / name).write_text(content)
    return there


def run(folder: Path, command: str, *overrides: str):
    """A command on the specs beside the encoder's folder."""
    name, *words = command.split()
    words = [str(folder.parent / word) if word.endswith(".yaml") else word for word in words]
    store = [] if name in ("check", "calibrate") else ["--store", str(folder.parent / "store")]
    return CliRunner().invoke(app, [name, *words, *overrides, *store])


def refused(folder: Path, command: str, text: str) -> None:
    done = run(folder, command)
    assert isinstance(done.exception, UserError) and text in str(done.exception), done.output
    assert "\n" not in str(done.exception)
    assert not list(folder.parent.glob("store/*/*"))


def no_tokenizer(folder: Path) -> str:
    (folder / "tokenizer.json").unlink()
    return f"encoder {folder}: there is no tokenizer"


def added_token(folder: Path) -> str:
    content = json.loads((folder / "tokenizer.json").read_text())
    tokens = len(content["model"]["vocab"])
    content["added_tokens"].append({**content["added_tokens"][0], "id": tokens, "content": "hen", "special": False})
    (folder / "tokenizer.json").write_text(json.dumps(content))
    return f"tokenizer.json: the tokenizer has {tokens + 1} tokens, the encoder's word table {tokens} rows"


def gone(folder: Path) -> str:
    shutil.rmtree(folder)
    return f"encoder {folder}: there is no such folder"


def empty_weights(folder: Path) -> str:
    (folder / "model.safetensors").write_bytes(b"")
    return f"{folder}/model.safetensors: not safetensors, or cut off"


def broken_tokenizer(folder: Path) -> str:
    (folder / "tokenizer.json").write_text('{"version": "1.0", "mod')
    return f"{folder}/tokenizer.json: not JSON"


@pytest.mark.parametrize("damage", [no_tokenizer, added_token, gone, empty_weights, broken_tokenizer])
def test_every_command_refuses_a_folder_that_cannot_be_trained_from(damage, folder) -> None:
    text = damage(folder)
    for command in COMMANDS:
        refused(folder, command, text)


def foreign(folder: Path) -> None:
    """German test data becomes words in a script that the tokenizer never saw."""
    path = folder.parent / "data" / "panx" / "test-de.tsv"
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    greek = [f"{GREEK[len(line[0]) % 20 :][:4]}\t{line[1]}" if len(line) > 1 else "" for line in lines]
    path.write_text("\n".join(greek) + "\n")


@pytest.mark.parametrize("command", ["study study.yaml", "study study.yaml --dry-run", "evaluate evaluation.yaml --dry-run"])
def test_a_language_whose_text_is_unknown_to_the_tokenizer_is_named_before_anything_runs(command, folder) -> None:
    foreign(folder)
    refused(folder, command, "more than 10% of the pieces of a text are unknown to its tokenizer: 50% of panx in de")


def test_a_language_that_the_encoder_is_known_to_lack_is_evaluated_all_the_same(folder, monkeypatch) -> None:
    """Its script may be new to the encoder, and that is what is measured; German that is trained on is refused as before."""
    foreign(folder)
    asked = []
    monkeypatch.setattr(encoders, "unseen", lambda name, digest: asked.append(name) or frozenset(("de",)))
    done = run(folder, "evaluate evaluation.yaml --dry-run")
    assert done.exit_code == 0 and "2 to do" in done.output and asked
    stage = planner.resolve(spec.load(folder.parent / "evaluation.yaml"))
    lines: list[str] = []
    encoders.check([stage], online=False, say=lines.append)
    assert len(lines) == 1 and "in languages that its text lacks: 50% of panx in de" in lines[0]
    monkeypatch.setattr(encoders, "_trained", lambda stages: frozenset(("de",)))
    with pytest.raises(UserError, match="unknown to its tokenizer: 50% of panx in de"):
        encoders.check([stage], online=False)


def test_a_tokenizer_that_knows_the_text_passes(folder) -> None:
    done = run(folder, "evaluate evaluation.yaml --dry-run")
    assert done.exit_code == 0 and "2 to do" in done.output


@pytest.mark.parametrize("name", ["/nowhere/enc", "./x", "~/enc", "a/b/c", "two words"])
def test_a_name_that_is_no_hub_id_is_a_folder(name) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        published.local(name)


def test_a_file_is_no_folder(folder) -> None:
    with pytest.raises(UserError, match="config.json: is a file"):
        published.local(str(folder / "config.json"))


def closed() -> str:
    """An address that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def python(code: str, home: Path, **environment: str) -> subprocess.CompletedProcess:
    known = {**os.environ, "HF_HOME": str(home), "PYTHONPATH": str(Path(__file__).parent.parent), **environment}
    known.pop("HF_HUB_OFFLINE", None)
    return subprocess.run([sys.executable, "-c", code], env=known, capture_output=True, text=True, timeout=120)


def test_a_hub_id_without_a_connection_is_one_try_and_one_line(folder) -> None:
    command = ["study", str(folder.parent / "study.yaml"), "setup.encoder.pretrained.name=org/enc", "--store", "store"]
    code = f"import sys; sys.argv = {['stilts', *command]!r}; from stilts_xtreme.cli import main; main()"
    began = time.monotonic()
    done = python(code, folder.parent / "hf", HF_ENDPOINT=closed())
    assert time.monotonic() - began < 60  # the libraries' own tries take longer
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("encoder org/enc: there is no such folder here, it is not in the hub's cache") and "refused" in line


def cache(folder: Path, home: Path) -> None:
    """Put the encoder into a hub's cache, as huggingface_hub lays it out."""
    repository = home / "hub" / "models--org--enc"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    shutil.copytree(folder, repository / "snapshots" / ("0" * 40))


LOAD = "from stilts_xtreme.engine import encoder; print(len(encoder.load('org/enc')[1]))"


def test_without_a_connection_the_hubs_cache_is_used(folder) -> None:
    cache(folder, folder.parent / "hf")
    done = python(LOAD, folder.parent / "hf", HF_ENDPOINT=closed())
    assert done.returncode == 0 and int(done.stdout) > 100, done.stderr


def test_what_the_cache_lacks_is_said(folder) -> None:
    (folder / "model.safetensors").unlink()
    cache(folder, folder.parent / "hf")
    done = python(LOAD, folder.parent / "hf", HF_ENDPOINT=closed())
    assert "UserError" in done.stderr and "there is no model.safetensors" in done.stderr


def test_an_id_that_the_hub_does_not_know_is_one_line(tmp_path) -> None:
    code = "from stilts_xtreme.models import published; published.online('org/enc')"
    with hub_server.hub() as there:
        done = python(code, tmp_path / "hf", HF_ENDPOINT=there.address, HF_TOKEN=hub_server.TOKEN)
        assert [one for one in there.asked if "models" in one] == ["GET /api/models/org/enc"]
    assert "UserError: encoder org/enc: there is no such folder here" in done.stderr and "the hub answers 404" in done.stderr


def test_tensors_that_are_not_used_are_named_once_in_a_study(folder) -> None:
    path = folder / "model.safetensors"
    save_file({**load_file(path), "embeddings.word_embeddings._weight": torch.zeros(2)}, path, {"format": "pt"})
    done = run(folder, "study study.yaml", "seeds=[1, 2]", "setup.recipes.default.steps=1")
    assert done.exit_code == 0, done.output
    assert done.stderr.count("not used of the encoder's checkpoint: embeddings.word_embeddings._weight") == 1
