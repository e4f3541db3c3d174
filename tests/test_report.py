"""The pages of a study: what is computed, what is said, and how it is drawn. All scores here are invented."""

import copy
import json
import math
import os
import random
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stilts_xtreme import report, results
from stilts_xtreme.report import findings, languages, scores, tables, text, trainings
from stilts_xtreme.report import study as page
from stilts_xtreme.report.summary import AVERAGE, Mean, summarise
from stilts_xtreme.results import agreement
from stilts_xtreme.results.upgrade import upgraded
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.languages import XTREME

INTERMEDIATES = "untrained none anli mnli qqp squad squad_v2 hellaswag ccg cosmosqa commonsenseqa all".split()
FORTY = list(XTREME)
TASKS = {  # name: headline, chance, trained on, head, languages
    "pawsx": (["accuracy"], 50.0, "pawsx", "classification", "de en es fr ja ko zh".split()),
    "xnli": (["accuracy"], 100 / 3, "mnli", "classification", "ar bg de el en es fr hi ru sw th tr ur vi zh".split()),
    "panx": (["f1"], None, "panx", "tagging", FORTY),
    "udpos": (["f1"], None, "udpos", "tagging", FORTY[:33]),
    "xquad": (["exact_match", "f1"], None, "squad", "span_qa", "ar de el en es hi ru th tr vi zh".split()),
    "mlqa": (["exact_match", "f1"], None, "squad", "span_qa", "ar de en es hi vi zh".split()),
    "tydiqa": (["exact_match", "f1"], None, "tydiqa", "span_qa", "ar bn en fi id ko ru sw te".split()),
    "bucc2018": (["f1"], None, None, "embedding", "de fr ru zh".split()),
    "tatoeba": (["accuracy"], None, None, "embedding", FORTY[:15]),
}


def invented(*axes, **more) -> dict:
    """A complete study with made-up scores; the same for the same arguments: those of `written`."""
    return upgraded(written(*axes, **more))


def written(
    seeds=(1, 2, 3), intermediates=INTERMEDIATES, targets=tuple(TASKS), note="INVENTED NUMBERS, for looking at the page only.",
    **more,
) -> dict:  # fmt: skip
    """The same as `stilts/study@1`, where rows have names alone; `more`: further keys."""
    drawn = random.Random(7)
    worth = {name: 0.0 if name in ("untrained", "none") else drawn.uniform(-1.5, 2.5) for name in intermediates}
    easy = {(target, code): 0.0 if code == "en" else drawn.uniform(-22, -2) for target in targets for code in TASKS[target][4]}
    evaluations, trainings = [], []
    for seed in seeds:
        trainings.append(training("text", None, seed, steps=8000, dev=None, examples={"text": 40_000}))
        for name in intermediates:
            start = "text" if name not in ("untrained", "none", "all") else None
            if start:
                trainings.append(training(name, f"text-{seed}", seed, dev=drawn.uniform(60, 80)))
    if "all" in intermediates:
        everything = [name for name in intermediates if name not in ("untrained", "none", "all")]
        trainings += [training("+".join(everything), f"text-{seed}", seed, tasks=everything, dev=70.0) for seed in seeds]
    for name in intermediates:
        for target in targets:
            headline, chance, _, head, codes = TASKS[target]
            lift = 14.0 if head == "embedding" and worth[name] else 1.0
            base = 30.0 if name == "untrained" else 68.0
            for seed in seeds:
                shift = worth[name] * lift + drawn.gauss(0, 0.8)
                languages = {}
                for code in codes:
                    score = min(max(base + easy[target, code] + shift + drawn.gauss(0, 1), 0), 100)
                    languages[code] = {metric: max(score - 8 * place, 0.0) for place, metric in enumerate(reversed(headline))} | {
                        "n": 400
                    }
                metrics = {
                    metric: math.fsum(language[metric] for language in languages.values()) / len(languages) for metric in headline
                }
                evaluations.append({
                    "address": f"{name}-{target}-{seed}", "intermediate": name, "target": target, "seed": seed,
                    "score": math.fsum(metrics.values()) / len(metrics), "metrics": metrics, "languages": languages,
                    "collapsed": False, "chain": [f"text-{seed}", f"{name}-{seed}"],
                })  # fmt: skip
    return {
        "schema": "stilts/study@1", "name": "invented", "question": "Which intermediate helps which target?", "setup": "invented",
        "note": note, "command": "make reproduce", "intermediates": list(intermediates),
        "targets": list(targets), "seeds": list(seeds),
        "mixtures": {"all": {"tasks": list(intermediates[2:-1]), "rates": "proportional", "cap": 131072}},
        "tasks": {name: dict(zip(("headline", "chance", "trains_on", "head"), TASKS[name], strict=False)) for name in targets},
        "evaluations": evaluations, "trainings": trainings, "data": {"source": "invented numbers"},
        "provenance": {"commits": ["012"], "devices": ["cpu"], "seconds": 540.0, "versions": {"torch": "2.13", "python": "3.11"}},
        **more,
    }  # fmt: skip


