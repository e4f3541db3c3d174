"""What a study's result and page hold about the order of intermediate tasks. All scores are invented."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from test_report import training

from stilts_xtreme import spec
from stilts_xtreme.analysis import named_orders, order
from stilts_xtreme.analysis.bootstrap_scores import Scored
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.report import findings
from stilts_xtreme.report import order as section
from stilts_xtreme.report import study as page
from stilts_xtreme.report.order import ALL
from stilts_xtreme.report.summary import summarise

STUDY = Path(__file__).parents[1] / "experiments" / "studies" / "order.yaml"
TASKS = ("mnli", "squad", "hellaswag")
EXAMPLES, DEV = {"mnli": 12000, "squad": 8000, "hellaswag": 6000}, {"mnli": 70.0, "squad": 60.0, "hellaswag": 40.0}


class Store:
    """What the trainings of a finished study would tell."""

    def result(self, stage):
        return {
            "steps": {"done": stage.recipe.steps or 542},
            "examples": {task: EXAMPLES.get(task, 1500) for task in stage.tasks},
            "dev": {task: {"score": DEV.get(task, 50.0)} for task in stage.tasks},
        }


class Drawing:
    """Invented scores: `last` is what a last task is worth; examples spread by one point."""

    def __init__(self, last, cells):
        self.rows = {plan.address(cell.stage): cell for cell in cells}
        self.last, self.chance = last, np.random.default_rng(1)
        self.known = {}

    def scored(self, stage):
        name = plan.address(stage)
        if name not in self.known:
            cell = self.rows[name]
            worth = self.last.get(cell.row.name.split(">")[-1], 0.0) + (1.0 if ">" in cell.row.name else 0.0)
            values = 60 + worth + self.chance.normal(0, 0.4, len(stage.languages))
            drawn = values + self.chance.normal(0, 1, (50, len(stage.languages)))
            self.known[name] = Scored(stage.languages, values, drawn)
        return self.known[name]


def result(last, seeds=(1, 2, 3), targets=("pawsx", "xnli", "tatoeba"), left_out=lambda cell: False, *overrides) -> dict:
    """A study's result with what `gather` makes of invented scores."""
    loaded = spec.load(STUDY, [f"seeds={json.dumps(list(seeds))}", f"targets={json.dumps(list(targets))}", *overrides])
    cells = [cell for cell in grid.study(loaded) if not left_out(cell)]
    drawing = Drawing(last, cells)
    evaluations = [
        {
            "address": plan.address(cell.stage), **cell.row.record(), "target": cell.target, "seed": cell.seed,
            "score": (found := drawing.scored(cell.stage)).values.mean(), "metrics": {}, "collapsed": False, "chain": [],
            "languages": {code: {"accuracy": value, "n": 400} for code, value in zip(found.languages, found.values, strict=True)},
        }
        for cell in cells
    ]  # fmt: skip
    return {
        "schema": "stilts/study@2", "name": "order", "question": "", "setup": "invented", "note": "INVENTED", "command": "",
        "rows": [row.record() for row in grid.rows(loaded)], "targets": list(targets), "seeds": list(seeds),
        "tasks": {name: {"headline": ["accuracy"], "chance": None, "trains_on": name, "head": "x"} for name in targets},
        "evaluations": evaluations, "trainings": [training("text", None, 1)],
        **order.gather(loaded, cells, Store(), drawing),
    }  # fmt: skip


@pytest.fixture(scope="module")
def clear() -> dict:
    return result({"mnli": 4.0, "hellaswag": -2.0})


@pytest.fixture(scope="module")
def level() -> dict:
    return result({})


def whole(study: dict, column: str) -> dict:
    return next(one for one in study["orders"]["panels"] if one["target"] == column and one["subset"] == ALL)


def test_a_result_keeps_the_axis(clear) -> None:
    found = clear["orders"]
    assert found["tasks"] == list(TASKS) and len(found["rows"]) == 6 and found["mixtures"] == ["mixed"] and not found["absent"]
    assert found["sizes"] == EXAMPLES and found["easiness"]["squad"] == 0.6
    assert found["easiness"]["mnli"] == pytest.approx((70 - 100 / 3) / (100 - 100 / 3))
    assert found["steps"]["mixed"] == 1626
    assert {one["target"] for one in found["panels"]} == {"pawsx", "xnli", "tatoeba", "average"}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_an_effect_of_the_last_task_is_found(clear) -> None:
    panel = whole(clear, "xnli")
    assert panel["differ"]["q"] < 0.05 and panel["differ"]["exact"] and panel["differ"]["arrangements"] == 48**2
    assert panel["best"]["order"].endswith(">mnli") and panel["best"]["above"] > panel["best"]["expected"] > 0
    assert panel["variance"]["order"]["component"] > 10 * panel["variance"]["rest"]["component"]
    similar = next(one for one in panel["named"] if one["name"] == "similar last")
    assert similar["orders"] == ["squad>hellaswag>mnli", "hellaswag>squad>mnli"] and similar["rank"] == 1.5
    assert {one["against"] for one in panel["mixtures"]} == {"mean", "best", "best elsewhere"}
    assert all(
        one["gain"] == pytest.approx(1.0, abs=0.8) and one["baseline"] == one["row"].split(">")[-1] for one in panel["last"]
    )


