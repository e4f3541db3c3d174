"""Folders of published encoders: what cannot be trusted or does not fit together is refused in one line, and nothing is run."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from stilts_xtreme.engine import encoder, loading, tokenizer
from stilts_xtreme.models import published
from stilts_xtreme.utils.errors import UserError

SHAPE = SimpleNamespace(hidden_size=12, layers=2, heads=3, intermediate_size=8, max_positions=20)
CODE = "import pathlib\npathlib.Path({!r}).touch()\nclass Evil: pass\n"
NAMED = {"AutoConfig": "modeling.Evil", "AutoModel": "modeling.Evil", "AutoTokenizer": ["modeling.Evil", None]}


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    words = tokenizer.train(["a cat sat on a mat and a dog ran to it"] * 6, 60)
    encoder.random_encoder(SHAPE, words, 1).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(sound, tmp_path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "encoder"))


def change(file: str, **values):
    def changed(folder: Path) -> None:
        path = folder / file
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return changed


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def outside(name: object):
    def changed(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))

    return changed


def unloadable(file: str, content: bytes):
    return lambda folder: (folder / file).write_bytes(content)


def shorter(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def of_no_kind(folder: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["type"] = "Nonesuch"
    (folder / "tokenizer.json").write_text(json.dumps(content))


FOLDERS = {
    "pickled weights": (pickled, "pytorch_model.bin' is pickled and could run code"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "there is no model.safetensors"),
    "code of its own": (change("config.json", auto_map=NAMED, model_type="evil"), "config.json: auto_map: it names code"),
    "code beside a known kind": (change("config.json", auto_map=NAMED), "config.json: auto_map: it names code"),
    "a tokenizer's code": (change("tokenizer_config.json", auto_map=NAMED), "tokenizer_config.json: auto_map: it names code"),
    "weights elsewhere": (outside("../other/model.safetensors"), "weight_map: '../other/model.safetensors' is no"),
    "weights pickled by index": (outside("pytorch_model.bin"), "weight_map: 'pytorch_model.bin' is no"),
    "an index of numbers": (outside(7), "weight_map: 7 is no"),
    "no configuration": (lambda folder: (folder / "config.json").unlink(), "config.json: cannot be read"),
    "a deep configuration": (unloadable("config.json", b"[" * 100_000), "config.json: not JSON"),
    "a list": (unloadable("config.json", b"[]"), "config.json: is list instead of an object"),
    "cut weights": (unloadable("model.safetensors", b"\x08\0\0\0\0\0\0\0{}"), "model.safetensors: not safetensors, or cut"),
    "empty weights": (unloadable("model.safetensors", b""), "model.safetensors: not safetensors, or cut"),
    "weights without their last byte": (shorter, "model.safetensors: not safetensors, or cut"),
    "a pickle by another name": (unloadable("model.safetensors", b"\x80\x04K\x01."), "model.safetensors: not safetensors"),
    "a part that is not there": (outside("model-2.safetensors"), "model-2.safetensors: cannot be read: No such file"),
    "an empty tokenizer": (unloadable("tokenizer.json", b"{}"), "tokenizer.json: is no tokenizer"),
    "a deep tokenizer": (unloadable("tokenizer.json", b"[" * 100_000), "tokenizer.json: not JSON"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "there is no tokenizer: no tokenizer.json, *.model or"),
    "a word table too small": (change("config.json", vocab_size=9), "rows: they do not belong together"),
}
LOADED = {
    "a layer too many": (change("config.json", num_hidden_layers=3), "there is no encoder.layer.2"),
    "a layer left out": (change("config.json", num_hidden_layers=1), "encoder.layer.1.attention.output.LayerNorm.bias is not"),
    "no layer at all": (change("config.json", num_hidden_layers=0), "encoder.layer.0.attention.output.LayerNorm.bias is not"),
    "another width": (change("config.json", intermediate_size=16), "encoder.layer.0.intermediate.dense.bias is [8] where [16]"),
    "no heads": (change("config.json", num_attention_heads="x"), "cannot be loaded: StrictDataclass"),
    "an unknown kind": (change("config.json", model_type="evil"), "cannot be loaded: "),
    "a tokenizer of no known kind": (of_no_kind, "tokenizer.json: "),
}


def test_a_sound_folder_is_loaded_and_its_digest_changes_with_it(folder) -> None:
    before = published.digest(folder)
    loaded, words = encoder.load(folder)
    assert len(loaded.encoder.layer) == 2 and words.bos_token == "<s>"
    change("config.json", hidden_dropout_prob=0.2)(folder)
    assert published.digest(folder) != before


@pytest.mark.parametrize("name", FOLDERS)
def test_what_cannot_be_trusted_is_refused_before_it_is_loaded(name, folder) -> None:
    damage, said = FOLDERS[name]
    damage(folder)
    (folder / "modeling.py").write_text(CODE.format(str(folder / "ran")))
    for asked in (published.digest, encoder.load):
        with pytest.raises(UserError) as fault:
            asked(folder)
        assert said in str(fault.value) and "\n" not in str(fault.value)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("name", LOADED)
def test_what_does_not_fit_together_is_refused_in_one_line(name, folder) -> None:
    damage, said = LOADED[name]
    damage(folder)
    with pytest.raises(UserError) as fault:
        encoder.load(folder)
    assert said in str(fault.value) and "\n" not in str(fault.value)


def test_a_table_smaller_than_the_tokenizer_is_refused_where_the_tokenizer_has_no_file_of_its_own(folder) -> None:
    """Tokens may also stand in added_tokens.json or tokenizer_config.json: what counts is the tokenizer as loaded."""
    words = encoder.load(folder)[1]
    words.add_tokens(["hen"])
    settings = folder / "tokenizer_config.json"
    added = {str(len(words) - 1): {"content": "hen", "special": False, "lstrip": False, "rstrip": False, "single_word": False,
                                   "normalized": True}}  # fmt: skip
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"added_tokens_decoder": added}))
    with pytest.raises(UserError, match=f"has {len(words)} tokens, the encoder's word table {len(words) - 1} rows"):
        encoder.load(folder)


def add(folder: Path, *names: str) -> None:
    """Put small tensors into the weights."""
    path = folder / "model.safetensors"
    save_file({**load_file(path), **{name: torch.zeros(1) for name in names}}, path, {"format": "pt"})


def test_tensors_that_no_parameter_asks_for_are_named_and_not_refused(folder) -> None:
    """As `_weight` beside the word table in DeBERTa-v3 checkpoints, and BERT's buffer of token types; not those of a head, nor
    numbers of positions."""
    assert loading.unused(encoder.load(folder)[0]) == ""
    extra = ["embeddings.token_type_ids", "embeddings.word_embeddings._weight", "encoder.layer.0.gate", "encoder.layer.7.gate"]
    add(folder, *extra, "classifier.weight", "embeddings.position_ids")
    loaded, _ = encoder.load(folder)
    assert loading.unused(loaded) == f"not used of the encoder's checkpoint: {', '.join(extra[:3])} and 1 more"
