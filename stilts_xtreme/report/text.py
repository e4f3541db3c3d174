"""Numbers and lists as the pages write them: a decimal, a real minus sign, a dash where there is no score."""

from collections.abc import Mapping, Sequence

from stilts_xtreme.report.summary import Mean
from stilts_xtreme.utils.languages import LANGUAGES

ABSENT = "–"
MINUS = "\N{MINUS SIGN}"


def number(value: float | None, signed: bool = False, digits: int = 1) -> str:
    """Round to a decimal, or so many, or write the dash; `signed` puts a plus before what is above zero once rounded.

    Sums taken in another order differ in their last digits: on the border between two decimals they must not read differently.
    """
    if value is None:
        return ABSENT
    text = f"{round(value, 9):.{digits}f}"
    if float(text) == 0:
        return text.removeprefix("-")
    return text.replace("-", MINUS) if text.startswith("-") or not signed else f"+{text}"


def value(mean: Mean | None, signed: bool = False) -> str:
    """Write a mean, or the dash."""
    return number(None if mean is None else mean.mean, signed)


def spread(mean: Mean | None) -> str:
    """Write `± deviation`, a dagger where seeds are missing, or nothing."""
    if mean is None:
        return ""
    parts = ["†"] if mean.partial else []
    if mean.deviation is not None:
        parts.insert(0, f"± {number(mean.deviation)}")
    return " ".join(parts)


def interval(ends: Sequence[float] | None, digits: int = 1) -> str:
    """Write `−0.3 to +0.5`, or the dash."""
    return ABSENT if ends is None else " to ".join(number(end, True, digits) for end in ends)


def probability(value: float | None) -> str:
    """Write two significant digits, `< 0.001` below that, or the dash."""
    if value is None:
        return ABSENT
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def listed(names: Sequence[str]) -> str:
    """Write `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def count(amount: int, noun: str, plural: str = "") -> str:
    """Write `1 seed`, `3 seeds`, `1,000 steps`."""
    return f"{amount:,} {noun if amount == 1 else plural or noun + 's'}"


def between(values: Sequence[int]) -> str:
    """Write `500`, `300–500` where values differ, or the dash."""
    if not values:
        return ABSENT
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def duration(seconds: float) -> str:
    """Write `3 h 25 min`, `12 min` or `40 s`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def language(code: str) -> str:
    """Write `de German`; the code alone where it is no language of the table."""
    return f"{code} {LANGUAGES[code].name}" if code in LANGUAGES else code


def provenance(record: Mapping[str, object]) -> str:
    """Write where and when a result was computed, on a line; the versions last."""
    parts = []
    for key in sorted(record, key=lambda key: (key == "versions", key)):
        value = record[key]
        if key == "seconds" and isinstance(value, int | float):
            parts.append(f"computing time {duration(value)}")
        elif value not in (None, "", [], {}):
            parts.append(f"{key} {flat(value)}")
    return "; ".join(parts)


def flat(value: object) -> str:
    """Write lists and mappings on a line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {flat(value[key])}" for key in sorted(value))
    return ", ".join(map(flat, value)) if isinstance(value, list | tuple) else str(value)
