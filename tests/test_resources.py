"""Gains by a language's resources and by the number of training examples, in results and on pages. All scores are simulated."""

import json
import math
import xml.etree.ElementTree as ElementTree
import zlib
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from test_report import invented

from stilts_xtreme.analysis import comparisons
from stilts_xtreme.analysis import resources as gathered
from stilts_xtreme.analysis import sizes as sized
from stilts_xtreme.analysis.bootstrap_scores import Scored
from stilts_xtreme.analysis.language_resources import LINES, PretrainingText, pretraining_text, resource_axis
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.report import findings, resources, sizes
from stilts_xtreme.report import study as page
from stilts_xtreme.report.summary import summarise
from stilts_xtreme.scoring.intervals import slope_interval
from stilts_xtreme.utils.languages import LANGUAGES, UNSEEN_BY_XLMR

RANDOM = plan.Random(8, 1, 1, 16, 32, 100)
TEXT = {"en": 20_000, "xa": 20_000, "xb": 19_000, "xc": 10_000, "xd": 9_000, "xe": 2_500}
REAL = {"xcopa": "en et ht id it qu sw ta th tr vi zh".split(), "tydiqa": "ar bn en fi id ko ru sw te".split()}
MADE = {"xnli": ["en", *TEXT][1:] + ["xf"], "xquad": "en xa xb".split()}
SIZES = {"usual": 8000, "n100": 100, "n1000": 1000}


class Simulated:
    """A store and a drawing in one: each prediction's scores are drawn around what its row, target and languages give."""

    def __init__(self, gain: Any, text: dict[str, int]):
        self.gain, self.text, self.of = gain, text, {}

    def cell(self, start: Any, row: grid.Row, target: str, codes: list[str], seed: int) -> grid.Cell:
        text = plan.Train(start, ("text",), plan.Recipe(), seed, ()) if isinstance(start, plan.Random) else start
        model = text if row.is_baseline else plan.Train(text, row.intermediate, plan.Recipe(), seed, ())
        tuned = plan.Train(model, (target,), plan.Recipe(examples=SIZES[row.recipe]), seed, ())
        stage = plan.Predict(tuned, target, tuple(codes), ())
        self.of[plan.address(stage)] = row, target, seed
        return grid.Cell(row, target, seed, stage)

    def scored(self, stage: plan.Predict) -> Scored:
        row, target, seed = self.of[plan.address(stage)]
        random = np.random.default_rng([seed, zlib.crc32(f"{row.name} {target}".encode())])
        lift = [self.gain(code, target, row.recipe) if not row.is_baseline else 0.0 for code in stage.languages]
        values = 50.0 + np.array(lift) + random.normal(0, 0.1, len(lift))
        return Scored(stage.languages, values, values + random.normal(0, 0.3, (200, len(lift))))

    def result(self, stage: plan.Stage) -> dict:
        assert isinstance(stage, plan.Train)
        data = [{"task": "text", "split": "train", "language": code, "examples": lines} for code, lines in self.text.items()]
        data.append({"task": "text", "split": "dev", "language": "qq", "examples": 9})
        return {"data": data, "examples": {"some": stage.recipe.examples or 0}}


def made(start: Any, languages: dict[str, list[str]], gain: Any, recipes=("usual",), text=TEXT, seeds=(1, 2, 3)) -> dict:
    """A study's JSON, its evaluations, comparisons, resources and sizes from the same simulated scores."""
    rows = [grid.Row(chain, recipe=recipe) for chain in ((), ("squad",), ("mnli",)) for recipe in recipes]
    world = Simulated(gain, text)
    cells = [world.cell(start, row, target, codes, seed) for row in rows for target, codes in languages.items() for seed in seeds]
    found = comparisons.differences(cells, world)
    names = ["none", "squad", "mnli"]
    spec = SimpleNamespace(
        intermediate=names, orders=None, training_languages=[["en"]], noise=None, recipes=dict.fromkeys(recipes)
    )
    told = {**gathered.gather(cells, found, world, world), **sized.gather(spec, cells, found, world)}
    headlines = {"sib200": ["accuracy"], "xnli": ["accuracy"], "xcopa": ["accuracy"], "tydiqa": ["f1"], "xquad": ["f1"]}
    evaluations = []
    for cell in cells:
        scored = world.scored(cell.stage)
        by = {code: {headlines[cell.target][0]: float(value), "n": 400} for code, value in zip(scored.languages, scored.values)}  # noqa: B905
        evaluations.append({
            "address": plan.address(cell.stage), **cell.row.record(), "target": cell.target, "seed": cell.seed,
            "score": float(scored.values.mean()), "metrics": {}, "languages": by, "collapsed": False, "chain": [],
        })  # fmt: skip
    tasks = {target: {"headline": headlines[target], "chance": None, "trains_on": target, "head": "x"} for target in languages}
    return json.loads(json.dumps(invented((1,), ["none", "mnli"], ["xnli"]) | {
        "rows": [row.record() for row in rows], "targets": list(languages), "seeds": list(seeds), "tasks": tasks,
        "evaluations": evaluations, "trainings": [], "recipes": {name: {"examples": SIZES[name]} for name in recipes},
        "comparisons": comparisons.comparisons(found, list(languages)), **told,
    }))  # fmt: skip


