"""`test_examples`: a fixed sample of test examples, the same for every row, seed and, where ids correspond, language."""

from dataclasses import replace
from pathlib import Path

import pytest
from test_forecast import SHAPE

from stilts_xtreme import spec
from stilts_xtreme.data.read import Folder, Miniature, read
from stilts_xtreme.forecast.sizes import SplitSize
from stilts_xtreme.forecast.workload import workload
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.stages import submission
from stilts_xtreme.tasks import metrics
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Pair, Sentence
from stilts_xtreme.tasks.sample import sampled
from stilts_xtreme.utils.errors import UserError

STUDIES = Path(__file__).parents[1] / "experiments" / "studies"


def pairs(names: list[str]) -> list[Pair]:
    return [Pair(name, "a", "b", "neutral") for name in names]


def ids(examples) -> list[str]:
    return [example.id for example in examples]


def test_a_sample_is_of_the_ids_alone_and_a_larger_one_holds_it() -> None:
    names = [f"q{i}" for i in range(200)]
    some = ids(sampled(TASKS["xnli"], pairs(names), 30))
    assert len(some) == 30 and some == sorted(some, key=names.index) and some != names[:30]
    assert set(ids(sampled(TASKS["xnli"], pairs(names[::-1]), 30))) == set(some)
    assert set(some) < set(ids(sampled(TASKS["xnli"], pairs(names), 31)))
    assert ids(sampled(TASKS["xnli"], pairs(names), 500)) == ids(sampled(TASKS["xnli"], pairs(names), None)) == names
    lacking = [name for name in names if name not in some[:3]]  # a language without three of them has the others
    assert len(set(ids(sampled(TASKS["xnli"], pairs(lacking), 30))) & set(some)) == 27


def test_tatoeba_keeps_every_candidate() -> None:
    bitext = [Sentence(f"f{i}", "x", "foreign", f"e{i}") for i in range(50)]
    bitext += [Sentence(f"e{i}", "x", "english", f"f{i}") for i in range(50)]
    some = sampled(TASKS["tatoeba"], bitext, 8)
    assert ids(one for one in some if one.side == "foreign") == [f"f{i}" for i in range(50)]
    asked = [one for one in some if one.side == "english"]
    gold = metrics.gold_pairs(some)
    assert len(asked) == 8 == len(gold) and {one.match for one in asked} == {foreign for foreign, _ in gold}
    assert TASKS["tatoeba"].metric([one.match for one in asked], some, "de") == {"accuracy": 100.0}


def test_bucc_keeps_its_density_and_its_gold_pairs() -> None:
    bitext = [Sentence(f"f{i}", "x", "foreign", f"e{i}" if i < 40 else None) for i in range(240)]
    bitext += [Sentence(f"e{i}", "x", "english", f"f{i}" if i < 40 else None) for i in range(300)]
    some = sampled(TASKS["bucc2018"], bitext, 10)
    foreign, english = ([one for one in some if one.side == side] for side in ("foreign", "english"))
    gold = metrics.gold_pairs(some)
    assert len(english) == 300 and len(gold) == 10 and len(foreign) == 10 + 50  # 10 of 40 pairs, a quarter of 200 others
    assert gold < metrics.gold_pairs(bitext) and {f for f, _ in gold} <= set(ids(foreign))
    one_sided = [replace(one, match=None) if one.side == "english" else one for one in bitext]
    assert metrics.gold_pairs(sampled(TASKS["bucc2018"], one_sided, 10)) == gold


def test_parallel_test_sets_are_sampled_alike(real_data) -> None:
    for name, codes in {"xnli": ("en", "de", "zh"), "pawsx": ("en", "de", "ja"), "xquad": ("en", "de", "th")}.items():
        whole = [read(TASKS[name], "test", code, Folder(real_data)).examples for code in codes]
        found = [set(ids(sampled(TASKS[name], examples, 50))) for examples in whole]
        assert len(set.intersection(*found)) >= 49, name  # a row may lack its label in a language


@pytest.mark.parametrize("name", ["panx", "xquad", "lareqa", "tatoeba", "bucc2018"])
def test_every_kind_of_test_data_can_be_sampled(name) -> None:
    whole = read(TASKS[name], "test", "xa", Miniature(0)).examples
    some = sampled(TASKS[name], whole, 5)
    assert 5 <= len(some) < len(whole) and len({one.id for one in some}) == len(some)


def test_it_is_part_of_the_address_only_where_it_is_said() -> None:
    def stages(*more: str) -> list[plan.Stage]:
        loaded = spec.load(STUDIES / "main.yaml", ["seeds=[1,2]", "intermediate=[none,mnli]", *more])
        return plan.ordered([cell.stage for cell in grid.study(loaded)])

    whole, some = stages(), stages("test_examples=300")
    trained = [plan.address(stage) for stage in whole if isinstance(stage, plan.Train)]
    assert trained == [plan.address(stage) for stage in some if isinstance(stage, plan.Train)]
    assert "test_examples" not in {key for stage in whole for key in plan.identity(stage)}
    predicted = [plan.identity(stage) for stage in some if isinstance(stage, plan.Predict)]
    assert {one["test_examples"] for one in predicted} == {300}
    by_target = [s for s in stages("test_examples={xnli: 300, tatoeba: 50}") if isinstance(s, plan.Predict)]
    sizes = {"xnli": 300, "tatoeba": 50}
    assert plan.address(stages("targets=[xnli]", "test_examples={xnli: 300, pawsx: 9}")[-1]) in {plan.address(s) for s in some}
    assert {s.task: s.test_examples for s in by_target} == {s.task: sizes.get(s.task) for s in by_target}
    same = {plan.address(s) for s in some} | {plan.address(s) for s in whole}
    assert {plan.address(s) for s in by_target if s.task != "tatoeba"} <= same
    assert not {plan.address(s) for s in whole if isinstance(s, plan.Predict)} & {plan.address(s) for s in some}
    with pytest.raises(UserError, match="--submission: needs every test example"):
        submission.whole(some)
    with pytest.raises(UserError, match="test_examples=0': must be at least 1"):
        stages("test_examples=0")
    with pytest.raises(UserError, match="test_examples.xlni.*'xnli'"):
        stages("test_examples={xlni: 300}")
    with pytest.raises(UserError, match="test_examples.xnli.*must be at least 1"):
        stages("test_examples={xnli: 0}")


def test_the_forecast_counts_the_sample() -> None:
    class Known:
        def of(self, task, split, code, digest, cut, training):
            return SplitSize(2000, 2000, 2000, 40000, "counted")

    def predicted(task: str, code: str, number: int | None) -> float:
        reads = (plan.Reads(task, "test", code, 1, "a"),)
        stage = plan.Predict(plan.Pretrained("x"), task, (code,), reads, 1, "mean", 64, test_examples=number)
        return workload(stage, SHAPE, Known()).languages[code][0]

    assert predicted("xnli", "de", None) == 2000 and predicted("xnli", "de", 300) == 300 and predicted("xnli", "de", 9000) == 2000
    assert predicted("tatoeba", "de", 300) == 1000 + 300  # every foreign sentence stays
    assert predicted("bucc2018", "zh", 300) == pytest.approx(1000 + 1000 * 300 / 1899)  # of that many gold pairs
