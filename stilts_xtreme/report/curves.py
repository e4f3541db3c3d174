"""Lines of scores, small multiples: a panel for each target, one legend for all."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stilts_xtreme.report import shapes

PANELS, SPACE, WHOLE = 3, 24, 948  # panels in a row at most, space between, width of a row
HEIGHT, HEADING, FOOT, AXIS = 190, 26, 44, 34  # of the drawing area; what stands above, below and left of it
SAMPLE, LINE = 52, 18  # width of a legend's sample, height of its lines
COLOURS, DASHES = 6, 6  # classes of plot.css


@dataclass(frozen=True)
class Curve:
    """Points from left to right; `colour` and `dash` count from 0."""

    name: str
    colour: int
    dash: int
    points: Sequence[tuple[float, float]]  # share, score


@dataclass(frozen=True)
class Panel:
    title: str
    curves: Sequence[Curve]


def curves(name: str, title: str, told: str, axis: str, panels: Sequence[Panel]) -> str:
    """The plot; `axis` says what goes to the right, in percent."""
    legend = list({curve.name: curve for panel in panels for curve in panel.curves}.values())
    parts, top = _legend(legend)
    across, down = min(PANELS, max(2, len(panels))), HEADING + HEIGHT + FOOT
    width = (WHOLE - (across - 1) * SPACE) / across
    for number, panel in enumerate(panels):
        parts += _panel(panel, (number % across) * (width + SPACE), top + (number // across) * down, width)
    bottom = top + -(-len(panels) // across) * down
    parts.append(shapes.label(0, bottom, f"To the right: {axis}. Upwards: score.", "soft"))
    return shapes.svg(name, title, told, WHOLE, bottom + 6, parts)


def _legend(found: Sequence[Curve]) -> tuple[list[str], float]:
    """Samples in columns wide enough for the longest name; and where the panels begin."""
    width = SAMPLE + 10 + max(len(curve.name) for curve in found) * shapes.LETTER + 14
    columns = max(1, min(len(found), int(WHOLE // width)))
    lines = -(-len(found) // columns)
    parts = []
    for number, curve in enumerate(found):
        left, middle = (number // lines) * width, 10 + (number % lines) * LINE
        parts.append(_line(curve, [(left, middle), (left + SAMPLE, middle)]))
        parts += [_mark(curve, left + SAMPLE / 2, middle), shapes.label(left + SAMPLE + 8, middle + 4, curve.name)]
    return parts, 10.0 + lines * LINE + 12


def _panel(panel: Panel, left: float, top: float, whole: float) -> list[str]:
    shares = sorted({share for curve in panel.curves for share, _ in curve.points})
    low, high, step = _scale([score for curve in panel.curves for _, score in curve.points])
    start, width, first = left + AXIS, whole - AXIS - 12, top + HEADING

    def across(share: float) -> float:
        return start + 6 + (width - 12) * share / max(shares[-1], 1e-9)

    def down(score: float) -> float:
        return first + HEIGHT * (high - score) / (high - low)

    parts = [shapes.label(left, top + 12, panel.title, "head")]
    for number in range(round((high - low) / step) + 1):
        score = low + number * step
        parts.append(
            f'<line class="grid" x1="{start:.1f}" y1="{down(score):.1f}" x2="{start + width:.1f}" y2="{down(score):.1f}"/>'
        )
        parts.append(shapes.label(start - 6, down(score) + 4, f"{score:g}", "end soft"))
    for share in _apart(shares, across):
        words = "clean" if not share else f"{100 * share:g}"
        parts.append(shapes.label(across(share), first + HEIGHT + 16, words, "middle soft"))
    for share in shares:
        parts.append(
            f'<line class="grid" x1="{across(share):.1f}" y1="{first:.1f}" x2="{across(share):.1f}" y2="{first + HEIGHT:.1f}"/>'
        )
    for curve in panel.curves:
        places = [(across(share), down(score)) for share, score in curve.points]
        parts.append(_line(curve, places))
        parts += [_mark(curve, *place) for place in places]
    return parts


def _line(curve: Curve, places: Sequence[tuple[float, float]]) -> str:
    words = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
    return f'<polyline class="curve colour{curve.colour % COLOURS} dash{curve.dash % DASHES}" points="{words}"/>'


def _mark(curve: Curve, across: float, down: float) -> str:
    """A shape for each colour, so that no line is told by its colour alone."""
    kind, size = f'class="mark colour{curve.colour % COLOURS}"', 3.6
    corners = {
        1: [(-1, -1), (1, -1), (1, 1), (-1, 1)],
        2: [(0, -1.3), (1.2, 1), (-1.2, 1)],
        3: [(0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)],
        4: [(0, 1.3), (1.2, -1), (-1.2, -1)],
        5: [(-1.4, -0.5), (1.4, -0.5), (1.4, 0.5), (-1.4, 0.5)],
    }.get(curve.colour % COLOURS)
    if corners is None:
        return f'<circle {kind} cx="{across:.1f}" cy="{down:.1f}" r="{size:g}"/>'
    return f'<polygon {kind} points="{" ".join(f"{across + size * x:.1f},{down + size * y:.1f}" for x, y in corners)}"/>'


def _apart(shares: Sequence[float], across: Callable[[float], float]) -> list[float]:
    """Those whose labels do not touch, from the right; "clean" is the widest."""
    kept: list[float] = []
    for share in reversed(shares):
        if not kept or across(kept[-1]) - across(share) >= (34 if share == 0.0 else 24):
            kept.append(share)
    return kept


def _scale(scores: Sequence[float]) -> tuple[float, float, float]:
    """Ends and step of a scale from 0 to 100 at most, with about five round ticks, that holds all scores."""
    rough = max(max(scores) - min(scores), 1.0) / 4
    ten = 10.0 ** math.floor(math.log10(rough))
    step = next(size * ten for size in (1, 2, 5, 10) if size * ten >= rough)
    low, high = math.floor(min(scores) / step) * step, math.ceil(max(scores) / step) * step
    return low, high if high > low else low + step, step
