"""The gain to expect on some targets and languages, with a 95 % interval over seeds and test examples.

Two things make a measured gain uncertain. Another seed would give another gain: the variance of the gains by seed, s squared,
over n seeds. And so would other test examples: each language's standard error over its examples, d, from the study's
comparisons. The interval joins the two as `scoring.bootstrap` does; what of s is chance of examples counts twice, which widens
it a little.

Test sets of a target are often translations of one another, so that errors of its languages move together. With the same
correlation r between any two, the mean over k languages has the variance (sum of d squared + r x sum of the products of pairs)
/ k squared. r is what the column's own standard error over examples says, held between 0 and 1; 1, the widest, where there is
none.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilts_xtreme.report.summary import Mean, Summary, averaged
from stilts_xtreme.scoring import bootstrap

if TYPE_CHECKING:
    from stilts_xtreme.results.schemas.study import Comparison


@dataclass(frozen=True)
class Estimate:
    """A mean gain; `by_seed` in the seeds' order of the study, `example_variance`: that over test examples, None if unknown.

    `interval` and `p` are None where there are fewer than two seeds.
    """

    gain: float
    by_seed: Mapping[int, float]
    example_variance: float | None
    interval: tuple[float, float] | None
    p: float | None

    @property
    def clear(self) -> bool:
        """Does the interval leave out zero?"""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


def gain(summary: Summary, row: str, targets: Sequence[str], codes: Sequence[str]) -> Estimate | None:
    """Estimate a row's gain, mean over targets and in each over `codes` (none given: all languages); None without scores."""
    parts = [_part(summary, row, target, codes) for target in targets]
    if not (values := averaged([gains for gains, _ in parts])):
        return None
    spreads = [variance for _, variance in parts if variance is not None]
    variance = math.fsum(spreads) / len(parts) ** 2 if len(spreads) == len(parts) else None
    comparison = summary.comparisons.get((row, targets[0])) if len(targets) == 1 and not codes else None
    if comparison is not None and (ends := comparison["interval"]) is not None:
        return Estimate(comparison["gain"], values, variance, (ends[0], ends[1]), comparison["p"])
    return _estimate(values, variance)


def difference(first: Estimate, second: Estimate, paired: bool) -> Estimate | None:
    """Estimate how far the first is ahead of the second; None with too few seeds. `paired`: both have the same encoders.

    Variances over examples are added, as if the two shared none: too wide again, since both are compared with the same baseline.
    """
    variance = (first.example_variance or 0.0) + (second.example_variance or 0.0)
    if paired:
        seeds = [seed for seed in first.by_seed if seed in second.by_seed]
        ahead = _estimate({seed: first.by_seed[seed] - second.by_seed[seed] for seed in seeds}, variance) if seeds else None
        return ahead if ahead and ahead.interval else None
    sides = [(Mean(tuple(side.by_seed.values()), 0).deviation, len(side.by_seed)) for side in (first, second)]
    spreads = [(deviation**2 / count, count - 1) for deviation, count in sides if deviation is not None]
    if len(spreads) < len(sides):
        return None
    ends, p = bootstrap.t_interval(first.gain - second.gain, [*spreads, (variance, math.inf)])
    return Estimate(first.gain - second.gain, {}, variance, ends, p)


def adjusted(values: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values for their number; None stays None and does not count."""
    known = iter(bootstrap.benjamini_hochberg([value for value in values if value is not None]))
    return [None if value is None else next(known) for value in values]


def correlation(comparison: "Comparison") -> float:
    """Derive the correlation between the errors of any two languages of a comparison from the error of their mean."""
    errors = [error for error in _errors(comparison).values() if error is not None]
    squares, products = _sums(errors)
    whole = (comparison.get("deviation") or {}).get("drawn")
    if whole is None or not products:
        return 1.0
    return min(1.0, max(0.0, (whole**2 * len(errors) ** 2 - squares) / products))


def _errors(comparison: "Comparison") -> dict[str, float | None]:
    """Standard errors over test examples by language."""
    return {code: gain.get("deviation") for code, gain in (comparison.get("languages") or {}).items()}


def _part(summary: Summary, row: str, target: str, codes: Sequence[str]) -> tuple[dict[int, float], float | None]:
    """Gains by seed on a target, and their mean's variance over test examples."""
    comparison = summary.comparisons.get((row, target))
    chosen = list(codes) or summary.languages(target)
    gains = summary.gains_by_seed(row, target, codes)
    errors = _errors(comparison) if comparison else {}
    known = [error for code in chosen if (error := errors.get(code)) is not None]
    if comparison is None or not known or len(known) != len(chosen):
        return gains, None
    squares, products = _sums(known)
    return gains, (squares + correlation(comparison) * products) / len(known) ** 2


def _sums(errors: Sequence[float]) -> tuple[float, float]:
    """The sum of squares, and that of the products of all ordered pairs."""
    squares = math.fsum(error**2 for error in errors)
    return squares, max(0.0, math.fsum(errors) ** 2 - squares)


def _estimate(values: Mapping[int, float], variance: float | None) -> Estimate:
    mean = Mean(tuple(values.values()), 0)
    if mean.deviation is None:
        return Estimate(mean.mean, values, variance, None, None)
    ends, p = bootstrap.t_interval(mean.mean, [(mean.deviation**2 / len(values), len(values) - 1), (variance or 0.0, math.inf)])
    return Estimate(mean.mean, values, variance, ends, p)
