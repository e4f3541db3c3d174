"""Mixtures before, with and after the target: which rows are set against one another, and the section. Scores are invented."""

import itertools
import types
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from test_report import cells, fields, small, smalls, training

from stilts_xtreme import spec
from stilts_xtreme.analysis import pairs as gathering
from stilts_xtreme.analysis.bootstrap_scores import Scored
from stilts_xtreme.analysis.mixed import arms, trained
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.pipeline.grid import Cell
from stilts_xtreme.report import findings, mixtures, trainings
from stilts_xtreme.report import study as page
from stilts_xtreme.report.summary import summarise

MAIN = Path(__file__).parent.parent / "experiments" / "studies" / "main.yaml"
SEEDS, TARGETS = (1, 2, 3), ("panx", "tydiqa", "xnli")
GAINS = {  # by row, for each target
    "none": (0, 0, 0), "mnli": (1, 1, 1), "squad": (0, 2, 0), "hellaswag": (0, 0, 0), "mix": (2, 3, 2), "joint": (6, -3, 2),
    "mix>joint-first": (6, 3, 2), "mix-equal": (2, 3, 2), "without-squad": (2, -2, 2), "mnli>squad": (1, 1, 1),
}  # fmt: skip
SIZES = {"panx": 20_000, "tydiqa": 900_000, "mnli": 392_702, "squad": 87_599, "hellaswag": 39_905}


@pytest.fixture(scope="module")
def read():
    """The study's spec, as a file would give it."""
    tasks = ["mnli", "squad", "hellaswag"]
    return types.SimpleNamespace(
        mixtures={
            name: spec.study.StudyMixture(**told)
            for name, told in {
                "mix": {"tasks": tasks},
                "mix-equal": {"tasks": tasks, "rates": "equal"},
                "without-squad": {"tasks": ["mnli", "hellaswag"]},
                "joint": {"tasks": [*tasks, "target"], "last": True},
                "joint-first": {"tasks": [*tasks, "target"]},
            }.items()
        },
        intermediate=[name.split(">") if ">" in name else name for name in GAINS],
        orders=None, noise=None, training_languages=[["en"]], recipes={"usual": None}, targets=list(TARGETS), seeds=list(SEEDS),
    )  # fmt: skip


@dataclass(frozen=True)
class Stage:
    row: str
    target: str
    seed: int


class Drawing:
    """Scores of 50 plus the row's gain; examples make little difference."""

    def scored(self, stage: Stage) -> Scored:
        value = 50.0 + GAINS[stage.row][TARGETS.index(stage.target)] + 0.1 * stage.seed
        key = [list(GAINS).index(stage.row), TARGETS.index(stage.target), stage.seed, 4]
        values = np.full(2, value) + (0 if stage.row == "none" else np.random.default_rng(key).normal(0, 0.2))
        return Scored(("de", "en"), values, values + np.random.default_rng(key).normal(0, 0.3, (80, 2)))


def made(read) -> dict:
    """`pairs` as the gathering makes them from invented scores."""
    rows = [row for row in grid.rows(read) if row.name in GAINS]
    done = [Cell(*of, Stage(of[0].name, *of[1:])) for of in itertools.product(rows, TARGETS, SEEDS)]
    return gathering.gather(read, done, Drawing())


@pytest.fixture(scope="module")
def gathered(read) -> dict:
    return made(read)


@pytest.fixture(scope="module")
def study(read, gathered) -> dict:
    scores = {
        row: {target: [float(Drawing().scored(Stage(row, target, seed)).values.mean()) for seed in SEEDS] for target in TARGETS}
        for row in GAINS
    }
    made = small(scores, mixtures={name: told.model_dump(exclude_none=True) for name, told in read.mixtures.items()})
    for run in made["evaluations"]:
        data = {"xnli": "mnli"}.get(run["target"], run["target"])
        held = dict.fromkeys([*read.mixtures["mix"].tasks, data])
        last = training("+".join(held), None, run["seed"], tasks=list(held), examples={name: SIZES[name] for name in held})
        run["chain"] = [f"{run['row']}-{run['target']}-{run['seed']}"]
        made["trainings"].append(last | {"address": run["chain"][0], "mixture": "joint"})
    return made | gathered


