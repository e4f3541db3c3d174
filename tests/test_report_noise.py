"""What noise costs: the effects that are gathered, and the section that shows them. All scores here are invented."""

import copy
import types
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

import numpy as np
import pytest
from test_report import cells, small, smalls

from stilts_xtreme.analysis import losses
from stilts_xtreme.analysis import noise as gathering
from stilts_xtreme.analysis.bootstrap_scores import Scored
from stilts_xtreme.analysis.contrasts import contrasts
from stilts_xtreme.pipeline.grid import Cell, Row
from stilts_xtreme.report import findings, languages, noise, short_names
from stilts_xtreme.report import study as page
from stilts_xtreme.report.noise import Noisy
from stilts_xtreme.report.summary import summarise
from stilts_xtreme.results.effects import POINTS, SHARE
from stilts_xtreme.scoring import bootstrap

SEEDS, DRAWS = (1, 2, 3), 60
LANGUAGES = {"xnli": ("de", "en", "zh"), "panx": ("de", "en", "th")}
SEVERAL = ("en", "de", "zh")
# clean score and points lost at a rate of 0.2, by intermediate; what fine-tuning on several languages and noise in training give
CLEAN, LOST = {"none": 70.0, "mnli": 72.0, "squad": 71.0}, {"none": 10.0, "mnli": 9.5, "squad": 10.0}
CHAINS = ((), ("mnli",), ("squad",))
ROWS = [Row(chain, langs, noise) for chain in CHAINS for langs in (("en",), SEVERAL) for noise in (0.0, 0.1)]


def scored(values: list[float], key: tuple, languages: tuple[str, ...]) -> Scored:
    chance = np.random.default_rng(key)
    return Scored(languages, np.array(values), np.array(values) + chance.normal(0, 0.8, (DRAWS, len(languages))))


def level(row: Row, target: str, seed: int, rate: float) -> list[float]:
    """The row's scores by language; noise costs Chinese and Thai little."""
    lost = LOST[row.chain] * rate / 0.2 * (0.6 if row.languages == SEVERAL else 1.0) * (0.4 if row.noise else 1.0)
    gained = 3.0 if row.languages == SEVERAL else 0.0
    base = CLEAN[row.chain] + gained + 0.1 * seed - (5.0 if target == "panx" else 0.0) - (0.5 if row.noise else 0.0)
    return [base - lost * (0.1 if code in ("zh", "th") else 1.0) for code in LANGUAGES[target]]


@dataclass(frozen=True)
class Stage:
    name: tuple
    languages: tuple[str, ...]


class Store:
    """Finished results, by what stands for the stage."""

    def __init__(self):
        self.results = {}

    def result(self, stage):
        return self.results[stage]


class Drawing:
    def __init__(self):
        self.known = {}

    def scored(self, stage):
        return self.known[stage]

    def examples(self, stage):
        """The language stands for the digests of its predictions."""
        return {code: types.SimpleNamespace(digests=code) for code in stage.languages}


def gathered(rates=(0.1, 0.2)) -> tuple[dict, dict]:
    """`noise` as the gathering makes it from invented scores, and the clean scores by row and target."""
    store, drawing, stages, clean = Store(), Drawing(), [], {}
    for row in ROWS:
        for target in LANGUAGES:
            for seed in SEEDS:
                for rate in (0.0, *rates):
                    name = Stage((row.name, target, seed, rate), LANGUAGES[target])
                    values = level(row, target, seed, rate)
                    drawing.known[name] = scored(values, (ROWS.index(row), seed, int(100 * rate), len(target)), LANGUAGES[target])
                    words = {code: counted(code, rate) for code in LANGUAGES[target]}
                    told = {code: {"accuracy": value, "n": 400} for code, value in zip(LANGUAGES[target], values, strict=True)}
                    mean = sum(values) / len(values)
                    store.results[name] = {"address": "0", "score": mean, "languages": told, "noise": words}
                    stages.append(Cell(row, target, seed, name, rate))
                    if not rate:
                        clean.setdefault(row.name, {}).setdefault(target, []).append(mean)
    spec = types.SimpleNamespace(
        noise=types.SimpleNamespace(
            rates=list(rates), dictionary=None,
            model_dump=lambda exclude: {"rates": list(rates), "training": [0.0, 0.1], "seed": 0},
        ),
        targets=list(LANGUAGES),
    )  # fmt: skip
    patched = pytest.MonkeyPatch()
    patched.setattr(gathering.grid, "rows", lambda spec: ROWS)
    patched.setattr(gathering, "_flips", lambda before, after: 12.5 if before != "zh" else 2.0)
    try:
        return gathering.gather(spec, stages, store, drawing), clean
    finally:
        patched.undo()


