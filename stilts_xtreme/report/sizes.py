"""The section on the number of training examples: is the gain larger where the target has few?"""

from collections.abc import Mapping

from stilts_xtreme.report import figures, scores, tables, tested, text
from stilts_xtreme.report.figures import Curve, Figure
from stilts_xtreme.report.page import Section
from stilts_xtreme.report.summary import Summary
from stilts_xtreme.report.tables import Cell, Row, Table

SHOWN = 5  # intermediates that have a line; the tables hold all
Points = Mapping[tuple[str, str], Mapping[int, str]]  # rows by number of examples; by the row with the usual recipe and target


def sections(summary: Summary) -> list[Section]:
    """Build the section of a study whose recipes differ in their number of examples."""
    study = summary.study.get("sizes")
    if not study or not study["points"]:
        return []
    points: dict[tuple[str, str], dict[int, str]] = {}
    for point in study["points"]:
        points.setdefault((point["of"], point["target"]), {})[point["examples"]] = point["row"]
    drawn = [
        _figure(summary, points, "sizes-gains", "Gain over “none” of the same recipe", gains=True),
        _figure(summary, points, "sizes-scores", "Score", gains=False),
    ]
    parts = [interactions(summary), *(by_size(summary, points, target) for target in summary.targets)]
    sentences = [line for line in (_recipes(summary), _guessing(summary, points)) if line]
    return [Section("sizes", "Few training examples for the target", sentences, drawn, parts)]


def by_size(summary: Summary, points: Points, target: str) -> Table | None:
    """Tabulate scores of the baseline and gains of the others, by number of examples."""
    sizes = sorted({examples for (_, name), rows in points.items() if name == target for examples in rows})

    def cell(row: str | None, gains: bool) -> Cell | str:
        if row is None:
            return text.ABSENT
        shown = (scores.gain if gains else scores.score)(summary, row, target)
        effect = summary.tests.get((row, target, None)) if gains else None
        if effect is None or effect.low is None:
            return shown
        return Cell(shown.text, tested.interval(effect) + (" *" if tested.significant(effect) else ""))

    bodies: dict[str, list[Row]] = {"Scores": [], "Gains over the baseline of the same recipe (points)": []}
    for (of, name), rows in points.items():
        row = summary.rows[next(iter(rows.values()))]
        gains = not (row.is_baseline or row.is_control)
        if name == target:
            list(bodies.values())[gains].append((of, [cell(rows.get(size), gains) for size in sizes]))
    caption = f"{target}: scores and gains by number of training examples; {scores.over(summary)}."
    return tables.table(caption, "intermediate", [f"{size:,}" for size in sizes], bodies, *scores.marks(bodies, summary))


def interactions(summary: Summary) -> Table | None:
    """Tabulate the gain with the fewest examples minus that with the most."""
    effects = summary.tested("sizes")
    rows = [(effect.target, (str(effect.row), (effect.contrast, *tested.cells(effect)))) for effect in effects]
    note = (
        "Above zero: intermediate training helps more where the target has few training examples. 95 % interval of the difference"
        f" of both gains, {tested.varied(len(summary.seeds))}, the same for both. {tested.STAR} for the rows of this table."
    )
    caption = "Gain with the fewest examples minus gain with the most, in points."
    return tables.table(caption, "intermediate", ("contrast", *tested.HEADS), tables.grouped(rows), note)


def _recipes(summary: Summary) -> str:
    recipes = summary.study.get("recipes") or {}
    parts = []
    for name, recipe in recipes.items():
        changes = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in recipe.items())
        parts.append(f"{name}: {changes or 'all examples, nothing changed'}")
    if not parts:
        return ""
    return (
        f"Recipes of fine-tuning, laid over the setup's: {'; '.join(parts)}. Each row is compared with the baseline of the same"
        " recipe, so a gain is never that of a longer training. Where a target has fewer examples than a recipe asks for, the"
        " usual one stands for both."
    )


def _guessing(summary: Summary, points: Points) -> str:
    """Where no row beats guessing at the fewest examples, a gain cannot be expected."""
    floor = []
    for target in (target for target in summary.targets if summary.chance(target) is not None):
        rows = [own[min(own)] for (_, name), own in points.items() if name == target]
        known = [score.mean for row in rows if not summary.rows[row].is_control and (score := summary.score(row, target))]
        floor += [target] if known and max(known) <= summary.guessed(target) else []
    few = "With the fewest examples no model is clearly above chance on"
    return f"{few} {text.listed(floor)}: a gain there says little." if floor else ""


def _figure(summary: Summary, points: Points, name: str, what: str, gains: bool) -> Figure:
    kinds = {of: summary.rows[next(iter(rows.values()))] for (of, _), rows in points.items()}
    compared = [of for of, row in kinds.items() if not (row.is_baseline or row.is_control)][:SHOWN]
    shown = compared if gains else [*(of for of, row in kinds.items() if row.is_baseline)][:1] + compared
    panels: dict[str, list[Curve]] = {target: [] for target in summary.targets}
    for target, curves in panels.items():
        for look, of in enumerate(shown, start=int(gains)):
            rows = sorted(points.get((of, target), {}).items())
            places = [place for size, row in rows if (place := _place(summary, size, row, target, gains))]
            curves.append(Curve(of, look, look, places))
    caption = (
        f"{what} by number of training examples of the target, on a logarithmic scale; each panel has its own scale upwards."
    )
    caption += " Bars: 95 % intervals." if gains else ""
    alternative = f"{what} by number of training examples: a panel for each target; numbers in the tables by target."
    return Figure(name, caption, alternative, figures.curves(panels, log=True, zero=gains))


def _place(summary: Summary, size: int, row: str, target: str, gains: bool) -> tuple[float, float, float | None] | None:
    """A point of a curve: number of examples, gain or score, and half of the interval."""
    mean = summary.gain(row, target) if gains else summary.score(row, target)
    effect = summary.tests.get((row, target, None)) if gains else None
    if mean is None:
        return None
    around = tested.ends(effect)
    value = mean.mean if effect is None or effect.estimate is None else effect.estimate
    return float(size), value, (around[1] - around[0]) / 2 if around else None