def by_class(code: str, target: str, recipe: str) -> float:
    """Two points a class."""
    return 2.0 * LANGUAGES[code].joshi


def by_text(code: str, target: str, recipe: str) -> float:
    few = {"n100": 6.0, "n1000": 3.0, "usual": 0.0}[recipe] if target == "xnli" else 0.0
    return few + (3.0 * math.log10(TEXT[code]) - 9.0 if code in TEXT else 0.0)


@pytest.fixture(scope="module")
def real() -> dict:
    return made(plan.Pretrained("FacebookAI/xlm-roberta-base"), REAL, by_class)


@pytest.fixture(scope="module")
def few() -> dict:
    return made(RANDOM, MADE, by_text, tuple(SIZES))


def test_a_language_without_a_class_or_a_line_in_the_table_is_unclassified() -> None:
    found = resource_axis(["en", "sw", "acq_Arab", "xyz_Latn", "bem_Latn"], PretrainingText(lacks=UNSEEN_BY_XLMR))
    assert LANGUAGES["acq_Arab"].joshi is None and "xyz_Latn" not in LANGUAGES and LANGUAGES["bem_Latn"].joshi is None
    assert found.groups(found.languages) == {"low": ["sw"], "unseen": ["bem_Latn"], "unclassified": ["acq_Arab", "xyz_Latn"]}
    assert found.position("acq_Arab") is None and found.position("xyz_Latn") is None


def test_real_languages_stand_by_class_and_apart_where_the_encoder_never_saw_them() -> None:
    found = resource_axis(["en", "qu", "sw", "ta", "zh", "en-de"], PretrainingText(lacks=UNSEEN_BY_XLMR))
    assert found.axis == "joshi" and "en-de" not in found.languages
    assert found.groups(found.languages) == {"low": ["sw"], "mid": ["ta"], "high": ["zh"], "unseen": ["qu"]}
    assert [found.position(code) for code in ("sw", "zh", "qu")] == [2, 5, None]
    unknown = resource_axis(["en", "qu", "sw"], PretrainingText())
    assert unknown.groups(unknown.languages) == {"low": ["qu", "sw"]}
    trained_here = PretrainingText({"en": 10, "de": 5})  # its own text says what is unseen
    own = resource_axis(["en", "de", "sw"], trained_here)
    assert own.groups(own.languages) == {"high": ["de"], "unseen": ["sw"]} and own.languages["de"].lines == 5


def test_made_up_languages_stand_by_the_text_that_was_read() -> None:
    found = resource_axis([*TEXT, "xf"], PretrainingText(TEXT))
    assert found.axis == LINES and found.position("xc") == 4.0 and found.position("xf") is None
    assert found.groups(found.languages) == {"low": ["xe"], "mid": ["xc", "xd"], "high": ["xa", "xb"], "unseen": ["xf"]}
    assert resource_axis(["en", "xa"], PretrainingText()).languages == {}


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("FacebookAI/xlm-roberta-large", True),
        ("/models/xlm-roberta-base/", True),
        ("intfloat/multilingual-e5-small", True),
        ("bert-base-multilingual-cased", False),
        ("facebook/xlm-v-base", False),
    ],
)
def test_what_a_published_encoder_lacks(name: str, lacks: bool) -> None:
    stage = plan.Predict(plan.Pretrained(name), "tatoeba", ("sw",), ())
    assert pretraining_text(stage, None) == PretrainingText(lacks=UNSEEN_BY_XLMR if lacks else None)  # type: ignore[arg-type]


