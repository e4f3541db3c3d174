"""Other encoders than XLM-R through the real commands: trained, mixed with masked LM, evaluated, stopped and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import kinds
import pytest
from transformers import AutoModelForTokenClassification, pipeline
from typer.testing import CliRunner

from stilts_xtreme import spec
from stilts_xtreme.cli import app
from stilts_xtreme.engine import encoder
from stilts_xtreme.models.heads import HEADS, Limits
from stilts_xtreme.pipeline import grid
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.examples import Tagged

OTHERS = [kind for kind in kinds.KINDS if kind != "xlm-r"]


def run(folder: Path, kind: str, rows: str, targets: str) -> tuple[dict, str]:
    """A study in this process, its store `runs` in the folder: its result, and what it said."""
    study = kinds.study(folder / "data", kinds.save(kind, folder / "encoder"), rows, targets)
    done = CliRunner().invoke(app, ["study", str(study), "--store", str(folder / "runs"), "--jobs", "1"])
    assert done.exit_code == 0, done.output
    return json.loads(Path(done.stdout.strip()).read_text()), done.stderr


@pytest.mark.parametrize("kind", OTHERS)
def test_an_encoder_is_trained_with_masked_lm_beside_a_task_then_on_a_target(kind, tmp_path) -> None:
    result, said = run(tmp_path, kind, "both", "panx")
    (score,) = result["evaluations"]
    assert set(score["languages"]) == {"en", "de"} and all(row["n"] > 0 for row in score["languages"].values())
    slow = "packed rows are not known for encoders of kind deberta-v2"
    assert said.count(slow) == (2 if kind == "mdeberta" else 0)  # once a training
    (tagger,) = [path.parent for path in tmp_path.glob("runs/train/*/head-panx.safetensors")]
    AutoModelForTokenClassification.from_pretrained(tagger)
    _agrees(tagger, next(tmp_path.glob("runs/predict/*/test-de.jsonl")))


def _agrees(tagger: Path, predictions: Path) -> None:
    """The pipeline tags plain text as stilts tagged the tokens in it: of each the first piece counts."""
    tag = pipeline("token-classification", model=str(tagger))
    lines = [line.split("\t")[0] for line in kinds.FILES["panx/test-de.tsv"].splitlines()]
    sentences = " ".join(line or "\n" for line in lines).split("\n")
    for sentence, told in zip(sentences, map(json.loads, predictions.read_text().splitlines()), strict=False):
        words = sentence.split()
        # Two pieces may begin at one letter (a mark that stands for the space, then the letter): the first of them counts.
        found = {one["start"]: one["entity"] for one in reversed(tag(" ".join(words), ignore_labels=[]))}
        starts = [sum(map(len, words[:i])) + i for i in range(len(words))]
        # Where a piece takes the space before a word, or is that space alone, it begins there.
        assert [found.get(at - 1, found.get(at)) for at in starts] == told["prediction"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_head_and_retrieval(kind, tmp_path) -> None:
    result, _ = run(tmp_path, kind, "hellaswag, both", "xnli, panx, xquad, lareqa, tatoeba")
    assert len(result["evaluations"]) == 10
    again = CliRunner().invoke(app, ["study", str(tmp_path / "data/study.yaml"), "--store", str(tmp_path / "runs"), "--plan"])
    assert "20 done, 0 to do" in again.output


@pytest.mark.slow
@pytest.mark.parametrize("kind", OTHERS)
def test_a_training_that_is_stopped_ends_with_the_same_bytes(kind, tmp_path) -> None:
    study = kinds.study(tmp_path / "data", kinds.save(kind, tmp_path / "encoder"), "none", "panx")
    override = "setup.recipes={default: {steps: 60, batch_size: 8, max_length: 64, learning_rate: 1e-2, dropout: 0.1}}"
    stage = grid.study(spec.load(study, [override]))[0].stage.model

    def command(store: str) -> subprocess.Popen:
        words = ["study", study, override, "--store", tmp_path / store, "--jobs", "1", "--checkpoint-every", "0"]
        command = [sys.executable, "-m", "stilts_xtreme", *map(str, words)]
        return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)

    first = command("stopped")
    kept = Store(tmp_path / "stopped").checkpoints(stage)
    deadline = time.monotonic() + 120
    while kept.last() < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    first.send_signal(signal.SIGTERM)
    assert first.wait(120) == 75 and not Store(tmp_path / "stopped").done(stage)
    assert command("stopped").wait(240) == 0 and command("whole").wait(240) == 0
    for name in ("model.safetensors", "head-panx.safetensors", "log.jsonl"):
        one, other = (Store(tmp_path / store).path(stage) / name for store in ("stopped", "whole"))
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_tokens_have_the_pieces_that_they_have_in_running_text(kind, tmp_path) -> None:
    _, words = encoder.load(kinds.save(kind, tmp_path))
    text = "Die rote Henne sah Berlin"
    (feature,) = HEADS["tagging"].encode([Tagged("1", tuple(text.split()), ("O",) * 5)], words, ("O",), Limits(64), True)
    assert feature["rows"][0] == words(text)["input_ids"]
    (empty,) = HEADS["tagging"].encode([Tagged("1", ("Die", ""), ("O", "O"))], words, ("O",), Limits(64), True)
    assert len(empty["positions"]) == 2 and None not in empty["rows"][0]
