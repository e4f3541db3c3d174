"""Matrix products in bfloat16, with a bound on their error: twice as fast as single precision on a processor that has them."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from stilts_xtreme.scoring.nearest_neighbors import Float32Kernel, KernelFactory, Vectors, dot_product_error
from stilts_xtreme.utils import system

SAMPLE = 4096  # vectors of a side whose mean is taken
MARGIN = 1e-6  # for what is rounded in single precision on the way: a few parts in 10**7
LEAST = 64  # rows of a product: smaller ones are worked out by other code, whose sums are not known to be in single precision


def fastest() -> KernelFactory:
    """Return the fastest product this processor has for mining and search; results do not depend on it."""
    known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # newer than the oldest PyTorch that will do
    return Brief if known.get("avx512_bf16") and system.fast_bf16() else Float32Kernel


@dataclass(frozen=True, slots=True)
class _Side:
    """Centred vectors in bfloat16 with their shifts, and the largest of lengths, lengths lost and shifts."""

    numbers: torch.Tensor
    count: int
    length: float
    lost: float
    shift: float
    shift_lost: float


class Brief:
    """bfloat16 with sums in single precision; keys are the bits of the rounded cosines, less what all have in common.

    Sentence vectors lie close together, and an error grows with the length of what is rounded. So the mean m of the left and n
    of the right side are taken off first: x.y - m.n = (x - m).(y - n) + (x.n - m.n) + (y.m - m.n). The last two are a number
    for each vector, here its shift; it goes through the product in two parts, beside ones.
    """

    def __init__(self, queries: Vectors, candidates: Vectors) -> None:
        self.left, self.right = _mean(queries), _mean(candidates)
        self.common = float(self.left.astype(np.float64) @ self.right)

    def side(self, units: NDArray[np.float32], left: bool) -> _Side:
        own, other = (self.left, self.right) if left else (self.right, self.left)
        count, dimensions = units.shape
        shift = torch.from_numpy((units @ other.astype(np.float64) - self.common).astype(np.float32))
        centred = torch.from_numpy(units - own)
        numbers = torch.zeros(max(count, LEAST), dimensions + 4, dtype=torch.bfloat16)
        numbers[:count, :dimensions] = centred
        shifts, ones = (slice(-4, -2), slice(-2, None)) if left else (slice(-2, None), slice(-4, -2))
        numbers[:count, ones] = 1
        rough = shift.bfloat16()
        rest = shift - rough.float()
        numbers[:count, shifts] = torch.stack([rough, rest.bfloat16()], dim=1)
        return _Side(
            numbers,
            count,
            length=float(centred.norm(dim=1).max()),
            lost=float((centred - numbers[:count, :dimensions].float()).norm(dim=1).max()),
            shift=float(shift.abs().max()),
            shift_lost=float((rest - rest.bfloat16().float()).abs().max()),
        )

    def block(self, left: _Side, right: _Side) -> tuple[NDArray, float]:
        keys = torch.mm(left.numbers, right.numbers.T).view(torch.int16).numpy()[: left.count, : right.count]
        rounding = left.lost * right.length + (left.length + left.lost) * right.lost + left.shift_lost + right.shift_lost
        largest = (left.length + left.lost) * (right.length + right.lost) + 2 * (left.shift + right.shift)
        return keys, rounding + largest * dot_product_error(left.numbers.shape[1]) + MARGIN

    def keys(self, cosines: NDArray[np.float64]) -> NDArray:
        # The bits of positive numbers are in their order, above those of negative ones. Below zero all pass.
        bits = torch.from_numpy(cosines - self.common).bfloat16().view(torch.int16).numpy()
        return np.where(cosines > self.common, bits, np.iinfo(np.int16).min)

    def bounds(self, keys: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rounded = torch.from_numpy(keys).view(torch.bfloat16).double().numpy()
        half = np.abs(rounded) * 2.0**-8  # at most half the distance to the next number
        return rounded - half + self.common, rounded + half + self.common


def _mean(vectors: Vectors) -> NDArray[np.float32]:
    some = vectors[:: -(-len(vectors) // SAMPLE)].astype(np.float64)
    length = np.linalg.norm(some, axis=1, keepdims=True)
    return (some / np.where(length == 0.0, 1.0, length)).mean(axis=0).astype(np.float32)