def fields(study: dict, row: str) -> dict:
    """What a study's records say of the row of this name."""
    return next(one for one in study["rows"] if one["row"] == row)


def training(label, start, seed, steps=500, dev=50.0, tasks=None, examples=None) -> dict:
    named = tasks or [label]
    return {
        "address": f"{label}-{seed}", "label": label, "start": start, "tasks": named, "seed": seed, "steps": steps, "dev": dev,
        "collapsed": False, "collapse": {}, "examples": examples or dict.fromkeys(named, 8000),
    }  # fmt: skip


def small(scores: dict[str, dict[str, list[float | None]]], **changes) -> dict:
    """A study of `{intermediate: {target: [score by seed]}}`; None leaves an evaluation out."""
    targets = list(next(iter(scores.values())))
    seeds = list(range(1, 1 + len(scores[next(iter(scores))][targets[0]])))
    study = invented(seeds, list(scores), targets, note="", **changes)
    for run in list(study["evaluations"]):
        run["score"] = scores[run["row"]][run["target"]][run["seed"] - 1]
        if run["score"] is None:
            study["evaluations"].remove(run)
    return study


def with_gaps() -> dict:
    """One seed, missing evaluations, a collapsed training."""
    study = invented(seeds=(1,))
    gone = {("mnli", "xnli"), ("squad", "panx"), ("ccg", "tatoeba"), ("none", "mlqa")} | {("qqp", target) for target in TASKS}
    study["evaluations"] = [run for run in study["evaluations"] if (run["row"], run["target"]) not in gone]
    broken = next(item for item in study["trainings"] if item["label"] == "hellaswag")
    broken |= {"collapsed": True, "collapse": {"hellaswag": "English dev score 25.0 is no better than guessing (25.2, n 400)"}}
    for run in study["evaluations"]:
        run["collapsed"] = broken["address"] in run["chain"]
    return study


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    return page.files(summarise(invented()))


@pytest.fixture(scope="module")
def gaps() -> dict[str, str]:
    return page.files(summarise(with_gaps()))


def cells(table: tables.Table, head: str) -> list[str]:
    return next([cell.text for cell in row] for body in table.bodies for name, row in body.rows if name == head)


def smalls(table: tables.Table, head: str) -> list[str]:
    return next([cell.small for cell in row] for body in table.bodies for name, row in body.rows if name == head)


def test_main_table_holds_scores_then_gains_paired_by_seed() -> None:
    study = small({
        "untrained": {"xnli": [90.0, 90.0, 90.0], "panx": [1.0, 1.0, 1.0]},
        "none": {"xnli": [50.0, 60.0, 70.0], "panx": [10.0, 10.0, 10.0]},
        "mnli": {"xnli": [51.0, 62.0, 73.0], "panx": [9.0, 9.0, 9.0]},
    })  # fmt: skip
    table = scores.main(summarise(study))
    assert list(table.columns) == ["xnli", "panx", "average"]
    assert [[head for head, _ in body.rows] for body in table.bodies] == [["untrained"], ["none"], ["mnli"]]
    assert cells(table, "untrained") == ["90.0", "1.0", "45.5"]
    assert cells(table, "none") == ["60.0", "10.0", "35.0"] and smalls(table, "none") == ["± 10.0", "± 0.0", "± 5.0"]
    # gains by seed are 1, 2, 3: paired they spread by 1.0, though the scores spread by 10
    assert cells(table, "mnli") == ["+2.0", "−1.0", "+0.5"] and smalls(table, "mnli") == ["± 1.0", "± 0.0", "± 0.5"]


