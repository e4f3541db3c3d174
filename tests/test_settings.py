"""A study's result says all that is needed to repeat it; pages and `stilts diff` tell of it; older results lack it."""

import json
from pathlib import Path

import pytest

from stilts_xtreme import results, spec
from stilts_xtreme.analysis import mixed, settings
from stilts_xtreme.models.sources import E5_SMALL
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.report import findings, summary
from stilts_xtreme.report import settings as report_settings
from stilts_xtreme.results.rows import USUAL
from stilts_xtreme.verify import diff

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
OLD = results.read(EXPERIMENTS / "results" / "low_resource.json", results.STUDY)


def study(name: str, *overrides: str) -> tuple:
    loaded = spec.load(EXPERIMENTS / "studies" / f"{name}.yaml", ["seeds=[1,2]", *overrides])
    cells = grid.study(loaded)
    return loaded, cells, settings.of_trainings(loaded, cells, mixed.trained(loaded, cells))


def test_trainings_are_named_by_their_role_and_alike_for_all_seeds() -> None:
    loaded, cells, named = study("low_resource", "intermediate=[none,mnli]", "targets=[xnli,panx]", "test_examples=5")
    few = next(name for name in loaded.recipes if name != USUAL)
    names = {"pretraining text", "intermediate and target mnli", "target mnli", "target panx", f"target ({few}) panx"}
    assert names <= set(named.values())  # none's fine-tuning for XNLI is the intermediate training on MNLI
    trainings = [stage for stage in plan.ordered([cell.stage for cell in cells]) if isinstance(stage, plan.Train)]
    assert set(named) == {plan.address(stage) for stage in trainings}
    own = {}
    for stage in trainings:
        told = settings.of(stage)
        assert own.setdefault(named[plan.address(stage)], told) == told
        said = {key: value for key, value in vars(stage.recipe).items() if value is not None}
        assert told["recipe"] == {key: value for key, value in said.items() if key != "micro_batch"}
    assert own[f"target ({few}) panx"]["recipe"]["examples"] == loaded.recipes[few].examples
    assert settings.predictions(cells)["panx"]["test_examples"] == 5


def test_two_mixtures_of_the_same_tasks_have_names_of_their_own() -> None:
    _, cells, named = study("multitask", "targets=[xnli]")
    mixtures = {name for name in named.values() if "mnli+squad+hellaswag" in name}
    assert {"intermediate mix: mnli+squad+hellaswag", "intermediate mix-equal: mnli+squad+hellaswag"} <= mixtures


def test_the_encoder_is_named_without_a_place_on_this_machine() -> None:
    _, (cell, *_), _ = study("main", "intermediate=[none]", "targets=[tatoeba]")
    assert settings.encoder([cell])["random"]["hidden_size"] == 96
    for origin, told in (
        (plan.Pretrained("org/name", "abc"), {"name": "org/name", "revision": "abc"}),
        (plan.Pretrained("/home/me/e5", None, "d" * 64), {"name": "e5", "digest": "d" * 64}),
    ):
        stage = plan.Predict(origin, "tatoeba", ("de",), ())
        assert settings.encoder([grid.Cell(grid.Row(()), "tatoeba", 1, stage)]) == {"pretrained": told}


def newer(**changes) -> dict:
    told = {
        "encoder": {"pretrained": {"name": "e5", "digest": "d" * 64}}, "code": {"train": 3, "predict": 3}, "test_examples": 7,
        "hyperparameters": {
            "target panx": {"tasks": ["panx"], "recipe": {"learning_rate": 1e-5, "epochs": 3.0}},
            "target mnli": {"tasks": ["mnli"], "recipe": {"learning_rate": 2e-5, "epochs": 3.0}},
        },
        "predictions": {"tatoeba": {"languages": ["de"], "layer": 8}},
        "data": {**OLD["data"], "readings": {"panx/test/de": {"digest": "e" * 64, "examples": 1000, "sampled": 7}}},
    }  # fmt: skip
    return json.loads(json.dumps({**OLD, **told, **changes}))


