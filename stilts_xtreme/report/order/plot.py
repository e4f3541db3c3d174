"""A dot for each order and seed, orders below one another by their mean; mixtures and single tasks as lines through all."""

import math

from stilts_xtreme.report import shapes, text
from stilts_xtreme.report.order.panels import Panel

WIDTH, SMALLEST = 940, 300  # of the plot, and of its scale at the least
STEP, TOP, GAP = 18, 56, 14  # height of a row, of what stands above the first, between orders and lines
SMALL = 7.0  # pixels a letter of the 11 px labels may take in a wide font
NUMBER = 60


def plot(panel: Panel, name: str) -> str:
    """The plot of a panel; `name` begins its ids."""
    means = panel.means
    orders = sorted(panel.orders, key=lambda row: -means[row])
    mixed, single = references(panel)
    lines = [*mixed, *single]
    names = {row: _names(panel, row) for row in orders}
    left = max(len(row) for row in [*orders, *lines]) * SMALL + 12
    right = NUMBER + max(len(words) for words in names.values()) * SMALL + 12
    width = max(SMALLEST, WIDTH - left - right)
    low, high, step = _scale([value for row in [*orders, *lines] for value in panel.scores[row].values()])
    first, split = TOP, TOP + STEP * len(orders)
    end = split + (GAP + STEP * len(lines) if lines else 0)

    def at(value: float) -> float:
        return left + width * (value - low) / (high - low)

    parts = [shapes.label(0, 12, panel.title, "head"), *_legend(bool(mixed), bool(single))]
    parts.append(shapes.label(left + width + NUMBER - 6, first - 8, "mean", "end soft"))
    for number in range(round((high - low) / step) + 1):
        value = low + number * step
        parts += [_line("grid", at(value), first - 3, end), shapes.label(at(value), first - 8, _tick(value, step), "middle soft")]
    parts.append(_line("zero", at(panel.mean), first - 3, split + 2))
    for number, row in enumerate(lines):
        middle = split + GAP + STEP * (number + 0.5)
        parts.append(_line("mixed" if row in mixed else "single", at(_mean(panel, row)), first - 3, middle))
    for number, row in enumerate([*orders, *lines]):
        middle = first + STEP * (number + 0.5) + (GAP if number >= len(orders) else 0)
        value = means[row] if row in means else _mean(panel, row)
        kind = "order" if row in means else "mixed" if row in mixed else "single"
        parts.append(shapes.label(left - 10, middle + 4, row, "end soft"))
        parts += [_dot(kind, at(score), middle) for score in panel.scores[row].values()]
        parts.append(
            f'<line class="whisker" x1="{at(value):.1f}" y1="{middle - 7:.1f}" x2="{at(value):.1f}" y2="{middle + 7:.1f}"/>'
        )
        parts.append(shapes.label(left + width + NUMBER - 6, middle + 4, text.number(value), "end soft"))
        parts += [shapes.label(left + width + NUMBER + 6, middle + 4, names[row], "soft")] if names.get(row) else []
    return shapes.svg(name, f"Score by order: {panel.title}", alternative(panel), left + width + right, end + 6, parts)


def references(panel: Panel) -> tuple[list[str], list[str]]:
    """The mixtures and the single tasks of a panel, best first."""
    rows = sorted(
        (row for row in panel.scores if row not in panel.orders and row not in panel.partial and panel.scores[row]),
        key=lambda row: -_mean(panel, row),
    )
    mixed = {one["row"] for one in panel.mixtures}
    return [row for row in rows if row in mixed], [row for row in rows if row not in mixed]


def alternative(panel: Panel) -> str:
    """What the plot shows in words."""
    means = panel.means
    highest, lowest = max(means, key=lambda row: means[row]), min(means, key=lambda row: means[row])
    told = (
        f"{len(panel.orders)} orders on {panel.title}, {text.count(len(panel.seeds), 'seed')}:"
        f" means from {text.number(means[lowest])} ({lowest}) to {text.number(means[highest])} ({highest}), all together"
        f" {text.number(panel.mean)}."
    )
    rows = [row for group in references(panel) for row in group]
    return told + (f" Beside them {text.listed([f'{row} {text.number(_mean(panel, row))}' for row in rows])}." if rows else "")


def _mean(panel: Panel, row: str) -> float:
    """Over the seeds that have every order; where the row lacks one, over those it has."""
    own = panel.scores[row]
    shared = [own[seed] for seed in panel.seeds if seed in own] or list(own.values())
    return math.fsum(shared) / len(shared)


def _names(panel: Panel, row: str) -> str:
    return ", ".join(str(one["name"]) for one in panel.named if row in one["orders"])


def _legend(mixed: bool, single: bool) -> list[str]:
    shown = [("order", "an order, one seed"), ("whisker", "its mean"), ("zero", "mean of all orders")]
    shown += [("mixed", "the tasks mixed")] if mixed else []
    shown += [("single", "one task alone")] if single else []
    parts, across = [], 0.0
    for kind, words in shown:
        parts += [_dot(kind, across + 5, 26)] if kind == "order" else [_line(kind, across + 5, 19, 33)]
        parts.append(shapes.label(across + 14, 30, words, "soft"))
        across += 14 + len(words) * SMALL + 14
    return parts


def _scale(values: list[float]) -> tuple[float, float, float]:
    """Ends and step of a scale of some six round ticks that holds every value."""
    low, high = min(values), max(values)
    rough = max(high - low, 1.0) / 5
    ten = 10.0 ** math.floor(math.log10(rough))
    step = next(size * ten for size in (1, 2, 5, 10) if size * ten >= rough)
    start = math.floor(low / step - 0.2) * step
    return start, max(math.ceil(high / step + 0.2) * step, start + step), step


def _tick(value: float, step: float) -> str:
    return text.number(value) if step < 1 else text.number(value)[:-2]


def _line(kind: str, across: float, first: float, end: float) -> str:
    return f'<line class="{kind}" x1="{across:.1f}" y1="{first:.1f}" x2="{across:.1f}" y2="{end:.1f}"/>'


def _dot(kind: str, across: float, down: float) -> str:
    return f'<circle class="{kind}" cx="{across:.1f}" cy="{down:.1f}" r="4"/>'
