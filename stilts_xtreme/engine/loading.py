"""Load a published encoder and its tokenizer, and refuse what does not belong together."""

import inspect
import re
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import torch
from tokenizers import Regex, Tokenizer, normalizers
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_MAPPING,
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from stilts_xtreme.engine import transformers_checkpoint
from stilts_xtreme.engine.third_party_output import quiet
from stilts_xtreme.models import published
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import line

Options = dict[str, str | bool | None]  # arguments of every `from_pretrained`
SHOWN = 3  # names of tensors in a message

LoadingInfo = Mapping[str, Collection]  # of `from_pretrained`: keys that are missing, unexpected, or of another shape


def load(name: str | Path, revision: str | None = None) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a published encoder (hub id or local folder) in fp32, and its tokenizer; safetensors only, no remote code.

    UserError if it is missing, broken, or its parts do not belong together. Tensors of the checkpoint that no parameter asks for
    are not loaded; `unused` names them.
    """
    quiet()  # here, since every process that prints something about a checkpoint has loaded it
    if (folder := published.local(str(name))) is not None:  # a model of another kind may lack what an encoder has to have
        published.settings(folder)
        _config(name, {"trust_remote_code": False})
    how = options(name, revision)
    config = _config(name, how)
    tokenizer = _tokenizer(name, revision, how)
    pooled = "add_pooling_layer" in inspect.signature(_class(config).__init__).parameters
    try:
        encoder, info = AutoModel.from_pretrained(
            name, config=config, dtype=torch.float32, use_safetensors=True, ignore_mismatched_sizes=True,
            output_loading_info=True, **how, **({"add_pooling_layer": False} if pooled else {})
        )  # fmt: skip
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as fault:
        raise UserError(f"encoder {name}: cannot be loaded: {_text(fault)}") from None
    refused, extra = _difference(encoder, info)
    if refused:
        raise UserError(f"encoder {name}: its weights and its configuration do not belong together: {refused}")
    rows, largest = encoder.get_input_embeddings().weight.shape[0], max(tokenizer.get_vocab().values(), default=-1)
    if largest >= rows:
        raise UserError(f"encoder {name}: {published.beyond(largest + 1, rows)}")
    encoder.unused_tensors = extra
    transformers_checkpoint.plain(encoder.config)
    return encoder, tokenizer


def unused(encoder: PreTrainedModel) -> str:
    """Return a sentence on the tensors of the encoder's checkpoint that were not loaded; empty where there are none."""
    names: tuple[str, ...] = getattr(encoder, "unused_tensors", ())
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"not used of the encoder's checkpoint: {', '.join(names[:SHOWN])}{more}" if names else ""


def tokenizer(name: str | Path, revision: str | None = None) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a published encoder; UserError if it is missing, broken, or not of the tokenizers package."""
    return _tokenizer(name, revision, options(name, revision))


def _tokenizer(name: str | Path, revision: str | None, how: Options) -> PreTrainedTokenizerBase:
    folder = Path(name)
    alone = folder.is_dir() and not (folder / published.TOKENIZER).exists() and any(folder.glob("*.model"))
    if alone and find_spec("google.protobuf") is None:
        raise UserError(f"encoder {name}: reading its SentencePiece file takes the package protobuf: pip install protobuf")
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **how)
    except MemoryError:
        raise
    except Exception as fault:
        raise UserError(f"encoder {name}: cannot be loaded: {_blamed(folder)}{_text(fault)}") from None
    if not tokenizer.is_fast:
        raise UserError(f"encoder {name}: its tokenizer is none of the tokenizers package; convert it to a {published.TOKENIZER}")
    there = published.local(str(name)) or published.cached(str(name), revision)
    if there is not None and not (there / published.TOKENIZER).exists():
        _files_used(there, tokenizer)
        _normalise(there, tokenizer)
    return tokenizer


def options(name: str | Path, revision: str | None) -> Options:
    """Return the arguments of every `from_pretrained`; UserError if the encoder is missing or broken."""
    folder = published.local(str(name))
    kwargs: Options = {"revision": revision, "trust_remote_code": False}  # unset, transformers asks on the terminal
    if folder is not None:
        published.check(folder)
    elif not published.online(str(name), revision):
        kwargs["local_files_only"] = True
    return kwargs


def _config(name: str | Path, how: Options) -> PreTrainedConfig:
    """Read the configuration of an encoder; UserError if it cannot be read, or is of a kind that cannot be trained here."""
    try:
        config = AutoConfig.from_pretrained(name, **how)
    except MemoryError:
        raise
    except Exception as fault:  # a damaged folder makes transformers, tokenizers and safetensors raise a dozen kinds
        raise UserError(f"encoder {name}: cannot be loaded: {_text(fault)}") from None
    _check(name, config)
    return config


def _check(name: str | Path, config: PreTrainedConfig) -> None:
    """Raise UserError for models that are no text encoders, and for encoders that cannot be fed rows of several lengths."""
    kind = config.model_type
    if type(config) not in MODEL_FOR_MASKED_LM_MAPPING or config.is_encoder_decoder:
        raise UserError(f"encoder {name}: {kind} is no encoder that reads text in both directions; give another one")
    if hasattr(config, "vision_config") or "input_ids" not in (asked := _inputs(config)):
        raise UserError(f"encoder {name}: {kind} reads more than text; give an encoder of text alone")
    if "attention_mask" not in asked:
        raise UserError(f"encoder {name}: {kind} takes no attention mask: padding would change what it reads; give another one")
    if kind == "reformer":
        raise UserError(f"encoder {name}: {kind} trains on rows of one length only; give another one")
    if kind == "xmod" and config.default_language is None:
        raise UserError(f"encoder {name}: config.json: default_language: name the language whose adapter is used")


def _inputs(config: PreTrainedConfig) -> Collection[str]:
    """Return the names of the parameters of the encoder's `forward`."""
    return inspect.signature(_class(config).forward).parameters


