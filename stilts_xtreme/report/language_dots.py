"""A figure of hundreds of languages at once: a dot a language, sorted by gain within its group, a panel a kind of group."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from stilts_xtreme.report.figures import DOWN, INK, LETTER, SOFT, UP, add_label, add_title, new_axes, set_ticks, style, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"seen": UP, "unseen": DOWN}  # by whether the encoder's text had a language; else SOFT
STEP, LEAST, GAP = 3.6, 14.0, 5.0  # pixels: height of a language, of the smallest group, space between groups
WIDTH, SCALE, TOP = 238, 90, 46  # pixels: of a panel (four stand side by side), at least of its scale, above the first group


@dataclass(frozen=True)
class Dot:
    """A language: its gain in points, a key of `COLOURS` or another word, and what is shown where a pointer rests on it."""

    gain: float
    kind: str
    words: str


@dataclass(frozen=True)
class Group:
    """Languages under a label, their mean gain and its 95 % interval."""

    label: str
    dots: tuple[Dot, ...]
    mean: float
    interval: tuple[float, float]


@style()
def panels(groups_by_title: Mapping[str, Sequence[Group]]) -> tuple[str, ...]:
    """Return the SVG of each panel; all have the same scale."""
    groups = [group for own in groups_by_title.values() for group in own]
    ends = [0.0, *(end for group in groups for end in group.interval), *(dot.gain for group in groups for dot in group.dots)]
    margin = 0.04 * (max(ends) - min(ends) or 1.0)
    limits = min(ends) - margin, max(ends) + margin
    return tuple(_panel(title, own, limits) for title, own in groups_by_title.items())


def _panel(title: str, groups: Sequence[Group], limits: tuple[float, float]) -> str:
    labels = [f"{group.label} ({len(group.dots)})" for group in groups]
    heights = [max(LEAST, STEP * len(group.dots)) for group in groups]
    left, height = 10 + LETTER * max(map(len, labels)), sum(heights) + GAP * (len(groups) - 1)
    canvas, axes = new_axes(max(WIDTH, left + SCALE), TOP + height + 4, left, TOP, 6, 4)
    axes.set(xlim=limits, ylim=(height, 0), yticks=[])
    add_title(axes, title, -left, 30)
    down, placed = 0.0, list[tuple[float, Dot]]()
    for group, label, tall in zip(groups, labels, heights, strict=True):
        middle = down + tall / 2
        add_label(axes, label, (0, middle), -6, "right")
        axes.fill_betweenx((down, down + tall), *group.interval, color=SOFT, alpha=0.25, linewidth=0)
        axes.plot((group.mean, group.mean), (down, down + tall), color=INK, linewidth=1.4)
        start = middle - STEP * (len(group.dots) - 1) / 2
        ranked = sorted(group.dots, key=lambda dot: -dot.gain)
        placed += [(start + STEP * number, dot) for number, dot in enumerate(ranked)]
        down += tall + GAP
    axes.xaxis.tick_top()
    set_ticks(axes, axes.xaxis, True)
    words = [dot.words for dot in _dots(axes, placed)]
    return _with_words(to_svg(canvas, title), words)


def _dots(axes: "Axes", placed: Sequence[tuple[float, Dot]]) -> list[Dot]:
    """Draw the dots, those of a kind at once; return them in the order of their elements."""
    order = []
    for kind in dict.fromkeys(dot.kind for _, dot in placed):
        own = [(place, dot) for place, dot in placed if dot.kind == kind]
        axes.scatter([dot.gain for _, dot in own], [place for place, _ in own], s=3.4**2, linewidths=0, alpha=0.85,
                     color=COLOURS.get(kind, SOFT), clip_on=False, zorder=3)  # fmt: skip
        order += [dot for _, dot in own]
    return order


def _with_words(svg: str, words: Sequence[str]) -> str:
    """Give each dot its words: dots are the last elements that are used more than once, in the order in which they were given."""
    uses = list(re.finditer(r"<use [^>]*/>", svg))[-len(words) :]
    parts, at = [], 0
    for use, shown in zip(uses, words, strict=True):
        parts += [svg[at : use.end() - 2], f"><title>{escape(shown)}</title></use>"]
        at = use.end()
    return "".join([*parts, svg[at:]])
