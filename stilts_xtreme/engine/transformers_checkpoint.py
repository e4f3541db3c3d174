"""An encoder with a head as the class that transformers has for the two, so that the saved checkpoint is an ordinary one.

Nothing is copied: the class is built without weights, and given ours. It is used only if it computes what was trained, which
is tried on a few tokens every time.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
import transformers
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from stilts_xtreme.models.heads.common import TaskHead

NAMES = {
    "classification": "SEQUENCE_CLASSIFICATION",
    "multiple_choice": "MULTIPLE_CHOICE",
    "tagging": "TOKEN_CLASSIFICATION",
    "span_qa": "QUESTION_ANSWERING",
    "mlm": "MASKED_LM",
}  # kinds of heads that transformers has classes for
# Where those classes keep a head's parts, by kind of encoder in different places: the first that is there is it.
PLACES = {
    "dense": (
        "classifier.dense", "base.pooler.dense", "pooler.dense", "head.dense", "dense",
        "lm_head.dense", "cls.predictions.transform.dense",
    ),
    "norm": ("head.norm", "lm_head.layer_norm", "cls.predictions.transform.LayerNorm"),
    "out": ("classifier.out_proj", "qa_outputs", "classifier"),
}  # fmt: skip
BIASES = ("lm_head.bias", "cls.predictions.bias", "decoder.bias")  # of the logits of all tokens
# What makes a kind's own heads those that are trained here.
SWITCHES: dict[str, dict[str, Any]] = {
    "deberta-v2": {"pooler_hidden_act": "gelu"},
    "eurobert": {"classifier_pooling": "bos"},
    "modernbert": {"classifier_pooling": "cls", "classifier_bias": True, "classifier_activation": "gelu"},
}
Layer = nn.Linear | nn.LayerNorm
LENGTHS = (7, 4)  # tokens of the two rows it is tried on
CLOSE = {"rtol": 1e-4, "atol": 1e-5}  # of two ways to the same logits in single precision


class NoMatch(Exception):
    """Why transformers has no class that computes what was trained."""


@contextmanager
def transformers_model(
    encoder: PreTrainedModel, kind: str, head: TaskHead, labels: Sequence[str]
) -> Iterator[PreTrainedModel]:
    """Yield an instance of transformers' class for this kind of head on this encoder, with the same weights.

    NoMatch if there is no such class, or none that gives the same logits.
    """
    model_class = _class(encoder, kind)
    pooler = cast(nn.Module, getattr(encoder, "pooler", None))  # None as well, which torch's types leave out
    try:
        yield _filled(model_class, encoder, kind, head.eval(), labels)
    finally:
        if hasattr(encoder, "pooler"):
            encoder.pooler = pooler


def _class(encoder: PreTrainedModel, kind: str) -> type[PreTrainedModel]:
    model_class = getattr(transformers, f"MODEL_FOR_{NAMES[kind]}_MAPPING").get(type(encoder.config), None)
    if model_class is None:
        raise NoMatch(f"transformers has no class for {kind.replace('_', ' ')} on {encoder.config.model_type}")
    return model_class


@torch.no_grad()
def _filled(
    model_class: type[PreTrainedModel], encoder: PreTrainedModel, kind: str, head: TaskHead, labels: Sequence[str]
) -> PreTrainedModel:
    name, prefix = model_class.__name__, model_class.base_model_prefix
    with torch.device("meta"):
        model = model_class(_config(encoder, kind, labels))
    if getattr(getattr(model, prefix), "pooler", None) is not None:
        encoder.pooler = getattr(model, prefix).pooler
    setattr(model, prefix, encoder)
    parts, bias = _parts(kind, head)
    if "dense" not in parts and _has(model, "head.dense"):
        parts |= _through(encoder)
    for part, ours in parts.items():
        bias = _put(model, part, ours, bias, encoder)
    if bias is not None:
        _bias(model, bias)
    if left := [place for place, value in (*model.named_parameters(), *model.named_buffers()) if value.is_meta]:
        raise NoMatch(f"{name} has {left[0]}, which the head that was trained has not")
    compare(model.eval(), encoder, kind, head)
    return model


def _config(encoder: PreTrainedModel, kind: str, labels: Sequence[str]) -> PreTrainedConfig:
    config = copy.deepcopy(encoder.config)
    config._attn_implementation = None
    for switch, value in SWITCHES.get(config.model_type, {}).items():
        setattr(config, switch, value)
    if kind in ("tagging", "span_qa") and hasattr(config, "classifier_activation"):
        config.classifier_activation = "linear"  # see `_through`
    if kind in ("classification", "tagging"):
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: number for number, label in enumerate(labels)}
    if kind == "classification":
        config.problem_type = "single_label_classification"
    return config


def attention(encoder: PreTrainedModel) -> str:
    """Return the attention implementation for padded rows, by transformers' name.

    A model without SDPA adds the mask to its scores: given the boolean mask that is made for SDPA, it attends to padding
    (transformers 5.24: MPNet, RemBERT, LUKE and others).
    """
    return "sdpa" if encoder._supports_sdpa else "eager"


def plain(config: PreTrainedConfig) -> None:
    """Take out of an encoder's configuration what another task's head left there."""
    config.id2label, config.label2id, config.problem_type = {0: "LABEL_0", 1: "LABEL_1"}, {"LABEL_0": 0, "LABEL_1": 1}, None


def _parts(kind: str, head: Any) -> tuple[dict[str, Layer], Tensor | None]:
    """Return the layers of a `heads.*.Head` by their role, and the bias of all tokens' logits, if it has any."""
    if kind in ("classification", "multiple_choice"):
        first = head.classify if kind == "classification" else head.score
        normed = {"norm": first.norm} if isinstance(first.norm, nn.LayerNorm) else {}
        return {"dense": first.dense, **normed, "out": first.projection}, None
    if kind == "mlm":
        return {"dense": head.dense, "norm": head.norm}, head.bias
    return {"out": head.classify if kind == "tagging" else head.project}, None


