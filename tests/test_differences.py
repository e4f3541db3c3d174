"""`stilts diff`: it names what differs and nothing else, whatever stands in the files."""

import copy
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stilts_xtreme import cli, results
from stilts_xtreme.store import Store
from stilts_xtreme.verify import diff

RESULTS = Path(__file__).parent.parent / "experiments" / "results"
STUDY = results.read(RESULTS / "xtreme-r.json", results.STUDY)
ABOUT = {"provenance": {"commit": "abc", "versions": {"torch": "2.13"}}, "collapsed": False, "collapse": {}}


def training(seed: int = 1, rate: float = 1e-3, first: float = 3e-3) -> dict:
    """Of MNLI after pre-training; addresses are not looked at."""
    links = [
        {"address": "a" * 12, "kind": "train", "code": 2, "start": {"random": {"layers": 2}}, "tasks": ["text"],
         "recipe": {"learning_rate": first}, "seed": seed, "reads": ["text/train/en@111", "text/train/xa@222"]},
        {"address": "b" * 12, "kind": "train", "code": 2, "start": {"stage": "a" * 12}, "tasks": ["mnli"],
         "recipe": {"learning_rate": rate}, "seed": seed, "reads": ["mnli/train/en@333"]},
    ]  # fmt: skip
    return {
        "schema": results.TRAINING, "address": f"{seed}" * 12, "plan": links[-1], "chain": links,
        "steps": {"planned": 9, "done": 9},
        "data": [{"task": "mnli", "split": "train", "language": "en", "digest": "3" * 64, "rows": 8, "labels": {"a": 8}}],
        "dev": {"mnli": {"accuracy": 60.0, "score": 60.0, "n": 400}}, "examples": {"mnli": 8}, **ABOUT,
    }  # fmt: skip


def told(first: dict, second: dict) -> list[tuple]:
    return [(one.group, one.key, one.first, one.second) for one in diff.between(first, second)]


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_a_result_is_the_same_as_itself(path) -> None:
    study = results.read(path, *diff.KINDS)
    assert diff.between(study, copy.deepcopy(study)) == [] == diff.provenance(study, study)


def test_settings_are_told_by_the_link_they_stand_in() -> None:
    assert told(training(), training(rate=2e-3)) == [("settings", "train mnli: recipe.learning_rate", 1e-3, 2e-3)]
    assert told(training(), training(first=1e-3)) == [("settings", "train text: recipe.learning_rate", 3e-3, 1e-3)]
    assert told(training(), training(seed=2)) == [(
        "settings", f"train {task}: seed", 1, 2) for task in ("text", "mnli")]  # fmt: skip
    longer = training()
    longer["chain"].insert(1, {**longer["chain"][0], "tasks": ["squad"], "reads": ["squad/train/en@444"]})
    assert told(training(), longer) == [
        ("settings", "link 2", "absent", "train squad"),
        ("data", "squad/train/en: digest", "absent", "444"),
    ]


def test_data_scores_and_collapses_are_told() -> None:
    other = training()
    other["chain"][0]["reads"][1] = "text/train/xa@999"
    other["data"][0] |= {"rows": 7, "labels": {"a": 7}}
    other["dev"]["mnli"] |= {"accuracy": 61.5, "score": 60.0 + 1e-12}
    other |= {"collapsed": True, "collapse": {"mnli": "why"}}
    assert told(training(), other) == [
        ("data", "text/train/xa: digest", "222", "999"),
        ("data", "mnli/train/en: rows", 8, 7),
        ("data", "mnli/train/en: labels.a", 8, 7),
        ("scores", "dev.mnli.accuracy", 60.0, 61.5),
        ("collapsed", "collapsed", False, True),
        ("collapsed", "collapse", {}, "absent"),
        ("collapsed", "collapse.mnli", "absent", "why"),
    ]
    assert next(one.by for one in diff.between(training(), other) if one.group == "scores") == 1.5


