"""Bars of the gain in each group of languages, a panel for each target, with whiskers."""

from stilts_xtreme.report import shapes, text
from stilts_xtreme.report.bars import NINETY_FIVE, PANELS, SMALL, SPACE, Bar, panel
from stilts_xtreme.report.bars import PANEL as WIDTH
from stilts_xtreme.report.comparisons import among
from stilts_xtreme.report.resources.groups import Resources

SHOWN = 4  # intermediates in a panel; of more the one of the largest gain


def plot(found: Resources) -> str | None:
    """None where nothing was compared."""
    panels = {target: groups for target in found.targets if (groups := _groups(found, target))}
    if not panels:
        return None
    heights = [32.0] * PANELS
    parts = [shapes.label(0, 12, f"Bars: gain in points; each panel has its own scale. {_n(found)}", "soft")]
    for target, groups in panels.items():
        place = heights.index(min(heights))
        room = max(len(heading) for heading, _ in groups) * SMALL + 8
        drawn, height = panel(target, groups, place * (WIDTH + SPACE), heights[place], room)
        parts += drawn
        heights[place] += height
    words = f"One panel for each of {text.listed(list(panels))}; under each group of languages a bar for each intermediate."
    across = PANELS * WIDTH + SPACE
    return shapes.svg("resources", "Gain by group of languages", words, across, max(heights), parts)


def _n(found: Resources) -> str:
    return f"Whiskers: 95 %, {among(len(found.summary.seeds))}. n: languages."


def _groups(found: Resources, target: str) -> list[tuple[str, list[Bar]]]:
    rows = _rows(found, target)
    groups = []
    for group, codes in found.members(target).items():
        ones = [one for row in rows if (one := found.gain(row, target, group)) is not None]
        bars = [Bar(one.row, "", one.gain, one.error / NINETY_FIVE) for one in ones]
        if bars:
            groups.append((f"{found.heading(group)}, n = {len(codes)}", bars))
    return groups


def _rows(found: Resources, target: str) -> list[str]:
    """The rows as usual, or where they are many that of the target's largest gain."""
    known = {one.row for one in found.gains if one.column == target}
    rows = [row for row in found.summary.compared if row in known]
    usual = [row for row in rows if found.summary.rows[row].is_usual] or rows
    if len(usual) <= SHOWN:
        return usual
    best = found.summary.best(target)
    return [best] if best in known else usual[:SHOWN]
