"""bfloat16 on a CPU: by its own instructions where these are faster, else by products in single precision.

A product of two bfloat16 numbers is exact in single precision, and so are its sums taken there: rounding the factors first and
the result last gives what a bfloat16 instruction gives, but for the order of the sums. Without such instructions PyTorch's own
emulation is ten times slower than single precision (oneDNN 3.12 on AVX2), and on Intel's servers without AMX (a virtual machine
may hide it) the instructions reach half of single precision's rate.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

from stilts_xtreme.utils import system

T = TypeVar("T")


def emulated() -> bool:
    """Return whether bfloat16 products on this processor are worked out in single precision."""
    return system.fast_bf16() is False


@contextmanager
def autocast(kind: str) -> Iterator[None]:
    """Use bfloat16 inside, where torch.autocast does, on a device of this kind."""
    with torch.autocast(kind, torch.bfloat16):
        if kind == "cpu" and emulated():
            with _Emulated():
                yield
        else:
            yield


def bmm(left: Tensor, right: Tensor) -> Tensor:
    """Compute torch.bmm of tensors of the same type; not for a graph of autograd."""
    if left.dtype == torch.bfloat16 and left.device.type == "cpu" and emulated():
        with _single():
            return torch.bmm(left.float(), right.float()).bfloat16()
    return torch.bmm(left, right)


class _Emulated(TorchFunctionMode):
    """Linear layers by `_Linear`."""

    def __torch_function__(
        self, function: Callable[..., T], types: Any, args: Any = (), kwargs: Any = None
    ) -> T | Tensor:  # fmt: skip
        if function is linear:
            return _linear(*args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:  # the names of torch's function
    return _Linear.apply(input, weight, bias)


class _LinearContext(FunctionCtx):
    types: tuple[torch.dtype, torch.dtype, torch.dtype | None]  # of rows, weight and bias
    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]


class _Linear(torch.autograd.Function):
    """A linear layer of rows [..., in] as autocast computes it: factors, result and gradients are rounded to bfloat16."""

    @staticmethod
    def forward(ctx: "_LinearContext", rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        half = rows.bfloat16()
        ctx.save_for_backward(half, weight)
        ctx.types = rows.dtype, weight.dtype, None if bias is None else bias.dtype
        with _single():
            result = linear(half.flatten(0, -2).float(), _rounded(weight), None if bias is None else _rounded(bias))
        return result.bfloat16().view(*rows.shape[:-1], -1)

    @staticmethod
    def backward(ctx: "_LinearContext", gradient: Tensor) -> tuple[Tensor | None, ...]:
        half, weight = ctx.saved_tensors
        of_rows, of_weight, of_bias = ctx.types
        flat = gradient.flatten(0, -2).float()
        asked = ctx.needs_input_grad
        with _single():
            return (
                (flat @ _rounded(weight)).bfloat16().view(half.shape).to(of_rows) if asked[0] else None,
                (flat.T @ half.flatten(0, -2).float()).bfloat16().to(of_weight) if asked[1] else None,
                flat.sum(0).bfloat16().to(of_bias) if asked[2] else None,
            )


def _single() -> torch.autocast:
    """Without autocast, which is still on in a function's forward pass."""
    return torch.autocast("cpu", enabled=False)


def _rounded(tensor: Tensor) -> Tensor:
    return tensor.bfloat16().float()
