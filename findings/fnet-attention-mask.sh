#!/bin/bash
# transformers 5.24.0, torch 2.13.0, Python 3.11
#
# Padding in encoders: does a row's own attention mask hide the padding behind it?
# Expected: with attention_mask, the states of a row's real tokens are the same whether the row stands alone or is padded, in every
#   encoder that takes the mask; one that cannot use a mask refuses it (an unknown keyword is a TypeError).
# Seen (largest difference of the states of 5 real tokens, alone and padded to 18, random tiny models in eval mode):
#     bert          0.0000
#     fnet          3.4818: FNetModel takes attention_mask=... without a word (it disappears in **kwargs) and mixes padding in
#     convbert      0.0047: its convolutions run over the padding
#     nystromformer 0.0009: its landmarks are means over padding, too
#   So scores of these three depend on which rows share a batch.
# Exits with 1 if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q transformers==5.24.0 torch==2.13.0
cat > "$folder/try.py" <<'PY'
import sys

import torch
from transformers import BertConfig, ConvBertConfig, FNetConfig, NystromformerConfig, AutoModel

SMALL = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
         "max_position_embeddings": 20, "pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 3}
row = torch.randint(5, 64, (1, 5), generator=torch.Generator().manual_seed(0))
padded = torch.cat([row, torch.full((1, 13), 1)], 1)
mask = (padded != 1).long()


@torch.no_grad()
def difference(config):
    torch.manual_seed(0)
    model = AutoModel.from_config(config).eval()
    alone = model(input_ids=row, attention_mask=torch.ones_like(row)).last_hidden_state
    beside = model(input_ids=padded, attention_mask=mask).last_hidden_state[:, :5]
    found = (alone - beside).abs().max().item()
    print(f"{config.model_type:14} {found:.6f}")
    return found


bert = difference(BertConfig(**SMALL))
others = [difference(FNetConfig(**SMALL)), difference(ConvBertConfig(**SMALL, embedding_size=16, head_ratio=1)),
          difference(NystromformerConfig(**SMALL))]
sys.exit(not (bert < 1e-5 and all(other > 1e-4 for other in others)))
PY
"$folder/venv/bin/python" "$folder/try.py" 2>/dev/null
