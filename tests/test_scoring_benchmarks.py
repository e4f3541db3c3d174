import json
import random
import re
import shutil
import statistics
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stilts_xtreme.cli import listing
from stilts_xtreme.scoring.benchmarks import BENCHMARKS, HEADLINES, XTREME, XTREME_R, Benchmark, aggregate, with_f1_alone
from stilts_xtreme.scoring.submission import file_name, score_submission
from stilts_xtreme.scoring.tags import CHUNKING
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.errors import UserError

METRICS = {"accuracy": 40.0, "f1": 60.0, "precision": 50.0, "recall": 75.0, "exact_match": 30.0, "map@20": 10.0}


def everything(benchmark: Benchmark) -> dict:
    return {task: {code: dict(METRICS) for code in codes} for task, codes in benchmark.languages.items()}


# What the benchmarks are. Sizes: arXiv 2003.11080 and 2104.07412 with their repository's lists.
def test_sizes() -> None:
    assert {task: len(codes) for task, codes in XTREME.languages.items()} == {
        "pawsx": 7, "xnli": 15, "udpos": 33, "panx": 40, "xquad": 11, "mlqa": 7, "tydiqa": 9, "bucc2018": 4, "tatoeba": 36,
    }  # fmt: skip
    assert {task: len(codes) for task, codes in XTREME_R.languages.items()} == {
        "xnli": 15, "xcopa": 11, "udpos": 38, "panx": 48, "xquad": 12, "mlqa": 7, "tydiqa": 9, "tatoeba": 41, "mewslix": 11,
        "lareqa": 11,
    }  # fmt: skip
    assert len({code for codes in XTREME.languages.values() for code in codes}) == 40
    assert len({code for codes in XTREME_R.languages.values() for code in codes}) == 50


@pytest.mark.parametrize("benchmark", BENCHMARKS.values(), ids=lambda benchmark: benchmark.name)
def test_every_task_has_a_group_languages_and_a_headline(benchmark: Benchmark) -> None:
    assert sorted(benchmark.tasks) == sorted(benchmark.languages) == sorted(set(benchmark.tasks))
    assert set(benchmark.tasks) <= set(HEADLINES)


@pytest.mark.parametrize("task", sorted({*XTREME.tasks, *XTREME_R.tasks}))
def test_tasks_agree_with_what_is_read_and_trained(task: str) -> None:
    scored = {code for benchmark in BENCHMARKS.values() for code in benchmark.languages.get(task, ())}
    assert scored <= set(TASKS[task].languages)
    assert TASKS[task].headline == HEADLINES[task]


# Averages.
def test_nine_tasks_weigh_equally() -> None:
    scores = everything(XTREME)
    result = aggregate(XTREME, scores)
    assert result["groups"] == {"classification": 40, "tagging": 60, "qa": 45, "retrieval": 50}
    assert result["overall"] == pytest.approx((2 * 40 + 2 * 60 + 3 * 45 + 60 + 40) / 9)  # not the mean of the groups
    assert result["overall"] != pytest.approx(sum(result["groups"].values()) / 4)
    assert result["tasks"]["xquad"]["score"] == 45 and result["tasks"]["xquad"]["metrics"] == METRICS
    assert result["tasks"]["bucc2018"]["languages"] == scores["bucc2018"]


def test_languages_weigh_equally() -> None:
    scores = everything(XTREME)
    scores["bucc2018"] = {code: {"f1": value} for code, value in zip(("de", "fr", "ru", "zh"), (1.0, 2.0, 3.0, 5.0), strict=True)}
    assert aggregate(XTREME, scores)["tasks"]["bucc2018"]["score"] == 2.75


def test_ten_tasks_of_xtreme_r() -> None:
    result = aggregate(XTREME_R, everything(XTREME_R))
    assert result["overall"] == pytest.approx((2 * 40 + 2 * 60 + 3 * 45 + 40 + 2 * 10) / 10)
    assert result["groups"]["retrieval"] == pytest.approx((40 + 10 + 10) / 3)


