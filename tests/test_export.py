"""Export and push: what another program loads gives the answers that stilts gave, and the card says where it comes from."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import hub_server
import kinds
import numpy as np
import pytest
import torch
import transformers
from huggingface_hub import HfApi, ModelCard
from test_transformers_checkpoint import padded, theirs
from transformers import pipeline
from typer.testing import CliRunner

from stilts_xtreme.cli import app
from stilts_xtreme.engine import encoder
from stilts_xtreme.engine.batches import collate
from stilts_xtreme.export import licences, usage_snippets, write
from stilts_xtreme.export import push as pushing
from stilts_xtreme.export.run_lookup import find
from stilts_xtreme.store.manifest import write as write_manifest
from stilts_xtreme.utils.errors import RunFailed, UserError

HEADS = {
    "mnli": "classification",
    "hellaswag": "multiple_choice",
    "panx": "tagging",
    "squad": "span_qa",
    "squad_retrieval": "dual_encoder",
}
TEXT = "text/train/en@" + "0" * 12
LENGTHS = (5, 9, 9, 30, 4, 60)


def stilts(*words: object) -> str:
    done = CliRunner().invoke(app, list(map(str, words)))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout.strip()


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """Trainings of every kind of head, from a small XLM-R, and their evaluations in English and German."""
    folder = tmp_path_factory.mktemp("export")
    study = kinds.study(folder / "data", kinds.save("xlm-r", folder / "encoder"), "hellaswag", "xnli, panx, xquad, lareqa")
    stilts("study", study, "--store", folder / "runs", "--jobs", 1)
    return folder / "runs"


def manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    write_manifest(folder)


def training(store: Path, task: str) -> Path:
    (found,) = [path.parent for path in store.glob(f"train/*/head-{task}.safetensors")]
    return found


def predictions(store: Path, task: str, language: str) -> list[dict]:
    (found,) = [path.parent for path in store.glob("predict/*/result.json") if json.loads(path.read_text())["task"] == task]
    return [json.loads(line) for line in (found / f"test-{language}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("task", HEADS)
def test_a_trained_folder_gives_in_transformers_the_logits_of_packed_rows(task, store) -> None:
    folder = training(store, task)
    model, words, notes = encoder.load_model(folder, task)
    loaded = getattr(transformers, notes["class"]).from_pretrained(folder).eval()
    rows = np.random.default_rng(0)
    made = [
        {"rows": [rows.integers(4, 290, n).tolist() for _ in range(2)][: 2 if task in ("hellaswag", "squad_retrieval") else 1],
         "target": 0, "targets": [0, 0], "positions": [0, n - 1], "start": 0, "end": 0, "match": str(n)}
        for n in LENGTHS
    ]  # fmt: skip
    batch = collate(HEADS[task], made, words)
    with torch.inference_mode():
        ours = model.eval().logits(task, batch)
    found = theirs(loaded, HEADS[task], batch)
    assert (ours - (found[batch["positions"]] if task == "panx" else found)).abs().max() < 1e-5


def test_a_pipeline_classifies_as_stilts_did(store) -> None:
    classify = pipeline("text-classification", model=str(training(store, "mnli")))
    for language in ("en", "de"):
        rows = [line.split("\t") for line in kinds.FILES[f"xnli/test-{language}.tsv"].splitlines()]
        found = [classify({"text": first, "text_pair": second})["label"] for first, second, _ in rows]
        assert found == [told["prediction"] for told in predictions(store, "xnli", language)]


def runs(code: str, where: Path, monkeypatch) -> str:
    monkeypatch.chdir(where)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(code, {})
    return said.getvalue()


def test_the_cards_code_finds_the_answers_that_stilts_found(store) -> None:
    lines = usage_snippets.snippet("span_qa", str(training(store, "squad")), 30).splitlines(keepends=True)
    code = compile("".join(line for line in lines if not line.startswith("question, ")), "card", "exec")
    for i, told in zip(range(200, 212), predictions(store, "xquad", "de"), strict=True):
        one = kinds.question(i, kinds.german)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            exec(code, {"question": one["qas"][0]["question"], "context": one["context"]})
        assert said.getvalue().rstrip("\n") == told["prediction"]


@pytest.mark.parametrize("task", HEADS)
def test_an_export_loads_by_the_code_on_its_card(task, store, tmp_path, monkeypatch) -> None:
    address = training(store, task).name
    assert stilts("export", address[:8], tmp_path / "out", "--store", store) == str(tmp_path / "out")
    assert not list((tmp_path / "out").glob("head*")) and (tmp_path / "out" / "manifest.json").is_file()
    text = (tmp_path / "out" / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    assert runs(code, tmp_path / "out", monkeypatch)


def test_a_card_names_chain_data_scores_and_licences(store, tmp_path) -> None:
    stilts("export", training(store, "panx"), tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    card = ModelCard.load(tmp_path / "out" / "README.md")
    data = card.data
    assert data.language == ["de", "en"] and data.library_name == "transformers" and data.pipeline_tag == "token-classification"
    assert data.license == "other" and data.license_name and "none stated (Wikipedia text)" in text  # PAN-X has none
    assert (
        {"hellaswag", "panx"} <= set(data.tags)
        and data.base_model is None
        and "local folder whose files have the SHA-256" in text
    )
    result = json.loads(
        next(path for path in store.glob("predict/*/result.json") if '"task": "panx"' in path.read_text()).read_text()
    )
    found = {(one.dataset_config, one.metric_type): one.metric_value for one in data.eval_results}
    scores = {(code, name): value for code, row in result["languages"].items() for name, value in row.items() if name != "n"}
    assert found == scores and ("de", "f1") in found
    for link in result["chain"][:-1]:
        assert f"`{link['address']}`" in text and f"learning_rate {link['recipe']['learning_rate']}" in text.replace("\\_", "_")
    for reading in json.loads((training(store, "panx") / "result.json").read_text())["data"]:
        assert reading["digest"][:12] in text and f"| {reading['examples']:,} |" in text
    assert "| hellaswag | train | en | training | 40 |" in text and "de German" in text
    assert "rows of at most 128 tokens" in text and "takes these strings in a text for special tokens: \\<s> \\</s>" in text


def test_what_stands_alone_and_what_is_made_up_is_said(store, tmp_path) -> None:
    spec = store.parent / "data" / "mixture.yaml"
    spec.write_text(
        kinds.STUDY.split("mixtures:")[0].replace("study", "multitask", 1).replace("name: kinds\n", "")
        .format(data=spec.parent, encoder=training(store, "hellaswag")) + "tasks: [mnli, squad, hellaswag]\n"
    )  # fmt: skip
    result = Path(stilts("train-multitask", spec, "--store", tmp_path / "runs"))
    stilts("export", result.parent, tmp_path / "sound")
    data = ModelCard.load(tmp_path / "sound" / "README.md").data
    assert data.license == "other" and data.language == ["en"] and data.pipeline_tag == "feature-extraction"
    told = json.loads(result.read_text())
    for reading in told["data"]:
        reading["source"] = "miniature:1 seed 0"
    told["chain"].insert(
        0, {**told["chain"][0], "address": "0" * 12, "tasks": ["text"], "reads": [TEXT], "read_for": {"text": [TEXT]}}
    )
    result.write_text(json.dumps(told))
    manifest(result.parent)
    stilts("export", result.parent, tmp_path / "out")
    text, data = (tmp_path / "out" / "README.md").read_text(), ModelCard.load(tmp_path / "out" / "README.md").data
    assert "the encoder alone" in text and "one of 3 heads" in text and "made up" in text and "Apache-2.0" in text
    assert data.language is None and data.eval_results is None and data.license == "other"  # of the text nothing is known
    assert "Results of earlier stages were not there" in text and "| text | train | en | text | not known |" in text
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"heads.json", "head-mnli.safetensors", "head-squad.safetensors", "head-hellaswag.safetensors"} <= names
    assert transformers.AutoModel.from_pretrained(tmp_path / "out").config.hidden_size == 16


def test_a_folder_from_before_is_read_and_exported_as_a_whole(store, tmp_path) -> None:
    old, out = tmp_path / "old", tmp_path / "out"
    shutil.copytree(training(store, "mnli"), old)
    start, _ = encoder.load(old)
    start.save_pretrained(old)  # as trainings were saved before: the encoder alone, and its head beside it
    assert json.loads((old / "config.json").read_text())["architectures"] == ["XLMRobertaModel"]
    manifest(old)
    stilts("export", old, out)
    assert (out / "model.safetensors").read_bytes() == (training(store, "mnli") / "model.safetensors").read_bytes()
    assert transformers.AutoModelForSequenceClassification.from_pretrained(out).config.num_labels == 3


def test_what_cannot_be_exported_is_said_in_one_line(store, tmp_path, monkeypatch) -> None:
    folder = training(store, "mnli")
    evaluation = next(store.glob("predict/[0-9a-f]*"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    damaged = Path(shutil.copytree(folder, tmp_path / "damaged"))
    with open(damaged / "model.safetensors", "r+b") as file:
        file.seek(2000)
        file.write(b"\xff")
    strange = Path(shutil.copytree(folder, tmp_path / "strange"))
    (strange / "result.json").write_text((folder / "result.json").read_text().replace('"task": "mnli"', '"task": "../x"'))
    manifest(strange)
    monkeypatch.setattr("stilts_xtreme.engine.onnx.find_spec", lambda name: None)
    cases = {
        (folder, tmp_path / "full"): "is there already and not an empty folder",
        ("nothing", tmp_path / "a"): "0 finished stages in",
        ("", tmp_path / "a"): "0 finished stages in",
        (evaluation.name, tmp_path / "a"): "is an evaluation, which has no weights; give the training it evaluates",
        (strange, tmp_path / "a"): "is not what a training leaves",
        (damaged, tmp_path / "a"): "model.safetensors is damaged",
        (folder, tmp_path / "a", "--onnx"): r"--onnx: not installed: onnx, onnxscript, onnxruntime \(pip install",
    }
    for words, said in cases.items():
        with pytest.raises(UserError, match=said) as fault:
            stilts("export", *words, "--store", store)
        assert "\n" not in str(fault.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged", "full", "strange"]


def test_the_strictest_licence() -> None:
    assert licences.strictest(["MIT", "CC BY-SA 4.0", "CC BY 4.0"]) == "cc-by-sa-4.0"
    assert licences.strictest(["CC BY-NC 4.0", "CC BY-SA 4.0"]) == "cc-by-nc-4.0"
    assert licences.strictest(["MIT", "none stated"]) is None and licences.strictest([]) is None
    assert licences.of("mnli", "miniature:1 seed 0 mnli/train-en") == ["Apache-2.0"]
    anli = "files:anli_v1.0/R1/train.jsonl + mnli files:mnli/train.jsonl + snli files:snli/train.jsonl"
    assert licences.of("anli", anli) == ["CC BY-NC 4.0", "OANC and others, see the MultiNLI paper", "CC BY-SA 4.0"]


# the hub


def push(store: Path, *words: object, code: int = 0, **extra: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    environment |= {"OMP_NUM_THREADS": "1", "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(store.parent / "home"), **extra}
    done = subprocess.run(
        [sys.executable, "-m", "stilts_xtreme", "push", *map(str, words), "--store", str(store)],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def test_push_makes_a_repository_with_all_that_export_writes(store, tmp_path) -> None:
    """Against a stand-in on this machine: never tried against the hub itself."""
    address = training(store, "mnli").name
    stilts("export", address, tmp_path / "out", "--store", store)
    with hub_server.hub() as hub:
        done = push(
            store, address, "xnli-few", "--private", "--revision", "v1", HF_ENDPOINT=hub.address, HF_TOKEN=hub_server.TOKEN
        )
    assert (
        done.stdout == f"{hub.address}/ann/xnli-few\n"
        and "private" in str(hub.repositories["ann/xnli-few"])
        and hub.branches == ["v1"]
    )
    there = {path: content for (name, branch, path), content in hub.files.items() if (name, branch) == ("ann/xnli-few", "v1")}
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert there.keys() == written.keys() and len(hub.commits) == 1 and address in hub.commits[0]
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert there[name] == written[name]
    assert "model='ann/xnli-few'" in there["README.md"].decode()


@pytest.mark.slow
def test_who_may_not_push_is_told_in_one_line(store) -> None:
    address = training(store, "mnli").name
    with hub_server.hub() as hub:
        for words, token, said in (
            (("ann/x",), None, "log in with `hf auth login`"),
            (("ann/x",), "hf_wrong", "log in with `hf auth login`"),
            (("other/x",), hub_server.TOKEN, "the hub refused: 403"),
            (("a b/c/d",), hub_server.TOKEN, "is no name of a repository"),
        ):
            extra = {"HF_ENDPOINT": hub.address} | ({"HF_TOKEN": token} if token else {})
            assert said in (told := push(store, address, *words, code=2, **extra).stderr) and told.count("\n") == 1
    gone = push(store, address, "ann/x", code=3, HF_ENDPOINT=hub.address, HF_TOKEN="hf_x").stderr
    assert "the hub cannot be reached" in gone and "Traceback" not in gone
    assert "HF_HUB_OFFLINE is set" in push(store, address, "ann/x", code=2, HF_HUB_OFFLINE="1", HF_TOKEN="hf_x").stderr


def test_a_later_training_takes_an_earlier_ones_files_out(store) -> None:
    with hub_server.hub() as hub:
        extra = {"HF_ENDPOINT": hub.address, "HF_TOKEN": hub_server.TOKEN}
        push(store, training(store, "mnli").name, "ann/x", **extra)
        for name in ("model.onnx", "head-mnli.safetensors", "LICENSE", "onnx/model.onnx", ".gitattributes"):
            hub.files["ann/x", "main", name] = b"before"
        told = push(store, training(store, "panx").name, "ann/x", **extra).stderr
    names = {path for name, _, path in hub.files if name == "ann/x"}
    assert {"LICENSE", "onnx/model.onnx", ".gitattributes", "model.safetensors"} <= names and len(hub.commits) == 2
    assert not names & {"model.onnx", "head-mnli.safetensors"}
    assert "removed: model.onnx, head-mnli.safetensors\n" in told
    assert "left as it is: LICENSE, onnx/model.onnx\n" in told


ODD = {
    "card": ("/validate-yaml", b'{"errors": [{"message": "\\"license\\" is odd"}], "warnings": []}', 400, 2, '"license" is odd'),
    "card, no JSON": ("/validate-yaml", b"<html>oops", 200, 3, "the hub's answer cannot be read"),
    "card, refused, no JSON": ("/validate-yaml", b"<html>oops", 400, 3, "the hub's answer cannot be read"),
    "card, failing": ("/validate-yaml", b"", 500, 3, "the hub failed"),
    "repository, failing": ("/repos/create", b"{}", 503, 3, "the hub failed"),
    "repository, refused": ("/repos/create", b'{"error": "too many models"}', 403, 2, "too many models"),
    "commit, no JSON": ("/commit/main", b"fine", 200, 3, "ann/x was made and is empty"),
    "commit, another kind": ("/preupload/main", b"[]", 200, 3, "ann/x was made and is empty"),
}


@pytest.mark.parametrize("what", ODD)
def test_what_the_hub_answers_is_told_in_one_line(what, store, monkeypatch) -> None:
    end, content, status, code, said = ODD[what]
    for name, value in {"HF_HUB_DISABLE_XET": True, "HF_HUB_OFFLINE": False}.items():
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    with hub_server.hub() as hub:
        hub.odd[end] = content, status
        api = partial(HfApi, endpoint=hub.address, token=hub_server.TOKEN)
        monkeypatch.setattr("huggingface_hub.HfApi", api)
        monkeypatch.setattr("huggingface_hub.utils.build_hf_headers", lambda: {"Authorization": f"Bearer {hub_server.TOKEN}"})
        with pytest.raises(UserError if code == 2 else RunFailed, match=re.escape(said)) as fault:
            pushing.push(find(str(training(store, "mnli")), store), "ann/x", False, None, False)
    assert "\n" not in str(fault.value) and len(str(fault.value)) < 500
    assert not hub.commits and bool(hub.repositories) == what.startswith("commit")


# ONNX


@pytest.mark.slow
@pytest.mark.parametrize("task", HEADS)
def test_onnx_runtime_gives_what_the_checkpoint_gives(task, store, tmp_path) -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason="the extra `onnx` is not installed")
    import onnxruntime

    out = tmp_path / "out"
    stilts("export", training(store, task), out, "--onnx")
    model, words, notes = encoder.load_model(training(store, task), task)
    ids, mask = padded(collate("embedding", [{"rows": [list(range(5, 5 + n))]} for n in LENGTHS], words))
    if task == "hellaswag":
        ids, mask = ids[:4].view(2, 2, -1), mask[:4].view(2, 2, -1)
    session = onnxruntime.InferenceSession(str(out / "model.onnx"))
    (first, *_) = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
    with torch.inference_mode():
        right = getattr(transformers, notes["class"]).from_pretrained(out).eval()(input_ids=ids, attention_mask=mask)[0]
    assert np.abs(first - right.numpy()).max() < 1e-4


@pytest.mark.slow
def test_onnx_that_gives_something_else_is_not_published(store, tmp_path, monkeypatch) -> None:
    pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")
    wrong = SimpleNamespace(run=lambda *_: [np.zeros((2, 3), np.float32)])
    monkeypatch.setattr("stilts_xtreme.engine.onnx.session", lambda *_: wrong)
    with pytest.raises(RunFailed, match="ONNX Runtime gives another logits than torch"):
        write.write(find(str(training(store, "mnli")), store), tmp_path / "other", onnx=True)
    assert not list(tmp_path.iterdir())
