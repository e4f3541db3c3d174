"""The tested comparisons that a study may carry: its gains with intervals, p-values and adjusted p-values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LEVEL = 0.05  # false discovery rate below which a gain is called significant
AVERAGE = "average"


@dataclass(frozen=True)
class Comparison:
    """A row against its baseline on one target, or on the average of all; the interval holds 95 % of paired bootstrap samples.

    `q` is `p` adjusted within its family (Benjamini-Hochberg); `languages`: gain and its standard error over test examples;
    `tests`, by language too: the ends of the interval, p and q, which older results do not hold.
    """

    row: str
    baseline: str
    column: str
    gain: float
    values: Mapping[int, float]
    interval: tuple[float, float] | None
    p: float | None
    q: float | None
    examples: int | None
    languages: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    drawn: float | None = None  # the gain's standard error over test examples
    tests: Mapping[str, tuple[float, float, float, float]] = field(default_factory=dict)

    @property
    def significant(self) -> bool:
        return self.q is not None and self.q < LEVEL


Comparisons = Mapping[tuple[str, str], Comparison]


def read(study: Mapping[str, Any], baselines: Mapping[str, str]) -> dict[tuple[str, str], Comparison]:
    """The comparisons of rows with their own baselines, by row and column; ValueError says what is wrong with one."""
    columns = {*study["targets"], AVERAGE}
    found: dict[tuple[str, str], Comparison] = {}
    for number, told in enumerate(study.get("comparisons") or []):
        try:
            one = _comparison(told)
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            what = f"{fault.args[0]}: missing" if isinstance(fault, KeyError) else str(fault)
            raise ValueError(f"comparisons[{number}]: {what}") from None
        if one.column not in columns:
            raise ValueError(f"comparisons[{number}]: target: {one.column} is not one of the study's targets")
        if baselines.get(one.row) != one.baseline:  # rows may also be compared with one another: not what this report shows
            continue
        if (one.row, one.column) in found:
            raise ValueError(f"comparisons[{number}]: {one.row} on {one.column} stands there twice")
        found[one.row, one.column] = one
    return found


def family(found: Comparisons, average: bool) -> list[Comparison]:
    """The comparisons that were adjusted together: those of targets, or those of averages."""
    return [one for one in found.values() if one.q is not None and (one.column == AVERAGE) == average]


def star(found: Comparisons, row: str, column: str) -> str:
    """The mark of a significant gain or loss."""
    one = found.get((row, column))
    return "*" if one is not None and one.significant else ""


def among(seeds: int) -> str:
    """What a 95 % interval speaks of."""
    return "over test examples and seeds" if seeds > 1 else "over test examples, of one seed"


def legend(found: Comparisons) -> str:
    """What the mark means; empty where nothing was tested."""
    pairs, averages = len(family(found, False)), len(family(found, True))
    if not pairs + averages:
        return ""
    parts = [f"{pairs:,} comparisons on targets"] if pairs else []
    parts += [f"the {averages} of averages{', a family of their own' if pairs else ''}"] if averages else []
    drawn = among(max(len(one.values) for one in found.values()))
    return (
        f"* differs from no intermediate training, q < {LEVEL}: paired bootstrap {drawn}, adjusted for {' and for '.join(parts)}"
        " (Benjamini-Hochberg)."
    )


def _comparison(told: Mapping[str, Any]) -> Comparison:
    languages = {
        code: (_number(one["gain"], f"languages.{code}.gain"), _maybe(one.get("deviation"), f"languages.{code}.deviation"))
        for code, one in (told.get("languages") or {}).items()
    }
    tests = {
        code: (*one["interval"], one["p"], one["q"]) for code, one in (told.get("languages") or {}).items() if one.get("interval")
    }
    interval = told["interval"]
    if interval is not None:
        low, high = (_number(end, "interval") for end in interval)
        if low > high:
            raise ValueError(f"interval: {low} is above {high}")
        interval = (low, high)
    p, q = (_maybe(told[name], name) for name in ("p", "q"))
    if any(value is not None and not 0 <= value <= 1 for value in (p, q)):
        raise ValueError("p and q lie between 0 and 1")
    seeds = told["values"]
    if not all(str(seed).lstrip("-").isdecimal() for seed in seeds):
        raise ValueError("values: keys are seeds")
    values = {int(seed): _number(value, "values") for seed, value in seeds.items()}
    gain = _number(told["gain"], "gain")
    examples = _maybe(told.get("examples"), "examples")
    return Comparison(
        told["row"],
        told["baseline"],
        told["target"],
        gain,
        values,
        interval,
        p,
        q,
        None if examples is None else round(examples),
        languages,
        _maybe((told.get("deviation") or {}).get("drawn"), "deviation.drawn"),
        tests,
    )


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: {value!r} is not a number")
    return float(value)


def _maybe(value: Any, name: str) -> float | None:
    return None if value is None else _number(value, name)
