"""The masked-LM head that an encoder comes with: where training on text goes on, it is gone on with, too."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForMaskedLM

from stilts_xtreme.engine.standard import place_of, tokens_bias

TASK = "text"


def trained(folder: Path) -> dict[str, Tensor] | None:
    """That of a finished training on text, among other tasks or alone; None where it had none."""
    file = folder / f"head-{TASK}.safetensors"
    return load_file(file) if file.exists() else None


def published(name: str, revision: str | None = None) -> dict[str, Tensor] | None:
    """That of a published encoder (hub id or local folder), as the weights of `heads.mlm.Output`.

    None where its checkpoint holds none (whatever it lacks would be random), or one of another make than dense, norm and the
    input table: EuroBERT's.
    """
    model, told = AutoModelForMaskedLM.from_pretrained(
        name, revision=revision, trust_remote_code=False, dtype=torch.float32, use_safetensors=True, output_loading_info=True
    )
    parts = {part: place_of(model, part) for part in ("dense", "norm")}
    bias = tokens_bias(model)
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    inside = (*filter(None, parts.values()), *filter(None, [bias]))
    if None in parts.values() or bias is None or not tied or any(key.startswith(inside) for key in told["missing_keys"]):
        return None
    dense, norm = (model.get_submodule(place) for place in parts.values())
    head = {"dense.weight": dense.weight, "dense.bias": dense.bias, "norm.weight": norm.weight, "norm.bias": norm.bias}
    absent = {name: torch.zeros_like(norm.weight) for name, value in head.items() if value is None}
    return {name: value.detach().clone() for name, value in (head | absent | {"bias": model.get_parameter(bias)}).items()}
