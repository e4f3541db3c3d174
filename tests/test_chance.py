"""Chance is the score of the best constant answer to the very test data, by language; all verdicts on scores use it."""

import pytest
from test_report import small

from stilts_xtreme.analysis.named_orders import easiness
from stilts_xtreme.analysis.study import _task
from stilts_xtreme.report import findings
from stilts_xtreme.report.summary import summarise
from stilts_xtreme.results import schemas
from stilts_xtreme.scoring.benchmarks import XTREME
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.constant_baseline import chance, within_chance
from stilts_xtreme.tasks.examples import Choices, Pair, Query, Question, Sentence, Tagged

PAWSX = [Pair(str(i), "a", "b", "0" if i < 57 else "1") for i in range(100)]
BITEXT = [
    *(Sentence(f"f{i}", "x", "foreign", f"e{i}") for i in range(4)),
    *(Sentence(f"e{i}", "y", "english", f"f{max(i, 1)}") for i in range(4)),
]


@pytest.mark.parametrize(
    ("task", "examples", "score"),
    [
        ("pawsx", PAWSX, 57.0),
        ("xcopa", [Choices(str(i), "a", ("b", "c"), int(i < 6)) for i in range(10)], 60.0),
        ("panx", [Tagged("1", ("a", "b"), ("B-LOC", "O")), Tagged("2", ("a", "b"), ("O", "O"))], 40.0),  # B-LOC: 1 of 4 and of 1
        ("udpos", [Tagged("1", ("a", "b", "c"), ("NOUN", "SYM", "NOUN"))], 100 / 3),  # SYM: a chunk each, 1 of 3 and of 3
        ("ccg", [Tagged("1", ("a", "b", "c"), ("N", "N", "S"))], 200 / 3),
        ("xquad", [Question("1", "?", "red b", ("red",), (0,))], 0.0),
        ("tatoeba", BITEXT, 50.0),
        ("bucc2018", BITEXT, 0.0),
        ("mewslix", [Query("1", "q", ("a",), None), Query("2", "q", ("a",), None), Query("3", "q", ("b",), None)], 250 / 3),
    ],
)
def test_the_best_constant_answer(task, examples, score) -> None:
    assert chance(TASKS[task], examples, "de") == pytest.approx(score)


def evaluation(chances: dict[str, float] | None) -> dict:
    languages = {code: {"accuracy": 60.0, "n": 2000} for code in ("de", "en")}
    told = {
        "schema": "stilts/evaluation@1", "address": "a", "plan": {}, "collapsed": False, "collapse": {}, "provenance": {},
        "task": "pawsx", "chain": [], "score": 60.0, "metrics": {"accuracy": 60.0}, "languages": languages,
    }  # fmt: skip
    return told if chances is None else told | {"chance": {"languages": chances, "score": sum(chances.values()) / len(chances)}}


def test_a_study_has_the_chance_that_its_evaluations_record_and_older_ones_the_tasks_own() -> None:
    new, old = evaluation({"de": 58.0, "en": 56.0}), evaluation(None)
    assert schemas.fault(new) == schemas.fault(old) == ""
    found = _task("pawsx", XTREME, [old, new])
    assert found["chance"] == 57.0 and found["chance_languages"] == {"de": 58.0, "en": 56.0}
    assert _task("pawsx", XTREME, [old])["chance"] == 50.0 and "chance_languages" not in _task("pawsx", XTREME, [old])
    assert _task("tatoeba", XTREME, [evaluation({"de": 0.1})])["chance"] is None  # near 0


def test_a_model_that_always_gives_the_commoner_label_is_not_above_chance() -> None:
    study = small({"none": {"pawsx": [57.0]}, "qqp": {"pawsx": [70.0]}})
    assert "Clearly above chance: 2 of 2 evaluations" in " ".join(findings.sentences(summarise(study)))  # as in old results
    study["tasks"]["pawsx"] |= {"chance": 57.0}
    told = " ".join(findings.sentences(summarise(study)))
    assert "Clearly above chance: 1 of 2 evaluations on pawsx." in told
    assert "Not clearly above chance without intermediate training: pawsx." in told


def test_a_report_and_a_training_allow_the_same_noise() -> None:
    study = small({"none": {"pawsx": [57.0]}})
    summary = summarise(study)
    assert summary.guessed("pawsx") == within_chance(50.0, 400) == 55.0


def test_easiness_starts_at_the_chance_of_the_dev_data() -> None:
    assert easiness("qqp", 81.5, 63.0) == 0.5 and easiness("qqp", 81.5) == 0.63
