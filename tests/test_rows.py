"""Rows of studies have fields, and names that are made from them; results that had names alone are brought into that form."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_end_to_end import TINY, stilts
from test_report import fields, invented, written

from stilts_xtreme import results, spec
from stilts_xtreme.pipeline import grid
from stilts_xtreme.report.summary import summarise
from stilts_xtreme.results import agreement, rows
from stilts_xtreme.results.rows import Row, labelled
from stilts_xtreme.results.upgrade import upgraded
from stilts_xtreme.utils.errors import UserError

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
MAIN = EXPERIMENTS / "studies" / "main.yaml"
STUDIES = sorted((EXPERIMENTS / "results").glob("*.json"))
ALIKE = ("training_languages=[[en],[xa]]", "recipes={usual: {}, xa: {steps: 2}}")  # languages and a recipe of one name
TUNING = ("training_languages", "training_noise", "recipe")


def test_a_recipe_that_is_called_like_a_language_is_told_apart() -> None:
    names = [row.name for row in grid.rows(spec.load(MAIN, ["intermediate=[none]", *ALIKE]))]
    assert names == ["none", "none (recipe xa)", "none (xa)", "none (xa, recipe xa)"]
    names = [row.name for row in grid.rows(spec.load(MAIN, ["intermediate=[none]", ALIKE[1]]))]
    assert names == ["none", "none (xa)"]  # no row is trained on the language
    names = [row.name for row in grid.rows(spec.load(MAIN, ["intermediate=[none]", "recipes={few: {steps: 2}, en: {}}"]))]
    assert names == ["none (few)", "none (recipe en)"]


def test_a_study_with_such_rows_keeps_them_apart_to_the_end(tmp_path) -> None:
    words = (MAIN, *TINY, "intermediate=[none,mnli]", "targets=[xnli]", "seeds=[1]", "test_examples=9", *ALIKE)
    path = Path(stilts("study", *words, "--jobs", 1, "--store", tmp_path / "store").stdout.strip())
    study = results.read(path, results.STUDY)
    assert len({run["row"] for run in study["evaluations"]}) == len({run["address"] for run in study["evaluations"]}) == 8
    xa = {"training_languages": ["xa"], "training_noise": 0.0, "recipe": "usual"}
    assert fields(study, "none (xa)") == {"row": "none (xa)", "intermediate": [], **xa}
    gains = {(one["row"], one["baseline"]) for one in study["comparisons"]}
    assert {("mnli (xa)", "none (xa)"), ("mnli (recipe xa)", "none (recipe xa)")} <= gains
    stilts("report", path, "--to", tmp_path / "pages")
    stilts("verify", *words, "--store", tmp_path / "store")


chains = st.lists(st.sampled_from(["mnli", "squad", "mix"]), unique=True, max_size=3).map(tuple)
languages = st.lists(st.sampled_from(["en", "de", "xa", "few"]), unique=True, min_size=1, max_size=3).map(tuple)
noise = st.sampled_from([0.0, 0.1, 0.10000001, 0.1234567, 1 / 3, 1.0])
recipes = st.sampled_from(["usual", "few", "xa", "n100", "noise"])


@given(st.lists(st.builds(Row, chains, languages, noise, recipes), unique=True, max_size=8))
def test_different_rows_have_different_names_and_are_found_again_by_their_fields(made) -> None:
    named = labelled(made)
    assert len({row.name for row in named}) == len(made)
    found = rows.read(json.loads(json.dumps([row.record() for row in named])))
    assert list(found.values()) == made and [row.name for row in found.values()] == list(found)
    assert all(row.baseline.is_baseline and row.baseline.tuning == row.tuning for row in named)


def downgraded(study: dict) -> dict:
    """A study as `stilts/study@1` held it: names alone."""
    old = {key: value for key, value in copy.deepcopy(study).items() if key != "rows"}
    old |= {"schema": "stilts/study@1", "intermediates": [row["row"] for row in study["rows"]]}
    tails = {row.name: row.tail for row in rows.read(study["rows"]).values()}
    for place, entry in [*rows.entries(old), *_panels(old), *_interactions(old)]:
        for name in ("intermediate", *TUNING):
            if not (name == "recipe" and place.startswith("sizes.points")):
                entry.pop(name, None)
        if place.startswith(("evaluations", "noise.evaluations")):
            entry["intermediate"] = entry.pop("row")
        elif "target" in entry:
            entry["column"] = entry.pop("target")
        if place.startswith("arms"):
            entry["tail"] = tails[entry["row"]]
        if place.startswith("interactions"):
            entry["of"] = entry.pop("row")
    for pooled in old.get("pooled", ()):
        pooled["column"] = pooled.pop("target")
    return old


def _panels(study: dict) -> list:
    orders = study.get("orders") or {}
    return [("panels", panel) for name in ("panels", "absent") for panel in orders.get(name, ())]


def _interactions(study: dict) -> list:
    return [("interactions", one) for one in (study.get("sizes") or {}).get("interactions", ())]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_committed_results_hold_what_they_held(path) -> None:
    """Every gain, interval, p, q and score stands where it stood, and nothing is new but the rows' fields."""
    old = json.loads(path.read_text(encoding="utf-8"))
    if old["schema"] != "stilts/study@1":
        pytest.skip("written in the form of today")
    new = results.read(path, results.STUDY)
    assert new["schema"] == "stilts/study@2" and downgraded(new) == old
    assert len(list(rows.entries(new))) >= len(old["evaluations"]) + len(old.get("comparisons", ()))
    summarise(new)


