"""Figures as SVG, through matplotlib: rows of marks, curves and heat maps, in panels narrow enough for a phone.

A panel is an SVG of its own: a page lets them flow, a file sets them side by side. Colours are names of plot.css, so that a
figure follows the light or dark scheme of the page; text stays text. The same version of matplotlib gives the same bytes
everywhere.
"""

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

from stilts_xtreme.report import text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure as Canvas

COLOURS = {
    "ink": "#1b1f24", "soft": "#57606a", "line": "#c9d1d9", "page": "#ffffff", "up": "#2166ac", "down": "#d9760f",
    "third": "#1a8a63", "fourth": "#8e44ad", "fifth": "#8a6d00",
}  # fmt: skip  # those of plot.css in the light scheme
INK, SOFT, LINE, PAGE, UP, DOWN, *_ = COLOURS.values()
SERIES = [INK, UP, DOWN, COLOURS["third"], COLOURS["fourth"], COLOURS["fifth"]]
SHAPES, DASHES = "os^Dv*", ["-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (9, 3)), (0, (4, 1.5, 1, 1.5))]
LETTER = 6.7  # pixels a letter of the 11 px labels may take in a wide font
STEP, WIDTH, GAP = 17, 345, 16  # pixels: height of a row, width of a panel, space between panels
ROOM = 1000  # pixels: width of a page, and of a figure's file


@dataclass(frozen=True)
class Figure:
    """`name` is its file without ending, `alternative` says what it shows to those who do not see it."""

    name: str
    caption: str
    alternative: str
    panels: tuple[str, ...]

    def drawn(self) -> list[str]:
        """Return the panels with ids that no other panel or figure of a page has."""
        own = (rf"\g<0>{self.name}-{number}-" for number in range(len(self.panels)))
        return [re.sub(r'\bid="|url\(#|href="#', prefix, panel) for panel, prefix in zip(self.panels, own, strict=True)]

    def file(self, style: str) -> str:
        """Set all panels in an SVG with its own style and a background, since it may be shown on any page."""
        sizes = [tuple(map(int, re.findall(r'(?:width|height)="(\d+)"', panel)[:2])) for panel in self.panels]
        columns = max(1, min(len(sizes), (ROOM + GAP) // (max(width for width, _ in sizes) + GAP)))
        across = max(width for width, _ in sizes)
        heights, placed = [0] * columns, []
        for panel, (_, height) in zip(self.drawn(), sizes, strict=True):
            column = heights.index(min(heights))
            placed.append(panel.replace("<svg ", f'<svg x="{column * (across + GAP)}" y="{heights[column]}" ', 1))
            heights[column] += height + GAP
        width, height = columns * (across + GAP) - GAP, max(heights) - GAP
        box = f'viewBox="-8 -8 {width + 16} {height + 16}" width="{width + 16}" height="{height + 16}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(self.alternative)}" {box}>'
        ground = '<rect style="fill: var(--page)" x="-8" y="-8" width="100%" height="100%"/>'
        return "\n".join([head, f"<style>\n{style}</style>", ground, *placed, "</svg>", ""])


@dataclass(frozen=True)
class Mark:
    """A row of a panel: dots by colour of SERIES (None: hollow) or a bar, a 95 % interval, a number at the right end."""

    label: str
    points: tuple[tuple[float, int | None], ...]
    interval: tuple[float, float] | None = None
    number: str = ""
    mean: float | None = None  # a stroke across the row


@dataclass(frozen=True)
class Panel:
    """Rows under headings ("" for none); `lines`: places of dashed lines across all rows; `band`: a shaded part of the scale."""

    title: str
    groups: Sequence[tuple[str, Sequence[Mark]]]
    lines: Sequence[float] = ()
    band: tuple[float, float] | None = None


@dataclass(frozen=True)
class Curve:
    """Points from left to right as (x, y, half of the interval or None); `colour` and `dash` count from 0."""

    name: str
    colour: int
    dash: int
    points: Sequence[tuple[float, float, float | None]]


@contextmanager
def style() -> Iterator[None]:
    """Apply our settings of matplotlib, whatever the user's are, and restore these. A decorator of what draws figures."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rc("svg", fonttype="none", hashsalt="stilts")
        matplotlib.rc("font", size=11, family="DejaVu Sans")
        yield


@style()
def rows(
    panels: Sequence[Panel], kind: str, *, limits: tuple[float, float] | None = None, ratios: Sequence[float] = (),
    signed: bool = False, links: bool = False,
) -> tuple[str, ...]:  # fmt: skip
    """Draw panels of marks, those without any left out; `kind`: "bars" or "dots".

    `ratios`: the ticks of a logarithmic scale; `links`: lines join dots.
    """
    drawn = [replace(panel, groups=[(heading, marks) for heading, marks in panel.groups if marks]) for panel in panels]
    return tuple(_rows(panel, kind, limits, ratios, signed, links) for panel in drawn if panel.groups)


@style()
def curves(panels: Mapping[str, Sequence[Curve]], *, log: bool, zero: bool, percent: bool = False) -> tuple[str, ...]:
    """Draw a panel a title, the legend first; curves without points and panels without curves are left out.

    `log`: powers of ten to the right; `zero`: the line of no gain is drawn.
    """
    drawn = {title: own for title, lines in panels.items() if (own := [curve for curve in lines if curve.points])}
    known = {curve.name: curve for lines in drawn.values() for curve in lines}
    legend = (_legend(list(known.values())),) if known else ()
    return (*legend, *(_curves(title, lines, log, zero, percent) for title, lines in drawn.items()))


@style()
def heat_map(names: Sequence[str], columns: Sequence[str], values: Mapping[tuple[str, str], tuple[float, str, bool]]) -> str:
    """Draw cells of a value, what is written in them, and whether they are outlined; an absent cell is dashed."""
    left, cell = 20 + LETTER * max(map(len, names)), max(62.0, *(12 + LETTER * len(column) for column in columns))
    canvas, axes = new_axes(left + cell * len(columns) + 4, 34 + 28 * len(names), left, 30, 4, 4)
    axes.set(xlim=(0, len(columns)), ylim=(len(names), 0), xticks=[], yticks=[])
    largest = max([1.0, *(abs(value) for value, _, _ in values.values())])  # so that nearly nothing does not look like much
    for across, column in enumerate(columns):
        axes.text(across + 0.5, -0.25, column, ha="center", weight="bold", color=INK)
    for down, name in enumerate(names):
        add_label(axes, name, (0, down + 0.5), -8, "right")
        for across, column in enumerate(columns):
            value, words, outlined = values.get((name, column), (0.0, text.ABSENT, False))
            shade = 0.62 * math.sqrt(abs(value) / largest)  # the root, so that small gains differ visibly beside a large one
            _box(axes, across, down, facecolor=UP if value > 0 else DOWN, alpha=shade, linewidth=0)
            if outlined:
                _box(axes, across, down, facecolor="none", edgecolor=INK, linewidth=1.5)
            elif (name, column) not in values:
                _box(axes, across, down, facecolor="none", edgecolor=LINE, linestyle=(0, (3, 3)))
            axes.text(across + 0.5, down + 0.5, words, ha="center", va="center", color=INK)
    return to_svg(canvas, "Heat map")


def _rows(panel: Panel, kind: str, limits: tuple[float, float] | None, ratios: Sequence[float], signed: bool, links: bool) -> str:
    marks = [mark for _, group in panel.groups for mark in group]
    left = 14 + LETTER * max(len(mark.label) for mark in marks)
    right = 10 + LETTER * max(len(mark.number) for mark in marks)
    lines = len(marks) + sum(bool(heading) for heading, _ in panel.groups)
    canvas, axes = new_axes(max(WIDTH, left + right + 130), 44 + STEP * lines, left, 42, right, 2)
    axes.set(ylim=(lines, 0), yticks=[], xscale="log" if ratios else "linear")
    if limits:
        axes.set_xlim(limits)
    add_title(axes, panel.title, -left, 32)
    if panel.band:
        axes.axvspan(*panel.band, color=UP, alpha=0.12, linewidth=0)
    for place in panel.lines:
        axes.axvline(place, color=SOFT, linewidth=1, dashes=(4, 3), zorder=1)
    down, placed = 0.5, list[tuple[float, Mark]]()
    for heading, group in panel.groups:
        if heading:
            add_label(axes, heading, (0, down), -left, "left", SOFT, "bold")
            down += 1
        for mark in group:
            add_label(axes, mark.label, (0, down), -7, "right")
            add_label(axes, mark.number, (1, down), right - 2, "right", SOFT)
            placed.append((down, mark))
            down += 1
    _marks(axes, placed, kind, links)
    axes.xaxis.tick_top()
    set_ticks(axes, axes.xaxis, signed, ratios)
    return to_svg(canvas, panel.title)


def _marks(axes: "Axes", placed: Sequence[tuple[float, Mark]], kind: str, links: bool) -> None:
    """What stands in the rows, all of a kind at once: matplotlib takes its time for each call."""
    points = [(down, place, look) for down, mark in placed for place, look in mark.points]
    ends = [(down, *mark.interval) for down, mark in placed if mark.interval]
    if kind == "bars":
        colours = [UP if place > 0 else DOWN for _, place, _ in points]
        axes.barh([down for down, *_ in points], [place for _, place, _ in points], height=0.6, color=colours, alpha=0.75)
    if ends:
        middles, halves = [(low + high) / 2 for _, low, high in ends], [(high - low) / 2 for _, low, high in ends]
        axes.errorbar(middles, [down for down, *_ in ends], xerr=halves, fmt="none", ecolor=INK, elinewidth=1.2,
                      capsize=2.5 if kind == "bars" else 0, capthick=1.2)  # fmt: skip
    if kind == "bars":
        return
    if links:
        pairs = [(down, [place for place, _ in mark.points]) for down, mark in placed if len(mark.points) > 1]
        axes.hlines(
            [down for down, _ in pairs], [min(two) for _, two in pairs], [max(two) for _, two in pairs], SOFT, linewidth=1.5
        )
    means = [(down, mark.mean) for down, mark in placed if mark.mean is not None]
    axes.vlines([mean for _, mean in means], [down - 0.4 for down, _ in means], [down + 0.4 for down, _ in means], INK)
    for look in dict.fromkeys(look for *_, look in points):
        colour = {"markerfacecolor": PAGE, "markeredgecolor": INK} if look is None else {"color": SERIES[look], "alpha": 0.75}
        own = [(place, down) for down, place, mine in points if mine == look]
        axes.plot(*zip(*own, strict=True), "o", markersize=7, markeredgewidth=1.4 if look is None else 0, clip_on=False, zorder=3,
                  **colour)  # fmt: skip


def _curves(title: str, lines: Sequence[Curve], log: bool, zero: bool, percent: bool) -> str:
    canvas, axes = new_axes(310, 230, 40, 26, 12, 24)
    add_title(axes, title, -40, 12)
    if log:
        axes.set_xscale("log")
        axes.minorticks_off()
    for curve in lines:
        across, values, halves = zip(*curve.points, strict=True)
        _line(axes, curve, across, values)
        if any(half is not None for half in halves):
            lengths = [half or 0.0 for half in halves]
            axes.errorbar(across, values, yerr=lengths, fmt="none", ecolor=_colour(curve), elinewidth=1.1, capsize=2)
    places = sorted({place for curve in lines for place, *_ in curve.points})
    axes.set_xticks(places, _apart(places, log, percent))
    set_ticks(axes, axes.yaxis, zero)
    return to_svg(canvas, title)


def _legend(lines: Sequence[Curve]) -> str:
    canvas, axes = new_axes(max(310.0, 60 + LETTER * max(len(line.name) for line in lines)), 8 + 18 * len(lines), 4, 2, 2, 2)
    axes.axis("off")
    axes.set(xlim=(0, axes.get_window_extent().width), ylim=(len(lines), 0))
    for down, line in enumerate(lines):
        _line(axes, line, [2, 22, 42], [down + 0.5] * 3, [1])
        axes.text(50, down + 0.5, line.name, va="center", color=INK)
    return to_svg(canvas, "Legend")


def _line(
    axes: "Axes", curve: Curve, across: Sequence[float], values: Sequence[float], marked: Sequence[int] | None = None
) -> None:
    """A curve's line and its marks, at all points or at those of these numbers."""
    axes.plot(across, values, color=_colour(curve), marker=SHAPES[curve.colour % len(SHAPES)], markersize=5, markevery=marked,
              linestyle=DASHES[curve.dash % len(DASHES)], linewidth=1.6)  # fmt: skip


def _colour(curve: Curve) -> str:
    return SERIES[curve.colour % len(SERIES)]


def _apart(places: Sequence[float], log: bool, percent: bool) -> list[str]:
    """Labels of ticks, empty where they would touch the next to the right."""
    words = [("clean" if not place else f"{100 * place:g} %") if percent else f"{place:,.0f}" for place in places]
    scale = [math.log10(max(place, 1)) if log else place for place in places]
    reach = (scale[-1] - scale[0]) or 1.0
    last = math.inf
    for number in range(len(words) - 1, -1, -1):
        at = 250 * (scale[number] - scale[0]) / reach
        half = LETTER * len(words[number]) / 2
        if at + half + 4 > last:
            words[number] = ""
        else:
            last = at - half
    return words


def new_axes(width: float, height: float, left: float, top: float, right: float, bottom: float) -> "tuple[Canvas, Axes]":
    """Create a figure of that many pixels, and its axes within these margins."""
    from matplotlib.figure import Figure as Canvas

    width, height = math.ceil(width), math.ceil(height)
    canvas = Canvas(figsize=(width / 72, height / 72), dpi=72)
    canvas.patch.set_visible(False)
    axes = canvas.add_axes((left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height))
    axes.patch.set_visible(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return canvas, axes


def add_title(axes: "Axes", title: str, across: float, up: float) -> None:
    """Write a title so many pixels from the upper left corner of the axes."""
    axes.annotate(title, (0, 1), (across, up), xycoords="axes fraction", textcoords="offset points", weight="bold", color=INK)


def add_label(
    axes: "Axes", words: str, place: tuple[float, float], shift: float, side: str, colour: str = INK, weight: str = "normal"
) -> None:
    """Write beside a row: `place` is a share of the axes' width and a row, `shift` are pixels to the right, `side` is aligned."""
    axes.annotate(words, place, (shift, 0), xycoords=("axes fraction", "data"), textcoords="offset points", ha=side, va="center",
                  color=colour, weight=weight)  # fmt: skip


def set_ticks(axes: "Axes", axis: "Axis", signed: bool, places: Sequence[float] = ()) -> None:
    """Draw a grid of a few lines, or at `places`; `signed`: +1 above zero, and a stronger line there."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    def written(value: float, _: int | None) -> str:
        return f"{value:{'+' if signed and value else ''}.4g}".replace("-", text.MINUS)

    if places:
        axes.minorticks_off()
        axis.set_ticks(places, [f"{place:.3g}" for place in places])
    else:
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(FuncFormatter(written))
    axes.tick_params(length=0, labelcolor=SOFT, pad=4)
    axes.grid(color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    if signed:
        (axes.axvline if axis is axes.xaxis else axes.axhline)(0, color=SOFT, linewidth=1)


def _box(axes: "Axes", across: int, down: int, **style: Any) -> None:
    """A cell of the heat map; `style` is that of a patch."""
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((across + 0.03, down + 0.05), 0.94, 0.9, **style))


def to_svg(canvas: "Canvas", label: str) -> str:
    """Return the figure as an SVG element: no ids that repeat, colours by the names of plot.css, fonts of the page."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    written = io.StringIO()
    FigureCanvasSVG(canvas).print_svg(written, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    svg = written.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.S)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg).replace("xlink:href", "href")
    svg = "\n".join(line.strip() for line in svg.splitlines() if line.strip())
    svg = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]), svg)  # a hundredth of a pixel is enough
    svg = re.sub(r' transform="rotate\(-0 [^)]*\)"|<g/>\n', "", svg)
    for _ in range(4):  # groups of nothing but whole elements need not be groups
        svg = re.sub(r"<g>\n((?:<[^g/][^>]*/>\n|<text[^\n]*</text>\n)*)</g>\n", r"\1", svg)
    for name, colour in COLOURS.items():
        svg = svg.replace(colour, f"var(--{name})")
    svg = svg.replace("font-size: 11px; font-family: 'DejaVu Sans'; ", "")  # plot.css has the page's
    width, height = (f"{72 * size:.0f}" for size in canvas.get_size_inches())
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" aria-label="{escape(label)}"'
    head += f' viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    return f"{head}\n<!-- matplotlib {matplotlib.__version__} -->\n" + svg.partition(">")[2].strip()
