"""Learning curves of a study: scores and gains by number of training examples."""

from collections.abc import Mapping
from typing import Any

from stilts_xtreme.report import text
from stilts_xtreme.report.section import Plot
from stilts_xtreme.report.sizes import learning
from stilts_xtreme.report.sizes.curves import Sizes
from stilts_xtreme.report.sizes.learning import Line, Panel, Point
from stilts_xtreme.results.rows import BASELINE

SHOWN = 5  # intermediates that have a line; the tables hold all


def plots(found: Sizes) -> dict[str, Plot]:
    rows = [row for row in found.rows if found.told(row)][:SHOWN]
    looks = {row: 1 + number for number, row in enumerate(rows)} | {row: 0 for row in found.rows if found.kinds[row].is_baseline}
    looks = {row: look for row, look in looks.items() if look or row == BASELINE or BASELINE not in looks}
    scores = _panels(found, looks, _score)
    gains = _panels(found, {row: look for row, look in looks.items() if look}, _gain)
    drawn = {}
    if gains:
        caption = "Gain over “none” of the same recipe by number of training examples, in points, with 95 % intervals."
        says = "To the right: training examples, on a logarithmic scale. Upwards: gain; each panel has its own scale."
        told = f"A panel for each of {text.listed([panel.title for panel in gains])}; numbers in the tables by target."
        svg = learning.plot("sizes-gains", "Gain by number of training examples", told, says, gains, zero=True)
        drawn["sizes-gains"] = Plot(svg, caption, f"Gain by number of training examples of the target. {told}")
    if scores:
        says = "To the right: training examples, on a logarithmic scale. Upwards: score; each panel has its own scale."
        told = f"A panel for each of {text.listed([panel.title for panel in scores])}; numbers in the tables by target."
        svg = learning.plot("sizes-scores", "Score by number of training examples", told, says, scores)
        drawn["sizes-scores"] = Plot(
            svg, "Score by number of training examples of the target.", f"Score by number of training examples. {told}"
        )
    return drawn


def _panels(found: Sizes, looks: Mapping[str, int], value: Any) -> list[Panel]:
    panels = []
    for target in found.targets:
        lines = []
        for row, look in looks.items():
            points = [value(found, name, target, examples) for name, examples in found.curves.get((row, target), ())]
            if kept := [point for point in points if point is not None]:
                lines.append(Line(row, look, kept))
        if lines:
            panels.append(Panel(target, sorted(lines, key=lambda line: line.look)))
    return panels


def _score(found: Sizes, row: str, target: str, examples: int) -> Point | None:
    score = found.summary.score(row, target)
    return None if score is None else Point(examples, score.mean)


def _gain(found: Sizes, row: str, target: str, examples: int) -> Point | None:
    gain, one = found.summary.gain(row, target), found.summary.comparisons.get((row, target))
    if gain is None:
        return None
    half = None if one is None or one.interval is None else (one.interval[1] - one.interval[0]) / 2
    return Point(examples, gain.mean if one is None else one.gain, half)
