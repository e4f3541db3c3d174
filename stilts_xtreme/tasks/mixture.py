"""How a mixture of tasks turns into an order of training steps, before training starts."""

from collections.abc import Mapping


def rates(
    sizes: Mapping[str, int], rule: str | Mapping[str, float] = "proportional", cap: int | None = None, temperature: float = 1.0
) -> dict[str, float]:
    """Return sampling rates of tasks with `sizes` training examples (long texts: their windows), in the order of `sizes`.

    proportional: min(n, cap) (Raffel et al. 2020, arXiv 1910.10683, section 3.5.2); temperature: the same to the power 1/T;
    equal: the same share each; a mapping gives the weights themselves.
    """
    if isinstance(rule, Mapping):
        return powers({task: rule[task] for task in sizes})
    exponent = {"equal": 0.0, "temperature": 1.0 / temperature}.get(rule, 1.0)
    return powers({task: min(n, cap or n) for task, n in sizes.items()}, exponent)


def powers(sizes: Mapping[str, float], exponent: float | None = None) -> dict[str, float]:
    """Return shares proportional to size to the power `exponent` (None: 1), as multilingual pre-training samples languages."""
    weights = {name: float(size) ** (1.0 if exponent is None else exponent) for name, size in sizes.items()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def quotas(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Divide `total` by `shares` into whole numbers that add up to it (largest remainder, ties to the earlier task)."""
    exact = {name: share * total for name, share in shares.items()}
    whole = {name: int(value) for name, value in exact.items()}
    short = total - sum(whole.values())
    for name in sorted(exact, key=lambda name: whole[name] - exact[name])[:short]:
        whole[name] += 1
    return whole


def epoch_steps(sizes: Mapping[str, int], batch_size: int, cap: int | None = None) -> int:
    """Return the steps of a pass over every task, none counted beyond `cap` examples."""
    return sum(-(-min(n, cap or n) // batch_size) for n in sizes.values())


def schedule(shares: Mapping[str, float], steps: int, seed: int) -> list[str]:
    """Return the task of every step: each task gets its quota exactly, in an order fixed by `seed`."""
    import numpy as np

    names = [name for name, count in quotas(shares, steps).items() for _ in range(count)]
    return [names[i] for i in np.random.default_rng([seed, 101]).permutation(len(names))]