def test_slopes_that_are_known(real, few) -> None:
    for one in real["resources"]["slopes"]:
        assert one["gain"] == pytest.approx(2.0, abs=0.15) and one["interval"][0] > 1.5 and one["interval"][1] < 2.5
        assert (
            one["q"] < 0.05 and "en" not in one["languages"] and one["over_languages"][0] < one["gain"] < one["over_languages"][1]
        )
    assert {one["n"] for one in real["resources"]["slopes"]} == {9, 8}  # without en, and without ht and qu
    told = few["resources"]["slopes"]
    assert {one["target"] for one in told} == {"xnli"} and all(abs(one["gain"] - 3.0) < 0.5 for one in told)


def test_scatter_alone_says_how_far_a_slope_is_known() -> None:
    low, high = slope_interval([0, 1, 2, 3], [0.0, 1.2, 1.9, 3.1])
    assert (low, high) == pytest.approx((0.6958, 1.3042), abs=1e-4)  # 1 ± 4.3027 * sqrt(0.05 / 2 / 5), by hand
    assert slope_interval([0, 1, 2, 3], [0.0, 1.0, 2.0, 3.0]) == pytest.approx((1.0, 1.0))
    assert slope_interval([1, 1, 1], [0.0, 1.0, 2.0]) is None and slope_interval([0, 1], [0.0, 1.0]) is None


def test_groups_are_of_one_target_each_with_its_languages(real) -> None:
    told = real["resources"]
    for one in [*told["groups"], *told["scores"], *told["narrowed"]]:
        assert set(one["languages"]) <= set(REAL[one["target"]]) - {"en"} and one["n"] == len(one["languages"])
    assert {one["target"] for one in told["groups"]} == set(REAL)
    gain = next(one for one in told["groups"] if (one["row"], one["target"], one["group"]) == ("squad", "tydiqa", "low"))
    assert gain["languages"] == ["sw", "te"] and abs(gain["gain"] - 3.0) < 0.5 and gain["q"] < 0.05
    gap = next(one for one in told["narrowed"] if (one["row"], one["target"], one["group"]) == ("squad", "tydiqa", "low"))
    assert abs(gap["gain"] - (3.0 - 10.0)) < 0.6
    assert {one["row"] for one in told["scores"]} == {"none", "squad", "mnli"}


def test_targets_with_too_few_languages_or_one_group_are_absent(few) -> None:
    assert {one["target"] for one in few["resources"]["scores"]} == {"xnli"}
    alone = made(RANDOM, {"xquad": MADE["xquad"]}, by_text)
    assert "resources" not in alone and "sizes" not in alone
    assert gathered.gather([], {}, None, None) == {}  # type: ignore[arg-type]


def test_gains_by_number_of_examples(few) -> None:
    told = few["sizes"]
    points = [point for point in told["points"] if (point["of"], point["target"]) == ("squad", "xnli")]
    assert [(point["row"], point["examples"]) for point in points] == [
        ("squad (n100)", 100),
        ("squad (n1000)", 1000),
        ("squad", 8000),
    ]
    by_target = {(one["row"], one["target"]): one for one in told["interactions"]}
    assert set(by_target) == {(row, target) for row in ("squad", "mnli") for target in MADE}
    more = by_target["squad", "xnli"]
    assert abs(more["gain"] - 6.0) < 0.5 and more["examples"] == [100, 8000] and more["q"] < 0.05
    assert abs(by_target["squad", "xquad"]["gain"]) < 0.4


