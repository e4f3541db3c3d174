"""Gains by resource class, script, family and pretraining text of a target in 205 languages. All scores are simulated."""

import json
import math
import re
import xml.etree.ElementTree as ElementTree

import pytest
from test_resources import Simulated, made

from stilts_xtreme import results
from stilts_xtreme.analysis import comparisons, language_groups
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.report import findings, language_dots, study
from stilts_xtreme.report.language_dots import Dot, Group
from stilts_xtreme.report.language_groups import answer, sections, targets
from stilts_xtreme.report.summary import Summary, summarise
from stilts_xtreme.results.effects import effects
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.languages import LANGUAGES

XLMR = plan.Pretrained("FacebookAI/xlm-roberta-base")
CODES = [*TASKS["sib200"].languages, "xyz_Latn"]
ROWS = ("squad", "mnli")


def by_text(code: str, target: str, recipe: str) -> float:
    """Five points where XLM-R read the language, and two more for ten times the text; one point elsewhere."""
    known = LANGUAGES.get(code)
    return 5.0 + 2.0 * math.log10(known.cc100_gib) if known and known.cc100_gib else 1.0


def gathered(start: plan.Random | plan.Pretrained = XLMR, codes=CODES, gain=by_text, text=()) -> dict:
    world = Simulated(gain, dict(text))
    rows = [grid.Row(chain) for chain in ((), ("squad",), ("mnli",))]
    cells = [world.cell(start, row, "sib200", codes, seed) for row in rows for seed in (1, 2, 3)]
    found = comparisons.differences(cells, world)  # type: ignore[arg-type]
    return language_groups.gather(cells, found, world).get("language_groups", {})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def groups() -> dict:
    return gathered()


def members(groups: dict, grouping: str) -> dict[str, list[str]]:
    return {one["group"]: one["languages"] for one in groups["groups"] if (one["grouping"], one["row"]) == (grouping, "mnli")}


def test_every_language_stands_in_one_group_of_each_kind_and_english_in_none(groups) -> None:
    for grouping in language_groups.GROUPINGS:
        listed = [code for codes in members(groups, grouping).values() for code in codes]
        assert sorted(listed) == sorted(set(CODES) - {"en"})
    rest = ("other scripts", "unclassified")
    assert all(len(codes) >= 3 for name, codes in members(groups, "script").items() if name not in rest)
    assert list(members(groups, "class")) == ["0", "1", "2", "3", "4", "5", "unclassified"]
    assert list(members(groups, "pretraining"))[-1] == "not known" and list(members(groups, "script"))[0] == "Latn"
    assert members(groups, "family")["unclassified"] == ["nqo_Nkoo", "xyz_Latn"]


def test_what_the_table_does_not_say_is_not_known(groups) -> None:
    facts = groups["languages"]
    nothing = {"class": "unclassified", "pretraining": "not known", "script": "Latn", "family": "unclassified", "text": None}
    assert facts["xyz_Latn"] == nothing
    assert (facts["sw"]["pretraining"], facts["sw"]["text"], facts["sw"]["script"]) == ("seen", 1.6, "Latn")
    assert (facts["arb_Latn"]["pretraining"], facts["arz_Arab"]["pretraining"]) == ("unseen", "not known")
    unknown = gathered(plan.Pretrained("somebody/encoder"))
    assert {one["pretraining"] for one in unknown["languages"].values()} == {"not known"}
    assert not unknown["seen"] and not unknown["slopes"]


def test_gains_of_groups_are_means_over_their_languages(groups) -> None:
    for grouping in language_groups.GROUPINGS:
        for one in groups["groups"]:
            if one["grouping"] == grouping:
                expected = sum(by_text(code, "", "") for code in one["languages"]) / one["n"]
                assert one["gain"] == pytest.approx(expected, abs=0.3) and one["interval"][0] < one["gain"] < one["interval"][1]
                assert 0 <= one["p"] <= one["q"] <= 1


def test_seen_minus_unseen_and_the_slope_on_text_are_what_was_put_in(groups) -> None:
    known = [LANGUAGES[code].cc100_gib for code in CODES if code in LANGUAGES and code != "en" and LANGUAGES[code].cc100_gib]
    expected = 4.0 + 2.0 * sum(math.log10(size) for size in known) / len(known)
    for one in groups["seen"]:
        assert one["gain"] == pytest.approx(expected, abs=0.2) and one["q"] < 0.05 and one["n"] == len(known)
    for one in groups["slopes"]:
        assert one["n"] == len(known) and one["gain"] == pytest.approx(2.0, abs=0.1)
        assert one["over_languages"][0] < 2.0 < one["over_languages"][1]
    flat = gathered(gain=lambda code, target, recipe: 3.0)
    assert all(one["interval"][0] < 0 < one["interval"][1] for one in flat["slopes"])


def test_an_encoder_trained_here_says_itself_what_it_read() -> None:
    read = {code: 10 ** (1 + i % 3) for i, code in enumerate(CODES[:100])}
    found = gathered(plan.Random(8, 1, 1, 16, 32, 100), text=read)
    assert found["axis"] == "log10 lines" and {one["n"] for one in found["slopes"]} == {len(set(read) - {"en"})}
    assert found["languages"]["ace_Arab"] == {**found["languages"]["ace_Arab"], "pretraining": "seen", "text": 10}
    assert found["languages"]["zu"]["pretraining"] == "unseen" and found["languages"]["zu"]["text"] is None


