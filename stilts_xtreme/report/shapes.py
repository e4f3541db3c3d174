"""The parts that plots are made of: labels, and an SVG with words for those who cannot see it."""

from html import escape

MARGIN = 8
LETTER = 8.4  # pixels a letter of the 12 px labels may take in a wide font


def label(across: float, down: float, words: str, kind: str = "") -> str:
    """Text with its baseline at that place; `kind`: classes of plot.css."""
    chosen = f' class="{kind}"' if kind else ""
    return f'<text{chosen} x="{across:.1f}" y="{down:.1f}">{escape(words)}</text>'


def dot(across: float, down: float, kind: str) -> str:
    """A point of a plot; `kind`: classes of plot.css."""
    return f'<circle class="{kind}" cx="{across:.1f}" cy="{down:.1f}" r="{3.5 if kind == "hollow" else 4}"/>'


def svg(name: str, title: str, told: str, width: float, height: float, parts: list[str]) -> str:
    """The plot; `name` begins its ids, `title` and `told` are its alternative in words."""
    across, down = f"{width + 2 * MARGIN:.0f}", f"{height + 2 * MARGIN:.0f}"
    size = f'viewBox="-{MARGIN} -{MARGIN} {across} {down}" width="{across}" height="{down}"'
    opened = f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" aria-labelledby="{name}-title {name}-desc" {size}>'
    words = [f'<title id="{name}-title">{escape(title)}</title>', f'<desc id="{name}-desc">{escape(told)}</desc>']
    return "\n".join([opened, *words, *parts, "</svg>"])


def standalone(svg: str, style: str) -> str:
    """The plot as a file of its own: with its style, and a background, since it may be shown on any page."""
    opened, rest = svg.split(">", 1)
    ground = f'<rect class="page" x="-{MARGIN}" y="-{MARGIN}" width="100%" height="100%"/>'
    return f"{opened}>\n<style>\n{style}</style>\n{ground}{rest}\n"
