"""A tokenizer of XLM-R's shape trained from running text, for encoders trained from nothing; how any tokenizer is saved."""

import copy
import hashlib
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sentencepiece
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from stilts_xtreme.utils.errors import UserError

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]  # ids 0 to 3 as in XLM-R; <mask> comes last
COVERAGE = 0.9995  # share of all characters that a large alphabet must cover (SentencePiece's default for many scripts)
LONGEST_LINE = 1 << 20  # bytes; SentencePiece passes over longer lines in silence, and its default is 4,192
MARK, CONTROL = "\ue000", "\ue001"  # of Unicode's private use area, where no text stands
FREQUENT = 5  # occurrences
NORMALIZER = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])  # what SentencePiece calls nmt_nfkc


def train(lines: Iterable[str], vocab_size: int) -> PreTrainedTokenizerBase:
    """Train a unigram tokenizer of at most `vocab_size` pieces with special ones; the same lines give the same pieces and ids.

    UserError where the text is too little, or has too many characters, for that many pieces.
    It is trained on text as it will read it, with the same normalizer of `tokenizers`.
    As in XLM-R: SentencePiece, NFKC, words begin with "▁", ids <s> 0, <pad> 1, </s> 2, <unk> 3, and pairs
    are `<s> a </s></s> b </s>`.
    """
    texts = [normalised(line) for line in lines]
    small = len(set().union(*texts)) <= vocab_size // 4  # a small alphabet is covered whole
    model = io.BytesIO()
    options: dict[str, Any] = dict(
        sentence_iterator=iter(texts + _marked(texts)),
        model_writer=model,
        model_type="unigram",
        vocab_size=vocab_size - 1,  # <mask> is added below
        hard_vocab_limit=False,
        character_coverage=1.0 if small else COVERAGE,
        max_sentence_length=LONGEST_LINE,
        normalization_rule_name="identity",  # its own rules differ from ours for 175 characters and in the order of marks
        num_threads=1,  # sums over threads differ from run to run
        **{f"{name}_id": i for i, name in enumerate(("bos", "pad", "eos", "unk"))},
        # It would leave out of the text what reads like these: they get their names below.
        **{f"{name}_piece": f"{CONTROL}{name}" for name in ("bos", "pad", "eos", "unk")},
        minloglevel=2,
    )
    try:
        sentencepiece.SentencePieceTrainer.train(**options)
    except RuntimeError as fault:
        reason = str(fault).splitlines()[-1] if str(fault) else "no text"
        raise UserError(f"tokenizer: no {vocab_size} pieces can be learned from {len(texts)} lines of text: {reason}") from None
    learned = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [(learned.id_to_piece(i), learned.get_score(i)) for i in range(learned.get_piece_size())]
    pieces = [(name, 0.0) for name in SPECIAL] + [piece for piece in pieces[len(SPECIAL) :] if MARK not in piece[0]]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=SPECIAL.index("<unk>")))
    tokenizer.normalizer = NORMALIZER
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
    )


def normalised(text: str) -> str:
    """Return a text as the model of a trained tokenizer reads it: normalised, words separated by single spaces."""
    return " ".join(NORMALIZER.normalize_str(text).split())  # after Nmt, Unicode's white space and Python's are the same


def save(tokenizer: PreTrainedTokenizerBase, folder: Path, max_length: int, literal: bool) -> None:
    """Write a tokenizer that by itself encodes as the model beside it was trained.

    It gives `input_ids` and `attention_mask` alone, and cuts at `max_length` tokens with `truncation=True`. `literal`: what reads
    like a special token is text to it, as far as `split_special_tokens` goes (not for every model of a tokenizer; see
    `read_as_special`).
    """
    written = copy.copy(tokenizer)
    own = {"model_input_names": ["input_ids", "attention_mask"], "split_special_tokens": literal}
    written.model_max_length = max_length
    for name, value in own.items():
        setattr(written, name, value)
    written.init_kwargs = {**tokenizer.init_kwargs, **own}  # what is not among these is not saved
    written.save_pretrained(folder)


def read_as_special(folder: Path) -> list[str]:
    """Return the special tokens that the saved tokenizer, as transformers loads it, takes for special if a text holds them."""
    loaded = AutoTokenizer.from_pretrained(folder)
    names = [name for name in loaded.all_special_tokens if name != loaded.unk_token]
    rows = loaded(names, add_special_tokens=False)["input_ids"]
    return [name for name, row in zip(names, rows, strict=True) if loaded.convert_tokens_to_ids(name) in row]


def fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return a SHA-256 that is the same for tokenizers that give every text the same ids, wherever they were loaded from."""
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()  # what an earlier call left behind is no part of it
    backend.no_padding()
    settings = [*sorted(tokenizer.special_tokens_map.items()), tokenizer.truncation_side]
    return hashlib.sha256(f"{settings}\n{backend.to_str()}".encode()).hexdigest()


def _marked(texts: Iterable[str]) -> list[str]:
    """Return each frequent word once more with a mark glued on.

    The trainer takes its first pieces from substrings of two different words at least: without this, a frequent word that is part
    of no other (common in a small lexicon) would never be a piece.
    """
    counts = Counter(word for text in texts for word in text.split())
    return [word + MARK for word in sorted(counts) if counts[word] >= FREQUENT]
