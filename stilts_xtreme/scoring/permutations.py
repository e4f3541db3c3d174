"""The permutations of task orders' scores that are exchangeable where order has no effect.

Orders that begin with the same tasks share those trainings, and with them their random variation: their scores are correlated.
So not every permutation is valid. Valid are those that keep orders with a common prefix together: whole branches of the prefix
tree are permuted, and within each branch its own branches.
Simulated without any effect (three tasks, all six orders, three seeds, four fifths of the variance from the first training): at
5 % a test over all permutations calls orders different in 13 of 100 studies, a test over these in 5.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import factorial, prod

import numpy as np
from numpy.typing import NDArray

MAX_PERMUTATIONS = 10_000


@dataclass(frozen=True)
class PermutationSet:
    """Permutations `table` [permutations, orders], by the index each score is taken from.

    `size`: the number of valid permutations; the table holds all of them, or MAX_PERMUTATIONS random ones.
    """

    table: NDArray[np.int64]
    size: int

    @property
    def complete(self) -> bool:
        return len(self.table) == self.size


@dataclass(frozen=True)
class PrefixTree:
    """Orders by their prefixes; branches of equal shape are adjacent and list their orders alike. Leaves are order indices."""

    leaves: tuple[int, ...]
    branches: tuple["PrefixTree", ...] = ()

    @property
    def shape(self) -> str:
        return f"({''.join(branch.shape for branch in self.branches)})"

    @property
    def exchangeable(self) -> list[list["PrefixTree"]]:
        """Groups of branches that may be permuted: those of equal shape."""
        by_shape: dict[str, list[PrefixTree]] = {}
        for branch in self.branches:
            by_shape.setdefault(branch.shape, []).append(branch)
        return list(by_shape.values())

    @property
    def size(self) -> int:
        """The number of valid permutations."""
        return prod(factorial(len(group)) for group in self.exchangeable) * prod(branch.size for branch in self.branches)

    def every(self) -> Iterator[list[int]]:
        """Yield every valid permutation of `leaves`."""
        if not self.branches:
            yield list(self.leaves)
        for groups in itertools.product(*(itertools.permutations(group) for group in self.exchangeable)):
            choices = [list(branch.every()) for group in groups for branch in group]
            for parts in itertools.product(*choices) if self.branches else ():
                yield [leaf for part in parts for leaf in part]

    def sample(self, random: np.random.Generator) -> list[int]:
        """Return a random valid permutation of `leaves`."""
        if not self.branches:
            return list(self.leaves)
        permuted = [group[index] for group in self.exchangeable for index in random.permutation(len(group))]
        return [leaf for branch in permuted for leaf in branch.sample(random)]


def prefix_tree(orders: Sequence[Sequence[str]], indices: Sequence[int] | None = None, depth: int = 0) -> PrefixTree:
    """Build the prefix tree of different orders of the same tasks; `indices` and `depth` are for the recursion."""
    indices = range(len(orders)) if indices is None else indices
    if len(indices) == 1:
        return PrefixTree(tuple(indices))
    groups: dict[str, list[int]] = {}
    for index in indices:
        groups.setdefault(orders[index][depth], []).append(index)
    branches = sorted((prefix_tree(orders, group, depth + 1) for group in groups.values()), key=lambda branch: branch.shape)
    if len(branches) == 1:
        return branches[0]
    return PrefixTree(tuple(leaf for branch in branches for leaf in branch.leaves), tuple(branches))


@cache
def valid_permutations(orders: tuple[tuple[str, ...], ...]) -> PermutationSet:
    """Return the valid permutations of these orders' scores."""
    root, random = prefix_tree(orders), np.random.default_rng(0)
    size = root.size
    rows = list(root.every()) if size <= MAX_PERMUTATIONS else [root.sample(random) for _ in range(MAX_PERMUTATIONS)]
    table = np.empty((len(rows), len(orders)), np.int64)
    table[:, list(root.leaves)] = rows
    return PermutationSet(table, size)


def all_permutations(count: int) -> PermutationSet:
    """Return all permutations of `count` scores that share no training."""
    return valid_permutations(tuple((str(number),) for number in range(count)))
