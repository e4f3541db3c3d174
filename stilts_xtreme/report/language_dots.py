"""A figure of hundreds of languages at once: a dot a language, sorted by gain within its group, a panel a kind of group."""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Of plot.css in the light scheme: names take their place in the SVG, so that it follows the page's scheme.
COLOURS = {"ink": "#1b1f24", "soft": "#57606a", "line": "#c9d1d9", "up": "#2166ac", "down": "#d9760f"}
KINDS = {"seen": "up", "unseen": "down"}  # colours by whether the encoder's text had a language; else soft
STEP, LEAST, GAP = 3.6, 13.0, 5.0  # pixels: height of a language, of the smallest group, space between groups
TOP, PANEL, LETTER = 64.0, 130.0, 6.4  # pixels: above the first group, width of a scale, of a letter of the 11 px labels


@dataclass(frozen=True)
class Dot:
    """A language: its gain in points, a key of `KINDS` or another word, and what is shown where a pointer rests on it."""

    gain: float
    kind: str
    words: str


@dataclass(frozen=True)
class Group:
    """Languages under one label, their mean gain and its 95 % interval."""

    label: str
    dots: tuple[Dot, ...]
    mean: float
    interval: tuple[float, float]


def figure(panels: Mapping[str, Sequence[Group]], title: str, legend: Mapping[str, str]) -> str:
    """Return the SVG of panels by title; `legend` says in words what the kinds of dots are."""
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "stilts", "font.size": 11, "font.family": "DejaVu Sans"}):
        return _svg(*_drawn(panels, legend), title)


def _drawn(panels: Mapping[str, Sequence[Group]], legend: Mapping[str, str]) -> "tuple[Figure, list[tuple[str, Dot]]]":
    """Draw all; the dots stand in the order of their elements (see `_panel`)."""
    from matplotlib.figure import Figure as Canvas

    lefts = {name: 14 + LETTER * max(len(_label(group)) for group in groups) for name, groups in panels.items()}
    height = TOP + 6 + max(sum(map(_height, groups)) + GAP * (len(groups) - 1) for groups in panels.values())
    width = sum(lefts.values()) + (PANEL + 14) * len(panels)
    canvas = Canvas(figsize=(width / 72, height / 72), dpi=72)
    canvas.patch.set_visible(False)
    gains = [dot.gain for groups in panels.values() for group in groups for dot in group.dots]
    ends = [end for groups in panels.values() for group in groups for end in group.interval]
    low, high = min(0.0, *gains, *ends), max(0.0, *gains, *ends)
    margin = 0.03 * (high - low or 1.0)
    across, order = 0.0, list[tuple[str, Dot]]()
    for name, groups in panels.items():
        across += lefts[name]
        axes = canvas.add_axes((across / width, 6 / height, PANEL / width, (height - TOP - 6) / height))
        axes.set(xlim=(low - margin, high + margin), ylim=(height - TOP - 6, 0), yticks=[])
        order += _panel(axes, name, groups, lefts[name])
        across += PANEL + 14
    _legend(canvas, legend, width, height)
    return canvas, order


def _label(group: Group) -> str:
    return f"{group.label}, n = {len(group.dots)}"


def _height(group: Group) -> float:
    return max(LEAST, STEP * len(group.dots))


def _panel(axes: "Axes", name: str, groups: Sequence[Group], left: float) -> list[tuple[str, Dot]]:
    """Draw one panel; return its dots in the order of their elements, each with the id of the element that holds them."""
    axes.patch.set_visible(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=11, labelcolor=COLOURS["soft"])
    axes.locator_params(axis="x", nbins=4)
    axes.grid(axis="x", color=COLOURS["line"], linewidth=0.6)
    axes.set_axisbelow(True)
    axes.axvline(0, color=COLOURS["soft"], linewidth=1)
    axes.annotate(name, (0, 1), (-left + 6, 24), xycoords="axes fraction", textcoords="offset points", weight="bold",
                  color=COLOURS["ink"])  # fmt: skip
    down, placed = 0.0, list[tuple[float, Dot]]()
    for group in groups:
        height = _height(group)
        middle = down + height / 2
        axes.annotate(_label(group), (0, middle), (-6, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                      ha="right", va="center", color=COLOURS["ink"])  # fmt: skip
        axes.fill_betweenx((down, down + height), *group.interval, color=COLOURS["soft"], alpha=0.25, linewidth=0)
        axes.plot((group.mean, group.mean), (down, down + height), color=COLOURS["ink"], linewidth=1.4)
        start = middle - STEP * (len(group.dots) - 1) / 2
        ranked = sorted(group.dots, key=lambda dot: -dot.gain)
        placed += [(start + STEP * number, dot) for number, dot in enumerate(ranked)]
        down += height + GAP
    order = []
    for kind in dict.fromkeys(dot.kind for _, dot in placed):
        own = [(place, dot) for place, dot in placed if dot.kind == kind]
        drawn = axes.scatter([dot.gain for _, dot in own], [place for place, _ in own], s=3.4**2, linewidths=0, alpha=0.85,
                             color=COLOURS[KINDS.get(kind, "soft")], clip_on=False, zorder=3)  # fmt: skip
        drawn.set_gid(f"dots {name} {kind}")
        order += [(f"dots {name} {kind}", dot) for _, dot in own]
    return order


def _legend(canvas: "Figure", legend: Mapping[str, str], width: float, height: float) -> None:
    across = 8.0
    for kind, words in legend.items():
        colour = COLOURS[KINDS.get(kind, "soft")]
        canvas.text(across / width, 1 - 14 / height, "\N{BLACK CIRCLE}", va="center", fontsize=11, color=colour)
        canvas.text((across + 14) / width, 1 - 14 / height, words, va="center", fontsize=11, color=COLOURS["ink"])
        across += 34 + LETTER * len(words)


def _svg(canvas: "Figure", order: Sequence[tuple[str, Dot]], title: str) -> str:
    """The figure as an SVG element: colours by the names of plot.css, text as text, and each dot with its words."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    written = io.StringIO()
    FigureCanvasSVG(canvas).print_svg(written, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    drawn = written.getvalue()
    drawn = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", drawn[drawn.index("<svg") :], flags=re.S)
    drawn = _with_words(drawn, order)
    drawn = re.sub(r'<g id="[^"]*"', "<g", drawn).replace("xlink:href", "href")
    drawn = re.sub(r'\bid="|url\(#|href="#', r"\g<0>languages-", drawn)  # ids that nothing else on a page has
    drawn = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]), drawn)
    drawn = drawn.replace("font-size: 11px; font-family: 'DejaVu Sans'; ", "").replace("<g/>\n", "")  # plot.css has the page's
    drawn = "\n".join(line.strip() for line in drawn.splitlines() if line.strip())
    for name, colour in COLOURS.items():
        drawn = drawn.replace(colour, f"var(--{name})")
    width, height = (f"{72 * size:.0f}" for size in canvas.get_size_inches())
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" aria-label="{escape(title)}"'
    return f'{head} viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n{drawn.partition(">")[2].strip()}'


def _with_words(drawn: str, order: Sequence[tuple[str, Dot]]) -> str:
    """Give each dot its words: the elements of a collection stand in the order in which its points were given."""
    parts, at, name = [], 0, ""
    for gid, dot in order:
        if gid != name:
            name, start = gid, drawn.index(f'<g id="{gid}"')
        else:
            start = at
        use = drawn.index("<use ", start)
        end = drawn.index("/>", use)
        parts += [drawn[at:end], f"><title>{escape(dot.words)}</title></use>"]
        at = end + 2
    return "".join([*parts, drawn[at:]])
