"""Plots as SVG text: plain shapes whose colours come from plot.css, with a title and a description in words."""

import math

from stilts_xtreme.report import shapes, text
from stilts_xtreme.report.comparisons import LEVEL, star
from stilts_xtreme.report.summary import AVERAGE, Mean, Summary, above
from stilts_xtreme.results.rows import BASELINE

ROW, HEAD = 30, 46  # heat map: height of a row, of what stands above the rows
PANELS, PANEL, GAP, STEP = 3, 300, 20, 15  # dot plot: panels in a row, width of one, space between, height of a language


def gains(summary: Summary) -> str | None:
    """Heat map of gains, intermediate by column; None where there is no gain to show."""
    rows, columns = summary.compared, summary.columns
    found = {(name, column): summary.gain(name, column) for name in rows for column in columns}
    sizes = [abs(gain.mean) for gain in found.values() if gain is not None]
    if not summary.has_baseline or not sizes:
        return None
    largest = max(1.0, *sizes)  # a full shade is one point or more, so that nearly nothing does not look like much
    left = max(len(name) for name in rows) * shapes.LETTER + 14
    width = max(66.0, *(len(column) * shapes.LETTER + 12 for column in columns))
    places = [left + number * width + (10 if column == AVERAGE else 0) for number, column in enumerate(columns)]
    parts = []
    for place, column in zip(places, columns, strict=True):
        parts.append(shapes.label(place + width / 2, HEAD - 10, column, "middle head"))
    for number, name in enumerate(rows):
        top = HEAD + number * ROW
        parts.append(shapes.label(left - 10, top + 19, name, "end"))
        parts += [
            part
            for place, column in zip(places, columns, strict=True)
            for part in _cell(place, top, width, found[name, column], largest, _clear(summary, name, column, found[name, column]))
        ]
    bottom = HEAD + len(rows) * ROW
    parts += _scale(left, bottom + 18, largest, _outlined(summary, list(found.values())))
    whole = places[-1] + width + 8
    best = summary.best(AVERAGE) if AVERAGE in columns else None
    told = f"Heat map of {len(rows)} intermediates by {len(columns)} columns; every cell carries its number."
    if best is not None:
        told += f" Largest average gain: {best}, {text.value(summary.gain(best, AVERAGE), signed=True)}."
    return shapes.svg(
        "gains", f"Gain over {BASELINE} in points, by intermediate and target", told, max(whole, left + 560), bottom + 62, parts
    )


def languages(summary: Summary) -> str | None:
    """Dot plot by target and language: no intermediate training, and the one best on average; None without scores."""
    best = summary.best(AVERAGE if AVERAGE in summary.columns else summary.targets[0])
    base = (summary.baseline(best) if best else BASELINE) if summary.has_baseline else None
    shown = [name for name in (base, best) if name in summary.rows]
    targets = [target for target in summary.targets if any(summary.by_seed(name, target) for name in shown)]
    if not targets:
        return None
    heights = [50.0] * PANELS
    parts = _legend(summary, shown, any(summary.chance(target) is not None for target in targets))
    for target in targets:
        column = heights.index(min(heights))
        parts += _panel(summary, target, shown, column * (PANEL + GAP), heights[column])
        heights[column] += _panel_height(summary, target)
    title = f"Score by language: {' and '.join(shown)}"
    told = f"One panel for each of {text.listed(targets)}; one row for each language, from 0 to 100."
    return shapes.svg("languages", title, told, PANELS * PANEL + (PANELS - 1) * GAP, max(heights), parts)


def _clear(summary: Summary, name: str, column: str, gain: Mean | None) -> bool:
    """Is the cell outlined? By its test where the study holds comparisons, else by its standard error over seeds."""
    if summary.comparisons:
        return bool(star(summary.comparisons, name, column))
    return gain is not None and bool(gain.clear)


def _outlined(summary: Summary, found: list[Mean | None]) -> str:
    """What an outline means; empty where there can be none."""
    if summary.comparisons:
        return f"outlined: q < {LEVEL}" if any(one.q is not None for one in summary.comparisons.values()) else ""
    judged = any(gain is not None and gain.clear is not None for gain in found)
    return "outlined: two standard errors or more from zero" if judged else ""


