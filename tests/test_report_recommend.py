"""Which intermediate is recommended, and how sure that is. All scores here are invented."""

import json
import math

import numpy
import pytest
from scipy import stats
from test_report import invented, small
from test_report_comparisons import compared
from typer.testing import CliRunner

from stilts_xtreme import cli
from stilts_xtreme.report.advice import estimates
from stilts_xtreme.report.advice import words as advice
from stilts_xtreme.report.advice.recommend import recommend, recommend_all
from stilts_xtreme.report.summary import summarise
from stilts_xtreme.utils.errors import UserError

ROWS = {
    "none": {"xnli": [50.0, 51.0, 52.0, 50.0]},
    "mnli": {"xnli": [54.0, 55.1, 56.2, 54.1]},
    "qqp": {"xnli": [51.0, 48.0, 56.0, 50.0]},
}


def words(found) -> str:
    return "\n".join(advice.lines(found))


def made_up(gains: dict[str, dict[str, list[float]]], **changes) -> dict:
    """A study of xnli in made-up languages: gains by row, language and seed over a baseline of 50."""
    seeds = range(1, 1 + len(next(iter(next(iter(gains.values())).values()))))
    study = invented(tuple(seeds), ("none", *gains), ("xnli",), note="")
    for run in study["evaluations"]:
        own = gains.get(run["row"])
        codes = next(iter(gains.values()))
        run["languages"] = {code: {"accuracy": 50.0 + (own[code][run["seed"] - 1] if own else 0.0), "n": 400} for code in codes}
        run["score"] = math.fsum(found["accuracy"] for found in run["languages"].values()) / len(codes)
    return study | changes


def test_a_clear_gain_is_recommended_with_students_interval() -> None:
    found = recommend([small(ROWS)], "xnli")
    assert found.best.row == "mnli" and found.runner_up.row == "qqp" and not found.fallback
    gains = [4.0, 4.1, 4.2, 4.1]
    reach = stats.t.ppf(0.975, 3) * stats.sem(gains)
    assert found.best.estimate.interval == pytest.approx((4.1 - reach, 4.1 + reach))
    assert found.best.estimate.p == pytest.approx(stats.ttest_1samp(gains, 0).pvalue)
    assert found.best.q == pytest.approx(2 * found.best.estimate.p)  # the better of two candidates
    ahead = [own - other for own, other in zip(gains, [1.0, -3.0, 4.0, 0.0], strict=True)]
    assert found.ahead.interval == pytest.approx(stats.t.interval(0.95, 3, sum(ahead) / 4, stats.sem(ahead)))
    told = words(found)
    assert told.startswith("Use mnli for xnli: +4.1 points, 95 % interval +4.0 to +4.2.")
    assert "The interval lies above zero" in told and "Runner-up: qqp" in told and "over seeds alone" in told


def test_no_supported_gain_means_none() -> None:
    rows = {"none": ROWS["none"], "qqp": ROWS["qqp"]}
    found = recommend([small(rows)], "xnli")
    told = words(found)
    assert found.best is None and found.runner_up is None and told.startswith("Use none for xnli.")
    assert "nearest is qqp" in told and "not distinguishable from no intermediate training" in told


def test_a_clear_loss_is_called_one() -> None:
    rows = {"none": {"xnli": [50.0, 51.0, 52.0, 51.0]}, "qqp": {"xnli": [46.0, 47.1, 48.2, 47.0]}}
    said = words(recommend([small(rows)], "xnli"))
    assert said.startswith("Use none for xnli.") and "nearest is qqp" in said
    assert "worse than no intermediate training" in said and "not distinguishable" not in said


def test_rows_that_are_fine_tuned_otherwise_are_no_candidates() -> None:
    """A gain over a baseline with 100 examples says nothing to who has them all."""
    few = {"none (n100)": {"xnli": [30.0, 31.0, 32.0, 30.0]}, "qqp (n100)": {"xnli": [50.0, 51.1, 52.2, 50.1]}}
    recipes = {"usual": {}, "n100": {"examples": 100}}
    found = recommend([small(ROWS | few, recipes=recipes)], "xnli")
    assert found.best.row == "mnli" and [row.name for row in found.aside] == ["qqp (n100)"] and len(found.candidates) == 2
    assert "Rows that are fine-tuned otherwise (n100) are no candidates: they have baselines of their own." in words(found)
    found = recommend([small(few, recipes=recipes)], "xnli")  # where there are no others they are asked for
    assert found.best.row == "qqp (n100)" and found.aside == ()


