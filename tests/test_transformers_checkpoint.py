"""Every kind of head on every kind of encoder, saved: transformers' own class gives the logits that ours gives on packed rows."""

import json
from pathlib import Path

import kinds
import pytest
import torch
import transformers
from test_packed import features
from transformers import AutoModel, T5Config, T5Model

from stilts_xtreme.engine import encoder, transformers_checkpoint
from stilts_xtreme.engine.batches import collate
from stilts_xtreme.utils.errors import UserError

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
LABELS = {"classification": ("a", "b", "c"), "tagging": ("O", "B-X", "I-X", "B-Y")}
HEADS = ("classification", "multiple_choice", "tagging", "span_qa", "dual_encoder", "mlm")
NAMES = {
    "classification": "ForSequenceClassification", "multiple_choice": "ForMultipleChoice", "tagging": "ForTokenClassification",
    "span_qa": "ForQuestionAnswering", "dual_encoder": "Model", "mlm": "ForMaskedLM",
}  # fmt: skip
ALONE = {
    ("xlm-v", "mlm"): "XLMRobertaForMaskedLM's norm adds 1e-12 to the variance, the one that was trained 1e-05",
    ("mbert", "mlm"): "BertForMaskedLM's norm adds 1e-12 to the variance, the one that was trained 1e-05",
    ("eurobert", "multiple_choice"): "transformers has no class for multiple choice on eurobert",
    ("eurobert", "span_qa"): "transformers has no class for span qa on eurobert",
    ("eurobert", "mlm"): "EuroBertForMaskedLM has no place for the dense layer that was trained",
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    return {kind: kinds.save(kind, tmp_path_factory.mktemp(kind)) for kind in kinds.KINDS}


def stirred(model: encoder.Model) -> encoder.Model:
    """Every weight of the heads its own, as training makes them."""
    torch.manual_seed(1)
    for weight in model.heads.parameters():
        weight.data += 0.1 * torch.randn_like(weight)
    return model


def padded(batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
    shape = len(batch["lengths"]), batch["longest"]
    ids, mask = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    ids[batch["row"], batch["place"]] = batch["input_ids"]
    mask[batch["row"], batch["place"]] = 1
    return ids, mask


def theirs(model, head: str, batch: dict) -> torch.Tensor:
    ids, mask = padded(batch)
    with torch.inference_mode():
        if head == "multiple_choice":
            return model(input_ids=ids[batch["choices"]], attention_mask=mask[batch["choices"]]).logits
        found = model(input_ids=ids, attention_mask=mask)
        if head == "dual_encoder":
            return torch.nn.functional.normalize(found.last_hidden_state[:, 0], dim=-1)
        logits = transformers_checkpoint.logits(found)
        return logits if head == "classification" else logits[batch["row"], batch["place"]]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("kind", kinds.KINDS)
def test_transformers_own_class_gives_the_same_logits(kind, head, folders, tmp_path) -> None:
    start, words = encoder.load(folders[kind])
    model = stirred(encoder.Model(start, {"t": head}, {"t": LABELS.get(head, ())}, 0.1))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.save(tmp_path, words, {"t": {"limits": {}}})
    after = model.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    told, config = (json.loads((tmp_path / name).read_text()) for name in ("heads.json", "config.json"))
    told = told["t"]
    assert told.get("alone") == ALONE.get((kind, head)) and config["architectures"] == [told["class"]]

    again, words, _ = encoder.load_model(tmp_path, "t")
    assert all(torch.equal(value, after[name]) for name, value in again.state_dict().items())
    plain, loading = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert all("pooler" in name for name in loading["missing_keys"])
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in model.encoder.state_dict().items())
    if "alone" in told:
        assert told["class"] == type(model.encoder).__name__
        return
    assert told["class"].endswith(NAMES[head])
    loaded, loading = getattr(transformers, told["class"]).from_pretrained(tmp_path, output_loading_info=True)
    assert all("pooler" in name for name in loading["missing_keys"]) and not loading["unexpected_keys"]
    if head in LABELS:
        assert loaded.config.id2label == dict(enumerate(LABELS[head]))
    made = collate(head, features(head, (5, 9, 9, 30, 4, 62)), words, torch.Generator().manual_seed(3))
    with torch.inference_mode():
        ours = again.eval().logits("t", made)
        if head == "mlm":
            ours = ours @ again.encoder.get_input_embeddings().weight.T + again.heads["t"].bias
    found = theirs(loaded.eval(), head, made)
    if head in ("tagging", "mlm"):
        found = found[made["positions"]]
    assert again.packed == (kind != "mdeberta") and ours.shape == found.shape and (ours - found).abs().max() < 1e-5


def test_the_next_stage_knows_nothing_of_the_last_ones_labels(folders, tmp_path) -> None:
    start, words = encoder.load(folders["xlm-r"])
    first = encoder.Model(start, {"t": "classification"}, {"t": LABELS["classification"]}, 0.0)
    first.save(tmp_path / "first", words, {})
    again, words = encoder.load(tmp_path / "first")
    encoder.Model(again, {"t": "span_qa"}, {"t": ()}, 0.0).save(tmp_path / "next", words, {})
    assert "id2label" in json.loads((tmp_path / "first" / "config.json").read_text())
    told = json.loads((tmp_path / "next" / "config.json").read_text())
    assert not {"id2label", "label2id", "problem_type"} & told.keys()
    assert transformers.AutoModelForQuestionAnswering.from_pretrained(tmp_path / "next").qa_outputs.out_features == 2


def test_a_class_that_computes_something_else_is_not_used(folders, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(transformers_checkpoint.SWITCHES, "deberta-v2", {"pooler_hidden_act": "tanh"})
    start, words = encoder.load(folders["mdeberta"])
    stirred(encoder.Model(start, {"t": "classification"}, {"t": ("a", "b")}, 0.0)).save(tmp_path, words, {})
    told = json.loads((tmp_path / "heads.json").read_text())["t"]
    assert told["class"] == "DebertaV2Model" and told["alone"].endswith("gives other logits than the head that was trained")


def test_no_weight_is_copied(folders) -> None:
    start, _ = encoder.load(folders["xlm-r"])
    model = encoder.Model(start, {"t": "multiple_choice"}, {"t": ()}, 0.0)
    ours = {id(value) for value in model.parameters()}
    with transformers_checkpoint.transformers_model(start, "multiple_choice", model.heads["t"], ()) as whole:
        assert {id(value) for value in whole.parameters()} == ours
    assert start.pooler is None


def test_what_reads_one_way_only_is_no_encoder(tmp_path) -> None:
    T5Model(T5Config(vocab_size=20, d_model=8, d_ff=8, num_layers=1, num_heads=2, d_kv=4)).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="t5 is no encoder that reads text in both directions"):
        encoder.load(tmp_path)
