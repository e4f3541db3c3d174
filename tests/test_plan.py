"""Addresses: what changes them, what does not, what is shared."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stilts_xtreme import spec
from stilts_xtreme.pipeline import grid, plan, planner, recipes
from stilts_xtreme.utils.errors import UserError

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
MAIN = EXPERIMENTS / "studies" / "main.yaml"
TARGET = EXPERIMENTS / "first" / "3-target.yaml"


def target(*overrides: str) -> plan.Train:
    return planner.resolve(spec.load(TARGET, list(overrides)))  # type: ignore[return-value]


@pytest.mark.parametrize(
    "override",
    [
        "seed=7", "recipe.learning_rate=3e-4", "recipe.steps=3", "setup.pretraining.recipe.steps=5", "start.recipe.batch_size=4",
        "setup.data.miniature.seed=1", "setup.encoder.random.layers=2", "task=panx", "start.task=qqp",
    ],
)  # fmt: skip
def test_what_decides_the_result_is_in_the_address(override) -> None:
    assert plan.address(target(override)) != plan.address(target())


@pytest.mark.parametrize("override", ["recipe.micro_batch=4", "setup.name=other", "setup.note=hello", "setup.retrieval.layer=1"])
def test_what_does_not_is_not(override) -> None:
    assert plan.address(target(override)) == plan.address(target())


def test_the_chain_counts_by_address() -> None:
    last = target()
    first, middle, _ = plan.chain(last)
    assert [link.label for link in plan.chain(last)] == ["text", "mnli", "mnli"]
    assert plan.identity(last)["start"] == {"stage": plan.address(middle)}
    assert plan.identity(middle)["start"] == {"stage": plan.address(first)}
    assert replace(last, seed=9) != last


def test_a_study_shares_every_common_stage() -> None:
    cells = grid.study(
        spec.load(MAIN, ["intermediate=[none,mnli,squad]", "targets=[xnli,xquad,mlqa,tatoeba,bucc2018]", "seeds=[1,2]"])
    )
    assert len(cells) == 3 * 5 * 2
    stages = plan.ordered([cell.stage for cell in cells])
    trainings = [stage for stage in stages if isinstance(stage, plan.Train)]
    # For each seed: masked LM once; fine-tuning on mnli and on squad (for both QA targets) from three starts. The two
    # intermediate trainings are the same stages as the fine-tunings from no intermediate task: same start, data, recipe and seed.
    assert len(trainings) == 2 * (1 + 3 * 2)
    assert len(stages) - len(trainings) == len(cells)
    by = {(cell.row.name, cell.target, cell.seed): cell.stage for cell in cells}
    assert by["mnli", "xquad", 1].model is by["mnli", "mlqa", 1].model
    assert by["none", "tatoeba", 2].model is plan.chain(by["none", "xnli", 2])[0]


def test_every_stage_comes_after_the_one_it_starts_from() -> None:
    stages = plan.ordered([cell.stage for cell in grid.study(spec.load(MAIN))])
    place = {plan.address(stage): i for i, stage in enumerate(stages)}
    assert len(place) == len(stages)
    assert all(place[plan.address(plan.before(stage))] < i for i, stage in enumerate(stages) if plan.before(stage))


def test_a_chain_of_intermediates_nests_in_order() -> None:
    cells = grid.study(spec.load(MAIN, ["intermediate=[[squad,mnli],[mnli,squad]]", "targets=[tatoeba]"]))
    assert [[link.label for link in plan.chain(cell.stage)] for cell in cells] == [
        ["text", "squad", "mnli", "tatoeba"], ["text", "mnli", "squad", "tatoeba"],
    ]  # fmt: skip
    assert [cell.row.name for cell in cells] == ["squad>mnli", "mnli>squad"]


def test_xcopa_is_trained_on_social_iqa_then_on_copa() -> None:
    more = ["targets=[xcopa,xnli]", "intermediate=[none,mnli]", "setup.recipes.target={siqa: {epochs: 3}, copa: {epochs: 5}}"]
    cells = grid.study(spec.load(MAIN, more))
    chains = {(cell.row.name, cell.target): plan.chain(cell.stage) for cell in cells}
    assert [link.label for link in chains["none", "xcopa"]] == ["text", "siqa", "copa", "xcopa"]
    assert [link.label for link in chains["mnli", "xcopa"]] == ["text", "mnli", "siqa", "copa", "xcopa"]
    assert [link.recipe.epochs for link in chains["none", "xcopa"][1:3]] == [3, 5]
    again = planner.Planner(spec.load(MAIN, more).setup)
    copa = again.target("xcopa", again.encoder(1), 1)
    assert copa.start is again.target("siqa", again.encoder(1), 1)  # one stage, whoever asks for it
    assert plan.address(copa) == plan.address(chains["none", "xcopa"][2])


def test_a_recipe_of_a_target_spec_is_the_last_training_s() -> None:
    first, middle, last = plan.chain(target("start=none", "task=xcopa", "recipe.steps=7"))[0:3]
    assert (middle.label, middle.recipe.steps, last.label, last.recipe.steps) == ("siqa", None, "copa", 7)
    assert plan.before(middle) is first


def test_addresses_do_not_depend_on_the_process() -> None:
    code = f"""
from pathlib import Path
from stilts_xtreme.pipeline import plan, planner
from stilts_xtreme import spec
print(plan.address(planner.resolve(spec.load(Path({str(TARGET)!r})))))
"""
    found = {
        subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "LC_ALL": "C", "TZ": zone}, cwd=cwd,
                       capture_output=True, text=True, check=True).stdout
        for seed, zone, cwd in (("0", "UTC", "/"), ("5", "Asia/Tokyo", "/tmp"))
    }  # fmt: skip
    assert found == {plan.address(target()) + "\n"}


def test_laying_recipes_saying_steps_unsays_epochs() -> None:
    def layer(**said):
        return spec.RecipeSpec(**said)

    laid = recipes.lay(layer(epochs=2.0, batch_size=8), layer(steps=10), None)
    assert (laid.epochs, laid.steps, laid.batch_size) == (None, 10, 8)
    assert recipes.lay(layer(steps=10), layer(epochs=1.0)).steps is None


def test_languages_that_are_not_there_are_named() -> None:
    with pytest.raises(UserError, match="no test data for fr"):
        planner.resolve(spec.load(EXPERIMENTS / "first" / "4-evaluate.yaml", ["languages=[en,fr]"]))
