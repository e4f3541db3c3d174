#!/usr/bin/env bash
# The same tokenizer.json gives other ids by the class that tokenizer_config.json names.
#
# transformers 5.24.0, tokenizers 0.23.3 (packages of the Python index). Expected: a folder with a tokenizer.json is read as it is, and
# tokenizer_class only decides which Python class wraps it. Seen: XLMRobertaTokenizer takes pieces and normaliser charsmap from the file
# and builds pre-tokenizer and post-processor anew (WhitespaceSplit, then Metaspace), so a space at the end of a text is dropped, as
# SentencePiece does; PreTrainedTokenizerFast uses the file's own pipeline (Metaspace alone), where it becomes a piece of its own.
# Text with a trailing space is common in release files (SQuAD questions, MNLI premises).
#
# Output seen:
#   XLMRobertaTokenizer ['▁one']
#   PreTrainedTokenizerFast ['▁one', '▁']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.24.0 tokenizers==0.23.3
cd "$folder"
cat > try.py <<'PY'
import json
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer

special = ["<s>", "<pad>", "</s>", "<unk>"]
pieces = [(piece, 0.0) for piece in special] + [("▁one", -1.0), ("▁", -2.0), ("<mask>", 0.0)]
built = Tokenizer(models.Unigram(pieces, unk_id=3))
built.pre_tokenizer = pre_tokenizers.Metaspace()
built.add_special_tokens([*special, "<mask>"])
seen = {}
for name in ("XLMRobertaTokenizer", "PreTrainedTokenizerFast"):
    folder = Path(name)
    folder.mkdir()
    built.save(str(folder / "tokenizer.json"))
    tokens = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": name, **tokens}))
    (folder / "config.json").write_text('{"model_type": "xlm-roberta"}')
    tokenizer = AutoTokenizer.from_pretrained(folder)
    seen[name] = tokenizer.tokenize("one ")
    print(name, seen[name])
assert seen == {"XLMRobertaTokenizer": ["▁one"], "PreTrainedTokenizerFast": ["▁one", "▁"]}, "the behaviour changed"
PY
"$folder/venv/bin/python" try.py 2>/dev/null