@given(st.data(), st.sampled_from(list(BENCHMARKS.values())))
@settings(deadline=None, max_examples=20)
def test_averages_of_averages(data: st.DataObject, benchmark: Benchmark) -> None:
    draw = random.Random(data.draw(st.integers(0, 2**32)))
    scores = everything(benchmark)
    for languages in scores.values():
        for metrics in languages.values():
            metrics |= {name: draw.uniform(0, 100) for name in metrics}
    result = aggregate(benchmark, scores)
    slow = {}
    for task, languages in scores.items():
        values = [statistics.fmean(metrics[name] for name in HEADLINES[task]) for metrics in languages.values()]
        slow[task] = statistics.fmean(values)  # the mean of means over a full table is the mean over it either way
        assert result["tasks"][task]["score"] == pytest.approx(slow[task])
    assert result["overall"] == pytest.approx(statistics.fmean(slow.values()))
    groups = {name: statistics.fmean(slow[task] for task in tasks) for name, tasks in benchmark.groups.items()}
    assert result["groups"] == pytest.approx(groups)


def test_the_table_shows_both_averages_of_xtreme_r_and_the_gap(capsys: pytest.CaptureFixture) -> None:
    scores = everything(XTREME_R)
    scores["xnli"]["en"]["accuracy"] = 82.0
    listing.benchmark(aggregate(XTREME_R, scores))
    rows = [re.split(r"\s{2,}", line.strip()) for line in capsys.readouterr().out.splitlines()]
    table = {row[0]: row[1:] for row in rows[: rows.index([""])]}
    assert table["(qa)"] == ["45.0"] and table["(qa with F1 alone)"] == ["60.0"]
    assert (table["overall"], table["overall with F1 alone"]) == (["39.8"], ["44.3"])
    kinds = {row[0]: row[1:] for row in rows[rows.index([""]) + 1 :]}
    heads = [
        "class 1",
        "class 2",
        "class 3",
        "class 4",
        "class 5",
        "mean of classes",
        "of families",
        "of scripts",
        "transfer gap",
    ]
    assert kinds["by kind of language"] == heads
    assert kinds["xnli"][-1] == "42.0" and kinds["xnli"][0] == "-" and kinds["xnli"][4] == "47.0"  # ar de en es fr zh
    assert kinds["tatoeba"][-1] == "-"
    listing.benchmark(aggregate(XTREME, everything(XTREME)))
    assert "F1 alone" not in capsys.readouterr().out


def test_questions_by_f1_alone() -> None:
    result = aggregate(XTREME_R, everything(XTREME_R))
    told = with_f1_alone(result)
    assert told["qa"] == 60 and result["groups"]["qa"] == 45
    assert told["overall"] == pytest.approx((2 * 40 + 2 * 60 + 3 * 60 + 40 + 2 * 10) / 10)
    part = aggregate(XTREME_R, {task: scores for task, scores in everything(XTREME_R).items() if task != "xcopa"})
    assert with_f1_alone(part) == {"qa": 60}
    assert with_f1_alone(aggregate(XTREME_R, {})) == {}


@pytest.mark.parametrize("task", XTREME.tasks)
def test_a_language_short_is_a_task_a_group_and_the_overall_short(task: str) -> None:
    scores = everything(XTREME)
    del scores[task][XTREME.languages[task][-1]]
    result = aggregate(XTREME, scores)
    assert result["tasks"][task] == {"languages": scores[task]}
    assert set(XTREME.groups) - set(result["groups"]) == {name for name, tasks in XTREME.groups.items() if task in tasks}
    assert "overall" not in result


def test_a_task_short() -> None:
    scores = everything(XTREME)
    del scores["mlqa"]
    result = aggregate(XTREME, scores)
    assert "mlqa" not in result["tasks"] and sorted(result["groups"]) == ["classification", "retrieval", "tagging"]
    assert "overall" not in result


@pytest.mark.parametrize(
    ("task", "entry"),
    [
        ("xcopa", {"it": {"accuracy": 1.0}}),
        ("bucc2018", {"es": {"f1": 1.0}}),
        ("bucc2018", {code: {"accuracy": 1.0} for code in ("de", "fr", "ru", "zh")}),
        ("bucc2018", {"de": {"f1": 1.0}, "fr": {"f1": 1.0}, "ru": {"f1": 1.0}, "zh": {"f1": 1.0, "recall": 1.0}}),
    ],
    ids=["task", "language", "no headline", "different metrics"],
)
def test_scores_that_do_not_fit(task: str, entry: dict) -> None:
    with pytest.raises(ValueError, match=task):
        aggregate(XTREME, {task: entry})