def named(found) -> list[tuple[str, str]]:
    return [(a.row.name, b.row.name) for a, b in found]


def test_rows_are_told_by_tasks_way_and_rule(read) -> None:
    found = {arm.row.name: arm for arm in arms(grid.rows(read), read.mixtures)}
    assert "none" not in found and "mnli>squad" not in found  # an order of tasks is no mixture
    assert found["mnli"].rule == "" and found["mnli"].placement == found["mix"].placement == "first"
    assert found["joint"].placement == "joint" and found["mix>joint-first"].placement == "first, then joint, then target"
    assert found["joint"].sources == found["mix"].sources == ("hellaswag", "mnli", "squad")
    assert found["mix-equal"].rule == "equal" and found["mix"].rule == "proportional, cap 131,072"


def test_pairs_that_the_rows_imply(read) -> None:
    found = gathering.pairs(arms(grid.rows(read), read.mixtures))
    chain = "mix>joint-first"
    assert named(found["way"]) == [("joint", "mix"), (chain, "mix"), (chain, "joint")]
    assert named(found["rule"]) == [("mix-equal", "mix")] and named(found["without"]) == [("without-squad", "mix")]
    assert ("mix", "mnli") in named(found["single"]) and ("joint", "squad") in named(found["single"])
    assert not any(row in ("mix-equal", "without-squad") for row, _ in named(found["single"]))


def test_joint_training_with_a_single_task_is_set_against_that_task(read) -> None:
    pairwise = {"two": spec.study.StudyMixture(tasks=["mnli", "target"], last=True)}
    rows = [grid.Row((name,)) for name in ("mnli", "two")]
    assert named(gathering.pairs(arms(rows, pairwise))["way"]) == [("two", "mnli")]
    few = [*rows, replace(rows[1], recipe="few")]
    assert named(gathering.pairs(arms(few, pairwise))["way"]) == [("two", "mnli")]  # fine-tuned otherwise: not compared


def test_languages_of_a_task_and_text_beside_it_are_set_against_the_task_alone() -> None:
    with_text = {
        "mnli-mlm": spec.study.StudyMixture(tasks=["mnli"], text={"share": 0.2}),
        "both": spec.study.StudyMixture(tasks=["mnli", "squad"]),
        "both-mlm": spec.study.StudyMixture(tasks=["mnli", "squad"], text={"share": 0.2}),
    }
    names = ("mnli", "mnli@de", "mnli@en+de", "squad@de", "mnli-mlm", "both", "both-mlm")
    rows = [grid.Row((name,)) for name in names]
    found = gathering.pairs(arms([*rows, replace(rows[1], recipe="few")], with_text))
    assert named(found["languages"]) == [("mnli@de", "mnli"), ("mnli@en+de", "mnli")]  # squad alone is not there
    assert named(found["text"]) == [("mnli-mlm", "mnli"), ("both-mlm", "both")]
    assert named(found["rule"]) == named(found["way"]) == named(found["without"]) == []
    assert ("both-mlm", "mnli") not in named(found["single"]) and ("both", "mnli") in named(found["single"])
    assert {arm.row.name: arm.rule for arm in arms(rows, with_text)}["mnli-mlm"] == ""  # there is nothing to draw from


