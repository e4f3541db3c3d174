"""What the tested comparisons of a study say, in sentences; only significant gains and losses are called so."""

from collections.abc import Sequence

from stilts_xtreme.report import text
from stilts_xtreme.report.comparisons import LEVEL, Comparison, family
from stilts_xtreme.report.summary import AVERAGE, Summary, above
from stilts_xtreme.results.rows import BASELINE

NAMED = 8  # pairs that a sentence names one by one; of more it tells each intermediate's number


def found(summary: Summary) -> list[str]:
    """Sentences on the average, then on pairs of intermediate and target."""
    return _average(summary) + _pairs(summary)


def interval(one: Comparison) -> str:
    """`95 % interval −0.3 to +0.5, q 0.61`."""
    parts = [] if one.interval is None else [f"95 % interval {text.interval(one.interval)}"]
    parts += [] if one.q is None else [f"q {text.probability(one.q)}"]
    return ", ".join(parts) or "not tested"


def _average(summary: Summary) -> list[str]:
    if AVERAGE not in summary.columns:
        return []
    best = summary.best(AVERAGE)
    gain = summary.gain(best, AVERAGE) if best else None
    if best is None or gain is None:
        return ["No average gain can be computed: in every seed an evaluation is missing on one side of the comparison."]
    one = summary.comparisons.get((best, AVERAGE))
    over = f"over the {len(summary.targets)} targets"
    tail = f" ({interval(one)})" if one else ""
    amount = f"{best}, {text.number(gain.mean, signed=True)} points over {base(summary, best)}{tail}"
    raises = above(gain.mean)
    told = [
        f"Best on average {over}: {amount}." if raises else f"No intermediate raises the average {over}; nearest is {amount}."
    ]
    tested = family(summary.comparisons, True)
    up = [one.row for one in tested if one.significant and one.gain > 0]
    down = [one.row for one in tested if one.significant and one.gain < 0]
    if tested and not up + down:
        told.append(f"No intermediate changes the average significantly ({rate()}, {text.count(len(tested), 'comparison')}).")
    elif tested:
        parts = [f"{verb} by {text.listed(names)}" for verb, names in (("raised", up), ("lowered", down)) if names]
        told.append(f"The average is significantly {' and '.join(parts)} ({rate()}, {text.count(len(tested), 'comparison')}).")
    return told


def base(summary: Summary, row: str) -> str:
    """What a row's gain is over: no intermediate training, or by its name a baseline that is fine-tuned otherwise."""
    name = summary.baseline(row)
    return "no intermediate training" if name == BASELINE else name


def _pairs(summary: Summary) -> list[str]:
    tested = family(summary.comparisons, False)
    pairs = sum(len(summary.gains(target)) for target in summary.targets)
    if not tested:
        return [f"None of {text.count(pairs, 'pair')} of intermediate and target could be tested: that takes several seeds."]
    up = [one for one in tested if one.significant and one.gain > 0]
    down = [one for one in tested if one.significant and one.gain < 0]
    of = text.count(len(tested), "pair") + (f" tested ({pairs} in all)" if pairs != len(tested) else "")
    if not up + down:
        return [f"Of {of} none is a significant gain or loss at a {rate()}."]
    counted = f"{text.count(len(up), 'gain')} and {text.count(len(down), 'loss', 'losses')}"
    are = "is" if len(up) + len(down) == 1 else "are"
    parts = [f"{noun}: {names(ones)}" for noun, ones in (("Gains", up), ("losses" if up else "Losses", down)) if ones]
    return [f"Of {of} {counted} {are} significant at a {rate()}. {'; '.join(parts)}."]


def names(ones: Sequence[Comparison]) -> str:
    """`squad on xquad and mlqa, mnli on xnli`; with many pairs `anli on 8 targets`."""
    rows: dict[str, list[str]] = {}
    for one in ones:
        rows.setdefault(one.row, []).append(one.column)
    if len(ones) > NAMED:
        return ", ".join(f"{row} on {text.count(len(columns), 'target')}" for row, columns in rows.items())
    return ", ".join(f"{row} on {text.listed(columns)}" for row, columns in rows.items())


def rate() -> str:
    return f"false discovery rate of {100 * LEVEL:.0f} %"