# A submission made here: right in everything, or wrong as told.
def content(task: str, wrong: bool) -> str:
    match task:
        case "udpos":
            return "NOUN\nVERB\n\nX\n" if wrong else "NOUN\nADJ\n\nX\n"
        case "panx":
            return "B-PER\nO\n\nO" if wrong else "B-PER\nI-PER\n\nO"
        case "mewslix" | "lareqa":
            return json.dumps({"q1": ["e9", "e1"] if wrong else ["e1"]})
        case "xcopa":
            return '{"label": 1}\n{"label": 0}\n' if wrong else '{"label": 1}\n{"label": 1}\n'
        case "xnli":
            return "neutral\nneutral\n" if wrong else "neutral\nentailment\n"
        case "bucc2018":
            return "de-1\ten-1\nde-2\ten-3\n" if wrong else "de-1\ten-1\nde-2\ten-2\n"
        case _:
            return "0\n0\n" if wrong else "0\n1\n"


def question_files(task: str, wrong: bool) -> tuple[str, str]:
    texts = [{"id": "1", "answers": [{"text": "Cat!"}]}, {"id": "2", "answers": [{"text": "dog"}, {"text": "hound"}]}]
    return json.dumps({"1": "cat", "2": "cow" if wrong else "hound"}), json.dumps({"data": [{"paragraphs": [{"qas": texts}]}]})


@pytest.fixture
def submission(tmp_path: Path) -> tuple[Path, Path]:
    """Predictions and labels of both benchmarks, half of each file's lines wrong."""
    for task in HEADLINES:
        codes = set(XTREME.languages.get(task, ())) | set(XTREME_R.languages.get(task, ()))
        is_qa = HEADLINES[task] == ("exact_match", "f1")
        predicted, gold = question_files(task, True) if is_qa else (content(task, True), content(task, False))
        for folder, text in (("predictions", predicted), ("labels", gold)):
            (tmp_path / folder / task).mkdir(parents=True)
            for code in codes:
                (tmp_path / folder / file_name(task, code)).write_text(text, encoding="utf-8")
    return tmp_path / "predictions", tmp_path / "labels"


def test_whole_submissions(submission: tuple[Path, Path]) -> None:
    result = score_submission(*submission)
    found = {task: entry["score"] for task, entry in result["tasks"].items()}
    assert found == pytest.approx({
        "pawsx": 50, "xnli": 50, "udpos": 200 / 3, "panx": 0, "xquad": 50, "mlqa": 50, "tydiqa": 50, "bucc2018": 50,
        "tatoeba": 50,
    })  # fmt: skip
    assert result["overall"] == pytest.approx(sum(found.values()) / 9) and result["benchmark"] == "xtreme"
    again = score_submission(*map(str, submission), "xtreme-r")
    assert [again["tasks"][task]["score"] for task in ("xcopa", "mewslix", "lareqa")] == [50, 50, 50]
    assert "overall" in again


def test_a_part_of_a_benchmark(submission: tuple[Path, Path]) -> None:
    shutil.rmtree(submission[0] / "panx")
    result = score_submission(*submission)
    assert "panx" not in result["tasks"] and "overall" not in result
    assert sorted(result["groups"]) == ["classification", "qa", "retrieval"]


def test_mlqa_is_normalised_by_language_and_xquad_is_not(submission: tuple[Path, Path]) -> None:
    for task in ("mlqa", "xquad"):
        for code in ("de", "en"):
            (submission[0] / task / f"test-{code}.json").write_text('{"1": "the cat", "2": "dog"}', encoding="utf-8")
    tasks = score_submission(*submission)["tasks"]
    exact = {(task, code): tasks[task]["languages"][code]["exact_match"] for task in ("mlqa", "xquad") for code in ("de", "en")}
    assert exact == {("mlqa", "de"): 50, ("mlqa", "en"): 100, ("xquad", "de"): 100, ("xquad", "en"): 100}


