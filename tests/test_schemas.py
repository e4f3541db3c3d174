"""A score outside 0 to 100 is refused wherever a result holds one."""

import copy
import json

import pytest
from test_end_to_end import stilts
from test_report import invented

from stilts_xtreme.results import schemas

TRAINING = {
    "schema": "stilts/training@1", "address": "a", "plan": {"tasks": ["mnli"]}, "collapsed": False, "collapse": {},
    "provenance": {}, "steps": {"planned": 1, "done": 1}, "examples": {"mnli": 4},
    "dev": {"mnli": {"accuracy": 50.0, "score": 50.0, "n": 4}},
}  # fmt: skip
EVALUATION = {
    "schema": "stilts/evaluation@1", "address": "a", "plan": {}, "collapsed": False, "collapse": {}, "provenance": {},
    "task": "xnli", "chain": [], "score": 50.0, "metrics": {"accuracy": 50.0}, "languages": {"de": {"accuracy": 50.0, "n": 4}},
    "chance": {"languages": {"de": 33.0}, "score": 33.0},
}  # fmt: skip
STUDY = invented(seeds=(1,))
PLACES = [
    (TRAINING, "dev.mnli.accuracy"), (TRAINING, "dev.mnli.score"),
    (EVALUATION, "metrics.accuracy"), (EVALUATION, "languages.de.accuracy"), (EVALUATION, "score"),
    (EVALUATION, "chance.languages.de"),
    (STUDY, "evaluations.0.languages.en.accuracy"), (STUDY, "evaluations.0.metrics.accuracy"), (STUDY, "evaluations.0.score"),
    (STUDY, "trainings.0.dev"), (STUDY, "tasks.xnli.chance"),
]  # fmt: skip


def changed(content: dict, place: str, value: float) -> dict:
    made = copy.deepcopy(content)
    *way, last = place.split(".")
    here = made
    for key in way:
        here = here[int(key)] if isinstance(here, list) else here[key]
    assert last in here, place
    here[last] = value
    return made


@pytest.mark.parametrize(("content", "place"), PLACES, ids=[f"{one['schema']} {place}" for one, place in PLACES])
def test_a_score_outside_its_range_is_refused(content: dict, place: str) -> None:
    assert schemas.fault(content) == ""
    for value in (-5.0, 100.5):
        fault = schemas.fault(changed(content, place, value))
        assert fault.startswith(place.replace(".0.", "[0].") + ": input should be") and f"found {value}" in fault


def test_a_count_is_no_score() -> None:
    assert schemas.fault(changed(EVALUATION, "languages.de.n", 5000)) == ""
    assert "languages.de.n" in schemas.fault(changed(EVALUATION, "languages.de.n", -1))


def test_a_report_of_such_a_study_is_refused(tmp_path) -> None:
    path = tmp_path / "study.json"
    path.write_text(json.dumps(changed(STUDY, "evaluations.0.metrics.accuracy", -5.0)), encoding="utf-8")
    done = stilts("report", path, "--to", tmp_path / "out", code=2)
    assert f"{path}: evaluations[0].metrics.accuracy: input should be greater than or equal to 0, found -5.0" in done.stderr
