"""Bars of the gain in every language, one panel a target: the intermediate with that target's largest gain."""

import math
from dataclasses import dataclass, replace

from stilts_xtreme.languages import LANGUAGES
from stilts_xtreme.report import shapes, text
from stilts_xtreme.report.summary import Summary

PANELS, PANEL, SPACE = 2, 462, 20  # panels in a row, width of one, space between
STEP, HEADING, TOP = 15, 20, 40  # height of a language, of a group's heading, of what stands above the first row
NUMBER = 46  # width of the column of numbers
SMALL = 7.0  # pixels a letter of the 11 px labels may take in a wide font
CLASSES = {"low": "few resources (0–2)", "mid": "some resources (3)", "high": "many resources (4–5)", "unclassified": "no class"}
NINETY_FIVE = 1.959964  # standard errors to each side of a 95 % interval


@dataclass(frozen=True)
class Bar:
    code: str
    words: str  # the family, where the language table knows the language
    gain: float
    error: float | None  # standard error over test examples


def gains(summary: Summary) -> str | None:
    """The plot; None where no target has a gain by language."""
    found = {target: _groups(summary, name, target) for target in summary.targets if (name := _row(summary, target))}
    found = {target: groups for target, groups in found.items() if groups}
    if not found:
        return None
    heights = [32.0] * PANELS
    whiskers = any(bar.error is not None for groups in found.values() for _, bars in groups for bar in bars)
    grouped = any(heading for groups in found.values() for heading, _ in groups)
    told = "Bars: gain of the named intermediate in points; each panel has its own scale."
    told += " Whiskers: 95 %, over test examples alone." if whiskers else ""
    parts = [shapes.label(0, 12, told + (" In brackets: resource class." if grouped else ""), "soft")]
    for target, groups in found.items():
        place = heights.index(min(heights))
        title = f"{target}: {_row(summary, target)}"
        drawn, height = panel(title, groups, place * (PANEL + SPACE), heights[place])
        parts += drawn
        heights[place] += height
    words = f"One panel for each of {text.listed(list(found))} with the intermediate of the largest gain; one bar a language."
    if grouped:
        words += " Languages are grouped by resource class (Joshi et al. 2020) and sorted by family."
    return shapes.svg("language-gains", "Gain by language", words, PANELS * PANEL + SPACE, max(heights), parts)


def _row(summary: Summary, target: str) -> str | None:
    return summary.best(target) if summary.has_baseline and summary.gains(target) else None


def _groups(summary: Summary, row: str, target: str) -> list[tuple[str, list[Bar]]]:
    """Bars under their headings: English, then real languages by resource class and family; made-up ones under none."""
    tested = summary.comparisons.get((row, target))
    bars = []
    for code in summary.languages(target):
        gain = summary.language_gain(row, target, code)
        known = tested.languages.get(code) if tested else None
        if gain is not None:
            of = LANGUAGES[code].family.rpartition(": ")[2] if code in LANGUAGES else ""
            bars.append(Bar(code, of, known[0] if known else gain.mean, known[1] if known else None))
    real = [bar for bar in bars if bar.code in LANGUAGES and bar.code != "en"]
    if not real:
        return [("", [replace(bar, words="") for bar in bars])] if bars else []
    groups = [("", [bar for bar in bars if bar.code == "en"])]
    for level, heading in CLASSES.items():
        members = [bar for bar in real if LANGUAGES[bar.code].resources == level]
        groups.append((heading, sorted(members, key=lambda bar: (LANGUAGES[bar.code].family, bar.code))))
    groups.append(("others", [bar for bar in bars if bar.code not in LANGUAGES]))
    return [(heading, members) for heading, members in groups if members]


def panel(title: str, groups: list[tuple[str, list[Bar]]], left: float, top: float, room: float = 0.0) -> tuple[list[str], float]:
    """The shapes of one panel, and its height; `room`: the least width of what stands left of the bars."""
    bars = [bar for _, members in groups for bar in members]
    code = max(len(bar.code) for bar in bars) * SMALL + 8
    label = max(code + max(len(bar.words) for bar in bars) * SMALL + 8, room)
    start, width = left + label, PANEL - label - NUMBER - 8
    low, high, step = _scale(bars)
    height = STEP * len(bars) + HEADING * sum(bool(heading) for heading, _ in groups)
    first, end = top + TOP, top + TOP + height

    def at(value: float) -> float:
        return start + width * (value - low) / (high - low)

    parts = [shapes.label(left, top + 12, title, "head"), shapes.label(left + PANEL, top + 32, "gain", "end soft")]
    for number in range(round((high - low) / step) + 1):
        value = low + number * step
        kind = "zero" if abs(value) < step / 2 else "grid"
        parts.append(f'<line class="{kind}" x1="{at(value):.1f}" y1="{first - 3:.1f}" x2="{at(value):.1f}" y2="{end:.1f}"/>')
        parts.append(shapes.label(at(value), top + 32, _tick(value, step), "middle soft"))
    down = first
    for heading, members in groups:
        if heading:
            parts.append(shapes.label(left, down + 14, heading, "soft group"))
            down += HEADING
        for bar in members:
            parts += _bar(bar, left, left + code, at(0.0), at(bar.gain), down + STEP / 2)
            if bar.error is not None:
                ends = (at(bar.gain - NINETY_FIVE * bar.error), at(bar.gain + NINETY_FIVE * bar.error))
                parts += _whisker(*ends, down + STEP / 2)
            parts.append(shapes.label(left + PANEL, down + STEP / 2 + 4, text.number(bar.gain, signed=True), "end soft"))
            down += STEP
    return parts, TOP + height + 22


def _bar(bar: Bar, left: float, words: float, zero: float, end: float, middle: float) -> list[str]:
    first, width = min(zero, end), abs(zero - end)
    parts = [shapes.label(left, middle + 4, bar.code, "soft")]
    parts += [shapes.label(words, middle + 4, bar.words, "soft")] if bar.words else []
    kind = "up" if bar.gain > 0 else "down"
    parts.append(f'<rect class="{kind} bar" x="{first:.1f}" y="{middle - 5:.1f}" width="{width:.1f}" height="10"/>')
    return parts


def _whisker(first: float, end: float, middle: float) -> list[str]:
    lines = [(first, end, middle, middle), (first, first, middle - 3, middle + 3), (end, end, middle - 3, middle + 3)]
    return [f'<line class="whisker" x1="{a:.1f}" y1="{c:.1f}" x2="{b:.1f}" y2="{d:.1f}"/>' for a, b, c, d in lines]


def _scale(bars: list[Bar]) -> tuple[float, float, float]:
    """Ends and step of a scale of at most seven round ticks that holds zero, every bar and every whisker."""
    reach = [end for bar in bars for end in (bar.gain - _reach(bar), bar.gain + _reach(bar))]
    low, high = min(0.0, *reach), max(0.0, *reach)
    rough = max(high - low, 1.0) / 5
    ten = 10.0 ** math.floor(math.log10(rough))
    step = next(size * ten for size in (1, 2, 5, 10) if size * ten >= rough)
    return math.floor(low / step) * step, max(math.ceil(high / step), math.floor(low / step) + 1) * step, step


def _reach(bar: Bar) -> float:
    return NINETY_FIVE * (bar.error or 0.0)


def _tick(value: float, step: float) -> str:
    """`+0.5` on scales finer than a point, else `+5`."""
    told = text.number(value, signed=True)
    return told if step < 1 else told[:-2]
