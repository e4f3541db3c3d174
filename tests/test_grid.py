"""A study's axes: orders, noise, recipes, mixtures that hold the target's data; and the choice of the best intermediate."""

from pathlib import Path

import pytest

from stilts_xtreme import spec
from stilts_xtreme.analysis import selection
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.utils.errors import UserError

STUDIES = Path(__file__).parents[1] / "experiments" / "studies"


def cells(name: str, *overrides: str) -> dict[tuple[str, str, float], plan.Predict]:
    loaded = spec.load(STUDIES / f"{name}.yaml", ["seeds=[1]", *overrides])
    return {(cell.row.name, cell.target, cell.noise): cell.stage for cell in grid.study(loaded)}


def tasks(stage: plan.Predict) -> list[tuple[str, ...]]:
    return [link.tasks for link in plan.chain(stage) if isinstance(link, plan.Train)]


def test_every_order_is_a_row_once() -> None:
    loaded = spec.load(STUDIES / "order.yaml", ["intermediate=[none,[squad,mnli,hellaswag]]"])
    rows = [row.name for row in grid.rows(loaded)]
    assert rows[:2] == ["none", "squad>mnli>hellaswag"] and len(rows) == len(set(rows)) == 1 + 6


def test_random_orders_are_different_and_the_same_again() -> None:
    drawn = ["orders={tasks: [mnli, squad, hellaswag, ccg], random: 5, seed: 3}"]
    one, other = ([row.name for row in grid.rows(spec.load(STUDIES / "order.yaml", drawn))] for _ in range(2))
    assert one == other and len(set(one)) == len(one) == 5 + 5
    more = spec.load(STUDIES / "order.yaml", ["orders={tasks: [mnli, squad], random: 9}"])
    assert grid.orders(more.orders) == [("mnli", "squad"), ("squad", "mnli")]


def test_a_mixture_with_the_target_holds_each_target_s_own_data() -> None:
    found = cells("multitask")
    assert tasks(found["joint", "panx", 0.0]) == [("text",), ("mnli", "squad", "hellaswag", "panx")]
    assert tasks(found["joint", "xnli", 0.0]) == [("text",), ("mnli", "squad", "hellaswag")]  # mnli is there already
    chain = tasks(found["mix>joint-first", "panx", 0.0])
    assert chain == [("text",), ("mnli", "squad", "hellaswag"), ("mnli", "squad", "hellaswag", "panx"), ("panx",)]
    assert tasks(found["mix", "panx", 0.0])[-1] == ("panx",)


def test_the_head_that_predicts_is_the_target_s() -> None:
    from stilts_xtreme.stages import model_cache

    found = cells("multitask")
    assert model_cache.source(found["joint", "panx", 0.0]) == "panx"
    assert model_cache.source(found["joint", "xquad", 0.0]) == "squad"


def test_a_mixture_s_recipe_is_laid_over_the_setup_s() -> None:
    mixed = plan.chain(cells("order")["mixed", "xnli", 0.0])[1]
    assert isinstance(mixed, plan.Train) and mixed.recipe.steps == 1626 and mixed.recipe.epochs is None


def test_noise_in_what_is_predicted_and_in_what_is_trained_on() -> None:
    found = cells("noise")
    clean, noisy = found["mnli", "xnli", 0.0], found["mnli", "xnli", 0.1]
    assert noisy.model is clean.model and noisy.noise is not None and noisy.noise.rate == 0.1
    assert plan.address(clean) != plan.address(noisy) and "noise" not in plan.identity(clean)
    trained = found["mnli (noise 0.1)", "xnli", 0.0].model
    assert isinstance(trained, plan.Train) and trained.noise is not None and trained.start.noise is None  # type: ignore[union-attr]
    assert (noisy.label, trained.label, trained.start.label) == ("xnli (noise 0.1)", "mnli (noise 0.1)", "mnli")  # type: ignore[union-attr]
    assert {row for row, _, _ in found} >= {"none", "none (en+xa+xb+xc+xd+xe, noise 0.1)"}


def test_recipes_are_an_axis_of_fine_tuning() -> None:
    found = cells("low_resource")
    few, usual = (found[row, "xnli", 0.0].model for row in ("squad (n100)", "squad"))
    assert few.recipe.examples == 100 and usual.recipe.examples is None and few.start is usual.start  # type: ignore[union-attr]
    row = next(row for row in grid.rows(spec.load(STUDIES / "low_resource.yaml")) if row.name == "squad (n100)")
    assert row.baseline.name == "none (n100)"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("mixtures={a: {tasks: [mnli, squad], last: true}}", "needs a head for the target"),
        ("orders={tasks: [mnli, squad, ccg, qqp, anli]}", "say how many to draw"),
        ("orders={tasks: [mnli, xnli]}", "is not an intermediate task"),
        ("noise={rates: [0]}", "must be above 0"),
        ("noise={rates: [0.1, 0.1]}", "stands in the list twice"),
        ("recipes={}", "must have 1 or more entries"),
    ],
)
def test_faults(override: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        spec.load(STUDIES / "main.yaml", [override])


def test_what_cannot_be_mixed_is_refused() -> None:
    mixture = "mixtures={j: {tasks: [mnli, target], last: true}}"
    with pytest.raises(UserError, match="tatoeba has no training data"):
        spec.load(STUDIES / "main.yaml", [mixture, "intermediate=[none, j]", "targets=[tatoeba]"])
    for change in ("recipes={usual: {}, few: {examples: 100}}", "noise={rates: [0.1], training: [0.0, 0.1]}"):
        with pytest.raises(UserError, match="the mixture j comes last"):
            spec.load(STUDIES / "main.yaml", [mixture, "intermediate=[none, j]", "targets=[xnli]", change])
    with pytest.raises(UserError, match="'j' comes last: nothing can follow it"):
        spec.load(STUDIES / "main.yaml", [mixture, "intermediate=[none, [j, mnli]]", "targets=[xnli]"])


def test_the_best_on_english_dev() -> None:
    none, mnli, squad = rows = [grid.Row(()), grid.Row(("mnli",)), grid.Row(("squad",))]
    dev = {(none, "xnli"): 70.0, (mnli, "xnli"): 72.0, (squad, "xnli"): 70.0}
    dev |= {(none, "panx"): 90.0, (mnli, "panx"): 80.0, (squad, "panx"): 90.0}
    assert selection.english(dev, rows, ["xnli", "panx", "tatoeba"]) == {"xnli": mnli, "panx": none, "tatoeba": none}
    assert selection.english({}, rows[:2], ["tatoeba"]) == {}