def test_the_section_on_what_is_read() -> None:
    told = {
        "gain": 2.5, "values": {"1": 2.5}, "interval": [1.0, 4.0], "p": 0.001, "q": 0.01, "seeds": 1,
        "deviation": {"seeds": 0.1, "examples": 0.1, "drawn": 0.1},
    }  # fmt: skip
    rows = ("none", "mnli", "mnli@de", "mnli-mlm")
    made = small({row: {"panx": [50.0], "xnli": [50.0]} for row in rows})
    made["arms"] = [{**fields(made, row), "sources": ["mnli"], "way": "first", "rule": ""} for row in rows[1:]]
    pairs = [("text", "mnli-mlm", 0.3), ("languages", "mnli@de", 0.01)]
    made["pairs"] = [
        {"kind": kind, **fields(made, row), "against": "mnli", "target": column, **told, "q": q}
        for kind, row, q in pairs
        for column in ("panx", "xnli", "average")
    ]
    (section,) = mixtures.sections(summarise(made))
    (table,) = section.tables
    assert [body.title for body in table.bodies] == list(mixtures.READ.values())
    assert cells(table, "mnli@de over mnli") == ["+2.5*"] * 3 + ["better on average, panx, xnli"]
    assert cells(table, "mnli-mlm over mnli") == ["+2.5"] * 3 + ["no significant difference"]
    assert "## What intermediate training reads" in page.files(summarise(made))["report.md"]
    assert mixtures.sections(summarise(made | {"pairs": []})) == []

    made["pooled"] = [
        {"kind": "text", "pairs": 10, "target": column, **told, "q": q} for column, q in (("panx", 0.2), ("average", 0.02))
    ]
    summary = summarise(made)
    counted = "mean of 10 pairs of rows: of 2 effects 1 significantly above zero"
    assert f"Masked LM on text beside the task minus the task alone, {counted}" in " ".join(findings.questions(summary))
    (table,) = mixtures.sections(summary)[0].tables
    assert cells(table, "mean of 10 pairs of rows") == ["+2.5", "–", "+2.5*", "better on average"]


def test_pairs_that_ask_the_same_are_pooled() -> None:
    """The mean over pairs, target by target, seed by seed: where draws are independent its error is smaller than theirs."""
    gains = {"mnli": 0.0, "squad": 1.0, "mnli-mlm": 2.0, "squad-mlm": 5.0}

    class Drawn:
        def scored(self, stage: Stage) -> Scored:
            chance = np.random.default_rng([sorted(gains).index(stage.row), TARGETS.index(stage.target), stage.seed])
            value = 50 + gains[stage.row] + chance.normal(0, 0.3)
            return Scored(("en",), np.array([value]), value + chance.normal(0, 1, (500, 1)), 400)

    mixed = {f"{name}-mlm": spec.study.StudyMixture(tasks=[name], text={"share": 0.5}) for name in ("mnli", "squad")}
    asked = types.SimpleNamespace(
        mixtures=mixed, intermediate=["none", *gains], orders=None, noise=None, training_languages=[["en"]],
        recipes={"usual": None}, targets=list(TARGETS),
    )  # fmt: skip
    rows = [grid.Row((name,)) for name in gains]
    made = [Cell(*of, Stage(of[0].name, *of[1:])) for of in itertools.product(rows, TARGETS, SEEDS)]
    found = gathering.gather(asked, made, Drawn())
    assert [(one["kind"], one["pairs"], one["target"]) for one in found["pooled"]] == [
        ("text", 2, column) for column in (*TARGETS, "average")
    ]
    for pooled in found["pooled"]:
        two = [one for one in found["pairs"] if one["target"] == pooled["target"]]
        assert pooled["gain"] == pytest.approx(np.mean([one["gain"] for one in two])) == pytest.approx(3.0, abs=0.7)
        for seed in map(str, SEEDS):
            assert pooled["values"][seed] == pytest.approx(np.mean([one["values"][seed] for one in two]))
        assert pooled["deviation"]["drawn"] < 0.8 * min(one["deviation"]["drawn"] for one in two)


def test_effects_are_differences_of_rows(gathered) -> None:
    found = {(one["kind"], one["row"], one["against"], one["target"]): one for one in gathered["pairs"]}
    joint = found["way", "joint", "mix", "panx"]
    assert joint["gain"] == pytest.approx(4.0, abs=0.5) and joint["q"] < 0.05 and joint["seeds"] == 3
    assert found["way", "joint", "mix", "average"]["gain"] == pytest.approx(-2 / 3, abs=0.5)
    assert found["without", "without-squad", "mix", "tydiqa"]["gain"] == pytest.approx(-5.0, abs=0.5)
    assert found["rule", "mix-equal", "mix", "average"]["q"] > 0.05


def test_other_studies_gather_nothing(read) -> None:
    plain = types.SimpleNamespace(**(vars(read) | {"mixtures": {}, "intermediate": ["none", "mnli", ["mnli", "squad"]]}))
    assert gathering.gather(plain, [], Drawing()) == {}