def test_one_missing_evaluation_leaves_averages_comparable() -> None:
    study = small({"none": {"xnli": [50.0, 60.0], "panx": [10.0, 20.0]}, "mnli": {"xnli": [58.0, None], "panx": [14.0, 21.0]}})
    table = scores.main(summarise(study))
    assert cells(table, "mnli") == ["+8.0", "+2.5", "+6.0"]
    assert smalls(table, "mnli") == ["†", "± 2.1", "†"]  # only seed 1 is complete: (8 + 4) / 2
    assert any(note.startswith("†") for note in table.notes)


def test_a_target_without_any_score_is_a_dash_and_never_zero() -> None:
    study = small({"none": {"xnli": [50.0], "panx": [10.0]}, "mnli": {"xnli": [None], "panx": [0.0]}})
    summary = summarise(study)
    assert cells(scores.main(summary), "mnli") == ["–", "−10.0", "–"]
    assert summary.score("mnli", "panx").mean == 0.0 and summary.score("mnli", "xnli") is None
    assert trainings.missing(summary) == ["mnli, seed 1: xnli"]
    assert "1 evaluation of 4 is missing (see below)." in findings.opening(summary)


def test_a_study_at_chance_says_that_and_no_more() -> None:
    rows = {"untrained": {"pawsx": [90.0]}, "none": {"pawsx": [50.0]}, "mnli": {"pawsx": [49.0]}}
    low = findings.sentences(summarise(small(rows)))
    assert low[-1].startswith("No evaluation is above chance") and low[:-1] == findings.opening(summarise(small(rows)))
    rows["mnli"]["pawsx"] = [90.0]
    assert "No evaluation is above chance" not in " ".join(findings.sentences(summarise(small(rows))))


def test_the_page_opens_with_encoder_seeds_and_what_collapsed() -> None:
    study = small({"none": {"xnli": [50.0]}, "mnli": {"xnli": [60.0]}})
    study |= {"encoder": {"pretrained": {"name": "e5", "digest": "d" * 64}}, "setup": "small", "data": {"source": "files"}}
    study["trainings"] = [{**study["trainings"][0], "collapsed": True}] if study["trainings"] else []
    first, *rest = findings.opening(summarise(study))
    assert first == "Encoder e5; data from files; setup small; 1 seed." and "Only one seed was run" in " ".join(rest)
    listed = [line for line in page.files(summarise(study))["report.md"].splitlines() if line.startswith("- ")]
    assert listed[0] == f"- {first}"


def test_the_control_never_counts_as_an_intermediate() -> None:
    summary = summarise(small({"untrained": {"xnli": [99.0]}, "none": {"xnli": [50.0]}, "mnli": {"xnli": [49.0]}}))
    assert summary.compared == ["mnli"] and summary.best("xnli") == "mnli"
    told = " ".join(findings.sentences(summary))
    assert "0 of 1 pair" in told and "untrained" not in told
    assert ">untrained<" not in "".join(scores.heat_map(summary).panels)


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([2.0], ["Only one seed was run", "Best on average over the 2 targets: mnli, +2.0 points", "(one seed: no spread)"]),
        ([2.0, 4.0], ["no effect is called clear", "+3.0 points", "(two seeds: spread is rough)"]),
        ([2.0, -1.9, 0.2], ["+0.1 points", "(no clear effect)"]),
        ([2.0, 2.1, 2.2], ["+2.1 points", "(two standard errors or more from zero)", "2 of 2 pairs"]),
        ([-2.0, -2.1, -2.2], ["No intermediate raises the average", "−2.1 points", "0 of 2 pairs"]),
    ],
)
def test_findings_say_what_the_seeds_allow(gains, expected) -> None:
    base = [50.0] * len(gains)
    shifted = [50.0 + gain for gain in gains]
    summary = summarise(small({"none": {"xnli": base, "panx": base}, "mnli": {"xnli": shifted, "panx": shifted}}))
    told = findings.sentences(summary)
    assert [line.removeprefix("- ") for line in page.files(summary)["report.md"].splitlines() if line.startswith("- ")][
        : len(told)
    ] == told
    assert [words for words in expected if words not in " ".join(told)] == []


