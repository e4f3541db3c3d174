"""Reports of studies that hold tested comparisons. All numbers here are invented."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from test_report import cells, fields, invented, small, smalls

from stilts_xtreme.analysis import comparisons, effects
from stilts_xtreme.analysis.bootstrap_scores import Scored
from stilts_xtreme.report import findings, languages, scores
from stilts_xtreme.report import study as page
from stilts_xtreme.report.summary import AVERAGE, summarise
from stilts_xtreme.results import agreement
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
            code: {"gain": summary.gain(row, column, [code]).mean, "deviation": deviation}
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
    table = scores.main(summary)
    assert smalls(table, "mnli") == ["± 1.0 *", "± 1.0 *", "± 0.0"] and "*" not in "".join(smalls(table, "qqp"))
    legend = next(note for note in table.notes if note.startswith("*"))
    assert "q < 0.05" in legend and "4 comparisons on targets and for the 2 of averages, a family of their own" in legend
    assert cells(scores.best_per_target(summary), "xnli")[4] == "95 % interval +2.0 to +6.0, q 0.010"


def test_the_table_of_intervals_has_every_comparison(summary) -> None:
    table = scores.intervals(summary)
    assert [body.title for body in table.bodies] == ["xnli", "panx", "average"]
    assert cells(table, "mnli") == ["+4.0*", "+2.0 to +6.0", "0.005", "0.010", "2,400", "3"]
    assert scores.intervals(summarise(small(SCORES))) is None


def test_findings_are_made_of_the_tests(summary) -> None:
    told = findings.sentences(summary)
    assert any(line.startswith(("Best on average over the 2 targets: ", "No intermediate raises")) for line in told)
    assert "Gains on average at a false discovery rate of 5 %: none of 2 effects is significant." in told
    assert (
        "Gains by target at a false discovery rate of 5 %: of 4 effects 1 significantly above zero (mnli on xnli)"
        " and 1 significantly below zero (mnli on panx)." in told
    )
    assert "standard error" not in " ".join(told)


def test_findings_without_any_significant_pair_and_with_a_significant_average() -> None:
    q = dict.fromkeys(Q, 0.5) | {("mnli", AVERAGE): 0.01}
    told = " ".join(findings.sentences(summarise(compared(small(SCORES), q))))
    assert "Gains by target at a false discovery rate of 5 %: none of 4 effects is significant." in told
    raised = small({"none": SCORES["none"], "mnli": {"xnli": [53.0, 54.0, 55.0], "panx": [53.0, 53.0, 53.0]}})
    told = findings.sentences(summarise(compared(raised, {("mnli", "xnli"): 0.001, ("mnli", AVERAGE): 0.01})))
    assert "Gains on average at a false discovery rate of 5 %: of 1 effect 1 significantly above zero (mnli on average)." in told


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
    told = page.files(summary)["report.md"]
    first, second = told.partition("## What was found")[2].strip().splitlines()[:2]
    assert first.endswith("1 seed." if seeds == 1 else f"{seeds} seeds.") and drawn in told
    assert second.startswith(f"- {caution}") and ("other test examples only" in second) == (seeds == 1)
    assert "no effect is called clear" not in second


def test_untested_comparisons_are_no_losses() -> None:
    summary = summarise(compared(small(SCORES), dict.fromkeys(Q), interval=None))
    assert any("of 4 pairs of intermediate and target have a gain above zero; none could be tested" in line
               for line in findings.sentences(summary))  # fmt: skip
    assert cells(scores.intervals(summary), "mnli")[1:4] == ["–", "–", "–"]


def test_the_heat_map_outlines_what_is_significant(summary) -> None:
    drawn = scores.heat_map(summary)
    assert "".join(drawn.panels).count("fill: none; stroke: var(--ink)") == 2 and drawn.caption.endswith("Outlined: q < 0.05.")
    assert "standard errors" in scores.heat_map(summarise(small(SCORES))).caption


def test_rows_compared_with_another_row_than_their_baseline_are_left_to_others() -> None:
    study = compared(small(SCORES), Q)
    study["comparisons"].append(study["comparisons"][0] | {"baseline": "qqp"})
    assert len([key for key in summarise(study).tests if key[2] is None]) == len(summarise(study).comparisons) == len(Q)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"interval": [3, 1]}, "comparisons[0]: interval: 3 is above 1"),
        ({"target": "xquad"}, "comparisons[0]: target: xquad is not one of the study's targets"),
        ({"row": "qqp", "target": AVERAGE}, "comparisons[0]: its fields are not those of the row qqp"),
    ],
)
def test_broken_comparisons_are_refused(change, words) -> None:
    study = compared(small(SCORES), Q)
    assert agreement.of_study(study) == ""
    study["comparisons"][0] |= change
    assert agreement.of_study(study) == words
    study = compared(small(SCORES), Q)
    study["comparisons"].append(study["comparisons"][0])
    assert agreement.of_study(study).endswith("stands there twice")


def bars(study: dict) -> str:
    return "".join(languages.bars(summarise(study)).panels)


def test_bars_have_a_whisker_where_an_error_is_known_and_groups_where_languages_are_real() -> None:
    known, plain = bars(compared(small(SCORES), Q)), bars(small(SCORES))
    assert "few resources (0–2)" in known and "Niger-Congo" in known and "xnli: mnli" in known
    number = re.compile(r">([+−]?\d+\.\d)<")
    assert len(number.findall(known)) == len(number.findall(plain)) == 15 + 40
    for told, whiskers in ((known, 15 + 40), (plain, 0)):  # a line a whisker, and two marks at its ends
        ends = [item for item in ElementTree.fromstring(f"<all>{told}</all>").iter() if item.tag.endswith("use")]
        assert len(ends) == 2 * whiskers


def test_bars_of_made_up_languages_are_plain() -> None:
    study = invented(seeds=(1,), intermediates=("none", "mnli"), targets=("xnli",))
    for run in study["evaluations"]:
        run["languages"] = {"en": run["languages"]["en"], "xa": run["languages"]["de"], "xb": run["languages"]["fr"]}
    assert "resources" not in bars(study) and "Germanic" not in bars(study)


def test_the_whole_page_shows_them_all() -> None:
    told = page.files(summarise(compared(small(SCORES), Q)))
    assert "Gains with their 95\N{NO-BREAK SPACE}% intervals" in told["index.html"]
    assert "| mnli | **+4.0\\*** |" in told["report.md"]
    assert "Gains with their 95 % intervals" not in page.files(summarise(small(SCORES)))["report.md"]


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