def _through(encoder: PreTrainedModel) -> dict[str, Layer]:
    """Return ModernBERT's layers before its output layer, such that they leave the encoder's states as they are.

    The states come from a norm: without its weights they are what another norm makes of them again.
    """
    last = cast(nn.LayerNorm, encoder.final_norm)
    width, weight = encoder.config.hidden_size, last.weight
    dense, norm = nn.Linear(width, width), nn.LayerNorm(width, eps=last.eps, bias=False)
    dense.weight.copy_(torch.diag(1 / weight))
    dense.bias.zero_()
    norm.weight.copy_(weight * (1 + last.eps) ** 0.5)
    return {"dense": dense, "norm": norm}


def _has(model: PreTrainedModel, place: str) -> bool:
    try:
        model.get_submodule(place)
    except AttributeError:
        return False
    return True


def tokens_bias(model: PreTrainedModel) -> str | None:
    """Return the name of the bias of all tokens' logits; None if the class has none."""
    return next((place for place in BIASES if place in dict(model.named_parameters())), None)


def _put(
    model: PreTrainedModel, part: str, ours: Layer, bias: Tensor | None, encoder: PreTrainedModel
) -> Tensor | None:
    """Give the class our layer; returns the tokens' bias, to which a norm's bias is added if the class's own norm has none."""
    name = type(model).__name__
    places = [place.replace("base.", f"{model.base_model_prefix}.") for place in PLACES[part]]
    place = next((place for place in places if _has(model, place)), None)
    if place is None:
        raise NoMatch(f"{name} has no place for the {part} layer that was trained")
    theirs = cast(Layer, model.get_submodule(place))
    if isinstance(ours, nn.LayerNorm) and (eps := cast(nn.LayerNorm, theirs).eps) != ours.eps:
        raise NoMatch(f"{name}'s norm adds {eps:g} to the variance, the one that was trained {ours.eps:g}")
    theirs.weight = ours.weight
    if theirs.bias is not None:
        theirs.bias = nn.Parameter(torch.zeros(theirs.bias.shape)) if ours.bias is None else ours.bias
    elif ours.bias is not None:
        if bias is None or part != "norm":
            raise NoMatch(f"{name} has no bias in {place}")
        return bias + cast(nn.Embedding, encoder.get_input_embeddings()).weight @ ours.bias
    return bias


def _bias(model: PreTrainedModel, bias: Tensor) -> None:
    """Give the class the tokens' bias, and the encoder's table for their logits."""
    place = tokens_bias(model)
    if place is None:
        raise NoMatch(f"{type(model).__name__} has no bias for the tokens")
    owner, _, leaf = place.rpartition(".")
    setattr(model.get_submodule(owner), leaf, nn.Parameter(bias))
    model.tie_weights()


def compare(model: PreTrainedModel, encoder: PreTrainedModel, kind: str, head: TaskHead) -> None:
    """Raise NoMatch if the model gives other logits for two rows of tokens than this head on the encoder."""
    encoder.config._attn_implementation = attention(encoder)
    encoder.eval()
    ids = torch.arange(max(LENGTHS)).repeat(len(LENGTHS), 1) * 31 + torch.tensor([[7], [11]])
    ids = (ids % encoder.config.vocab_size).to(encoder.device)
    real = (torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]).to(encoder.device)
    mask = real.long()
    hidden = encoder(input_ids=ids, attention_mask=mask).last_hidden_state[real]
    entries = {"offsets": [0, LENGTHS[0]], "choices": [[0, 1]], "positions": list(range(len(hidden)))}
    batch = {name: torch.tensor(value, device=encoder.device) for name, value in entries.items()}
    ours = head(hidden if head.reads is None else hidden[batch[head.reads]], batch)
    if kind == "mlm":
        table = cast(nn.Embedding, encoder.get_input_embeddings())
        ours = torch.addmm(cast(Tensor, head.bias), ours, table.weight.T)
    if kind == "multiple_choice":
        theirs = model(input_ids=ids[None], attention_mask=mask[None]).logits
    else:
        theirs = logits(model(input_ids=ids, attention_mask=mask))
        theirs = theirs if kind == "classification" else theirs[real]
    if ours.shape != theirs.shape or not torch.allclose(ours, theirs, equal_nan=True, **CLOSE):
        raise NoMatch(f"{type(model).__name__} gives other logits than the head that was trained")


def logits(outputs: Mapping[str, Tensor]) -> Tensor:
    """Return the logits of a class with a head; those of span QA as [..., 2], start and end."""
    if "start_logits" in outputs:
        return torch.stack([outputs["start_logits"], outputs["end_logits"]], -1)
    return outputs["logits"]
