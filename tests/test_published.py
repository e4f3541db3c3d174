"""Folders of published encoders: what cannot be trusted or does not fit together is refused in one line, and nothing is run."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from stilts_xtreme import published
from stilts_xtreme.engine import encoder, tokenizer
from stilts_xtreme.errors import UserError

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
}
LOADED = {
    "cut weights": (unloadable("model.safetensors", b"\x08\0\0\0\0\0\0\0{}"), "cannot be loaded: SafetensorError"),
    "a pickle by another name": (unloadable("model.safetensors", b"\x80\x04K\x01."), "cannot be loaded: SafetensorError"),
    "a layer too many": (change("config.json", num_hidden_layers=3), "there is no encoder.layer.2"),
    "a layer left out": (change("config.json", num_hidden_layers=1), "encoder.layer.1.attention.output.LayerNorm.bias is not"),
    "no layer at all": (change("config.json", num_hidden_layers=0), "encoder.layer.0.attention.output.LayerNorm.bias is not"),
    "another width": (change("config.json", intermediate_size=16), "encoder.layer.0.intermediate.dense.bias is [8] where [16]"),
    "no heads": (change("config.json", num_attention_heads="x"), "cannot be loaded: StrictDataclass"),
    "an unknown kind": (change("config.json", model_type="evil"), "cannot be loaded: "),
    "an empty tokenizer": (unloadable("tokenizer.json", b"{}"), "cannot be loaded: "),
    "a deep tokenizer": (unloadable("tokenizer.json", b"[" * 100_000), "cannot be loaded: RecursionError"),
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