def test_the_size_rule_is_put_to_the_test(study) -> None:
    table = mixtures.size_rule(summarise(study))
    support = f"{392_702 + 87_599 + 39_905:,}"
    assert cells(table, "panx: joint or mix")[:4] == ["20,000", support, "jointly", "jointly"]
    assert cells(table, "tydiqa: joint or mix")[2:4] == ["one after the other"] * 2
    assert "names the better way in 2 of 2 cases; of 2 significant differences among them 2." in table.notes[0]
    assert cells(table, "panx: joint or mix")[-1] == "yes" and cells(table, "xnli: joint or mix")[-1] == "–"
    assert smalls(table, "xnli: joint or mix")[0] == "¶" and any(
        note.startswith("¶") for note in table.notes
    )  # mnli is in the mix


def test_the_rule_is_called_neither_right_nor_wrong_by_chance(study) -> None:
    dull = mixtures.size_rule(summarise(study | {"pairs": [one | {"q": 0.6} for one in study["pairs"]]}))
    assert (
        dull.notes[0].endswith("of 0 significant differences among them 0.") and cells(dull, "panx: joint or mix")[-1] == "(yes)"
    )


def test_the_section_on_mixtures(study) -> None:
    (section,) = mixtures.sections(summarise(study))
    arms_, pairs_, _ = section.tables
    heads = [head for body in arms_.bodies for head, _ in body.rows]
    assert heads[:4] == [
        "none", "mnli (best single task, picked on the scores shown)",
        "mix: mixture of 3 tasks, then the target (drawn proportional, cap 131,072)",
        "joint: mixture of 3 tasks jointly with the target (drawn proportional, cap 131,072)",
    ]  # fmt: skip
    assert cells(arms_, heads[1])[-1] == "500" and arms_.columns[-1] == "steps"
    assert [body.title for body in pairs_.bodies] == list(mixtures.KINDS.values())
    assert cells(pairs_, "joint over mix")[0].endswith("*")
    assert cells(pairs_, "joint over mix")[-1].startswith("better on panx; worse on ")
    assert cells(pairs_, "mix-equal over mix")[-1] == "no significant difference"
    told = " ".join(findings.questions(summarise(study)))
    assert "One task left out of the mixture: of 4 effects" in told and "without-squad against mix on tydiqa" in told


def test_the_page_holds_the_section(study) -> None:
    files = page.files(summarise(study))
    assert "## Mixtures: before the target, with it, or both" in files["report.md"] and 'id="multitask"' in files["index.html"]
    assert mixtures.sections(summarise({name: told for name, told in study.items() if name not in ("arms", "pairs")})) == []


def test_trainings_go_by_the_mixture_they_were_made_for() -> None:
    """Two mixtures of the same tasks by different rules, and one with the target, whose tasks differ from target to target."""
    mixed = (
        "{even: {tasks: [mnli, squad], rates: equal}, drawn: {tasks: [mnli, squad]}, joint: {tasks: [mnli, target], last: true}}"
    )
    entries = "[none,even,drawn,joint,[even,joint]]"
    read = spec.load(MAIN, [f"mixtures={mixed}", f"intermediate={entries}", "targets=[panx,pawsx]", "seeds=[1]"])
    cells = grid.study(read)
    made = trained(read, cells)
    stages = {plan.address(stage): stage for stage in plan.ordered([cell.stage for cell in cells])}
    told = sorted((name, stages[address].label) for address, name in made.items())
    assert told == [
        ("drawn", "mnli+squad"), ("even", "mnli+squad"),
        ("joint", "mnli+panx"), ("joint", "mnli+panx"), ("joint", "mnli+pawsx"), ("joint", "mnli+pawsx"),
    ]  # fmt: skip
    assert stages[next(address for address, name in made.items() if name == "even")].rates == "equal"


def test_a_training_shows_its_mixture() -> None:
    summary = summarise(small({"none": {"xnli": [50.0]}, "mnli": {"xnli": [51.0]}}))
    assert trainings.name_of(summary, {"tasks": ["mnli", "panx"], "label": "mnli+panx", "mixture": "joint"}) == "joint"
