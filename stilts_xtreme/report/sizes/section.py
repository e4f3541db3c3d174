"""The section on the number of training examples: is the gain larger where the target has few?"""

from collections.abc import Mapping
from typing import Any

from stilts_xtreme.report import tested, text
from stilts_xtreme.report.section import Section
from stilts_xtreme.report.sizes.curves import Sizes
from stilts_xtreme.report.sizes.plots import plots
from stilts_xtreme.report.sizes.tables import interactions, table
from stilts_xtreme.report.summary import Summary


def section(summary: Summary) -> Section | None:
    """None where recipes do not differ in their number of examples."""
    told = summary.study.get("sizes")
    if not told or not told["points"]:
        return None
    kinds = {point["of"]: summary.rows[point["row"]] for point in told["points"]}
    curves: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for point in told["points"]:
        curves.setdefault((point["of"], point["target"]), []).append((point["row"], point["examples"]))
    found = Sizes(summary, kinds, curves, tested.read(told["interactions"]))
    return Section(
        "sizes",
        "Few training examples for the target",
        tuple(filter(None, (_answer(found),))),
        tuple(filter(None, (_recipes(summary), _guessing(found)))),
        plots(found),
        tuple(filter(None, (interactions(found), *(table(found, target) for target in found.targets)))),
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
        " recipe, so a gain is never that of a longer training. Where a target has fewer examples than a recipe asks for, the"
        " usual one stands for both."
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
            if name == target and not found.kinds[row].is_control
        ]
        if scores and all(score is None or score.mean <= found.summary.guessed(target) for score in scores):
            floor.append(target)
    if not floor:
        return ""
    return f"With the fewest examples no model is clearly above chance on {text.listed(floor)}: a gain there says little."
