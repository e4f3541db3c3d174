#!/bin/bash
# transformers 5.24.0, torch 2.13.0 (CPU), Python 3.11
#
# A custom attention function (AttentionInterface) in encoders and decoders run under bf16 autocast.
# Expected: query, key and value arrive in one type, bfloat16, as the linear layers under autocast give them.
# Seen: with rotary positions most kinds hand over queries and keys in float32 (the tables of cosines are, and the product is not
#   cast back) beside values in bfloat16; ModernBERT and OLMo 2 cast back. torch's own scaled_dot_product_attention hides it, since
#   autocast casts its arguments; a function that multiplies by itself fails ("expected m1 and m2 to have the same dtype"):
#     bert        bfloat16 bfloat16 bfloat16
#     modernbert  bfloat16 bfloat16 bfloat16
#     olmo2       bfloat16 bfloat16 bfloat16
#     eurobert    float32 float32 bfloat16
#     llama       float32 float32 bfloat16
#     gpt_neox    float32 float32 bfloat16
#     nomic_bert  float32 float32 bfloat16
# Exits with 1 if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 transformers==5.24.0
cat > "$folder/try.py" <<'PY'
import sys

import torch
from transformers import AttentionInterface, AttentionMaskInterface, AutoConfig, AutoModel

arrived = {}


def attention(module, query, key, value, attention_mask, **more):
    arrived["types"] = " ".join(str(states.dtype).removeprefix("torch.") for states in (query, key, value))
    return value.transpose(1, 2).contiguous(), None


AttentionInterface.register("custom", attention)
AttentionMaskInterface.register("custom", lambda *_, **__: None)
SHAPE = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
         "intermediate_size": 48, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
one, mixed = "bfloat16 bfloat16 bfloat16", "float32 float32 bfloat16"
EXPECTED = dict.fromkeys(("bert", "modernbert", "olmo2"), one) | dict.fromkeys(("eurobert", "llama", "gpt_neox", "nomic_bert"), mixed)
types = {}
for kind in EXPECTED:
    config = AutoConfig.for_model(kind, **SHAPE)
    config._attn_implementation = "custom"
    model = AutoModel.from_config(config).eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        model(input_ids=torch.tensor([[5, 6, 7]]))
    types[kind] = arrived["types"]
    print(f"{kind:11} {types[kind]}")
sys.exit(types != EXPECTED)
PY
"$folder/venv/bin/python" "$folder/try.py" 2>/dev/null