def test_fewer_languages_are_left_to_the_section_on_resources() -> None:
    assert gathered(codes=[*TASKS["panx"].languages]) == {}
    made_up = [f"x{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    assert gathered(codes=["en", *made_up, *(f"y{code[1:]}" for code in made_up), *(f"q{code[1:]}" for code in made_up)]) == {}


def test_a_result_holds_them_and_their_effects_are_with_the_others(groups, tmp_path) -> None:
    told = study_of(groups)
    path = tmp_path / "study.json"
    path.write_text(json.dumps(told))
    assert results.read(path, results.STUDY)["language_groups"]["axis"] == "log10 GiB of CC-100"
    own = [one for one in effects(told) if one.question == "language groups"]
    assert len(own) == sum(len(groups[part]) for part in ("groups", "seen", "slopes"))
    latin = next(one for one in own if (one.group, one.row) == ("script Latn", "mnli"))
    assert (latin.target, latin.reference, latin.n_seeds) == ("sib200", "none", 3) and latin.estimate is not None
    assert {one.unit for one in own if one.contrast.startswith("slope")} == {"points per factor of ten of pre-training text"}


def study_of(groups: dict, gain=by_text) -> dict:
    """A study's result with these groups, made up for the rest."""
    told = made(XLMR, {"sib200": CODES}, gain)
    del told["resources"]  # `analysis.study` leaves it out where there are groups
    readings = {f"sib200/test/{code}": {"digest": "0" * 64, "examples": 204} for code in CODES}  # of no published test set
    more = {"language_groups": json.loads(json.dumps(groups)), "data": {"readings": readings}}
    return {**json.loads(json.dumps(told)), **more}


def scattered(code: str, target: str, recipe: str) -> float:
    """As `by_text`, and each language some points above or below that."""
    return by_text(code, target, recipe) + (sum(code.encode()) % 11 - 5) / 2


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summarise(study_of(gathered(gain=scattered), scattered))


def test_one_sentence_of_answer_stands_near_the_top(summary) -> None:
    found = answer(targets(summary)[0])
    assert found in findings.sentences(summary) and found.count(". ") == 0
    groups = {(one["grouping"], one["group"]): one for one in summary.study["language_groups"]["groups"] if one["row"] in found}
    seen, unseen = groups["pretraining", "seen"], groups["pretraining", "unseen"]
    for part in (
        f"in {len(CODES) - 1} languages without English",
        f"in the {seen['n']} that",
        f"in the {unseen['n']} that it lacked",
    ):
        assert part in found
    assert f"{seen['gain']:+.1f}" in found and f"{unseen['gain']:+.1f}" in found
    by_group, by_text_read = sections(summary)[0].tables
    assert sum(len(body.rows) for body in by_group.bodies) == len(groups) and len(by_text_read.bodies[0].rows) == len(ROWS)
    small = summarise({**summary.study, "language_groups": None})
    assert sections(small) == [] and not any("languages without English" in line for line in findings.sentences(small))


def test_the_answer_and_the_findings_do_not_call_a_loss_a_gain() -> None:
    def harmed(code: str, target: str, recipe: str) -> float:
        return scattered(code, target, recipe) - 30

    lost = summarise(study_of(gathered(gain=harmed), harmed))
    sentence = answer(targets(lost)[0])
    assert "no intermediate gains" in sentence and "loses least: −2" in sentence and "gains most" not in sentence
    assert any(line.startswith("No intermediate raises the score on sib200; nearest is ") for line in findings.sentences(lost))


def test_every_language_is_a_dot_in_every_panel_of_the_figure(summary) -> None:
    figure = sections(summary)[0].figures[0]
    assert len(figure.panels) == 4
    for panel in figure.panels:
        titles = [one.text for one in ElementTree.fromstring(panel).iter("{http://www.w3.org/2000/svg}title")]
        assert len(titles) == len(set(titles)) == len(CODES) - 1
        assert any(title.startswith("sw Swahili: ") for title in titles) and not any(title.startswith("en ") for title in titles)
    together = "".join(figure.panels)
    for name in ("Text of the encoder", "Resource class", "Script", "Family", "Niger-Congo (34)", "class 1 ("):
        assert name in together
    assert not re.findall(r"[ :]#[0-9a-f]{6}\b", together)  # colours follow the page's scheme
    assert figure.panels == sections(summary)[0].figures[0].panels  # the same bytes twice


def test_dots_stand_by_gain_within_their_group() -> None:
    dots = tuple(Dot(gain, "seen", f"l{number}") for number, gain in enumerate((1.0, 5.0, -2.0)))
    groups = [Group("a", dots, 1.3, (0.0, 2.6)), Group("b", (Dot(3.0, "unseen", "other"),), 3.0, (2.0, 4.0))]
    (svg,) = language_dots.panels({"Kind": groups})
    found = re.findall(r'<use [^>]*x="([\d.]+)" y="([\d.]+)"[^>]*><title>(\w+)</title>', svg)
    assert [name for _, _, name in sorted(found, key=lambda one: float(one[1]))] == ["l1", "l0", "l2", "other"]
    assert [name for *_, name in sorted(found, key=lambda one: float(one[0]))] == ["l2", "l0", "other", "l1"]


def test_the_page_shows_it_first_and_no_row_a_language_elsewhere(summary) -> None:
    files = study.files(summary)
    report = files["report.md"]
    assert "language-groups-sib200.svg" in files and not {"languages.svg", "language-gains.svg"} & set(files)
    assert (
        report.index("On sib200, in") < report.index("## Languages by class, text, script and family") < report.index("## Scores")
    )
