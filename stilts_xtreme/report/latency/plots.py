"""Plots of a latency study: ratios with their intervals."""

import math

from stilts_xtreme.report import shapes
from stilts_xtreme.report.latency.timings import Timings, heading
from stilts_xtreme.report.shapes import LETTER

LINE, WIDTH = 17, 520  # height of a row, width of the scale
FURTHEST = 1.5  # ratio at which intervals are cut: with two seeds they are very wide
APART = 36  # pixels that the scale's numbers need


def models(run: Timings) -> str | None:
    """Each model's time over the base model's at batch 1, with its interval and the band that counts as equal."""
    rows = [row for row in run.measured["models"] if row["of"] == "latency"]
    if not rows:
        return None
    margin = run.study["margin"]
    edges = [edge for row in rows for edge in (row["ratio"], row.get("low", 1.0), row.get("high", 1.0))]
    reach = min(math.log(FURTHEST), max(2 * margin, *(abs(math.log(edge)) for edge in edges)))
    label = max(len(row["model"]) for row in rows) * LETTER + 20
    parts, top = [], 44.0

    def at(ratio: float) -> float:
        return label + WIDTH * (max(-reach, min(reach, math.log(ratio))) + reach) / (2 * reach)

    for variant in dict.fromkeys(row["variant"] for row in rows):
        parts.append(shapes.label(0, top + 12, heading(variant), "head"))
        top += LINE
        for row in rows:
            if row["variant"] != variant:
                continue
            middle = top + LINE / 2
            parts.append(shapes.label(label - 12, middle + 4, row["model"], "end soft"))
            if "low" in row:
                left, right = at(row["low"]), at(row["high"])
                parts.append(f'<line class="link" x1="{left:.1f}" y1="{middle:.1f}" x2="{right:.1f}" y2="{middle:.1f}"/>')
            parts.append(shapes.dot(at(row["ratio"]), middle, "hollow" if row["model"] == run.again else "up"))
            parts.append(shapes.label(label + WIDTH + 52, middle + 4, f"{row['ratio']:.3f}", "end soft"))
            top += LINE
        top += 6
    ground = [f'<rect class="up" fill-opacity="0.10" x="{at(1 - margin):.1f}" y="40" '
              f'width="{at(1 + margin) - at(1 - margin):.1f}" height="{top - 44:.1f}"/>']  # fmt: skip
    for tick in (math.exp(-reach), 1 - margin, 1, 1 + margin, math.exp(reach)):
        kind = "chance" if tick == 1 else "grid"
        ground.append(f'<line class="{kind}" x1="{at(tick):.1f}" y1="40" x2="{at(tick):.1f}" y2="{top - 4:.1f}"/>')
        if tick not in (1 - margin, 1 + margin) or at(1 + margin) - at(1) >= APART:
            ground.append(shapes.label(at(tick), 34, f"{tick:.2f}", "middle soft"))
    ground.append(
        shapes.label(label, 14, f"time over “{run.base}”; shaded: counts as equal; hollow: the same weights once more", "soft")
    )
    ends = f"{math.exp(-reach):.2f} to {math.exp(reach):.2f}"
    title = f"Time at batch 1 over {run.base}, by variant and model"
    told = f"Dots with 95 % intervals for {len(rows)} comparisons; the scale runs from {ends}."
    return shapes.svg("models", title, told, label + WIDTH + 60, top, [*ground, *parts])


def variants(run: Timings) -> str | None:
    """Speed over eager by variant and batch size, on a scale of ratios."""
    rows = [row for row in run.measured["savings"] if row["variant"] != "eager"]
    if not rows:
        return None
    speeds = [1 / row["ratio"] for row in rows]
    low, high = math.floor(math.log2(min(1.0, *speeds))), math.ceil(math.log2(max(1.0, *speeds)))
    label = max(len("batch 128"), *(len(row["variant"]) for row in rows)) * LETTER + 20
    parts, top = [], 44.0

    def at(speed: float) -> float:
        return label + WIDTH * (math.log2(speed) - low) / max(1, high - low)

    for variant in dict.fromkeys(row["variant"] for row in rows):
        parts.append(shapes.label(0, top + 12, variant, "head"))
        top += LINE
        for row in rows:
            if row["variant"] != variant:
                continue
            middle, speed = top + LINE / 2, 1 / row["ratio"]
            parts.append(shapes.label(label - 12, middle + 4, f"batch {row['batch']}", "end soft"))
            parts.append(f'<line class="link" x1="{at(1):.1f}" y1="{middle:.1f}" x2="{at(speed):.1f}" y2="{middle:.1f}"/>')
            parts.append(shapes.dot(at(speed), middle, "up" if speed >= 1 else "down"))
            parts.append(shapes.label(label + WIDTH + 52, middle + 4, f"{speed:.2f}×", "end soft"))
            top += LINE
        top += 6
    ground = []
    for power in range(low, high + 1):
        kind = "chance" if power == 0 else "grid"
        ground.append(f'<line class="{kind}" x1="{at(2.0**power):.1f}" y1="40" x2="{at(2.0**power):.1f}" y2="{top - 4:.1f}"/>')
        ground.append(shapes.label(at(2.0**power), 34, f"{2.0**power:g}×", "middle soft"))
    ground.append(shapes.label(label, 14, "speed over eager; blue: faster, orange: slower", "soft"))
    told = f"Speed over eager for {len(rows)} pairs of variant and batch size, from {min(speeds):.2f} to {max(speeds):.2f}."
    return shapes.svg("variants", "Speed over eager, by variant and batch size", told, label + WIDTH + 60, top, [*ground, *parts])