def test_missing_answers_count_nothing(submission: tuple[Path, Path]) -> None:
    (submission[0] / "mlqa/test-de.json").write_text('{"1": "cat", "9": "never asked"}', encoding="utf-8")
    (submission[0] / "mewslix/test-de.json").write_text('{"q9": []}', encoding="utf-8")
    assert score_submission(*submission)["tasks"]["mlqa"]["languages"]["de"] == {"exact_match": 50, "f1": 50}
    with pytest.raises(UserError, match="q9: id: neither this nor any other"):
        score_submission(*submission, "xtreme-r")


def test_blank_lines_and_white_space_are_no_matter(submission: tuple[Path, Path]) -> None:
    before = score_submission(*submission)
    (submission[0] / "udpos/test-de.tsv").write_bytes(b"\xef\xbb\xbfNOUN\r\nVERB \r\n\r\n\r\nX\r\n\r\n")
    (submission[0] / "xnli/test-de.tsv").write_text(" neutral\nneutral\n\n", encoding="utf-8")
    assert score_submission(*submission) == before


FAULTS = [
    ("predictions/xnli/test-de.tsv", "neutral\nentails\n", "predictions/xnli/test-de.tsv:2: label: 'entails' is not one of"),
    ("predictions/xnli/test-de.tsv", "neutral\n\nneutral\n", "predictions/xnli/test-de.tsv:2: label: '' is not"),
    ("predictions/xnli/test-de.tsv", "neutral\n", "predictions/xnli/test-de.tsv:2: predictions: 1 for the 2 labels of"),
    ("predictions/pawsx/test-de.tsv", "0\n1\n1\n", "predictions/pawsx/test-de.tsv:3: predictions: 3 for the 2 labels of"),
    ("labels/pawsx/test-de.tsv", "0\n2\n", "labels/pawsx/test-de.tsv:2: label: '2' is not one of 0, 1"),
    ("predictions/tatoeba/test-de.tsv", "0\n-1\n", "predictions/tatoeba/test-de.tsv:2: sentence: '-1'"),
    ("predictions/panx/test-de.tsv", "B-PER\nI-MISC\n\nO\n", "predictions/panx/test-de.tsv:2: label: 'I-MISC'"),
    ("predictions/panx/test-de.tsv", "O\nO\n\nO\nO\n", "predictions/panx/test-de.tsv:4: sentence: 2 tags; "),
    ("predictions/panx/test-de.tsv", "O\nO\n\nO\n\nO\n", "predictions/panx/test-de.tsv:6: sentences: 3 for the 2 of"),
    ("labels/panx/test-de.tsv", "\n", "predictions/panx/test-de.tsv:4: sentences: 2 for the 0 of"),
    ("predictions/bucc2018/test-de.tsv", "de-1\ten-1\nde-2 en-2\n", "predictions/bucc2018/test-de.tsv:2: pair: "),
    ("labels/bucc2018/test-de.tsv", "", "labels/bucc2018/test-de.tsv:1: pairs: there are none"),
    ("predictions/xquad/test-de.json", '{"1": "a",\n "2" "b"}', "predictions/xquad/test-de.json:2: text: not JSON"),
    ("predictions/xquad/test-de.json", '{"1": 7, "2": "b"}', "predictions/xquad/test-de.json:1: answer: 7 is not text"),
    ("predictions/xquad/test-de.json", '["a"]', "predictions/xquad/test-de.json:1: answers: not an object"),
    ("predictions/xquad/test-de.json", '{"3": "a"}', "predictions/xquad/test-de.json:3: id: neither this nor any other"),
    ("labels/xquad/test-de.json", '{"data": [{"paragraphs": [{}]}]}', "labels/xquad/test-de.json:data: questions: not SQuAD"),
    ("labels/xquad/test-de.json", '{"data": []}', "labels/xquad/test-de.json:1: questions: there are none"),
    ("predictions/udpos/test-de.tsv", b"NOUN\nVERB\n\n\xff\n", "predictions/udpos/test-de.tsv:4: text: not UTF-8"),
    ("predictions/udpos/test-de.tsv", None, "predictions/udpos/test-de.tsv: missing"),
    ("labels/udpos/test-de.tsv", None, "labels/udpos/test-de.tsv: missing"),
]