def test_one_seed_supports_nothing() -> None:
    found = recommend([small({name: {"xnli": row["xnli"][:1]} for name, row in ROWS.items()})], "xnli")
    told = words(found)
    assert found.best is None and "a single seed says nothing" in told and "cannot be judged from one seed" in told


def test_the_studys_own_test_decides_for_a_whole_target() -> None:
    low = recommend([compared(small(ROWS), {("mnli", "xnli"): 0.2, ("qqp", "xnli"): 0.9})], "xnli")
    assert low.best is None and "above zero, but q is 0.20 where 0.05 is asked for" in words(low)
    high = recommend([compared(small(ROWS), {("mnli", "xnli"): 0.01, ("qqp", "xnli"): 0.9})], "xnli")
    assert high.best.row == "mnli" and high.best.estimate.interval == pytest.approx((2.1, 6.1))
    assert "over seeds alone" not in words(high)


def test_a_larger_gain_that_is_not_supported_does_not_win() -> None:
    study = compared(small(ROWS), {("mnli", "xnli"): 0.6, ("qqp", "xnli"): 0.01}, width=0.4)
    found = recommend([study], "xnli")
    assert found.best.row == "qqp" and found.nearest.row == "mnli" == found.runner_up.row
    assert "mnli has a larger gain, but it is not supported" in words(found)


def test_some_languages_take_their_own_gains_and_the_variance_over_examples() -> None:
    gains = {"mnli": {"xa": [6.0, 7.0, 8.0], "xb": [1.0, 0.0, -1.0]}, "qqp": {"xa": [0.0, 1.0, 2.0], "xb": [9.0, 8.0, 7.0]}}
    study = made_up(gains)
    alone = recommend([study], "xnli", ["xa"]).nearest
    assert alone.row == "mnli" and alone.estimate.gain == pytest.approx(7.0) and alone.estimate.example_variance is None
    study = compared(study, {("mnli", "xnli"): 0.9, ("qqp", "xnli"): 0.9}, deviation=0.9)
    both = recommend([study], "xnli", ["xa"]).nearest
    seeds, examples = 1 / 3, 0.81
    reach = math.sqrt(stats.t.ppf(0.975, 2) ** 2 * seeds + stats.norm.ppf(0.975) ** 2 * examples)
    assert both.estimate.interval == pytest.approx((7 - reach, 7 + reach))
    assert both.estimate.example_variance == pytest.approx(0.81)
    assert recommend([study], "xnli", ["xb"]).nearest.row == "qqp"


def column(drawn: float | None, errors: list[float]) -> dict:
    """A comparison as a result holds it, with these standard errors of its languages and of their mean."""
    return {
        "languages": {f"x{i}": {"gain": 1.0, "deviation": error} for i, error in enumerate(errors)},
        "deviation": {"drawn": drawn},
    }


