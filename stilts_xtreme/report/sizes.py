"""The section on the number of training examples: is the gain larger where the target has few?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stilts_xtreme.report import learning, tested, text
from stilts_xtreme.report.comparisons import star
from stilts_xtreme.report.learning import Line, Panel, Point
from stilts_xtreme.report.section import Plot, Section
from stilts_xtreme.report.summary import BASELINE, CONTROL, Summary, kind
from stilts_xtreme.report.tables import Body, Cell, Column, Table, marks, over, small
from stilts_xtreme.report.tested import Tested

SHOWN = 5  # intermediates that have a line; the tables hold all


@dataclass(frozen=True)
class Sizes:
    """`curves`: (row, examples) by the row with the usual recipe and target, fewest examples first."""

    summary: Summary
    curves: Mapping[tuple[str, str], Sequence[tuple[str, int]]]
    interactions: Sequence[Tested]

    @property
    def targets(self) -> list[str]:
        shown = {target for _, target in self.curves}
        return [target for target in self.summary.targets if target in shown]

    @property
    def rows(self) -> list[str]:
        """As with the usual recipe; baselines come first."""
        names = list(dict.fromkeys(row for row, _ in self.curves))
        return sorted(names, key=lambda row: (kind(row) != CONTROL, kind(row) != BASELINE))

    def told(self, row: str) -> bool:
        return kind(row) not in (BASELINE, CONTROL)


def section(summary: Summary) -> Section | None:
    """None where recipes do not differ in their number of examples."""
    told = summary.study.get("sizes")
    if not told or not told["points"]:
        return None
    curves: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for point in told["points"]:
        curves.setdefault((point["of"], point["column"]), []).append((point["row"], point["examples"]))
    found = Sizes(summary, curves, tested.read(told["interactions"], "of"))
    return Section(
        "sizes",
        "Few training examples for the target",
        tuple(filter(None, (_answer(found),))),
        tuple(filter(None, (_recipes(summary), _guessing(found)))),
        _plots(found),
        tuple(filter(None, (_interactions(found), *(_table(found, target) for target in found.targets)))),
    )


def _answer(found: Sizes) -> str:
    """The gain with the fewest examples minus that with the most."""
    if not found.interactions:
        return ""
    few, many = ([one.told["examples"][end] for one in found.interactions] for end in (0, 1))
    told = f"Gain with the fewest training examples of the target ({text.between(few)}) minus gain with the most"
    verdict = tested.verdict(found.interactions, "larger gain", "smaller gain")
    return f"{told} ({text.between(many)}), {tested.at()}: {verdict}."


def _recipes(summary: Summary) -> str:
    recipes: Mapping[str, Mapping[str, Any]] = summary.study.get("recipes") or {}
    parts = [f"{name}: {_said(recipe)}" for name, recipe in recipes.items()]
    if not parts:
        return ""
    return (
        f"Recipes of fine-tuning, laid over the setup's: {'; '.join(parts)}. Each row is compared with the baseline of the same"
        " recipe, so a gain is never that of a longer training."
    )


def _said(recipe: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in recipe.items()) or "all examples, nothing changed"


def _guessing(found: Sizes) -> str:
    """Where no row beats guessing at the fewest examples, a gain cannot be expected."""
    floor = []
    for target in found.targets:
        if found.summary.chance(target) is None:
            continue
        scores = [
            found.summary.score(points[0][0], target)
            for (row, name), points in found.curves.items()
            if name == target and kind(row) != CONTROL
        ]
        if scores and all(score is None or score.mean <= found.summary.guessed(target) for score in scores):
            floor.append(target)
    if not floor:
        return ""
    return f"With the fewest examples no model is clearly above chance on {text.listed(floor)}: a gain there says little."


def _plots(found: Sizes) -> dict[str, Plot]:
    rows = [row for row in found.rows if found.told(row)][:SHOWN]
    looks = {row: 1 + number for number, row in enumerate(rows)} | {row: 0 for row in found.rows if kind(row) == BASELINE}
    looks = {row: look for row, look in looks.items() if look or row == BASELINE or BASELINE not in looks}
    scores = _panels(found, looks, _score)
    gains = _panels(found, {row: look for row, look in looks.items() if look}, _gain)
    drawn = {}
    if gains:
        caption = "Gain over “none” of the same recipe by number of training examples, in points, with 95 % intervals."
        says = "To the right: training examples, by powers. Upwards: gain; each panel has its own scale."
        told = f"A panel for each of {text.listed([panel.title for panel in gains])}; numbers in the tables by target."
        svg = learning.plot("sizes-gains", "Gain by number of training examples", told, says, gains, zero=True)
        drawn["sizes-gains"] = Plot(svg, caption, f"Gain by number of training examples of the target. {told}")
    if scores:
        says = "To the right: training examples, by powers. Upwards: score; each panel has its own scale."
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


def _table(found: Sizes, target: str) -> Table:
    """Scores of the baseline and gains of the others, by number of examples."""
    sizes = sorted({examples for (_, name), points in found.curves.items() if name == target for _, examples in points})
    bodies = []
    for title, told in (("Scores", False), ("Gains over the baseline of the same recipe (points)", True)):
        rows = []
        for row in found.rows:
            points = {examples: name for name, examples in found.curves.get((row, target), ())}
            if points and found.told(row) == told:
                rows.append((row, tuple(_cell(found, points.get(size), target, told) for size in sizes)))
        bodies += [Body(title, tuple(rows))] if rows else []
    caption = f"{target}: scores and gains by number of training examples; {over(found.summary)}."
    columns = tuple(Column(f"{size:,}") for size in sizes)
    shown = [row for body in bodies for row in body.rows]
    return Table(caption, "intermediate", columns, tuple(bodies), marks(shown, found.summary))


def _cell(found: Sizes, row: str | None, target: str, gains: bool) -> Cell:
    if row is None:
        return Cell(text.ABSENT)
    value = found.summary.gain(row, target) if gains else found.summary.score(row, target)
    one = found.summary.comparisons.get((row, target)) if gains else None
    mark = star(found.summary.comparisons, row, target) if gains else ""
    beneath = [text.interval(one.interval)] if one is not None and one.interval is not None else []
    beneath += [small(found.summary, row, target, value)] if not beneath else []
    return Cell(text.value(value, signed=gains), " ".join(filter(None, [*beneath, mark])))


def _interactions(found: Sizes) -> Table | None:
    bodies = []
    for target in found.targets:
        rows = []
        for one in found.interactions:
            if one.column == target:
                few, many = one.told["examples"]
                cells = (
                    Cell(f"{few:,}"), Cell(f"{many:,}"), tested.cell(one), Cell(text.probability(one.p)),
                    Cell(text.probability(one.q)),
                )  # fmt: skip
                rows.append((one.row, cells))
        bodies += [Body(target, tuple(rows))] if rows else []
    if not bodies:
        return None
    columns = (Column("fewest examples"), Column("most"), Column("difference of gains"), Column("p"), Column("q"))
    notes = (
        "Above zero: intermediate training helps more where the target has few training examples. 95 % interval of the difference"
        " of both gains, over the same test examples and seeds.",
    )
    caption = "Gain with the fewest examples minus gain with the most, in points."
    return Table(caption, "intermediate", columns, tuple(bodies), tested.star(found.interactions) + notes)