def test_no_effect_is_none_found(level) -> None:
    assert all(one["differ"]["q"] > 0.05 for one in level["orders"]["panels"])
    said = " ".join(findings.sentences(summarise(level)))
    assert "Orders of the intermediate tasks differ by more than random order would on no target (4 tests)." in said
    effect = section.sections(summarise(level))[0].tables[0]
    assert {cells[-1].text for _, cells in effect.bodies[0].rows} == {"no significant difference"}


def test_one_seed_splits_nothing_and_the_page_says_why() -> None:
    study = result({}, seeds=(1,), targets=("xnli",))
    panel = whole(study, "xnli")
    assert "variance" not in panel and "differ" not in panel and "expected" not in panel["best"]
    assert "interval" not in panel["named"][0] and {one["against"] for one in panel["mixtures"]} == {"mean", "best"}
    (made,) = section.sections(summarise(study))
    assert made.tables[0].bodies[0].rows[0][1][-1].text == "not tested: it takes two seeds"
    assert "one seed" in " ".join(made.tables[0].notes)


def test_orders_that_are_not_finished() -> None:
    last = "hellaswag>squad>mnli"
    study = result(
        {}, (1, 2, 3), ("xnli", "pawsx"), lambda cell: cell.row.name == last and (cell.target, cell.seed) != ("xnli", 2)
    )
    usual = {"way": "", "training_languages": ["en"], "training_noise": 0.0, "recipe": "usual"}
    assert study["orders"]["absent"] == [{**usual, "target": "pawsx", "orders": 6, "done": 15}]
    assert whole(study, "xnli")["seeds"] == [2]
    assert "Left out, since no seed has every order: pawsx." in section.sections(summarise(study))[0].sentences
    study["orders"]["panels"] = []
    assert any("nothing can be said" in line for line in findings.sentences(summarise(study)))


def test_subsets_of_languages() -> None:
    found = order.subsets(("en", "de", "sw", "th"))
    assert list(found) == ["all", "English", "all but English", "low resources", "mid resources", "high resources"]
    assert found["high resources"] == ["de"] and found["low resources"] == ["sw"]
    assert list(order.subsets(("de", "fr"))) == ["all"] and list(order.subsets(("en", "xa"))) == [
        "all",
        "English",
        "all but English",
    ]


def test_named_orders() -> None:
    orders = [("a", "b", "c"), ("c", "b", "a"), ("b", "a", "c")]
    assert named_orders.by({"a": 1, "b": 2, "c": 3}, orders) == [0] and named_orders.by({"a": 1, "b": 1, "c": 3}, orders) == [
        0,
        2,
    ]
    assert named_orders.by({"a": 1, "b": 1, "c": 1}, orders) == []
    real = [("mnli", "squad"), ("squad", "mnli")]
    assert named_orders.similar_last("xquad", real) == [0] and named_orders.similar_last("pawsx", real) == [1]
    assert named_orders.similar_last("tatoeba", real) == [] and named_orders.similar_last("udpos", real) == []
    assert named_orders.similar_last("xnli", [("mnli", "qqp"), ("qqp", "mnli")]) == [1]  # both classify, xnli is trained on mnli
    assert named_orders.similar_last("pawsx", [("mnli", "qqp"), ("qqp", "mnli")]) == []
    assert set(named_orders.named("tatoeba", real, {"mnli": 2}, {"mnli": 0.5, "squad": 0.4})) == {"easy to hard", "hard to easy"}


def test_the_section_renders(clear) -> None:
    summary = summarise(clear)
    (made,) = section.sections(summary)
    said = " ".join(findings.sentences(summary))
    assert "differ by more than random order would on pawsx" in said and "The best order on average is " in said
    assert [table.caption for table in made.tables if table][:2] == ["Does the order matter?", "Orders named beforehand."]
    files = page.files(summary)
    assert "## Order of intermediate tasks" in files["report.md"] and "order-xnli.svg" in files
    assert [head for head, _ in made.tables[0].bodies[0].rows] == ["pawsx", "xnli", "tatoeba", "average"]


def test_the_figure_has_a_row_for_each_order_and_reference_best_first(clear) -> None:
    (made,) = section.sections(summarise(clear))
    figure = next(one for one in made.figures if one.name == "order-xnli")
    words = [text.text for text in ElementTree.fromstring(figure.panels[0]).findall(".//{*}text")]
    means = section.means(whole(clear, "xnli"), clear["orders"]["rows"])
    rows = [word.partition(" (")[0] for word in words if word.partition(" (")[0] in means]
    assert rows == sorted(means, key=lambda row: -means[row]) and len(rows) == 6
    assert {"mixed", "the tasks mixed", "one task alone", *TASKS} <= set(words)
    assert [word for word in words if re.fullmatch(r"\d+\.\d", word)][:6] == [f"{means[row]:.1f}" for row in rows]


def test_a_study_without_orders_has_no_section(clear) -> None:
    assert section.sections(summarise({name: told for name, told in clear.items() if name != "orders"})) == []
    assert section.sections(summarise(clear | {"orders": None})) == []
