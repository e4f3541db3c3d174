"""Predictions are kept by language: what is there is not predicted again, and a result is the same whichever way it was made."""

import json
import shutil
from pathlib import Path

import pytest
from test_end_to_end import EXPERIMENTS, TINY, stilts

from stilts_xtreme import results, spec
from stilts_xtreme.forecast import study as forecasting
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.stages import graph, language_predictions
from stilts_xtreme.store import Store

WORDS = (
    "study", EXPERIMENTS / "studies" / "main.yaml", *TINY, "seeds=[1]", "intermediate=[none]", "test_examples=9", "--jobs", "1",
)  # fmt: skip
TARGETS = "targets=[xnli,xquad,bucc2018,tatoeba]"


def cells(*overrides: str) -> list[plan.Predict]:
    asked = [*TINY, "seeds=[1]", "intermediate=[none]", "test_examples=9", *overrides]
    return [cell.stage for cell in grid.study(spec.load(EXPERIMENTS / "studies" / "main.yaml", asked))]


def told(store: Path) -> dict[str, dict]:
    """Evaluations by target and languages."""
    found = [json.loads(path.read_text()) for path in store.glob("predict/*/result.json")]
    return {f"{one['task']} {' '.join(one['languages'])}": one for one in found}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A study of two languages without what came before; its weights are dropped."""
    store = tmp_path_factory.mktemp("whole")
    stilts(*WORDS, TARGETS, "--languages", "xa,xb", "weights=drop", "--store", store)
    return store


@pytest.fixture(scope="module")
def grown(tmp_path_factory) -> Path:
    """The same, after a study of one of them."""
    store = tmp_path_factory.mktemp("grown")
    for languages in ("xa", "xb,xa"):
        stilts(*WORDS, TARGETS, "--languages", languages, "--store", store)
    return store


def test_a_language_that_was_added_is_the_only_one_predicted(grown, whole) -> None:
    first, second = told(grown), told(whole)
    assert first.keys() - second.keys() == {"xnli en xa", "xquad en xa", "bucc2018 xa", "tatoeba xa"}
    for name, result in second.items():
        grew = first[name]
        old = next(one for key, one in first.items() if key.startswith(result["task"]) and key != name)
        assert grew["provenance"]["reused"] == dict.fromkeys(old["languages"], old["address"])
        assert "reused" not in result["provenance"] and "reused" not in old["provenance"]
        assert results.stable(results.text(grew)) == results.stable(results.text(result))
        for file in (whole / "predict" / result["address"]).glob("test-*.jsonl"):
            assert file.read_bytes() == (grown / "predict" / result["address"] / file.name).read_bytes()
    one, other = ((store / "study" / "main.json").read_text() for store in (grown, whole))
    assert json.loads(one)["evaluations"] == json.loads(other)["evaluations"]
    stilts("verify", *WORDS[1:-2], TARGETS, "--languages", "xb,xa", "--store", grown)


def test_fewer_languages_are_found_though_the_weights_are_gone(whole, tmp_path) -> None:
    store = Path(shutil.copytree(whole, tmp_path / "store"))
    stages = plan.ordered(cells(TARGETS, "languages=[xb]"))
    assert graph.remaining(stages, Store(store)) == [] and not Store(store).done(stages[-1])
    assert graph.remaining(plan.ordered(cells(TARGETS, "languages=[xc]")), Store(store))
    before = {path.name: path.stat().st_mtime_ns for path in store.glob("train/*/result.json")}
    stilts(*WORDS, TARGETS, "--languages", "xb", "--store", store)
    assert {path.name: path.stat().st_mtime_ns for path in store.glob("train/*/result.json")} == before
    found = told(store)
    for name, old in told(whole).items():
        new = found[name.replace(" xa", "")]
        assert new["languages"] == {code: old["languages"][code] for code in new["languages"]}
        assert new["provenance"]["reused"] == dict.fromkeys(new["languages"], old["address"])
    stilts("verify", *WORDS[1:-2], TARGETS, "--languages", "xb", "--store", store)


def test_what_is_damaged_is_not_taken(whole, tmp_path) -> None:
    store = Path(shutil.copytree(whole, tmp_path / "store"))
    (stage,) = cells("targets=[xnli]", "languages=[xb]")
    assert list(language_predictions.find(stage, Store(store))) == ["en", "xb"]
    old = told(store)["xnli en xa xb"]
    with open(store / "predict" / old["address"] / "test-xb.jsonl", "a") as file:
        file.write("\n")
    assert language_predictions.find(stage, Store(store)) == {} and not language_predictions.assemble(stage, Store(store))
    shutil.rmtree(store / "predict" / old["address"])
    assert language_predictions.find(stage, Store(store)) == {}


def test_the_forecast_counts_what_is_not_there(whole) -> None:
    how = forecasting.RunOptions("cpu", 1, 1, 600.0)
    stages = cells("targets=[xquad]", "languages=[xa,xb,xc]")
    found = forecasting.forecast(plan.ordered(stages), [plan.address(stages[0])], Store(whole), how)
    assert set(found.languages) == {"xc"} and found.kinds["evaluations"] == (1, 0, 0)


def test_another_model_sample_or_noise_is_another_prediction(whole) -> None:
    for other in ("test_examples=8", "setup.recipes.default.steps=4", "setup.data={miniature: {seed: 1}}"):
        (stage,) = cells("targets=[xnli]", "languages=[xb]", other)
        assert language_predictions.find(stage, Store(whole)) == {}, other


def test_a_pool_of_all_languages_is_one_stage() -> None:
    loaded = spec.load(EXPERIMENTS / "studies" / "xtreme-r.yaml", ["seeds=[1]", "intermediate=[none]", "targets=[lareqa]"])
    assert language_predictions.find(grid.study(loaded)[0].stage, Store(Path("none"))) == {}
