"""Tiny random encoders of each kind, each with a small tokenizer of its own kind, as folders in transformers' format."""

import io
import random
from collections.abc import Callable
from pathlib import Path

import sentencepiece
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModel,
    BertConfig,
    BertTokenizer,
    DebertaV2Config,
    DebertaV2Tokenizer,
    EuroBertConfig,
    ModernBertConfig,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaTokenizer,
)

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


def lines() -> list[str]:
    """Made-up text in Latin and Cyrillic letters."""
    draw = random.Random(0)
    made = []
    for alphabet in ("abcdefghijklmnopqrstuvwxyz", "абвгдежзийклмнопрстуфхцчшщъыьэюя"):
        words = ["".join(draw.choice(alphabet) for _ in range(draw.randint(1, 7))) for _ in range(300)]
        made += [" ".join(draw.choice(words) for _ in range(8)).capitalize() + draw.choice(".?!,") for _ in range(400)]
    return made


def pieces(*special: str) -> list[tuple[str, float]]:
    """Unigram pieces, as SentencePiece learns them, after these special ones."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines()), model_writer=model, model_type="unigram", vocab_size=300, hard_vocab_limit=False,
        num_threads=1, minloglevel=2, character_coverage=1.0,
    )  # fmt: skip
    learned = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    found = [(learned.id_to_piece(i), learned.get_score(i)) for i in range(3, learned.get_piece_size())]
    return [*((name, 0.0) for name in special), *found]


def fast(model: Tokenizer, single: str, pair: str, **special: str) -> PreTrainedTokenizerFast:
    marks = {word.partition(":")[0] for word in pair.split() if not word.startswith("$")}
    model.post_processor = processors.TemplateProcessing(
        single=single, pair=pair, special_tokens=[(mark, model.token_to_id(mark)) for mark in sorted(marks)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=model, **special)


def xlmr() -> XLMRobertaTokenizer:
    return XLMRobertaTokenizer(vocab=[*pieces("<s>", "<pad>", "</s>", "<unk>"), ("<mask>", 0.0)])


def wordpiece() -> BertTokenizer:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    model = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    model.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    model.train_from_iterator(lines(), trainers.WordPieceTrainer(vocab_size=400, special_tokens=special, show_progress=False))
    return BertTokenizer(vocab=model.get_vocab(), do_lower_case=False)


def deberta() -> DebertaV2Tokenizer:
    return DebertaV2Tokenizer(vocab=[*pieces("[PAD]", "[CLS]", "[SEP]", "[UNK]"), ("[MASK]", 0.0)], unk_id=3)


def gemma() -> PreTrainedTokenizerFast:
    """Byte-fallback BPE on text whose spaces became pieces, none put before the first word: as mmBERT's."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    model = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    model.normalizer = normalizers.Replace(" ", "▁")
    model.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    model.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    model.train_from_iterator(lines(), trainers.BpeTrainer(vocab_size=400, special_tokens=special, show_progress=False))
    names = {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"}
    return fast(model, "<bos> $A <eos>", "<bos> $A <eos> $B:1 <eos>:1", **names)


def bytes_() -> PreTrainedTokenizerFast:
    """Byte-level BPE without an unknown token: as EuroBERT's."""
    special = ["<|pad|>", "<|begin_of_text|>", "<|end_of_text|>", "<|mask|>"]
    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    model.train_from_iterator(lines(), trainer)
    names = dict(zip(("pad_token", "bos_token", "eos_token", "mask_token"), special, strict=True))
    return fast(model, "<|begin_of_text|> $A <|end_of_text|>", "<|begin_of_text|> $A <|end_of_text|> $B:1 <|end_of_text|>:1", **names)


KINDS: dict[str, tuple[Callable, Callable, dict]] = {
    "xlm-r": (XLMRobertaConfig, xlmr, {"max_position_embeddings": 130, "type_vocab_size": 1, "layer_norm_eps": 1e-5}),
    "xlm-v": (XLMRobertaConfig, xlmr, {"max_position_embeddings": 130, "type_vocab_size": 1, "vocab_size": 9000}),
    "mbert": (BertConfig, wordpiece, {"max_position_embeddings": 128}),
    "mdeberta": (
        DebertaV2Config, deberta,
        {"max_position_embeddings": 128, "relative_attention": True, "position_buckets": 16, "norm_rel_ebd": "layer_norm",
         "share_att_key": True, "pos_att_type": "p2c|c2p", "position_biased_input": False},
    ),
    "mmbert": (
        ModernBertConfig, gemma,
        {"max_position_embeddings": 256, "local_attention": 16, "cls_token_id": 2, "sep_token_id": 1, "num_hidden_layers": 4},
    ),
    "eurobert": (EuroBertConfig, bytes_, {"max_position_embeddings": 256, "num_key_value_heads": 1, "mask_token_id": 3}),
}  # fmt: skip


def save(kind: str, folder: Path) -> Path:
    """Write a tiny encoder of this kind."""
    config, tokenizer, own = KINDS[kind]
    words = tokenizer()
    ids = {f"{name}_token_id": getattr(words, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    torch.manual_seed(0)
    model = AutoModel.from_config(config(**{"vocab_size": len(words), **SIZES, **ids, **own}))
    with torch.no_grad():  # norms and biases too, so that no part of a head goes unseen
        for weight in model.parameters():
            weight += 0.05 * torch.randn_like(weight)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
