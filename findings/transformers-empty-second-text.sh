#!/usr/bin/env bash
# transformers 5.24.0: a pair whose second text is empty is encoded as a pair in a batch, and as a single text alone.
# Expected: tokenizer("a", "") and tokenizer(["a"], [""]) give the same ids.
# Real: alone, the empty second text counts as none: the separators of the pair are missing. (The text-classification pipeline
#   calls it alone, so its rows differ from those that were trained in batches.)
# Output seen:
#   alone:    [0, 4, 2]
#   in batch: [0, 4, 2, 2, 2]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.24.0
"$folder/venv/bin/python" - <<'PY' 2>/dev/null
import sys
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

model = Tokenizer(models.WordLevel({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4}, unk_token="<unk>"))
model.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
model.post_processor = processors.TemplateProcessing(
    single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
)
tokenizer = PreTrainedTokenizerFast(tokenizer_object=model, unk_token="<unk>", pad_token="<pad>")
alone, batch = tokenizer("a", "")["input_ids"], tokenizer(["a"], [""])["input_ids"][0]
print("alone:   ", alone)
print("in batch:", batch)
sys.exit((alone, batch) != ([0, 4, 2], [0, 4, 2, 2, 2]))
PY