def test_results_with_and_without_it_are_read(tmp_path) -> None:
    results.write(tmp_path / "new.json", newer())
    assert results.read(tmp_path / "new.json", results.STUDY)["encoder"]["pretrained"]["name"] == "e5"
    results.write(tmp_path / "new.json", newer(data={"readings": {"panx/test/de": {"digest": "e", "examples": 1}}}))
    with pytest.raises(Exception, match="digest"):
        results.read(tmp_path / "new.json", results.STUDY)


def test_pages_tell_of_it() -> None:
    told = dict(report_settings.facts(summary.summarise(newer())))
    assert told["Encoder"] == f"pretrained digest {'d' * 64}, name e5"
    assert told["Settings of every training"] == "epochs 3.0" and "learning_rate 2e-05" in told["Settings of target mnli"]
    assert told["Read of panx/test"] == "de eeeeeeeeeeee (7 of 1,000 examples)" and told["Test examples"].startswith("7 of each")
    assert "same published encoder, e5" in report_settings.seeds(summary.summarise(newer()))[0]
    assert (
        "Encoder" not in dict(report_settings.facts(summary.summarise(OLD)))
        and report_settings.seeds(summary.summarise(OLD)) == []
    )
    assert report_settings.seeds(summary.summarise(newer(encoder={"random": {"layers": 3}}))) == []


@pytest.mark.parametrize(
    ("encoder", "words"),
    [
        ({"name": "anything", "digest": E5_SMALL.digests[0]}, "The encoder is multilingual-e5-small. It began as"),
        ({"name": "intfloat/multilingual-e5-small"}, "The encoder is multilingual-e5-small. It began as"),
        ({"name": "intfloat/multilingual-e5-small", "revision": "abc"}, "The encoder is multilingual-e5-small. It began as"),
        ({"name": "e5-small", "digest": "d" * 64}, "multilingual-e5-small, if the name of its folder is true. It began as"),
        ({"name": E5_SMALL.revision, "digest": "d" * 64}, "if the name of its folder is true"),  # in a cache of the hub
        ({"name": "e5", "digest": "d" * 64}, None),
        ({"name": "FacebookAI/xlm-roberta-large"}, None),
    ],
)
def test_a_page_says_first_what_a_known_encoder_was_tuned_on(encoder: dict, words: str | None) -> None:
    lines = findings.sentences(summary.summarise(newer(encoder={"pretrained": encoder})))
    assert " ".join(lines).count("Quora duplicates") == (words is not None)
    assert (words or "Every seed starts from the same published encoder") in lines[1]  # the first names encoder and data
    assert (
        report_settings.tuned(summary.summarise(OLD))
        == report_settings.tuned(summary.summarise(newer(encoder={"random": {"layers": 3}})))
        == []
    )


def test_unseen_languages_of_a_tuned_encoder_come_with_a_word_of_care() -> None:
    unseen = json.loads(json.dumps(OLD["resources"]))
    unseen["languages"]["xe"]["group"] = "unseen"
    encoder = {"pretrained": {"name": "intfloat/multilingual-e5-small"}}
    for resources, count in ((OLD["resources"], 1), (unseen, 2)):
        assert len(report_settings.tuned(summary.summarise(newer(encoder=encoder, resources=resources)))) == count


def test_diff_compares_it_and_is_brief_about_older_results() -> None:
    changed = newer(test_examples=9)
    changed["hyperparameters"]["target mnli"]["recipe"]["learning_rate"] = 3e-5
    changed["data"]["readings"]["panx/test/de"]["digest"] = "f" * 64
    changed["encoder"]["pretrained"]["digest"] = "f" * 64
    found = {(one.group, one.key): (one.first, one.second) for one in diff.between(newer(), changed)}
    assert found == {
        ("settings", "test_examples"): (7, 9),
        ("settings", "encoder.pretrained.digest"): ("d" * 64, "f" * 64),
        ("settings", "hyperparameters.target mnli.recipe.learning_rate"): (2e-5, 3e-5),
        ("data", "readings.panx/test/de.digest"): ("e" * 64, "f" * 64),
    }
    keys = {one.key for one in diff.between(OLD, newer())}
    assert keys == {"encoder", "code", "test_examples", "hyperparameters", "predictions", "readings"}