def test_findings_count_what_lies_above_chance() -> None:
    told = findings.sentences(summarise(small({
        "untrained": {"pawsx": [90.0], "panx": [1.0]}, "none": {"pawsx": [50.0], "panx": [1.0]},
        "qqp": {"pawsx": [80.1], "panx": [1.0]},
    })))  # fmt: skip
    assert "Clearly above chance: 1 of 2 evaluations on pawsx, control row left out." in told
    assert "Not clearly above chance without intermediate training: pawsx." in told


def test_what_is_written_as_zero_is_no_gain() -> None:
    rows = {
        "none": {"xnli": [50.0], "panx": [50.0]},
        "mnli": {"xnli": [50.04], "panx": [50.0]},
        "qqp": {"xnli": [50.0], "panx": [49.0]},
    }
    summary = summarise(small(rows))
    assert not any(cell.strong for body in scores.main(summary).bodies for _, row in body.rows for cell in row)
    assert cells(scores.best_per_target(summary), "xnli") == ["–", "50.0", "–", "–", "no gain above zero", "0 of 2"]
    told = " ".join(findings.sentences(summary))
    assert "nearest is mnli, 0.0 points" in told and "0 of 4 pairs" in told
    shades = re.findall(r"fill: var\(--(?:up|down)\); opacity: ([\d.]+)", "".join(scores.heat_map(summary).panels))
    assert shades == ["0.62", "0.43"]  # what is written as zero has no shade at all


def test_retrieval_is_read_beside_the_control_or_says_that_there_is_none() -> None:
    rows = {"untrained": {"tatoeba": [20.0]}, "none": {"tatoeba": [31.0]}, "mnli": {"tatoeba": [45.0]}}
    assert "the “untrained” row says how many do" in scores.retrieval(summarise(small(rows)))[0]
    del rows["untrained"]
    assert "no “untrained” row" in scores.retrieval(summarise(small(rows)))[-1]
    assert scores.retrieval(summarise(small({"none": {"xnli": [50.0]}}))) == []


def test_a_study_without_the_baseline_shows_scores_and_says_so() -> None:
    told = page.files(summarise(small({"mnli": {"xnli": [51.0]}, "qqp": {"xnli": [52.0]}})))
    assert sorted(told) == ["index.html", "languages.svg", "report.md"] and "gains.svg" not in told["report.md"]
    assert "gains cannot be computed" in told["report.md"] and "| qqp | 52.0 |" in told["report.md"]


def test_a_study_without_evaluations_is_a_page_that_says_so() -> None:
    told = page.files(summarise(invented(seeds=(1,)) | {"evaluations": []}))
    assert sorted(told) == ["index.html", "report.md"] and "No evaluation of this study is finished" in told["index.html"]


def test_every_language_of_every_target_has_its_row_with_n() -> None:
    summary = summarise(invented())
    table = languages.by_language(summary, "panx")
    assert [head for head, _ in table.bodies[0].rows][:3] == ["en English", "af Afrikaans", "ar Arabic"] and len(
        table.bodies[0].rows
    ) == 40
    assert cells(table, "sw Swahili")[0] == "400" and len(table.columns) == 1 + 12
    runs = [run["languages"] for run in summary.study["evaluations"] if run["target"] == "xquad" and run["row"] == "mnli"]
    by_hand = sum((run["hi"]["exact_match"] + run["hi"]["f1"]) / 2 for run in runs) / 3
    assert cells(languages.by_language(summary, "xquad"), "hi Hindi")[4] == text.number(by_hand)
    others = [(scores["exact_match"] + scores["f1"]) / 2 for run in runs for code, scores in run.items() if code != "en"]
    assert cells(languages.by_language(summary, "xquad"), "all but English")[4] == text.number(sum(others) / len(others))


def test_trainings_are_grouped_over_seeds_and_named_by_mixture_and_chain() -> None:
    table = trainings.table(summarise(invented()))
    heads = [head for head, _ in table.bodies[0].rows]
    assert heads[0] == "text" and heads.count("mnli") == 1 and "all" in heads
    assert cells(table, "all")[:2] == ["text", "anli, mnli, qqp, squad, squad_v2, hellaswag, ccg, cosmosqa, commonsenseqa"]
    assert cells(table, "text") == ["–", "text", "40,000", "8,000", "–", "3", "no"]


