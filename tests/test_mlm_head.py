"""Masked LM that goes on: the head an encoder comes with is gone on with, of a training of ours or a published checkpoint."""

import json
from pathlib import Path

import kinds
import pytest
import torch
from safetensors.torch import load_file, save_file
from test_end_to_end import TINY, stilts
from transformers import AutoConfig, AutoModelForMaskedLM

from stilts_xtreme.engine import encoder, mlm_head
from stilts_xtreme.pipeline import plan


def checkpoint(kind: str, folder: Path, **changes: str) -> AutoModelForMaskedLM:
    """A tiny random masked LM of this kind, as published: every weight of its head its own."""
    kinds.save(kind, folder)
    torch.manual_seed(1)
    model = AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(folder, **changes))
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.05 * torch.randn_like(weight)
    model.save_pretrained(folder)
    return model.eval()


@pytest.mark.parametrize("kind", [kind for kind in kinds.KINDS if kind != "eurobert"])
def test_a_published_head_gives_the_logits_that_its_own_class_gives(kind, tmp_path) -> None:
    theirs = checkpoint(kind, tmp_path)
    start, _ = encoder.load(tmp_path)
    model = encoder.Model(start, {"text": "mlm"}, {"text": ()}, 0.0).eval()
    head = model.heads["text"]
    head.load_state_dict(mlm_head.published(str(tmp_path)))
    (norm,) = [theirs.get_submodule(norm) for _, norm in mlm_head.LAYOUTS if norm in dict(theirs.named_modules())]
    head.norm.eps = norm.eps  # which some classes take from the encoder's
    ids = torch.arange(7, 20)[None]
    with torch.inference_mode():
        hidden = start(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0]
        states = head(hidden, {"positions": torch.arange(len(hidden))})
        ours = torch.addmm(head.bias, states, start.get_input_embeddings().weight.T)
        found = theirs(input_ids=ids).logits[0]
    fresh = encoder.Model(start, {"text": "mlm"}, {"text": ()}, 0.0).heads["text"].dense.weight
    assert not torch.equal(head.dense.weight, fresh)
    assert (ours - found).abs().max() < 1e-5


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_a_checkpoint_without_such_a_head_has_none(kind, tmp_path) -> None:
    assert mlm_head.published(str(kinds.save(kind, tmp_path))) is None


@pytest.mark.parametrize(("kind", "changes"), [("eurobert", {}), ("mbert", {"hidden_act": "relu"})])
def test_a_head_that_computes_something_else_is_none(kind, changes, tmp_path) -> None:
    checkpoint(kind, tmp_path, **changes)
    assert mlm_head.published(str(tmp_path)) is None


def test_a_head_for_other_tokens_is_none(tmp_path) -> None:
    checkpoint("xlm-r", tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights["lm_head.bias"] = torch.zeros(len(weights["lm_head.bias"]) + 5)
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    encoder.load(tmp_path)  # the encoder itself is sound
    assert mlm_head.published(str(tmp_path)) is None


STUDY = """
kind: study
name: onwards
setup: {setup}
mixtures:
  text-alone: {{text: {{share: 1, exponent: 0.3, languages: [en, xa]}}, recipe: {{steps: 2, learning_rate: 1e-12}}}}
  beside: {{tasks: [mnli], text: {{share: 0.5, languages: [en, xa]}}, recipe: {{steps: 2, learning_rate: 1e-12}}}}
intermediate: [none, text-alone, beside, [text-alone, beside], [mnli, text-alone]]
targets: [tatoeba]
"""


def test_text_goes_on_with_the_head_that_its_start_was_trained_with(tmp_path) -> None:
    setup = Path(__file__).parent.parent / "experiments" / "setups" / "miniature.yaml"
    (tmp_path / "study.yaml").write_text(STUDY.format(setup=setup), encoding="utf-8")
    path = Path(stilts("study", tmp_path / "study.yaml", *TINY, "--store", tmp_path / "runs").stdout.strip())
    trainings = json.loads(path.read_text())["trainings"]
    at = {training["address"]: training for training in trainings}
    heads = {}
    for training in trainings:
        file = tmp_path / "runs" / "train" / training["address"] / "head-text.safetensors"
        if file.exists():
            chain, link = [], training
            while link is not None:
                chain.append(link["label"])
                link = at.get(link["start"])
            heads[tuple(reversed(chain))] = load_file(file)
    first = heads.pop(("text",))
    assert set(heads) == {
        ("text", "text"), ("text", "mnli+text"), ("text", "text", "mnli+text"), ("text", "mnli", "text")
    }  # fmt: skip
    for chain, head in heads.items():
        same = torch.allclose(head["dense.weight"], first["dense.weight"], rtol=0, atol=1e-6)
        assert same == ("mnli" not in chain), chain  # a task between has no such head to hand on
    alone = next(training for training in trainings if training["label"] == "text" and training["start"])
    told = json.loads((tmp_path / "runs" / "train" / alone["address"] / "result.json").read_text())
    assert told["plan"]["masked_lm"] == "continued" and told["rates"] == {"text": 1.0} and "text_share" not in told["plan"]
    assert {(read["task"], read["split"], read["language"]) for read in told["data"]} == {
        ("text", "train", "en"), ("text", "train", "xa"), ("text", "dev", "en")
    }  # fmt: skip


def test_what_begins_with_text_keeps_its_address() -> None:
    random = plan.Random(32, 2, 2, 64, 66, 500)
    first = plan.Train(random, ("text",), plan.Recipe(epochs=None, steps=10), 1, ())
    again = plan.Train(first, ("text",), plan.Recipe(epochs=None, steps=10), 1, ())
    assert "masked_lm" not in plan.identity(first) and plan.identity(again)["masked_lm"] == "continued"
    assert "masked_lm" not in plan.identity(plan.Train(again, ("mnli",), plan.Recipe(), 1, ()))