def test_an_old_label_is_read_by_the_axes_of_its_study() -> None:
    names = ["none", "none (en+de)", "none (xa)", "mnli>squad (en+de, noise 0.1, few)"]
    more = {"training_languages": [["en"], ["en", "de"]], "recipes": {"usual": {}, "xa": {}, "few": {}}}
    study = invented((1,), names, ("xnli",), **more)
    told = [(row["intermediate"], *(row[name] for name in TUNING)) for row in study["rows"]]
    assert told == [
        ([], ["en"], 0.0, "usual"), ([], ["en", "de"], 0.0, "usual"), ([], ["en"], 0.0, "xa"),
        (["mnli", "squad"], ["en", "de"], 0.1, "few"),
    ]  # fmt: skip
    both = {"training_languages": [["en"], ["en", "xa"]], "recipes": {"usual": {}, "xa": {}}}
    study = invented((1,), ["none", "none (xa)", "none (en+xa)", "none (en+xa, xa)"], ("xnli",), **both)
    assert [row["row"] for row in study["rows"]] == ["none", "none (recipe xa)", "none (en+xa)", "none (en+xa, recipe xa)"]
    assert {run["row"] for run in study["evaluations"]} == {row["row"] for row in study["rows"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intermediates": ["none", "none (xa)", "none (xa)"]}, "intermediates[2]: none (xa) stands there twice"),
        (
            {"training_languages": [["en"], ["xa"]], "recipes": {"usual": {}, "xa": {}}},
            "intermediates[1]: none (xa) may be one of two rows",
        ),
        ({"intermediates": ["none", "none (noise lots)"]}, "intermediates[1]: lots is no share of changed words"),
        ({"intermediates": ["none", 4]}, "intermediates[1]: must be a name"),
        ({"intermediates": {}}, "intermediates: must be a list of names"),
        ({"intermediates": None}, "intermediates: missing"),
        ({"intermediates": ["none"]}, "evaluations[1].intermediate: none (xa) is not one of the study's intermediates"),
        ({"recipes": {str(i): {} for i in range(200)}, "training_languages": [["en"]] * 200}, "more rows than a study holds"),
    ],
)
def test_an_old_result_whose_labels_do_not_say_what_the_rows_are_is_refused(change, message, tmp_path) -> None:
    old = written((1,), ["none", "none (xa)"], ("xnli",)) | change
    (tmp_path / "study.json").write_text(json.dumps(old))
    with pytest.raises(UserError) as fault:
        results.read(tmp_path / "study.json", results.STUDY)
    assert message in str(fault.value) and "\n" not in str(fault.value)


def test_a_result_whose_labels_and_fields_disagree_is_refused(tmp_path) -> None:
    study = invented((1,), ["none", "mnli"], ("xnli",))
    other = copy.deepcopy(study)
    other["rows"][1]["intermediate"] = ["squad"]
    assert agreement.of_study(study) == ""
    results.write(tmp_path / "study.json", other)
    with pytest.raises(UserError, match=r"rows\[1\].row: mnli is not what a row of these fields is called: squad"):
        results.read(tmp_path / "study.json", results.STUDY)
    other = copy.deepcopy(study)
    other["evaluations"][1]["training_noise"] = 0.1
    assert agreement.of_study(other) == "evaluations[1]: its fields are not those of the row mnli"
    other["evaluations"][1]["row"] = "squad"
    assert agreement.of_study(other) == "evaluations[1]: row: squad is not one of the study's rows"
    other = study | {"rows": [*study["rows"], study["rows"][1]]}
    assert agreement.of_study(other) == "rows[2]: mnli stands there twice"


def test_a_new_result_is_written_and_read_as_it_is(tmp_path) -> None:
    study = invented((1,), ["none", "mnli"], ("xnli",))
    results.write(tmp_path / "study.json", study)
    assert results.read(tmp_path / "study.json", results.STUDY) == study
    assert upgraded(downgraded(study)) == study