def test_collapse_and_gaps_are_named(gaps) -> None:
    why = "hellaswag: English dev score 25.0 is no better than guessing (25.2, n 400)"
    line = f"text &gt; hellaswag: seed 1, hellaswag-1; {why}; 9 evaluations built on it."
    assert line in gaps["index.html"] and "<li>mnli, seed 1: xnli</li>" in gaps["index.html"]
    assert "- mnli, seed 1: xnli" in gaps["report.md"] and "| – |" in gaps["report.md"]
    assert "1 of 11 trainings collapsed" in gaps["report.md"] and "No average gain can be computed" in gaps["report.md"]
    marked = smalls(scores.main(summarise(with_gaps())), "hellaswag")
    assert marked == ["‡"] * 5 + [""] + ["‡"] * 3 + [""] and "‡ built on a collapsed training" in gaps["report.md"]


class Reader(HTMLParser):
    """Collects tags, checks that each closes, and keeps the text of table cells."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attributes) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "wbr"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("which", ["drawn", "gaps"])
def test_the_page_is_well_formed_self_contained_and_accessible(which, request) -> None:
    reader = Reader()
    reader.feed(request.getfixturevalue(which)["index.html"])
    assert reader.open == []
    names = [tag for tag, _ in reader.tags]
    assert names.count("table") == names.count("caption") == names.count("thead") > 10
    assert all(attributes.get("scope") in ("col", "row", "rowgroup") for tag, attributes in reader.tags if tag == "th")
    drawn = [attributes for tag, attributes in reader.tags if tag in ("svg", "figure")]
    assert len(drawn) > 3 and all(attributes.get("aria-label") for attributes in drawn)
    assert not {"script", "img", "link"} & set(names)
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    pointed = {word for _, attributes in reader.tags for word in (attributes.get("aria-labelledby") or "").split()}
    pointed |= {attributes["href"][1:] for tag, attributes in reader.tags if tag == "a"}
    assert pointed <= set(ids)
    outside = [
        value for _, attributes in reader.tags for key, value in attributes.items() if key != "xmlns" and "://" in (value or "")
    ]
    assert outside == []


@pytest.mark.parametrize("name", ["gains.svg", "languages.svg", "language-gains.svg"])
def test_figures_are_xml_with_words_and_keep_inside_their_frame(name, drawn, gaps) -> None:
    for told in (drawn, gaps):
        root = ElementTree.fromstring(told[name])
        assert root.get("aria-label") and "prefers-color-scheme: dark" in root.find("{*}style").text
        panels = root.findall("{*}svg")
        assert panels and float(root.get("width")) <= 1016
        for panel in panels:
            assert name == "gains.svg" or float(panel.get("width")) <= 360  # letters keep their size on a phone
            assert panel.get("aria-label") and float(panel.get("x")) + float(panel.get("width")) <= float(root.get("width")) - 16
            for item in panel.findall(".//{*}text"):
                assert 0 <= float(item.get("x")) <= float(panel.get("width")), ElementTree.tostring(item)
                assert 0 <= float(item.get("y")) <= float(panel.get("height")), ElementTree.tostring(item)
        assert "#" not in re.sub(r"url\(#|href=.#", "", told[name].partition("</style>")[2])  # every colour is one of the page's


def test_a_users_settings_of_matplotlib_change_nothing_and_stay() -> None:
    import matplotlib

    summary = summarise(small({"none": {"xnli": [50.0]}, "mnli": {"xnli": [51.0]}}))
    plain = scores.heat_map(summary)
    with matplotlib.rc_context({"font.size": 30.0, "axes.grid": True, "svg.fonttype": "path"}):
        assert scores.heat_map(summary) == plain
        assert matplotlib.rcParams["font.size"] == 30.0 and matplotlib.rcParams["svg.fonttype"] == "path"


def test_heat_map_carries_every_gain_of_the_main_table(drawn) -> None:
    table = scores.main(summarise(invented()))
    written = re.findall(r">([+−]?\d+\.\d)<", drawn["gains.svg"])
    assert sorted(written) == sorted(cell.text for _, row in table.bodies[-1].rows for cell in row)


def test_markdown_tables_are_rectangular_and_show_the_plots(drawn) -> None:
    for block in re.findall(r"(?:^\|.*\|\n)+", drawn["report.md"], flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1
    assert re.findall(r"!\[[^\]]{20,}\]\((\S+)\)", drawn["report.md"]) == ["gains.svg", "languages.svg", "language-gains.svg"]
    assert "> **Note.** INVENTED NUMBERS" in drawn["report.md"] and "\n\n\n" not in drawn["report.md"]


def test_what_people_write_is_shown_and_never_interpreted() -> None:
    study = invented(seeds=(1,), intermediates=["none", "squad>mnli"], targets=["xnli"])
    study |= {"question": "a <b>|x</b> & `y`?", "note": "*no*\nlines"}
    told = page.files(summarise(study))
    assert "a &lt;b&gt;|x&lt;/b&gt; &amp; `y`?" in told["index.html"] and "<b>" not in told["index.html"]
    assert r"a \<b>\|x\</b> \& \`y\`?" in told["report.md"] and r"\*no\* lines" in told["report.md"]
    assert "squad&gt;<wbr>mnli" in told["index.html"]


def test_bytes_do_not_depend_on_key_order_hash_seed_or_place(tmp_path) -> None:
    study = invented(seeds=(1, 2))
    mixed = json.loads(json.dumps(study, sort_keys=True))
    paths = report.write(study, tmp_path / "one" / "deep")
    assert [path.name for path in paths] == [
        "report.md", "gains.svg", "languages.svg", "language-gains.svg", "index.html", "table.csv", "gains.csv", "table.tex",
    ]  # fmt: skip
    (tmp_path / "study.json").write_text(json.dumps(mixed), encoding="utf-8")
    read = "json.loads(pathlib.Path('study.json').read_text())"
    program = f"import json, pathlib; from stilts_xtreme import report; report.write({read}, pathlib.Path('two'))"
    environment = {
        "PYTHONHASHSEED": "77",
        "LC_ALL": "C",
        "TZ": "Asia/Tokyo",
        "PYTHONPATH": str(Path(report.__file__).parent.parent.parent),
        "HOME": os.environ.get("HOME", str(tmp_path)),  # where matplotlib finds its list of fonts again
    }
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    for path in paths:
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
        assert b"\r" not in path.read_bytes() and path.read_bytes().endswith(b"\n")


DRAWN_BY = re.compile(r"<!-- matplotlib ([\d.]+) -->")
COMMITTED = sorted((Path(__file__).parent.parent / "experiments" / "results").glob("*.json"))


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_committed_reports_are_those_that_the_committed_results_give(path, tmp_path) -> None:
    """To the byte; of figures that another version of matplotlib drew only the words: coordinates may differ."""
    study = results.read(path, results.STUDY, results.LATENCY_STUDY)
    folder = path.parent.parent / "reports" / path.stem
    written = {made.name: made.read_text("utf-8") for made in report.write(study, tmp_path)}
    committed = {file.name: file.read_text("utf-8") for file in folder.iterdir()}
    assert sorted(written) == sorted(committed)
    for name, text_ in written.items():
        if DRAWN_BY.findall(text_) == DRAWN_BY.findall(committed[name]):
            same = text_ == committed[name]
        else:
            same = re.findall(r">([^<>]+)<", text_) == re.findall(r">([^<>]+)<", committed[name])
        assert same, f"{name}: stilts report {path} --to {folder}"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda study: study.pop("tasks"), "tasks: missing"),
        (lambda study: study["tasks"].pop("xnli"), "tasks: xnli is a target but is not described"),
        (lambda study: study["evaluations"][0].pop("score"), "evaluations[0].score: missing"),
        (lambda study: study["evaluations"][1].update(score=101.0), "evaluations[1].score: "),
        (lambda study: study["evaluations"][1].update(seed=9), "evaluations[1]: seed: 9 is not one of the study's seeds"),
        (
            lambda study: study["evaluations"].append(copy.deepcopy(study["evaluations"][0])),
            "none on xnli with seed 1 stands there twice",
        ),
    ],
)
def test_a_study_that_contradicts_itself_is_refused(change, words, tmp_path) -> None:
    study = invented(seeds=(1,), intermediates=["none", "mnli"], targets=["xnli"])
    change(study)
    path = tmp_path / "study.json"
    path.write_text(json.dumps(study))
    with pytest.raises(UserError, match=re.escape(words)):
        results.read(path, results.STUDY)


def test_a_sound_study_has_no_contradiction() -> None:
    assert agreement.of_study(invented()) == ""


@pytest.mark.parametrize(
    ("value", "plain", "signed"),
    [
        (0.0, "0.0", "0.0"),
        (-0.04, "0.0", "0.0"),
        (0.04, "0.0", "0.0"),
        (-1.26, "−1.3", "−1.3"),
        (1.26, "1.3", "+1.3"),
        (100, "100.0", "+100.0"),
    ],
)
def test_numbers(value, plain, signed) -> None:
    assert text.number(value) == plain and text.number(value, signed=True) == signed


@pytest.mark.parametrize(
    ("seconds", "words"), [(12.3, "12 s"), (89.6, "90 s"), (812.0, "14 min"), (5400.0, "1 h 30 min"), (86400, "24 h 0 min")]
)
def test_durations(seconds, words) -> None:
    assert text.duration(seconds) == words


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=6))
def test_mean_stays_between_its_values_and_a_shift_of_all_seeds_has_no_spread(values) -> None:
    mean = Mean(tuple(values), len(values))
    assert min(values) - 1e-9 <= mean.mean <= max(values) + 1e-9
    assert (mean.deviation is None) == (len(values) == 1) and (mean.clear is None) == (len(values) < 3)
    base = [50 + value / 10 for value in values]
    rows = {"none": {"xnli": base, "panx": base}, "mnli": {"xnli": [b + 1 for b in base], "panx": [b + 3 for b in base]}}
    gain = summarise(small(rows)).gain("mnli", AVERAGE)
    assert gain.mean == pytest.approx(2) and (gain.deviation or 0) == pytest.approx(0, abs=1e-9)


def test_the_transfer_gap_is_that_of_each_seed() -> None:
    study = invented(seeds=(1, 2))
    summary = summarise(study)
    table = scores.transfer_gaps(summary)
    assert list(table.columns) == [target for target in TASKS if target != "bucc2018"]  # has no English
    gaps = []
    for run in (run for run in study["evaluations"] if run["row"] == "mnli" and run["target"] == "xquad"):
        by_code = {code: (found["exact_match"] + found["f1"]) / 2 for code, found in run["languages"].items()}
        gaps.append(by_code.pop("en") - sum(by_code.values()) / len(by_code))
    place = list(table.columns).index("xquad")
    assert cells(table, "mnli")[place] == text.number(sum(gaps) / 2)
    assert smalls(table, "mnli")[place] == f"± {text.number(abs(gaps[0] - gaps[1]) / math.sqrt(2))}"
    assert scores.transfer_gaps(summarise(invented(seeds=(1,), targets=("bucc2018",)))) is None


def test_classes_of_language_hold_their_languages_and_weigh_the_same() -> None:
    summary = summarise(invented(seeds=(1,), intermediates=("none", "mnli"), targets=("bucc2018",)))  # de fr ru zh
    table = languages.by_kind(summary, "bucc2018")
    scores = {code: summary.score("mnli", "bucc2018", [code]).mean for code in ("de", "fr", "ru", "zh")}
    resources, family, script = ({head: (row[0].text, row[2].text) for head, row in body.rows} for body in table.bodies)
    assert resources["5"] == ("3", text.number((scores["de"] + scores["fr"] + scores["zh"]) / 3))
    assert script["Latin"] == ("2", text.number((scores["de"] + scores["fr"]) / 2))
    assert family["Sino-Tibetan"] == ("1", text.number(scores["zh"])) and len(family) == 5
    assert script["mean"] == ("", text.number(((scores["de"] + scores["fr"]) / 2 + scores["ru"] + scores["zh"]) / 3))


def test_made_up_languages_have_a_gap_but_no_classes() -> None:
    study = invented(seeds=(1,), targets=("xnli",))
    for run in study["evaluations"]:
        run["languages"] = {"en": run["languages"]["en"], "xa": run["languages"]["de"], "xb": run["languages"]["fr"]}
    summary = summarise(study)
    assert languages.by_kind(summary, "xnli") is None and len(scores.transfer_gaps(summary).bodies[0].rows) == len(INTERMEDIATES)
