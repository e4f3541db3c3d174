#!/bin/bash
# transformers 5.24.0 (tokenizers 0.23.3, sentencepiece 0.2.3), Python 3.11
#
# An XLM-R folder whose tokenizer files were not copied, or whose SentencePiece file has another class's name (spm.model).
# Expected: AutoTokenizer.from_pretrained raises and names the missing file, as transformers 4 did.
# Seen: it gives an XLMRobertaTokenizer of five pieces (<s> <pad> </s> <unk> <mask>) without a word; every word is <unk>:
#     no file at all   5 pieces, 'the cat sat' -> ['<unk>', '<unk>', '<unk>']
#     spm.model alone  the same
# Exits with 1 if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q transformers==5.24.0 tokenizers==0.23.3 sentencepiece==0.2.3
cat > "$folder/try.py" <<'PY'
import io
import json
import sys
from pathlib import Path

import sentencepiece
from transformers import AutoTokenizer

model = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(["the cat sat on the mat", "a dog ran to the cat"] * 20), model_writer=model, vocab_size=40,
    hard_vocab_limit=False, minloglevel=2)
small = []
for name, files in {"no file at all": {}, "spm.model alone": {"spm.model": model.getvalue()}}.items():
    folder = Path(sys.argv[1]) / name.replace(" ", "-")
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "xlm-roberta"}))
    for file, content in files.items():
        (folder / file).write_bytes(content)
    words = AutoTokenizer.from_pretrained(folder)
    ids = words("the cat sat", add_special_tokens=False)["input_ids"]
    print(f"{name:16} {type(words).__name__} {len(words)} pieces, 'the cat sat' -> {words.convert_ids_to_tokens(ids)}")
    small.append(len(words) == 5 and set(ids) == {words.unk_token_id})
sys.exit(not all(small))
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder" 2>/dev/null
