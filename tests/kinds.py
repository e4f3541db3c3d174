"""Tiny random encoders of each kind, each with a small tokenizer of its own kind, as folders in transformers' format; and a study
over small release files that trains every head on one."""

import io
import json
import random
from collections.abc import Callable
from pathlib import Path

import sentencepiece
import torch
from test_verify import FILES, english, german
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
    return fast(
        model, "<|begin_of_text|> $A <|end_of_text|>", "<|begin_of_text|> $A <|end_of_text|> $B:1 <|end_of_text|>:1", **names
    )


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


def question(i: int, tongue: Callable) -> dict:
    """A SQuAD-like paragraph of two sentences with a question that its second sentence answers."""
    first, second, _ = tongue(i)
    context, answer = f"{first} {second}", second.rstrip(".").split()[-1]
    asked = {"id": f"q{i}", "question": f"number {i}?", "answers": [{"text": answer, "answer_start": context.rindex(answer)}]}
    return {"context": context, "qas": [asked]}


def squad(numbers: range, tongue: Callable) -> str:
    return json.dumps({"data": [{"title": "hens", "paragraphs": [question(i, tongue) for i in numbers]}]})


def lareqa(numbers: range, tongue: Callable) -> str:
    paragraphs = []
    for i in numbers:
        one = question(i, tongue)
        break_ = len(tongue(i)[0])
        paragraphs.append(
            {**one, "sentences": list(tongue(i)[:2]), "sentence_breaks": [[0, break_], [break_ + 1, len(one["context"])]]}
        )
    return json.dumps({"data": [{"title": "hens", "paragraphs": paragraphs}]})


def hellaswag(numbers: range) -> str:
    rows = [{"ctx_a": english(i)[0], "ctx_b": "then", "endings": list("abcd"), "label": i % 4, "ind": i} for i in numbers]
    return "".join(json.dumps(row) + "\n" for row in rows)


STUDY = """
kind: study
name: kinds
setup:
  kind: setup
  name: few
  data: {{files: {{path: {data}, cut: true}}}}
  encoder: {{pretrained: {{name: {encoder}}}}}
  retrieval: {{layer: 1, pooling: mean, max_length: 64}}
  recipes: {{default: {{steps: 3, batch_size: 8, max_length: 128, learning_rate: 1e-2, dropout: 0.1}}}}
mixtures: {{both: {{tasks: [hellaswag], text: {{share: 0.5, exponent: 0.3}}}}}}
intermediate: [{rows}]
targets: [{targets}]
seeds: [1]
"""


def study(folder: Path, encoder: Path, rows: str, targets: str) -> Path:
    """A study's spec over small release files in English and German, from the encoder in a folder."""
    files = FILES | {
        "squad_v1/train-v1.1.json": squad(range(40), english),
        "squad_v1/dev-v1.1.json": squad(range(100, 116), english),
        "xquad/xquad.en.json": squad(range(200, 212), english),
        "xquad/xquad.de.json": squad(range(200, 212), german),
        "lareqa/xquad-r/en.json": lareqa(range(200, 212), english),
        "lareqa/xquad-r/de.json": lareqa(range(200, 212), german),
        "hellaswag/hellaswag_train.jsonl": hellaswag(range(40)),
        "hellaswag/hellaswag_val.jsonl": hellaswag(range(40, 60)),
        "tatoeba/tatoeba.deu-eng.deu": "".join(f"{german(i)[0]}\n" for i in range(20)),
        "tatoeba/tatoeba.deu-eng.eng": "".join(f"{english(i)[0]}\n" for i in range(20)),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    spec = folder / "study.yaml"
    spec.write_text(STUDY.format(data=folder, encoder=encoder, rows=rows, targets=targets))
    return spec