def counted(code: str, rate: float) -> dict[str, int]:
    choosable = {"zh": 100, "th": 400}.get(code, 600)
    return {"words": 1000, "choosable": choosable, "changed": round(rate * choosable)}


def study() -> dict:
    told, clean = gathered()
    made = small(clean, training_languages=[["en"], list(SEVERAL)])
    languages = {"xnli": LANGUAGES["xnli"], "panx": LANGUAGES["panx"]}
    for run in made["evaluations"]:
        run["languages"] = {code: {"accuracy": run["score"], "f1": run["score"], "n": 400} for code in languages[run["target"]]}
    return made | copy.deepcopy(told)


@pytest.fixture(scope="module")
def invented() -> dict:
    return study()


@pytest.fixture(scope="module")
def read(invented) -> Noisy:
    return Noisy(summarise(invented), invented["noise"])


def test_losses_are_points_and_shares_of_the_clean_score() -> None:
    clean, noise = (scored(values, (1, 1), ("de", "en")) for values in ([80.0, 40.0], [72.0, 34.0]))
    lost = losses.loss(clean, noise)
    assert list(lost.points.values) == [8.0, 6.0] and lost.share.value == pytest.approx(100 * 7 / 60)
    told = losses.effect({1: lost, 2: lost})
    assert told["gain"] == 7.0 and told["relative"]["gain"] == pytest.approx(100 * 7 / 60)
    less = losses.loss(clean, clean)
    assert (lost - less).share.value == lost.share.value and (lost - less).points.values.tolist() == [8.0, 6.0]


def test_a_score_of_zero_has_no_share_to_lose() -> None:
    zero = Scored(("en",), np.array([0.0]), np.zeros((5, 1)))
    assert losses.loss(zero, zero).share is None
    assert "relative" not in losses.effect({1: losses.loss(zero, zero)})


def test_rows_are_set_against_those_that_lack_one_thing() -> None:
    pairs = [(row.name, other.name) for row, other in contrasts(ROWS)]
    assert ("mnli (en+de+zh)", "mnli") in pairs and ("mnli (en+de+zh)", "none (en+de+zh)") in pairs
    assert ("mnli (noise 0.1)", "mnli") in pairs and ("mnli (noise 0.1)", "none (noise 0.1)") in pairs
    assert ("none (en+de+zh)", "mnli") in pairs  # one instead of the other
    assert not any(other == "none" for _, other in pairs)  # that is told elsewhere
    assert ("mnli", "squad") not in pairs and ("mnli (en+de+zh, noise 0.1)", "mnli") not in pairs
    assert len(pairs) == len(set(pairs))


def test_what_is_gathered(invented) -> None:
    told = invented["noise"]
    drop = next(one for one in told["drops"] if (one["row"], one["target"], one["rate"]) == ("none", "xnli", 0.2))
    assert drop["gain"] == pytest.approx((10 + 10 + 1) / 3) and drop["relative"]["gain"] == pytest.approx(10.0, abs=0.1)
    assert {code: round(one["gain"], 6) for code, one in drop["languages"].items()} == {"de": 10.0, "en": 10.0, "zh": 1.0}
    assert 0.3 < drop["languages"]["de"]["deviation"] < 1.5
    several = next(one for one in told["spared"] if (one["row"], one["target"], one["rate"]) == ("none (en+de+zh)", "xnli", 0.2))
    assert several["gain"] == pytest.approx(2.8) and several["against"] == "none" and several["q"] < 0.05
    assert several["relative"]["gain"] > 0 and "q" in several["relative"]
    assert {one["rate"] for one in told["between"]} == {0.2}


