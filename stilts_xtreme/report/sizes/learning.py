"""Learning curves: values over the number of training examples (a scale of powers), a panel for each target, one legend."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stilts_xtreme.report import shapes

PANELS, PANEL, SPACE = 3, 300, 24  # panels in a row, width of one, space between
HEIGHT, HEADING, FOOT, AXIS = 180, 26, 40, 40  # of the drawing area; what stands above, below and left of it
SAMPLE, LINE, ASIDE = 34, 18, 7  # width of a legend's sample, height of its lines; whiskers stand this far from one another
WHOLE = PANELS * PANEL + (PANELS - 1) * SPACE
COLOURS = 6  # classes of plot.css


@dataclass(frozen=True)
class Point:
    examples: int
    value: float
    half: float | None = None  # of the interval around the value


@dataclass(frozen=True)
class Line:
    """Points by rising number of examples; `look` counts colours, dashes and marks from 0."""

    name: str
    look: int
    points: Sequence[Point]


@dataclass(frozen=True)
class Panel:
    title: str
    lines: Sequence[Line]


def plot(name: str, title: str, told: str, says: str, panels: Sequence[Panel], zero: bool = False) -> str:
    """The plot; `says` stands below it. `zero`: the scale holds zero, and its line is drawn."""
    legend = list({line.name: line for panel in panels for line in panel.lines}.values())
    parts, top = _legend(legend)
    down = HEADING + HEIGHT + FOOT
    for number, panel in enumerate(panels):
        parts += _panel(panel, (number % PANELS) * (PANEL + SPACE), top + (number // PANELS) * down, zero)
    bottom = top + -(-len(panels) // PANELS) * down
    parts.append(shapes.label(0, bottom, says, "soft"))
    return shapes.svg(name, title, told, WHOLE, bottom + 6, parts)


def _legend(lines: Sequence[Line]) -> tuple[list[str], float]:
    """Samples in columns wide enough for the longest name; and where the panels begin."""
    width = SAMPLE + 24 + max(len(line.name) for line in lines) * shapes.LETTER
    columns = max(1, int(WHOLE // width))
    parts = []
    for number, line in enumerate(lines):
        left, middle = (number % columns) * width, 10 + (number // columns) * LINE
        parts.append(_path(line, [(left, middle), (left + SAMPLE, middle)]))
        parts += [_mark(line.look, left + SAMPLE / 2, middle), shapes.label(left + SAMPLE + 8, middle + 4, line.name)]
    return parts, 10.0 + -(-len(lines) // columns) * LINE + 12


def _panel(panel: Panel, left: float, top: float, zero: bool) -> list[str]:
    sizes = sorted({point.examples for line in panel.lines for point in line.points})
    low, high, step = _scale(panel, zero)
    start, width, first = left + AXIS, PANEL - AXIS - 8, top + HEADING
    room = ASIDE * len(panel.lines) / 2 + 8
    places = [math.log10(max(size, 1)) for size in sizes]
    reach = (places[-1] - places[0]) or 1.0

    def across(size: int) -> float:
        return start + room + (width - 2 * room) * (math.log10(max(size, 1)) - places[0]) / reach

    def down(value: float) -> float:
        return first + HEIGHT * (high - value) / (high - low)

    parts = [shapes.label(left, top + 12, panel.title, "head")]
    for number in range(round((high - low) / step) + 1):
        value = low + number * step
        kind = "zero" if zero and abs(value) < step / 2 else "grid"
        ends = f'x1="{start:.1f}" y1="{down(value):.1f}" x2="{start + width:.1f}" y2="{down(value):.1f}"'
        parts += [
            f'<line class="{kind}" {ends}/>',
            shapes.label(start - 6, down(value) + 4, _tick(value, step, zero), "end soft"),
        ]
    for size in sizes:
        ends = f'x1="{across(size):.1f}" y1="{first:.1f}" x2="{across(size):.1f}" y2="{first + HEIGHT + 4:.1f}"'
        parts.append(f'<line class="grid" {ends}/>')
    parts += [shapes.label(at, first + HEIGHT + 17, words, "middle soft") for at, words in _apart(sizes, across)]
    for number, line in enumerate(panel.lines):
        aside = ASIDE * (number - (len(panel.lines) - 1) / 2) if any(point.half for point in line.points) else 0.0
        at = [(across(point.examples) + aside, down(point.value)) for point in line.points]
        parts.append(_path(line, at))
        for point, place in zip(line.points, at, strict=True):
            if point.half:
                parts += _whisker(place[0], down(point.value - point.half), down(point.value + point.half))
            parts.append(_mark(line.look, *place))
    return parts


def _path(line: Line, places: Sequence[tuple[float, float]]) -> str:
    words = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
    return f'<polyline class="curve colour{line.look % COLOURS} dash{line.look % COLOURS}" points="{words}"/>'


def _mark(look: int, across: float, down: float) -> str:
    """A shape for each colour, so that no line is told by its colour alone."""
    kind, size = f'class="mark colour{look % COLOURS}"', 3.6
    corners = {
        1: [(-1, -1), (1, -1), (1, 1), (-1, 1)],
        2: [(0, -1.3), (1.2, 1), (-1.2, 1)],
        3: [(0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)],
        4: [(0, 1.3), (1.2, -1), (-1.2, -1)],
        5: [(-1.4, -0.5), (1.4, -0.5), (1.4, 0.5), (-1.4, 0.5)],
    }.get(look % COLOURS)
    if corners is None:
        return f'<circle {kind} cx="{across:.1f}" cy="{down:.1f}" r="{size:g}"/>'
    return f'<polygon {kind} points="{" ".join(f"{across + size * x:.1f},{down + size * y:.1f}" for x, y in corners)}"/>'


def _whisker(across: float, low: float, high: float) -> list[str]:
    lines = [(across, low, across, high)] + [(across - 2.5, end, across + 2.5, end) for end in (low, high)]
    return [f'<line class="whisker" x1="{a:.1f}" y1="{b:.1f}" x2="{c:.1f}" y2="{d:.1f}"/>' for a, b, c, d in lines]


def _apart(sizes: Sequence[int], across: Callable[[int], float]) -> list[tuple[float, str]]:
    """Labels that do not touch, from the right: the most examples are always told."""
    kept: list[tuple[float, str]] = []
    for size in reversed(sizes):
        at, words = across(size), f"{size:,}"
        if not kept or kept[-1][0] - at >= shapes.LETTER * (len(words) + len(kept[-1][1])) / 2 + 4:
            kept.append((at, words))
    return kept


def _scale(panel: Panel, zero: bool) -> tuple[float, float, float]:
    """Ends and step of a scale with about five round ticks that holds all values and whiskers."""
    points = [point for line in panel.lines for point in line.points]
    ends = [point.value + side * (point.half or 0.0) for point in points for side in (-1, 1)] + [0.0] * zero
    rough = max(max(ends) - min(ends), 1.0) / 4
    ten = 10.0 ** math.floor(math.log10(rough))
    step = next(size * ten for size in (1, 2, 5, 10) if size * ten >= rough)
    low, high = math.floor(min(ends) / step) * step, math.ceil(max(ends) / step) * step
    return low, high if high > low else low + step, step


def _tick(value: float, step: float, signed: bool) -> str:
    told = f"{value:.1f}" if step < 1 else f"{value:.0f}"
    if float(told) == 0:
        return "0"
    return told.replace("-", "\N{MINUS SIGN}") if told.startswith("-") or not signed else f"+{told}"
