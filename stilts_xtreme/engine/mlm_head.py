"""The masked-LM head that an encoder comes with: a training that continues on text continues with it, too."""

from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM, PreTrainedModel

from stilts_xtreme.engine import loading, transformers_checkpoint
from stilts_xtreme.models.heads import HEADS

TASK = "text"
LAYOUTS = (("lm_head.dense", "lm_head.layer_norm"), ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm"),
         ("head.dense", "head.norm"))  # where transformers' classes have the dense layer and the norm of such a head  # fmt: skip


def trained(folder: Path) -> dict[str, Tensor] | None:
    """Load the head of a finished training on text, among other tasks or alone; None if it had none."""
    file = folder / f"head-{TASK}.safetensors"
    return load_file(file) if file.exists() else None


def published(name: str, revision: str | None = None) -> dict[str, Tensor] | None:
    """Load the head of a published encoder (hub id or local folder), as the weights of `heads.mlm.Head`.

    None if its checkpoint holds no whole head (what it lacks would be random), or a head that computes something else:
    EuroBERT's, which is a single layer. It is tried on two rows of tokens.
    """
    model, info = AutoModelForMaskedLM.from_pretrained(
        name, dtype=torch.float32, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True,
        **loading.options(name, revision),
    )  # fmt: skip
    parts = dict(model.named_modules())
    layout = next((layout for layout in LAYOUTS if all(place in parts for place in layout)), None)
    bias = transformers_checkpoint.tokens_bias(model)
    if layout is None or bias is None:
        return None
    absent = [*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])]
    if any(key.startswith((*layout, bias)) for key in absent):
        return None
    dense, norm = (parts[place] for place in layout)
    return _head(model.eval(), cast(nn.Linear, dense), cast(nn.LayerNorm, norm), bias)


def _head(model: PreTrainedModel, dense: nn.Linear, norm: nn.LayerNorm, bias: str) -> dict[str, Tensor] | None:
    """Return the head's weights, if `heads.mlm.Head` gives the same logits with them."""
    layers: dict[str, Tensor | None] = {
        "dense.weight": dense.weight, "dense.bias": dense.bias, "norm.weight": norm.weight, "norm.bias": norm.bias
    }  # fmt: skip
    filled = {name: torch.zeros_like(norm.weight) if value is None else value for name, value in layers.items()}
    weights = {name: value.detach().clone() for name, value in (filled | {"bias": model.get_parameter(bias)}).items()}
    encoder = cast(PreTrainedModel, model.base_model)
    head = HEADS["mlm"].Head(encoder.config.hidden_size, (), 0.0, encoder.get_input_embeddings(), encoder.config.model_type)
    if any(weights[name].shape != value.shape for name, value in head.state_dict().items()):
        return None
    head.load_state_dict(weights)
    head.norm.eps = norm.eps  # our own is used when training goes on, and is as small
    try:
        with torch.no_grad():
            transformers_checkpoint.compare(model, encoder, "mlm", head.eval())
    except transformers_checkpoint.NoMatch:
        return None
    return weights