def test_averages_over_targets_are_tested_apart(invented) -> None:
    told = invented["noise"]["spared"]
    parts = {one["target"]: one for one in told if (one["row"], one["rate"]) == ("none (en+de+zh)", 0.2)}
    average = parts.pop("average")
    assert average["values"] == pytest.approx(
        {seed: sum(one["values"][seed] for one in parts.values()) / len(parts) for seed in average["values"]}
    )
    assert average["relative"]["gain"] == pytest.approx(sum(one["relative"]["gain"] for one in parts.values()) / len(parts))
    averages = [one for one in told if one["target"] == "average"]
    assert [one["q"] for one in averages] == bootstrap.benjamini_hochberg([one["p"] for one in averages])
    assert len(averages) * len(parts) == len(told) - len(averages)


def test_an_average_is_of_seeds_that_have_all_targets() -> None:
    one, other = (losses.loss(scored([80.0], (n,), ("en",)), scored([70.0 + n], (n, n), ("en",))) for n in (1, 2))
    found = losses.average_effect([{1: one, 2: one}, {2: other, 3: other}])
    assert found["values"] == {"2": pytest.approx(8.5)} and found["relative"]["values"] == {"2": pytest.approx(850 / 80)}
    assert losses.average_effect([{1: one}]) is None and losses.average_effect([{1: one}, {2: other}]) is None


def test_short_names_say_what_is_not_usual(read) -> None:
    assert read.rows["mnli (en+de+zh, noise 0.1)"] == "mnli + multilingual + noise-trained" and read.rows["none"] == "none"
    assert read.rows["none (en+de+zh)"] == "multilingual" and len(set(read.rows.values())) == len(ROWS)
    told = short_names.explained(ROWS, read.summary.study)
    assert "en+de+zh (translations of the training data)" in told and "10 %" in told
    for keys, words in (
        (["tydiqa/train/en", "tydiqa/train/ko", "text/train/de"], "(training data of the tasks' own in these languages)"),
        (["mnli/translated/de", "panx/train/de"], "(translations of the training data, or training data of the tasks' own"),
        (["mnli/translated/de", "text/train/de"], "(translations of the training data)"),
    ):
        assert words in short_names.explained(ROWS, {"data": {"readings": dict.fromkeys(keys)}})
    two = [Row(()), Row((), ("en", "de")), Row((), ("en", "de", "zh"), recipe="few")]
    assert list(short_names.names(two).values()) == ["none", "en+de", "en+de+zh + few"]
    sizes = [Row((), recipe="few"), Row(("mnli",), recipe="few"), Row(("squad", "mnli"))]
    assert list(short_names.names(sizes).values()) == ["none (few)", "mnli (few)", "squad>mnli"]


def test_tables_by_language_are_headed_with_short_names_which_are_explained(read) -> None:
    heads = list(languages.by_language(read.summary, "xnli").columns)
    assert heads[1:] == list(read.rows.values()) and "mnli + noise-trained" in heads
    for name in ("report.md", "index.html"):
        told = page.files(read.summary)[name].replace("\N{NO-BREAK SPACE}", " ")
        assert f"Names of models in these tables. {short_names.explained(ROWS, read.summary.study)}" in told


def test_scores_fall_with_the_rate(read) -> None:
    table = noise.scores_table(read, "xnli")
    assert list(table.columns)[:3] == ["clean", "10 % noise", "20 % noise"]
    row = cells(table, "none")
    assert row[0] == "70.2" and row[3] == "7.0" and row[5] == "9.0" and smalls(table, "none")[3].count("to") == 1