def _class(config: PreTrainedConfig) -> type[PreTrainedModel]:
    """Return the class of the encoder, of several (Funnel's) that which AutoModel takes."""
    classes = MODEL_MAPPING[type(config)]
    return cast(type[PreTrainedModel], classes[0] if isinstance(classes, tuple | list) else classes)


def _text(fault: Exception) -> str:
    text, kind = line(fault, 300), type(fault).__name__
    return text if isinstance(fault, OSError | ValueError) or text == kind else f"{kind} {text}"


def _blamed(folder: Path) -> str:
    """Return the tokenizer file that cannot be read, as the beginning of a message; empty if it is not the cause."""
    path = folder / published.TOKENIZER
    if not path.is_file():
        return ""
    try:
        Tokenizer.from_file(str(path))
    except Exception:
        return f"{path}: "
    return ""


def _files_used(folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    """UserError where the folder has none of the files that the tokenizer's class reads: transformers then makes one of the
    special tokens alone."""
    names = type(tokenizer).vocab_files_names
    wanted = [file for kind, file in names.items() if kind in ("vocab_file", "merges_file")]
    if missing := [file for file in wanted if not (folder / file).is_file()]:
        what = f"{type(tokenizer).__name__} reads {' and '.join(wanted)}, or {published.TOKENIZER}"
        raise UserError(f"encoder {folder}: there is no {missing[0]}: {what}; rename the file, or say the class in its config")


def _normalise(folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give a tokenizer made from a SentencePiece file that file's normalisation where its class leaves it out, as that of
    DeBERTa-v2 does (transformers 5.24)."""
    path = folder / type(tokenizer).vocab_files_names["vocab_file"]
    if path.suffix != ".model":
        return
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto.FromString(path.read_bytes())  # type: ignore[attr-defined]  # made at import
    table, backend = model.normalizer_spec.precompiled_charsmap, tokenizer.backend_tokenizer
    if table and "Precompiled" not in str(backend.normalizer):
        spaces = normalizers.Replace(Regex(" {2,}"), " ")
        before = [] if backend.normalizer is None else [backend.normalizer]
        backend.normalizer = normalizers.Sequence([normalizers.Precompiled(table), *before, spaces])


def _difference(encoder: PreTrainedModel, info: "LoadingInfo") -> tuple[str, tuple[str, ...]]:
    """Return why a checkpoint and its configuration do not belong together (empty if they do), and the tensors of the encoder's
    parts that no parameter asks for.

    They do not if parameters are missing (they would be random) or of another shape, or if a layer is left over.
    """
    if absent := sorted(info["missing_keys"]):
        return f"there is no {absent[0]}", ()
    if other := sorted(info["mismatched_keys"]):
        return f"{other[0][0]} is {list(other[0][1])} where {list(other[0][2])} is asked for", ()
    parts = dict(encoder.named_children())
    names = [name.removeprefix(f"{encoder.base_model_prefix}.") for name in sorted(info["unexpected_keys"])]
    extra = [name for name in names if name.partition(".")[0] in parts and not name.endswith("position_ids")]
    layer = _layer(encoder, extra)
    return (f"{layer} is not asked for", ()) if layer else ("", tuple(extra))


def _layer(encoder: PreTrainedModel, extra: list[str]) -> str:
    """Return the first tensor of a whole layer among those that no parameter asks for; empty where there is none."""
    for place, stack in encoder.named_modules():
        if not isinstance(stack, torch.nn.ModuleList):
            continue
        asked = set(dict(stack[0].named_parameters())) if len(stack) else set()
        layers: dict[str, list[str]] = {}
        for name in extra:
            if match := re.fullmatch(rf"{re.escape(place)}\.(\d+)\.(.+)", name):
                layers.setdefault(match[1], []).append(match[2])
        for number, names in sorted(layers.items(), key=lambda item: int(item[0])):
            if int(number) >= len(stack) and asked <= set(names):
                return f"{place}.{number}.{names[0]}"
    return ""


def longest(encoder: PreTrainedModel) -> int:
    """Return the number of tokens of the longest row the encoder can read.

    Models that follow RoBERTa number positions from their padding index + 1, which their table of positions then names: they
    read so many tokens less than it has rows.
    """
    limits = [encoder.config.max_position_embeddings]
    for name, table in encoder.named_modules():
        if name.rpartition(".")[2] == "position_embeddings" and (weight := getattr(table, "weight", None)) is not None:
            padding = getattr(table, "padding_idx", None)
            limits.append(len(weight) - (0 if padding is None else padding + 1))
    return min(limits)
