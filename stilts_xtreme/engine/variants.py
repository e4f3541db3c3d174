"""Variants of inference with a trained classifier: the same weights, from rows of token ids to logits on the host."""

import copy
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from stilts_xtreme.engine import onnx, transformers_checkpoint
from stilts_xtreme.engine.batches import collate, to
from stilts_xtreme.engine.encoder import Model, can_pack, keeps_apart
from stilts_xtreme.engine.onnx import Unavailable
from stilts_xtreme.models.heads import classification
from stilts_xtreme.models.heads.common import Tokenizer

Rows = Sequence[np.ndarray]
Run = Callable[
    [Rows, int | None], np.ndarray
]  # rows, and the length to fill them up to (None: that of the longest) -> logits [B, C]
UNPADDED = ("packed", "packed-bf16")  # have no length to fill up to
BY_LENGTH = ("sorted", *UNPADDED)  # take the pairs they are given sorted by length


def build(variant: str, model: Model, task: str, tokenizer: Tokenizer, device: torch.device, threads: int) -> Run:
    """Return a function that runs the model in this variant; weights are shared if the variant leaves them as they are.

    Raises Unavailable where this machine, or what is installed on it, cannot.
    """
    model.eval()
    return _BUILDERS[variant](model, task, tokenizer, device, threads)


class Padded(nn.Module):
    """Encoder and classification head from padded ids and mask [B, L] to logits [B, C]."""

    def __init__(self, model: Model, task: str):
        super().__init__()
        self.encoder = model.encoder
        head = model.heads[task]
        assert isinstance(head, classification.Head)
        self.head = head.classify

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return self.head(hidden[:, 0])


class Half(Padded):
    """The same, the encoder's matrices in bf16; the head stays in fp32, as it does when a stage predicts."""

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast(ids.device.type, torch.bfloat16):
            hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return self.head(hidden[:, 0].float())


def fill(rows: Rows, value: int, length: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return ids and mask [B, L] as int64; longer rows are cut at `length`."""
    width = length or max(map(len, rows))
    ids, mask = np.full((len(rows), width), value, np.int64), np.zeros((len(rows), width), np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row[:width]
        mask[i, : len(row)] = 1
    return ids, mask


def _padded(module: Callable[[Tensor, Tensor], Tensor], encoder: PreTrainedModel, device: torch.device) -> Run:
    def run(rows: Rows, length: int | None = None) -> np.ndarray:
        encoder.config._attn_implementation = transformers_checkpoint.attention(encoder)  # packed turns leave another
        arrays = fill(rows, encoder.config.pad_token_id, length)
        ids, mask = (torch.from_numpy(array).to(device) for array in arrays)
        with torch.inference_mode():
            return module(ids, mask).float().cpu().numpy()

    return run


def _eager(model: Model, task: str, tokenizer: Tokenizer, device: torch.device, threads: int) -> Run:
    return _padded(Padded(model, task), model.encoder, device)


def _compiled(model: Model, task: str, tokenizer: Tokenizer, device: torch.device, threads: int) -> Run:
    if device.type == "cpu" and not (shutil.which("g++") or shutil.which("clang++")):
        raise Unavailable("torch.compile needs a C++ compiler (g++ or clang++), and none is on the path")
    run = _padded(torch.compile(Padded(model, task), dynamic=True), model.encoder, device)
    tried = [np.arange(5, dtype=np.int64) + 4] * 2
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run(tried[:1], None), run(tried, None)  # a batch of a single row is a case of its own
    except Exception as fault:  # whatever the compiler's chain of tools raises
        raise Unavailable(f"torch.compile failed: {onnx.line(fault)}") from None
    return run


def _bf16(model: Model, task: str, tokenizer: Tokenizer, device: torch.device, threads: int) -> Run:
    half = _halved(model, device)
    return _padded(Half(half, task), half.encoder, device)


def _packed(model: Model, task: str, tokenizer: Tokenizer, device: torch.device, threads: int) -> Run:
    if not can_pack(model.encoder):
        raise Unavailable(f"packed rows are not known for encoders of kind {model.encoder.config.model_type}")
    with torch.autocast(device.type, torch.bfloat16, enabled=model.bf16):
        if not keeps_apart(model.encoder, device):
            raise Unavailable("on this device packed rows are worked on in half precision only, from NVIDIA's Ampere on")
    kind = model.kinds[task]

    def run(rows: Rows, length: int | None = None) -> np.ndarray:
        features = [{"rows": [row], "target": 0, "example": 0} for row in rows]
        batch = to(collate(kind, features, tokenizer), device)
        with torch.inference_mode():
            return model.logits(task, batch).float().cpu().numpy()

    return run


def _packed_bf16(model: Model, task: str, tokenizer: Tokenizer, device: torch.device, threads: int) -> Run:
    return _packed(_halved(model, device), task, tokenizer, device, threads)


def _halved(model: Model, device: torch.device) -> Model:
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise Unavailable(f"{torch.cuda.get_device_name(device)} has no bf16")
    return copy.deepcopy(model).halve()


def _int8(model: Model, task: str, tokenizer: Tokenizer, device: torch.device, threads: int) -> Run:
    """Dynamic quantisation: weights of linear layers as int8 once, their inputs at every call, with a scale for each batch."""
    if device.type != "cpu":
        raise Unavailable("dynamic int8 of torch.ao.quantization runs on CPUs only")
    try:
        from torch.ao.quantization import quantize_dynamic
    except ImportError:
        raise Unavailable("this torch has no torch.ao.quantization any more (its successor is the package torchao)") from None
    if torch.backends.quantized.engine == "none":
        raise Unavailable("this torch was built without a quantised engine")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated since 2.10, and still there
        padded = quantize_dynamic(Padded(copy.deepcopy(model), task).eval(), {nn.Linear}, dtype=torch.qint8)
    return _padded(padded, padded.encoder, device)


def _onnx(model: Model, task: str, tokenizer: Tokenizer, device: torch.device, threads: int) -> Run:
    onnx.needed()
    model.encoder.config._attn_implementation = transformers_checkpoint.attention(model.encoder)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.write(Padded(model, task), onnx.rows(device), ["logits"], path)
        session = onnx.session(path, device, threads)
    pad = model.encoder.config.pad_token_id

    def run(rows: Rows, length: int | None = None) -> np.ndarray:
        return session.run(None, dict(zip(onnx.INPUTS, fill(rows, pad, length), strict=True)))[0]

    return run


_BUILDERS: dict[str, Callable[..., Run]] = {
    "eager": _eager,
    "sorted": _eager,
    "packed": _packed,
    "compiled": _compiled,
    "bf16": _bf16,
    "packed-bf16": _packed_bf16,
    "int8": _int8,
    "onnx": _onnx,
}