def test_contrasts_carry_marks_and_a_verdict(read) -> None:
    table = noise.contrasts(read, POINTS)
    row = cells(table, "multilingual against none")
    assert table.columns == ("xnli", "panx", "average", "verdict") and all(cell.endswith("*") for cell in row[:-1])
    assert row[-1] == "better on average, xnli, panx" and cells(table, "squad against none")[-1] == "no significant difference"
    assert [body.title for body in table.bodies][:3] == [
        "Noise in training against none", "Multilingual fine-tuning against none",
        "Multilingual fine-tuning and noise in training against none",
    ]  # fmt: skip
    assert any("q < 0.05" in note for note in table.notes)
    assert noise.contrasts(read, SHARE).caption.endswith("percent of the own clean score.")


def test_languages_have_drops_and_flips(read) -> None:
    table = noise.languages(read, "xnli")
    assert [body.title for body in table.bodies] == ["Drop, points", "Flips, % of predictions"]
    (head, drops), *_ = table.bodies[0].rows
    assert head == "en English" and drops[0].text == "10.0" and drops[0].small.startswith("± ")
    assert next(flips for head, flips in table.bodies[1].rows if head.startswith("zh"))[0].text == "2.0"


def test_sentences_say_what_noise_costs_and_what_spares_it(read) -> None:
    told = " ".join(findings.sentences(read.summary))
    assert (
        "With typing errors in 20 % of the words that may be changed, a model without intermediate training loses 7.0 points"
        in told
    )
    spared = [one for one in read.effects if one.reference == "none" and one.unit == POINTS]
    sure = sum(one.q < 0.05 for one in spared)
    assert f"spares: of {len(spared)} effects {sure} significantly above zero" in told and 0 < sure < len(spared)


def test_models_that_guess_are_marked(invented) -> None:
    guessing = copy.deepcopy(invented)
    for run in guessing["evaluations"]:
        if run["target"] == "xnli":
            run["score"] = 33.0
    found = Noisy(summarise(guessing), guessing["noise"])
    assert smalls(noise.scores_table(found, "xnli"), "none")[0].endswith("§")
    assert any(note.startswith("§") for note in noise.scores_table(found, "xnli").notes)


def test_realised_rates_and_languages_that_stay_clean(invented) -> None:
    (section,) = noise.sections(summarise(invented))
    assert "less than 15 % of the words) in zh on xnli" in " ".join(section.sentences)
    changed, typed = section.tables[-2:]
    heads = [head for head, _ in changed.bodies[0].rows]
    assert cells(changed, next(head for head in heads if head.startswith("th")))[1] == "40.0" and heads[-1] == "all"
    assert cells(changed, "all")[-1] == "20.0"
    ways = dict(typed.bodies[0].rows)
    assert len(ways) == len({cell.text for (cell,) in ways.values()}) == 4


def test_the_page_holds_the_section_and_its_plot(invented) -> None:
    files = page.files(summarise(invented))
    assert "## Typing errors in the input" in files["report.md"] and "](noise-scores.svg)" in files["report.md"]
    assert 'id="noise"' in files["index.html"]
    legend, *panels = ElementTree.fromstring(files["noise-scores.svg"]).findall("{*}svg")
    assert [panel.get("aria-label") for panel in panels] == list(LANGUAGES)
    assert [text.text for text in legend.findall(".//{*}text")] == list(short_names.names(ROWS).values())
    looks = [path.get("style") for path in panels[0].findall(".//{*}path") if "stroke-width: 1.6" in path.get("style", "")]
    assert len(looks) == len(set(looks)) == len(ROWS)  # no two lines look alike


def test_other_studies_have_no_such_section() -> None:
    assert noise.sections(summarise(small({"none": {"xnli": [50.0]}, "mnli": {"xnli": [51.0]}}))) == []
