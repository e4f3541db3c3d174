"""Muon for the matrices of an encoder's layers, AdamW for the rest.

Jordan et al. 2024, https://kellerjordan.github.io/posts/muon
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from stilts_xtreme.engine.flops import MUON
from stilts_xtreme.engine.optimizer import AdamW, gradients_of
from stilts_xtreme.utils.errors import UserError

MOMENTUM = 0.95
COEFFICIENTS = 3.4445, -4.7750, 2.0315  # of Jordan et al.
SIZE = 0.3  # root mean square of an update; AdamW's has 0.2 to 0.4 (arXiv 2502.16982), so both go with the same learning rate


def orthogonal(matrices: Tensor, iterations: int = MUON) -> Tensor:
    """Return matrices [N, R, C], R at most C, with the same singular vectors and singular values near 1 (Newton-Schulz).

    Five are usual; after four the values lie in about the same range.
    """
    a, b, c = COEFFICIENTS
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(iterations):
        gram = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


class Muon(AdamW):
    """Each of `matrices` goes against the orthogonal matrix nearest to its momentum (Nesterov's); the other weights have AdamW.

    Weight decay, clipping (by the norm of all gradients) and the learning rate are the same for both. Raises UserError where a
    process holds but a part of a matrix.
    """

    def __init__(self, parameters: Iterable[Tensor], matrices: Iterable[Tensor], decay: float, beta2: float, epsilon: float):
        super().__init__(parameters, decay, beta2, epsilon)
        if self.cut:
            raise UserError("recipe.optimizer: muon needs whole matrices: leave out --shard, or say adamw")
        self.decay = decay
        apart = {id(p) for p in matrices if p.requires_grad}
        trained = [p for _, group in self.groups for p in group]
        self.groups = [(decay, [p for p in group if id(p) not in apart]) for decay, group in self.groups]
        self.stacks: dict[tuple[int, ...], list[Tensor]] = {}  # by shape, whichever way the matrices lie
        for p in trained:
            if id(p) in apart:
                self.stacks.setdefault(tuple(sorted(p.shape)), []).append(p)

    @torch.no_grad()
    def step(self, rate: float, factor: float, clip: float, total: Tensor) -> None:
        """As `AdamW.step`."""
        stacks = [due for stack in self.stacks.values() if (due := [p for p in stack if p.grad is not None])]
        others = [p for _, group in self.groups for p in group if p.grad is not None]
        norm = self._norm(gradients_of([*others, *(p for stack in stacks for p in stack)])) * factor
        scale = factor * torch.clamp(clip / (norm + 1e-6), max=1.0)
        sound = torch.isfinite(total)
        for stack in stacks:
            self._turn(stack, rate, scale, sound)
        self._adam(rate, scale, sound)

    def _turn(self, stack: Sequence[Tensor], rate: float, scale: Tensor, sound: Tensor) -> None:
        """Update these matrices, which have the same shape."""
        for p in stack:
            if p not in self.state:  # as AdamW's: first moment, second moment (none here), steps
                self.state[p] = torch.zeros_like(p), p.new_zeros(0), torch.zeros((), device=p.device)
        moments = torch.stack([_lying(self.state[p][0]) for p in stack])
        gradients = torch.stack([_lying(gradient) for gradient in gradients_of(stack)]) * scale
        gradients = torch.where(sound, gradients, moments)  # a lost step leaves the momentum as it is
        moments.lerp_(gradients, 1 - MOMENTUM)
        ahead = torch.lerp(gradients, moments, MOMENTUM)
        updates = orthogonal(ahead) * (sound * -rate * SIZE * ahead.shape[2] ** 0.5)
        shrink = 1 - rate * self.decay * sound
        for p, moment, update in zip(stack, moments, updates, strict=True):
            first, _, steps = self.state[p]
            _lying(first).copy_(moment)
            steps.add_(sound)
            _lying(p).mul_(shrink).add_(update)
            p.grad = None


def _lying(matrix: Tensor) -> Tensor:
    """Return the matrix, or its transpose if it has more rows than columns."""
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T


def optimizer(model: nn.Module, encoder: nn.Module, kind: str, decay: float, beta2: float, epsilon: float) -> AdamW:
    """Make the optimizer of a recipe: `kind` is adamw or muon, whose matrices are those of the linear layers of `encoder`."""
    if kind == "adamw":
        return AdamW(model.parameters(), decay, beta2, epsilon)
    matrices = [module.weight for module in encoder.modules() if isinstance(module, nn.Linear)]
    return Muon(model.parameters(), matrices, decay, beta2, epsilon)
