"""Models as ONNX files: written by torch's exporter, run by ONNX Runtime."""

import logging
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

EXAMPLE = 16  # tokens of the rows a model is exported with
LARGE = 1.5e9  # bytes: above them weights go into a file of their own, since an ONNX file holds 2 GB
INPUTS = ("input_ids", "attention_mask")


class Unavailable(Exception):
    """A variant or export that this machine, or what is installed on it, cannot do."""


def needed() -> None:
    """Unavailable where a package of the extra `onnx` is missing."""
    if missing := [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]:
        raise Unavailable(f"not installed: {', '.join(missing)} (pip install 'stilts-xtreme[onnx]')")


def rows(device: torch.device, choices: int = 0, length: int = EXAMPLE) -> tuple[Tensor, Tensor]:
    """Ids and mask [2, length] of two rows, the second half as long; with `choices` [2, choices, length]."""
    ids = torch.arange(2 * length, device=device).view(2, length) % 7 + 5
    mask = torch.ones_like(ids)
    mask[1, length // 2 :] = 0
    return (ids, mask) if not choices else (ids[:, None].repeat(1, choices, 1), mask[:, None].repeat(1, choices, 1))


def write(module: nn.Module, example: tuple[Tensor, Tensor], outputs: Sequence[str], path: Path) -> None:
    """Write a module that takes ids and mask as ONNX, every size of theirs left open; Unavailable where the exporter cannot."""
    large = sum(value.nbytes for value in module.parameters()) > LARGE
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it names every package that it could do more with
    open_ = dict.fromkeys(range(example[0].dim()), torch.export.Dim.DYNAMIC)
    try:
        with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module, example, str(path), input_names=list(INPUTS), output_names=list(outputs), dynamo=True,
                dynamic_shapes=(open_, open_), external_data=large, verbose=False,
            )  # fmt: skip
    except Exception as fault:  # the exporter raises many kinds
        raise Unavailable(f"torch.onnx.export failed: {line(fault)}") from None


def session(path: Path, device: torch.device, threads: int) -> "InferenceSession":
    """Load the file in ONNX Runtime; Unavailable if that does not take it, or not on this device."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    wanted = "CUDAExecutionProvider" if device.type == "cuda" else "CPUExecutionProvider"
    if wanted not in onnxruntime.get_available_providers():
        raise Unavailable(f"this onnxruntime has no {wanted}")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[wanted])
    except Exception as fault:  # onnxruntime's own, which have no common base of their own
        raise Unavailable(f"onnxruntime does not take the exported model: {line(fault)}") from None


def line(fault: Exception) -> str:
    """Return kind and first line of an error."""
    first = next((line.strip() for line in str(fault).splitlines() if line.strip()), "")
    return f"{type(fault).__name__}: {first[:200]}"
