"""Encoders whose tokenizer is a SentencePiece file alone, as XLM-R, X-MOD and DeBERTa-v3 are published."""

import io
from importlib import metadata
from pathlib import Path

import kinds
import pytest
import sentencepiece
import torch
from test_preflight import cache, closed, python
from transformers import AutoModel, DebertaV2Config, XLMRobertaConfig

from stilts_xtreme.cli import doctor
from stilts_xtreme.engine import encoder, loading
from stilts_xtreme.utils.errors import UserError

XLMR = {"bos_id": 1, "eos_id": 2, "unk_id": 0}  # fairseq puts <s> <pad> </s> <unk> before the pieces that follow these
DEBERTA = {
    "pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3,
    "pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]", "unk_piece": "[UNK]",
}  # fmt: skip
FOLDERS = {"xlm-r": (XLMRobertaConfig, "sentencepiece.bpe.model", XLMR), "deberta": (DebertaV2Config, "spm.model", DEBERTA)}
# Full-width letters, a ligature, a combining accent, a circled digit.
TEXTS = (kinds.lines()[0], "  two  spaces ", "\uff41\uff42\uff43 \ufb01", "e\u0301 \u2460")


def learn(**how: object) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(kinds.lines()), model_writer=model, model_type="unigram", vocab_size=300, hard_vocab_limit=False,
        num_threads=1, minloglevel=2, character_coverage=1.0, normalization_rule_name="nmt_nfkc", **how,
    )  # fmt: skip
    return model.getvalue()


def save(folder: Path, kind: str, file: str = "") -> sentencepiece.SentencePieceProcessor:
    """Write an encoder with a SentencePiece file, by the name of its class or another one."""
    config, usual, how = FOLDERS[kind]
    model = learn(**how)
    torch.manual_seed(0)
    AutoModel.from_config(config(vocab_size=320, max_position_embeddings=40, **kinds.SIZES)).save_pretrained(folder)
    (folder / (file or usual)).write_bytes(model)
    return sentencepiece.SentencePieceProcessor(model_proto=model)


@pytest.mark.parametrize("kind", FOLDERS)
def test_texts_become_the_pieces_that_sentencepiece_gives(kind, tmp_path) -> None:
    model = save(tmp_path, kind)
    _, words = encoder.load(tmp_path)
    assert words.convert_ids_to_tokens(4) == model.id_to_piece(3 if kind == "xlm-r" else 4)  # the first ordinary piece
    for text in TEXTS:
        pieces = model.encode(text, out_type=str)
        known = [words.unk_token if model.piece_to_id(piece) == model.unk_id() else piece for piece in pieces]
        assert words.convert_ids_to_tokens(words(text, add_special_tokens=False)["input_ids"]) == known, text


def test_so_they_do_from_the_hubs_cache(tmp_path) -> None:
    save(tmp_path / "enc", "deberta")
    cache(tmp_path / "enc", tmp_path / "hf")
    code = (
        "from stilts_xtreme.engine import loading\n"
        "words = loading.tokenizer('org/enc')\n"
        "print(words.tokenize('\\uff41') == words.tokenize('a'))"
    )
    done = python(code, tmp_path / "hf", HF_ENDPOINT=closed())
    assert done.stdout.strip() == "True", done.stderr


def test_a_file_that_the_class_does_not_read_is_refused(tmp_path) -> None:
    """transformers would make a tokenizer of the special tokens alone."""
    save(tmp_path, "xlm-r", "spm.model")
    with pytest.raises(UserError, match="there is no sentencepiece.bpe.model: XLMRobertaTokenizer reads"):
        encoder.load(tmp_path)


def test_without_protobuf_it_is_asked_for_by_name(tmp_path, monkeypatch) -> None:
    save(tmp_path, "deberta")
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="takes the package protobuf: pip install protobuf"):
        encoder.load(tmp_path)


def test_doctor_looks_for_protobuf(monkeypatch) -> None:
    def none(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", none)  # the checkout's own list, not that of an earlier installation
    assert "protobuf" in {fact.name for fact in doctor.packages()}
