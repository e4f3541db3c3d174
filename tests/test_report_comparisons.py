"""Reports of studies that hold tested comparisons. All numbers here are invented."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from test_report import cells, fields, invented, small, smalls

from stilts_xtreme.analysis import comparisons, effects
from stilts_xtreme.analysis.effects import Scored
from stilts_xtreme.errors import UserError
from stilts_xtreme.report import bars, findings, intervals, page, plots, tables
from stilts_xtreme.report.comparisons import AVERAGE
from stilts_xtreme.report.summary import summarise
from stilts_xtreme.results.rows import Row
from stilts_xtreme.scoring.bootstrap import benjamini_hochberg

SCORES = {
    "none": {"xnli": [50.0, 50.0, 50.0], "panx": [50.0, 50.0, 50.0]},
    "mnli": {"xnli": [53.0, 54.0, 55.0], "panx": [47.0, 46.0, 45.0]},
    "qqp": {"xnli": [51.0, 50.0, 49.0], "panx": [50.5, 50.0, 49.5]},
}
Q = {
    ("mnli", "xnli"): 0.01,
    ("mnli", "panx"): 0.02,
    ("qqp", "xnli"): 0.9,
    ("qqp", "panx"): 0.8,
    ("mnli", AVERAGE): 0.6,
    ("qqp", AVERAGE): 0.9,
}


def compared(study: dict, q: dict, width: float = 2.0, deviation: float = 0.9, **changes) -> dict:
    """The study with a comparison for each pair of `q`, its interval `width` to both sides of the gain."""
    summary = summarise(study)
    made = []
    for (row, column), value in q.items():
        gain = summary.gain(row, column)
        languages = {
            code: {"gain": summary.language_gain(row, column, code).mean, "deviation": deviation}
            for code in (summary.languages(column) if column != AVERAGE else [])
        }
        made.append({
            **fields(study, row), "baseline": summary.baseline(row), "target": column, "gain": gain.mean,
            "values": {str(seed): one for seed, one in zip(summary.seeds, gain.values, strict=True)},
            "interval": [gain.mean - width, gain.mean + width], "p": None if value is None else value / 2, "q": value,
            "examples": 2400, "seeds": len(gain.values), "languages": languages,
        } | changes)  # fmt: skip
    return study | {"comparisons": made}


@pytest.fixture(scope="module")
def summary():
    return summarise(compared(small(SCORES), Q))


def test_significant_gains_and_losses_are_marked_and_the_mark_is_explained(summary) -> None:
    table = tables.main(summary)
    assert smalls(table, "mnli") == ["± 1.0 *", "± 1.0 *", "± 0.0"] and "*" not in "".join(smalls(table, "qqp"))
    legend = next(note for note in table.notes if note.startswith("*"))
    assert "q < 0.05" in legend and "4 comparisons on targets and for the 2 of averages, a family of their own" in legend
    assert cells(tables.best_per_target(summary), "xnli")[4] == "95 % interval +2.0 to +6.0, q 0.010"


def test_the_table_of_intervals_has_every_comparison(summary) -> None:
    table = intervals.table(summary)
    assert [body.title for body in table.bodies] == ["xnli", "panx", "average"]
    assert cells(table, "mnli") == ["+4.0*", "+2.0 to +6.0", "0.005", "0.010", "2,400", "3"]
    assert intervals.table(summarise(small(SCORES))) is None


def test_findings_are_made_of_the_tests(summary) -> None:
    told = findings.found(summary)
    assert told[0].startswith("Best on average over the 2 targets: ") or told[0].startswith("No intermediate raises")
    assert "No intermediate changes the average significantly (false discovery rate of 5 %, 2 comparisons)." in told
    assert (
        "Of 4 pairs 1 gain and 1 loss are significant at a false discovery rate of 5 %."
        " Gains: mnli on xnli; losses: mnli on panx." in told
    )
    assert "standard error" not in " ".join(told)


def test_findings_without_any_significant_pair_and_with_a_significant_average() -> None:
    q = dict.fromkeys(Q, 0.5) | {("mnli", AVERAGE): 0.01}
    told = " ".join(findings.found(summarise(compared(small(SCORES), q))))
    assert "Of 4 pairs none is a significant gain or loss" in told
    q = {pair: 0.5 for pair in Q} | {("qqp", "xnli"): None}
    assert "Of 3 pairs tested (4 in all) none is" in " ".join(findings.found(summarise(compared(small(SCORES), q))))
    raised = small({"none": SCORES["none"], "mnli": {"xnli": [53.0, 54.0, 55.0], "panx": [53.0, 53.0, 53.0]}})
    told = findings.found(summarise(compared(raised, {("mnli", "xnli"): 0.001, ("mnli", AVERAGE): 0.01})))
    assert "The average is significantly raised by mnli (false discovery rate of 5 %, 1 comparison)." in told


@pytest.mark.parametrize(
    ("seeds", "caution", "drawn"),
    [
        (1, "Only one seed was run", "over test examples, of one seed, adjusted"),
        (2, "Two seeds were run", "over test examples and seeds, adjusted"),
        (3, "", "over test examples and seeds, adjusted"),
    ],
)
def test_what_few_seeds_leave_open_stands_before_all_that_is_called_significant(seeds, caution, drawn) -> None:
    few = {row: {target: scores[:seeds] for target, scores in by.items()} for row, by in SCORES.items()}
    summary = summarise(compared(small(few), Q))
    told = page.pages(summary)["report.md"]
    first, second = told.partition("## What was found")[2].strip().splitlines()[:2]
    assert first.endswith("1 seed." if seeds == 1 else f"{seeds} seeds.") and drawn in told
    assert second.startswith(f"- {caution}") and ("other test examples only" in second) == (seeds == 1)
    assert "no effect is called clear" not in second


def test_untested_comparisons_are_no_losses() -> None:
    told = findings.found(summarise(compared(small(SCORES), dict.fromkeys(Q), interval=None)))
    assert any("None of 4 pairs of intermediate and target could be tested" in line for line in told)
    table = intervals.table(summarise(compared(small(SCORES), dict.fromkeys(Q), interval=None)))
    assert cells(table, "mnli")[1:4] == ["–", "–", "–"]


def test_the_heat_map_outlines_what_is_significant(summary) -> None:
    drawn = plots.gains(summary)
    assert drawn.count('class="clear"') == 2 and "outlined: q &lt; 0.05" in drawn and "standard errors" not in drawn
    assert "standard errors" in plots.gains(summarise(small(SCORES)))


def test_rows_compared_with_another_row_than_their_baseline_are_left_to_others() -> None:
    study = compared(small(SCORES), Q)
    study["comparisons"].append(study["comparisons"][0] | {"baseline": "qqp"})
    assert len(summarise(study).comparisons) == len(Q)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gain": None}, "comparisons[0]: gain: None is not a number"),
        ({"interval": [3, 1]}, "comparisons[0]: interval: 3.0 is above 1.0"),
        ({"q": 1.2}, "comparisons[0]: p and q lie between 0 and 1"),
        ({"examples": "many"}, "comparisons[0]: examples: 'many' is not a number"),
        ({"target": "xquad"}, "comparisons[0]: target: xquad is not one of the study's targets"),
        ({"values": {"a": 1.0}}, "comparisons[0]: values: keys are seeds"),
        ({"row": None}, "comparisons[0]: row: missing"),
    ],
)
def test_broken_comparisons_are_refused(change, words) -> None:
    study = compared(small(SCORES), Q)
    study["comparisons"][0] |= change
    if change.get("row", "") is None:
        del study["comparisons"][0]["row"]
    with pytest.raises(UserError, match=re.escape(words)):
        summarise(study)


def shapes(svg: str, tag: str, kind: str) -> list[dict]:
    found = ElementTree.fromstring(svg).iter(f"{{http://www.w3.org/2000/svg}}{tag}")
    return [dict(item.attrib) for item in found if kind in item.get("class", "").split()]


def test_bars_have_a_whisker_where_an_error_is_known_and_groups_where_languages_are_real(summary) -> None:
    told = bars.gains(summary)
    assert len(shapes(told, "rect", "bar")) == 15 + 40 and len(shapes(told, "line", "whisker")) == 3 * (15 + 40)
    assert "few resources (0–2)" in told and "Niger-Congo" in told and "xnli: mnli" in told
    plain = bars.gains(summarise(small(SCORES)))
    assert len(shapes(plain, "rect", "bar")) == 15 + 40 and not shapes(plain, "line", "whisker")


def test_bars_of_made_up_languages_are_plain() -> None:
    study = invented(seeds=(1,), intermediates=("none", "mnli"), targets=("xnli",))
    for run in study["evaluations"]:
        run["languages"] = {"en": run["languages"]["en"], "xa": run["languages"]["de"], "xb": run["languages"]["fr"]}
    told = bars.gains(summarise(study))
    assert "resources" not in told and "Germanic" not in told and len(shapes(told, "rect", "bar")) == 3


def test_bars_whiskers_and_labels_keep_inside_their_panel_and_apart() -> None:
    study = invented()
    q = {(row, target): 0.5 for row in [row["row"] for row in study["rows"]][2:] for target in study["targets"]}
    told = bars.gains(summarise(compared(study, q, deviation=6.0)))
    root = ElementTree.fromstring(told)
    width = float(root.get("width")) - 16
    for item in shapes(told, "line", "whisker"):
        assert 0 <= min(float(item["x1"]), float(item["x2"])) <= max(float(item["x1"]), float(item["x2"])) <= width
    for first in (0, bars.PANEL + bars.SPACE):  # codes at the left of a panel: one a line
        labels = [float(item.get("y")) for item in root.iter("{http://www.w3.org/2000/svg}text") if float(item.get("x")) == first]
        assert all(after - before >= 12 for before, after in zip(sorted(labels), sorted(labels)[1:], strict=False))


def test_the_whole_page_shows_them_all() -> None:
    told = page.pages(summarise(compared(small(SCORES), Q)))
    assert "Gains with their 95\N{NO-BREAK SPACE}% intervals" in told["index.html"]
    assert "| mnli | **+4.0\\*** |" in told["report.md"]
    assert "Gains with their 95 % intervals" not in page.pages(summarise(small(SCORES)))["report.md"]


def test_every_language_has_its_own_interval_p_and_q() -> None:
    def scored(gains: list[float], spread: float) -> Scored:
        drawn = np.random.default_rng(0).normal(gains, spread, size=(1000, len(gains)))
        return Scored(("en", "de"), np.array(gains), drawn, 50)

    row, other = Row(("mnli",)), Row(("squad",))
    found = {(row, "xnli"): {1: scored([8.0, 0.1], 0.5)}, (other, "xnli"): {1: scored([0.2, -6.0], 0.5)}}
    single = [one for one in comparisons.comparisons(found, ["xnli"]) if one["target"] == "xnli"]
    tests = {(one["row"], code): test for one in single for code, test in one["languages"].items()}
    assert len(tests) == 4 and all(test["interval"][0] < test["gain"] < test["interval"][1] for test in tests.values())
    assert {key for key, test in tests.items() if test["q"] < 0.05} == {("mnli", "en"), ("squad", "de")}
    assert [test["q"] for test in tests.values()] == pytest.approx(benjamini_hochberg([test["p"] for test in tests.values()]))
    alone = effects.effect(found[row, "xnli"], {"de": 1.0})
    assert tests["mnli", "de"]["interval"] == alone["interval"] and tests["mnli", "de"]["p"] == alone["p"]