@pytest.mark.parametrize(("file", "text", "message"), FAULTS, ids=[message[:60] for *_, message in FAULTS])
def test_faults_say_where(submission: tuple[Path, Path], file: str, text: str | bytes | None, message: str) -> None:
    path = submission[0].parent / file
    if text is None:
        path.unlink()
    else:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as fault:
        score_submission(*submission)
    assert str(fault.value).startswith(f"{submission[0].parent}/{message}")


def test_all_missing_files_at_once(submission: tuple[Path, Path]) -> None:
    (submission[0] / "mlqa/test-vi.json").unlink()
    shutil.rmtree(submission[1] / "bucc2018")
    with pytest.raises(UserError) as fault:
        score_submission(*submission)
    assert len(str(fault.value).splitlines()) == 5


def test_nothing_to_score(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder of a task of xtreme"):
        score_submission(tmp_path, tmp_path)
    with pytest.raises(UserError, match="'xtreme-s' is not one of xtreme, xtreme-r"):
        score_submission(tmp_path, tmp_path, "xtreme-s")


def test_groups_of_the_official_script_for_xtreme_r(capsys: pytest.CaptureFixture) -> None:
    scores = everything(XTREME_R)
    whole = aggregate(XTREME_R, scores)
    assert whole["groups"]["multi_choice"] == 40 and "without" not in whole
    del scores["lareqa"]
    result = aggregate(XTREME_R, scores)
    listing.benchmark(result)
    assert "(retrieval without lareqa)" in capsys.readouterr().out
    assert result["groups"]["retrieval"] == pytest.approx((40 + 10) / 2) and result["without"] == {"retrieval": ["lareqa"]}
    assert "overall" not in result
    del scores["mewslix"]
    assert "retrieval" not in aggregate(XTREME_R, scores)["groups"]


def test_f1_of_tags_says_whose_reading_it_is(submission: tuple[Path, Path], capsys: pytest.CaptureFixture) -> None:
    """Strict IOB2 stands beside it where they differ: here the predicted names begin with I-."""
    result = score_submission(*submission)
    assert result["tasks"]["panx"]["reading"] == result["tasks"]["udpos"]["reading"] == CHUNKING
    for code in XTREME.languages["panx"]:
        for folder, text in zip(submission, ("I-PER\nO\n\nO\n", "B-PER\nO\n\nO\n"), strict=True):
            (folder / file_name("panx", code)).write_text(text, encoding="utf-8")
    result = score_submission(*submission)
    assert result["tasks"]["panx"]["metrics"]["f1"] == 100 and result["tasks"]["panx"]["metrics"]["f1_iob2"] == 0
    listing.benchmark(result)
    told = capsys.readouterr().out
    lines = {line.split()[0]: line for line in reversed(told.splitlines()) if line.strip()}
    assert "F1 (XTREME) 100.0" in lines["panx"] and "F1 (strict IOB2) 0.0" in lines["panx"]
    assert "F1 (XTREME) 66.7" in lines["udpos"] and "IOB2" not in lines["udpos"] and "F1 (" not in lines["xquad"]
    assert f"F1 (XTREME): {CHUNKING}" in told
    for code in XTREME.languages["panx"]:
        (submission[0] / file_name("panx", code)).write_text("B-PER\nO\n\nO\n", encoding="utf-8")
    listing.benchmark(score_submission(*submission))
    assert "IOB2" not in capsys.readouterr().out


# The numbers XTREME's own scorer gives for its own mock submission.
@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_official_mock_submission(real_data: Path, tmp_path: Path, name: str) -> None:
    mock = real_data / "xtreme_mock"
    golden = json.loads((mock / "golden.json").read_text(encoding="utf-8"))[name]
    for task in golden:  # of XTREME-R it has whole only some tasks
        (tmp_path / task).symlink_to(mock / "predictions" / task, target_is_directory=True)
    result = score_submission(tmp_path, mock / "labels", name)
    for task, averages in golden.items():
        metrics = result["tasks"][task]["metrics"]
        found = {f"avg_{metric}": value for metric, value in metrics.items() if f"avg_{metric}" in averages}
        assert found == pytest.approx(averages, abs=1e-9, rel=0)
    assert ("overall" in result) == (name == "xtreme")