def test_the_correlation_of_languages_is_read_off_the_columns_error() -> None:
    def whole(r: float, errors: list[float]) -> float:
        squares = sum(error**2 for error in errors)
        return math.sqrt((squares + r * (sum(errors) ** 2 - squares)) / len(errors) ** 2)

    for r in (0.0, 0.3, 1.0):
        assert estimates.correlation(column(whole(r, [1.0, 2.0, 1.5]), [1.0, 2.0, 1.5])) == pytest.approx(r)
    assert estimates.correlation(column(100.0, [1.0, 1.0])) == 1.0 == estimates.correlation(column(None, [1.0, 1.0]))
    assert estimates.correlation(column(0.01, [1.0, 1.0])) == 0.0


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Two of six languages whose examples are translations of one another; seeds and languages of a seed differ."""
    drawn, languages, size, seeds, held = numpy.random.default_rng(0), 6, 100, 3, 0
    for _ in range(400):
        shift = drawn.normal(0, 2, (seeds, 1)) + drawn.normal(0, 1, (seeds, languages))
        known = drawn.normal(0, 15, (1, 1, size)) + drawn.normal(0, 15, (1, languages, size))  # the same in every seed
        gains = 2.0 + shift[:, :, None] + known + drawn.normal(0, 15, (seeds, languages, size))
        whole = gains.mean(axis=(1, 2))
        examples = gains.mean(axis=(0, 1)).var(ddof=1) / size
        errors = gains.mean(axis=0).std(axis=1, ddof=1) / math.sqrt(size)
        study = made_up({"mnli": {f"x{code}": list(gains.mean(axis=2)[:, code]) for code in range(languages)}})
        table = {f"x{code}": {"gain": 0.0, "deviation": float(errors[code])} for code in range(languages)}
        deviation = {"drawn": math.sqrt(examples)}
        values = {str(seed + 1): float(one) for seed, one in enumerate(whole)}
        study = compared(study, {("mnli", "xnli"): 0.5}, languages=table, values=values)
        study["comparisons"][0]["deviation"] = deviation
        found = estimates.gain(summarise(study), "mnli", ["xnli"], ["x0", "x1"]).interval
        held += found[0] <= 2.0 <= found[1]
    assert 0.91 <= held / 400 <= 0.99


def test_a_target_in_no_study_is_answered_by_those_of_the_same_kind() -> None:
    rows = {name: {"xquad": row["xnli"], "mlqa": row["xnli"], "panx": row["xnli"][::-1]} for name, row in ROWS.items()}
    found = recommend([small(rows)], "tydiqa")
    assert found.fallback and found.best.targets == ("xquad", "mlqa")
    assert "No study has tydiqa itself: these are gains on xquad and mlqa" in words(found)


def test_several_studies_are_asked_together() -> None:
    one, other = small(ROWS) | {"name": "one"}, small({"none": ROWS["none"], "squad": {"xnli": [60.0, 61.0, 62.0, 60.0]}})
    found = recommend([one, other | {"name": "two", "setup": "paper"}], "xnli")
    assert found.best.row == "squad" and found.runner_up.named == "mnli (one)"
    assert found.ahead.gain == pytest.approx(5.9) and found.ahead.interval[0] > 0
    assert "Gains of different setups stand side by side" in words(found)


@pytest.mark.parametrize(
    ("target", "languages", "told"),
    [
        ("xnlo", [], "--target xnlo: there is no such task; did you mean xnli?"),
        ("tatoeba", [], "--target tatoeba: no study has it, nor a target with its kind of head (embedding); they have xnli"),
        ("xnli", ["en", "qq"], "--languages qq: xnli is not scored in it; there is ar, bg, de"),
        ("pawsx", ["qq"], "--languages qq: no target like pawsx is scored in all of them"),
    ],
)
def test_what_cannot_be_answered_is_one_line(target, languages, told) -> None:
    with pytest.raises(UserError) as caught:
        recommend([small(ROWS)], target, languages)
    assert str(caught.value).startswith(told) and "\n" not in str(caught.value)


def test_a_study_without_the_baseline_has_no_answer() -> None:
    with pytest.raises(UserError, match="no gain can be computed"):
        recommend([small({"mnli": ROWS["mnli"]})], "xnli")


def test_the_command_prints_sentences_or_json(tmp_path) -> None:
    path = tmp_path / "study.json"
    path.write_text(json.dumps(small(ROWS)))
    run = CliRunner().invoke(cli.app, ["recommend", str(path), "--target", "xnli"])
    assert run.exit_code == 0 and run.stdout.startswith("Use mnli for xnli: ")
    run = CliRunner().invoke(cli.app, ["recommend", str(path), "--target", "xnli", "--languages", "de,fr", "--json"])
    told = json.loads(run.stdout)
    assert told["schema"] == "stilts/recommendation@1" and told["languages"] == ["de", "fr"]
    assert told["use"] in ("none", "mnli", "qqp") and len(told["candidates"]) == 2
    run = CliRunner().invoke(cli.app, ["recommend", str(tmp_path / "no.json"), "--target", "xnli"])
    assert isinstance(run.exception, UserError)


def test_without_a_target_every_one_is_answered(tmp_path) -> None:
    rows = {name: {**row, "pawsx": [80.0, 80.0, 80.0, 80.0 + len(name)]} for name, row in ROWS.items()}
    (tmp_path / "study.json").write_text(json.dumps(small(rows)))
    done = CliRunner().invoke(cli.app, ["recommend", str(tmp_path / "study.json")])
    assert done.exit_code == 0
    answers = [line for line in done.stdout.splitlines() if line.startswith("Use ")]
    assert len(answers) == 2 and "Use mnli for xnli: +4.1 points, 95 % interval +4.0 to +4.2." in answers
    assert any(line.startswith("Use none for pawsx.") for line in answers)
    assert sum("From study" in line for line in done.stdout.splitlines()) == 1
    content = json.loads(CliRunner().invoke(cli.app, ["recommend", str(tmp_path / "study.json"), "--json"]).stdout)
    assert {one["target"]: one["use"] for one in content} == {"xnli": "mnli", "pawsx": "none"}
    with pytest.raises(UserError, match="not scored in it"):
        recommend_all([small(rows)], ["xx"])