def test_versions_are_told_and_not_counted() -> None:
    other = {**training(), "provenance": {"commit": "abc", "versions": {"torch": "2.12"}}}
    assert told(training(), other) == []
    made = [(one.key, one.first, one.second) for one in diff.provenance(training(), other)]
    assert made == [("provenance.versions.torch", "2.13", "2.12")]


def test_a_studys_scores_are_told_by_row_and_target() -> None:
    other = copy.deepcopy(STUDY)
    run = next(run for run in other["evaluations"] if (run["row"], run["target"], run["seed"]) == ("mnli", "xnli", 2))
    run["score"] += 0.3
    run["collapsed"] = True
    other["seeds"] = [1, 2]
    other["comparisons"][0]["gain"] += 1
    found = diff.between(STUDY, other)
    assert [(one.group, one.key) for one in found] == [
        ("settings", "seeds"), ("scores", "mnli on xnli"), ("collapsed", "mnli on xnli"), ("else", "comparisons"),
        ("else", "evaluations"),
    ]  # fmt: skip
    assert found[1].by == pytest.approx(0.1) and found[2].second == [2]
    fewer = {**STUDY, "evaluations": [run for run in STUDY["evaluations"] if run["target"] != "tatoeba"]}
    gone = [one for one in diff.between(STUDY, fewer) if one.group == "scores"]
    assert {one.key for one in gone} == {f"{row} on tatoeba" for row in [row["row"] for row in STUDY["rows"]]}
    assert all(one.second == "absent" and one.by is None for one in gone)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1e3, 1e3) | st.text(max_size=3),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=3), part, max_size=3),
)


@given(st.sampled_from(["chain", "data", "plan", "dev", "collapse", "steps", "new", "provenance"]), JSON, JSON)
@settings(deadline=None, max_examples=40)
def test_what_no_schema_looks_at_may_be_anything(field, one, other) -> None:
    first, second = {**training(), field: one}, {**training(), field: other}
    found = diff.between(first, second)
    same = results.stable(results.text(first)) == results.stable(results.text(second))
    assert same is (not found) or not found and one == other  # 1 and 1.0, 0.0 and -0.0


def ran(monkeypatch, capsys, *words: object) -> tuple[str, str, int]:
    monkeypatch.setattr(sys, "argv", ["stilts", "diff", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()
    return said.out, said.err, end.value.code or 0


def test_the_command(monkeypatch, capsys, tmp_path) -> None:
    folder = tmp_path / "train" / "bbb000000000"
    folder.mkdir(parents=True)
    results.write(folder / "result.json", training())
    results.write(tmp_path / "other.json", training(rate=2e-3))
    out, err, code = ran(monkeypatch, capsys, "bbb", tmp_path / "other.json", "--store", tmp_path)
    assert code == 0 and not err and out.endswith("\n1 difference\n") and "train mnli: recipe.learning_rate" in out
    out, _, _ = ran(monkeypatch, capsys, "bbb", tmp_path / "other.json", "--store", tmp_path, "--json")
    assert json.loads(out)["differences"] == [
        {"group": "settings", "key": "train mnli: recipe.learning_rate", "first": 1e-3, "second": 2e-3}
    ]
    assert ran(monkeypatch, capsys, "bbb", "bbb", "--store", tmp_path)[0] == "the same\n"
    _, err, code = ran(monkeypatch, capsys, "bbb", RESULTS / "main.json", "--store", tmp_path)
    assert code == 2 and "only results of a kind can be compared" in err
    _, err, code = ran(monkeypatch, capsys, "ccc", "bbb", "--store", tmp_path)
    assert code == 2 and err.startswith("ccc: neither a file nor the address of one finished stage")
    (tmp_path / "bad.json").write_text('{"schema": "stilts/training@1", "plan": 3}')
    _, err, code = ran(monkeypatch, capsys, tmp_path / "bad.json", "bbb", "--store", tmp_path)
    assert code == 2 and err.count("\n") == 1


def test_an_address_cannot_lead_out_of_the_store(tmp_path) -> None:
    for word in ("", "../../x", "*"):
        with pytest.raises(diff.UserError):
            diff.read(word, Store(tmp_path))