def _cell(left: float, top: float, width: float, gain: Mean | None, largest: float, clear: bool) -> list[str]:
    box = f'x="{left + 1:.1f}" y="{top + 1:.1f}" width="{width - 2:.1f}" height="{ROW - 2:.1f}"'
    middle = left + width / 2
    if gain is None:
        return [f'<rect class="absent" {box}/>', shapes.label(middle, top + 19, text.ABSENT, "middle")]
    shade = _shade(gain.mean, largest) if above(abs(gain.mean)) else 0.0
    parts = [f'<rect class="{"up" if gain.mean > 0 else "down"}" fill-opacity="{shade:.2f}" {box}/>']
    if clear:
        parts.append(f'<rect class="clear" {box}/>')
    return [*parts, shapes.label(middle, top + 19, text.number(gain.mean, signed=True) + ("†" if gain.partial else ""), "middle")]


def _shade(value: float, largest: float) -> float:
    """Opacity from the square root of the size, so that small gains differ visibly beside one large one."""
    return 0.62 * math.sqrt(abs(value) / largest)


def _scale(left: float, top: float, largest: float, outlined: str) -> list[str]:
    parts = []
    for number, share in enumerate((-1, -0.25, 0, 0.25, 1)):
        place, value = left + number * 56, share * largest
        box = f'x="{place:.1f}" y="{top:.1f}" width="56" height="12"'
        parts.append(f'<rect class="{"up" if share > 0 else "down"}" fill-opacity="{_shade(value, largest):.2f}" {box}/>')
        parts.append(f'<rect class="frame" {box}/>')
        parts.append(shapes.label(place + 28, top + 27, text.number(value, signed=True), "middle soft"))
    told = ["points; shade grows with the square root", *filter(None, [outlined])]
    return parts + [shapes.label(left + 292, top + 10 + 17 * number, line, "soft") for number, line in enumerate(told)]


def _legend(summary: Summary, shown: list[str], chance: bool) -> list[str]:
    parts, place = [], 12.0
    for name in shown:
        words = "no intermediate training" if summary.rows[name].is_baseline else f"{name} (best on average)"
        parts += [shapes.dot(place, 20, _mark(summary, name)), shapes.label(place + 11, 24, words)]
        place += 11 + len(words) * shapes.LETTER + 18
    if chance:
        parts += [
            f'<line class="chance" x1="{place:.1f}" y1="12" x2="{place:.1f}" y2="28"/>',
            shapes.label(place + 8, 24, "chance"),
        ]
    return parts


def _mark(summary: Summary, name: str) -> str:
    return "hollow" if summary.rows[name].is_baseline else "up"


def _panel_height(summary: Summary, target: str) -> float:
    return 62.0 + STEP * len(summary.languages(target))


def _panel(summary: Summary, target: str, shown: list[str], left: float, top: float) -> list[str]:
    codes = summary.languages(target)
    label = max(len(code) for code in codes) * shapes.LETTER + 10
    first, end = top + 40, top + 40 + STEP * len(codes)
    start, width = left + label, PANEL - label - 52

    def at(score: float) -> float:
        return start + width * score / 100

    parts = [shapes.label(left, top + 12, target, "head")]
    if len(shown) == 2:
        parts.append(shapes.label(left + PANEL - 8, top + 32, "gain", "end soft"))
    for tick in (0, 25, 50, 75, 100):
        parts.append(f'<line class="grid" x1="{at(tick):.1f}" y1="{first - 3:.1f}" x2="{at(tick):.1f}" y2="{end:.1f}"/>')
        if tick % 50 == 0:
            parts.append(shapes.label(at(tick), top + 32, str(tick), "middle soft"))
    level = summary.chance(target)
    if level is not None:
        parts.append(f'<line class="chance" x1="{at(level):.1f}" y1="{first - 3:.1f}" x2="{at(level):.1f}" y2="{end:.1f}"/>')
    for number, code in enumerate(codes):
        middle = first + STEP * (number + 0.5)
        parts.append(shapes.label(start - 8, middle + 4, code, "end soft"))
        scores = [summary.language(name, target, [code]) for name in shown]
        places = [at(score.mean) for score in scores if score is not None]
        if len(places) == 2:
            parts.append(f'<line class="link" x1="{places[0]:.1f}" y1="{middle:.1f}" x2="{places[1]:.1f}" y2="{middle:.1f}"/>')
            gain = summary.language_gain(shown[1], target, code)
            parts.append(shapes.label(left + PANEL - 8, middle + 4, text.value(gain, signed=True), "end soft"))
        parts += [
            shapes.dot(at(score.mean), middle, _mark(summary, name))
            for name, score in zip(shown, scores, strict=True)
            if score is not None
        ]
    return parts
