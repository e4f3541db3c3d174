"""The masked-LM head that an encoder comes with: where training on text goes on, it is gone on with, too."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForMaskedLM

from stilts_xtreme.engine import loading, standard
from stilts_xtreme.heads import HEADS

TASK = "text"
MAKES = (("lm_head.dense", "lm_head.layer_norm"), ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm"),
         ("head.dense", "head.norm"))  # where classes keep the layers of such a head  # fmt: skip


def trained(folder: Path) -> dict[str, Tensor] | None:
    """That of a finished training on text, among other tasks or alone; None where it had none."""
    file = folder / f"head-{TASK}.safetensors"
    return load_file(file) if file.exists() else None


def published(name: str, revision: str | None = None) -> dict[str, Tensor] | None:
    """That of a published encoder (hub id or local folder), as the weights of `heads.mlm.Head`.

    None where its checkpoint holds none whole (what it lacks would be random), or one that computes something else: EuroBERT's,
    which is one layer. It is tried on two rows of tokens.
    """
    model, told = AutoModelForMaskedLM.from_pretrained(
        name, dtype=torch.float32, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True,
        **loading.options(name, revision),
    )  # fmt: skip
    parts = dict(model.named_modules())
    make = next((make for make in MAKES if all(place in parts for place in make)), None)
    bias = standard.tokens_bias(model)
    if make is None or bias is None:
        return None
    absent = [*told["missing_keys"], *(key for key, *_ in told["mismatched_keys"])]
    return None if any(key.startswith((*make, bias)) for key in absent) else _head(model.eval(), *map(parts.get, make), bias)


def _head(model: Any, dense: Any, norm: Any, bias: str) -> dict[str, Tensor] | None:
    """Its weights, if ours gives the same logits with them."""
    weights = {"dense.weight": dense.weight, "dense.bias": dense.bias, "norm.weight": norm.weight, "norm.bias": norm.bias}
    weights = {name: torch.zeros_like(norm.weight) if value is None else value for name, value in weights.items()}
    weights = {name: value.detach().clone() for name, value in (weights | {"bias": model.get_parameter(bias)}).items()}
    encoder = model.base_model
    head = HEADS["mlm"].Head(encoder.config.hidden_size, (), 0.0, encoder.get_input_embeddings(), encoder.config.model_type)
    if any(weights[name].shape != value.shape for name, value in head.state_dict().items()):
        return None
    head.load_state_dict(weights)
    head.norm.eps = norm.eps  # ours is trained on with its own, which is as small
    try:
        with torch.no_grad():
            standard.compare(model, encoder, "mlm", head.eval())
    except standard.Unlike:
        return None
    return weights