def test_a_recipe_that_asks_for_more_examples_than_there_are_is_not_tested_again() -> None:
    """Where a target has 8,000 examples, 10,000 of them are the usual training: one hypothesis, not two."""
    world = Simulated(by_text, TEXT)
    world.result = lambda stage: {"examples": {"some": min(stage.recipe.examples or 8000, 8000)}}  # type: ignore[method-assign]
    spec = SimpleNamespace(
        intermediate=["none", "squad"], orders=None, training_languages=[["en"]], noise=None,
        recipes=dict.fromkeys(("usual", "n100", "n10000", "longer")),
    )  # fmt: skip
    asked = {"usual": {}, "n100": {"examples": 100}, "n10000": {"examples": 10_000}, "longer": {"examples": 9_000, "epochs": 9.0}}
    cells = []
    for row in grid.rows(spec):
        for seed in (1, 2):
            text = plan.Train(RANDOM, ("text",), plan.Recipe(), seed, ())
            tuned = plan.Train(text, ("xquad", row.chain), plan.Recipe(**asked[row.recipe]), seed, ())
            stage = plan.Predict(tuned, "xquad", ("en", "xa"), ())
            world.of[plan.address(stage)] = replace(row, recipe="usual"), "xquad", seed
            cells.append(grid.Cell(row, "xquad", seed, stage))
    again = sized.repeats(cells, world)
    assert {row.name for row, _ in again} == {"none (n10000)", "squad (n10000)"}  # nine epochs are another training
    found = comparisons.differences(cells, world)
    rows = [one["row"] for one in comparisons.comparisons(found, ["xquad"], again)]
    assert "squad (n10000)" not in rows and {"squad", "squad (n100)", "squad (longer)"} <= set(rows)
    assert len(rows) == len(comparisons.comparisons(found, ["xquad"])) - 2
    points = sized.gather(spec, cells, found, world)["sizes"]["points"]
    assert [point["recipe"] for point in points if point["of"] == "squad"] == ["n100", "usual"]


def test_the_pages_tell_groups_and_slopes(real) -> None:
    (section,) = resources.sections(summarise(real))
    assert sizes.sections(summarise(real)) == []
    told = " ".join(findings.sentences(summarise(real)))
    assert "Gains in languages of few resources: of 4 effects 4 significantly above zero" in told and "never saw" in told
    assert "Slope of the gain on resources, in points per class of resources: of 4 effects 4 significantly above zero" in told
    groups = {table.caption.split(",")[0].split(".")[0]: table for table in section.tables if table}
    assert [body.title for body in groups["Gain by group of languages"].bodies] == [
        "xcopa: low (0–2) n = 1, mid (3) n = 4, high (4–5) n = 4, unseen n = 2",
        "tydiqa: low (0–2) n = 2, mid (3) n = 2, high (4–5) n = 4",
    ]
    cells = dict(groups["Languages of each group"].bodies[0].rows)["xcopa"]
    assert cells[0].text == "1: sw" and cells[3].text == "2: ht qu"


def test_no_slope_is_said_to_be_none() -> None:
    flat = made(plan.Pretrained("xlm-roberta-base"), REAL, lambda code, target, recipe: 0.0)
    told = findings.sentences(summarise(flat))
    assert "Slope of the gain on resources, in points per class of resources: none of 4 effects is significant." in told
    assert "Gains in languages of few resources: none of 4 effects is significant." in told


def test_the_pages_tell_sizes(few) -> None:
    (section,) = sizes.sections(summarise(few))
    assert [figure.name for figure in section.figures] == ["sizes-gains", "sizes-scores"]
    told = " ".join(findings.questions(summarise(few)))
    assert "gain with the most: of 4 effects 2 significantly above zero (squad on xnli, mnli on xnli)" in told
    assert "n100: examples 100" in section.sentences[0]
    assert section.tables[0].bodies[0].rows[0][1][0].text == "gain with 100 training examples - gain with 8,000"


def test_whole_pages_with_plots_that_are_xml(real, few) -> None:
    for study, names in ((real, {"resources"}), (few, {"resources", "sizes-gains", "sizes-scores"})):
        told = page.files(summarise(study))
        assert names <= {name.removesuffix(".svg") for name in told}
        for name in names:
            ElementTree.fromstring(told[f"{name}.svg"])
            assert f"{name}.svg" in told["report.md"] and f'id="{name}-0-' in told["index.html"]
        assert "Low-resource languages" in told["report.md"]


def test_a_study_without_them_has_no_such_section() -> None:
    summary = summarise(invented((1,), ["none", "mnli"], ["xnli"]))
    assert resources.sections(summary) == sizes.sections(summary) == []
