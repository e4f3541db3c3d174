#!/bin/bash
# transformers 5.24.0 (tokenizers 0.23.3, sentencepiece 0.2.3, protobuf 7.36.2), Python 3.11
#
# A DeBERTa-v2/v3 folder whose tokenizer is `spm.model` alone, as the DeBERTa-v3 repositories are published.
# Expected: AutoTokenizer gives the pieces that SentencePiece gives with that model, as it does for XLM-R's
#   sentencepiece.bpe.model: both models say nmt_nfkc, so full-width "ＡＢ" becomes "AB" and the ligature "ﬁ" becomes "fi".
# Seen: XLM-R's tokenizer applies the model's normalisation; DebertaV2Tokenizer leaves it out without a word, and what the model
#   would have normalised comes out as unknown pieces:
#     xlm-roberta  sentencepiece.bpe.model  same pieces: True
#     deberta-v2   spm.model                same pieces: False
#       SentencePiece ['▁fish', '▁a', '▁cab'], transformers ['▁', 'ﬁ', 's', 'h', '▁', 'ａ\u3000ｃａｂ']
# Exits with 1 if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q transformers==5.24.0 tokenizers==0.23.3 sentencepiece==0.2.3 protobuf==7.36.2
cat > "$folder/try.py" <<'PY'
import io
import json
import sys
from pathlib import Path

import sentencepiece
from transformers import AutoTokenizer

top = Path(sys.argv[1])
lines = ["a fish and a cab ran to the office", "the cat sat on a mat", "fit the fine office cab", "a dog ran to the fish"] * 20
TEXT = "ﬁsh ａ　ｃａｂ"
SPECIAL = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3, "pad_piece": "[PAD]", "bos_piece": "[CLS]",
           "eos_piece": "[SEP]", "unk_piece": "[UNK]"}


def same(kind, file, **special):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, vocab_size=60, hard_vocab_limit=False, minloglevel=2,
        normalization_rule_name="nmt_nfkc", **special)
    folder = top / kind
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    (folder / file).write_bytes(model.getvalue())
    theirs = AutoTokenizer.from_pretrained(folder).tokenize(TEXT)
    own = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).encode(TEXT, out_type=str)
    print(f"{kind:12} {file:24} same pieces: {theirs == own}\n   SentencePiece {own}\n   transformers  {theirs}")
    return theirs == own


found = [same("xlm-roberta", "sentencepiece.bpe.model"), same("deberta-v2", "spm.model", **SPECIAL)]
sys.exit(found != [True, False])
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder" 2>/dev/null
