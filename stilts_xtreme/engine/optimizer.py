"""AdamW in a single pass over the weights: the mean over terms, the clipping and the update by torch's own fused kernel."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from stilts_xtreme.engine.sharding import is_part, local


def gradients_of(parameters: Sequence[Tensor]) -> list[Tensor]:
    """Return the gradients of those that have any."""
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


class AdamW:
    """Decoupled weight decay (arXiv 1711.05101) on matrices; vectors (biases, layer norms) are not decayed.

    The arithmetic of torch.optim.AdamW with `fused=True` after `clip_grad_norm_`, less its bookkeeping: that costs
    a small encoder more than the update.
    """

    def __init__(self, parameters: Iterable[Tensor], decay: float, beta2: float, epsilon: float):
        trained = [p for p in parameters if p.requires_grad]
        self.groups = [(decay, [p for p in trained if p.ndim >= 2]), (0.0, [p for p in trained if p.ndim < 2])]
        self.beta2, self.epsilon = beta2, epsilon
        self.state: dict[Tensor, tuple[Tensor, Tensor, Tensor]] = {}  # first and second moment, steps taken
        self._lists: dict[int, tuple[list[Tensor], list[list[Tensor]]]] = {}  # the last step's weights by group, and their state
        self.cut = any(map(is_part, trained))  # of some weights we hold but a part

    @torch.no_grad()
    def step(self, rate: float, factor: float, clip: float, total: Tensor) -> None:
        """Update by the gradients' sums times `factor`, clipped to a norm of `clip`, and let go of them.

        A weight without a gradient stays as it is; so do all of them where `total`, the loss, is not finite.
        """
        norm = self._norm(gradients_of([p for _, group in self.groups for p in group])) * factor
        self._adam(rate, factor * torch.clamp(clip / (norm + 1e-6), max=1.0), torch.isfinite(total))

    def _adam(self, rate: float, scale: Tensor, finite: Tensor) -> None:
        """AdamW's update of `groups`, by the gradients' sums times `scale`; none where the loss is not `finite`."""
        groups = [(decay, [p for p in group if p.grad is not None]) for decay, group in self.groups]
        # The kernel divides gradients by `divisor` and does nothing if `lost` is 1; it takes both as float32 only.
        divisor = (1 / scale).float()
        sound = finite.float()
        lost = 1 - sound
        for number, (decay, group) in enumerate(groups):
            if not group:
                continue
            first, second, steps = self._states(number, group)
            weights, grads = list(group), gradients_of(group)
            if self.cut:
                weights, grads, first, second = ([local(t) for t in part] for part in (weights, grads, first, second))
            torch._foreach_add_(steps, sound)
            torch._fused_adamw_(
                weights, grads, first, second, [], steps, lr=rate, beta1=0.9, beta2=self.beta2, eps=self.epsilon,
                weight_decay=decay, amsgrad=False, maximize=False, grad_scale=divisor, found_inf=lost,
            )  # fmt: skip
            for p in group:
                p.grad = None

    def _states(self, number: int, group: list[Tensor]) -> list[list[Tensor]]:
        """First moments, second moments and steps of these weights; looked up once while they are the same from step to step."""
        known, lists = self._lists.get(number, ([], []))
        if len(known) == len(group) and all(a is b for a, b in zip(known, group, strict=True)):
            return lists
        for p in group:
            if p not in self.state:
                self.state[p] = torch.zeros_like(p), torch.zeros_like(p), torch.zeros((), device=p.device)
        lists = [list(part) for part in zip(*(self.state[p] for p in group), strict=True)]
        self._lists[number] = group, lists
        return lists

    def _norm(self, gradients: list[Tensor]) -> Tensor:
        """Return the norm of all gradients together, with the parts that other processes hold."""
        if not self.cut:
            return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        whole = [gradient for gradient in gradients if not is_part(gradient)]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(whole)))
        ours = torch._foreach_norm([local(gradient) for gradient in gradients if is_part(gradient)])
        squares = torch.linalg.vector_norm(torch.stack(ours)) ** 2
        torch.distributed.all_reduce(squares)
        return (norm**2 + squares).sqrt()
