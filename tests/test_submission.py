"""Predictions of the nine tasks, written as XTREME takes them, score as the evaluations they come from."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from test_end_to_end import EXPERIMENTS, TINY, stilts

from stilts_xtreme.data import read as data
from stilts_xtreme.pipeline import plan
from stilts_xtreme.scoring.benchmarks import XTREME
from stilts_xtreme.scoring.submission import HEADS, file_name, score_files
from stilts_xtreme.scoring.submission_read import LABELS
from stilts_xtreme.scoring.submission_write import EXTENSIONS, format_predictions
from stilts_xtreme.stages import aggregate, submission
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.metrics import gold_pairs
from stilts_xtreme.utils.errors import UserError

SEED, WORLD = 3, data.Miniature(1)


def gold(task: str, code: str) -> str:
    """The labels in the submission layout, from the examples."""
    examples = data.read(TASKS[task], "test", code, WORLD).examples
    match task:
        case "xquad" | "mlqa" | "tydiqa":
            questions = [{"id": e.id, "answers": [{"text": answer} for answer in e.answers]} for e in examples]
            return json.dumps({"data": [{"paragraphs": [{"qas": questions}]}]}, ensure_ascii=False)
        case "panx" | "udpos":
            return format_predictions(TASKS[task].head, [e.tags for e in examples])
        case "bucc2018":
            return format_predictions(TASKS[task].head, sorted(gold_pairs(examples)))
        case "tatoeba":
            places = {e.id: place for place, e in enumerate(e for e in examples if e.side == "foreign")}
            english = sorted((e for e in examples if e.side == "english"), key=lambda e: e.text)
            return format_predictions(TASKS[task].head, [places[e.match] for e in english])
        case _:
            return format_predictions(TASKS[task].head, [e.label for e in examples])


@pytest.fixture(scope="module")
def submitted(tmp_path_factory) -> tuple[Path, dict]:
    root = tmp_path_factory.mktemp("submission")
    axes = ["intermediate=[[qqp,mnli]]", f"targets=[{','.join(XTREME.tasks)}]", f"seeds=[{SEED}]"]
    words = ("study", EXPERIMENTS / "studies" / "main.yaml", *axes, *TINY, f"setup.data={{miniature: {{seed: {WORLD.seed}}}}}")
    done = stilts(*words, "--store", root / "runs", "--jobs", 2, "--submission", root / "out", "--json")
    assert f"submission: {root / 'out'} ({7 * 6 + 2 * 5} files)" in done.stderr.splitlines()
    return root / "out" / "qqp-then-mnli" / f"seed-{SEED}", json.loads(done.stdout)


@pytest.mark.slow
def test_every_task_scores_as_its_evaluation(submitted, tmp_path) -> None:
    folder, study = submitted
    assert sorted(run["target"] for run in study["evaluations"]) == sorted(XTREME.tasks)
    for run in study["evaluations"]:
        for code, scores in run["languages"].items():
            path = tmp_path / f"{run['target']}-{code}"
            path.write_text(gold(run["target"], code), encoding="utf-8")
            found = score_files(run["target"], code, folder / file_name(run["target"], code), path)
            assert found == {name: value for name, value in scores.items() if name != "n"}, (run["target"], code)
        assert any(run["metrics"].values()), f"{run['target']}: all is zero, which proves nothing"


@pytest.mark.slow
def test_the_whole_folder_is_a_submission_to_the_benchmark(submitted, tmp_path) -> None:
    """Once the made-up languages bear the names of real ones (by which MLQA chooses the articles to leave out)."""
    folder, study = submitted
    runs = {run["target"]: run["languages"] for run in study["evaluations"]}
    expected = {}
    for task, codes in XTREME.languages.items():
        for place, code in enumerate(codes):
            source = code if code in runs[task] else sorted(set(runs[task]) - {"en"})[place % (len(runs[task]) - 1)]
            for side, text in (
                ("predictions", (folder / file_name(task, source)).read_text("utf-8")),
                ("labels", gold(task, source)),
            ):
                path = tmp_path / side / file_name(task, code)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            expected[task, code] = {name: value for name, value in runs[task][source].items() if name != "n"}
    scores = json.loads(stilts("score", tmp_path / "predictions", tmp_path / "labels", "--json").stdout)
    for (task, code), values in expected.items():
        if task != "mlqa" or code in ("en", "hi"):
            assert scores["tasks"][task]["languages"][code] == values
    assert "overall" in scores


@pytest.fixture
def finished(tmp_path):
    """Write stored predictions of one task in German for files below `data`; returns the submission's text."""

    def write(task: str, records: list[dict], files: dict[str, str]) -> str:
        for name, text in files.items():
            (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / name).write_text(text, encoding="utf-8")
        stage = plan.Predict(plan.Pretrained("none"), task, ("de",), (), where=data.Folder(tmp_path / "data"))
        store = Store(tmp_path / "runs")
        store.path(stage).mkdir(parents=True)
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
        (store.path(stage) / "test-de.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        (path,) = submission.write(stage, store, tmp_path / "out")
        assert path == tmp_path / "out" / file_name(task, "de", TASKS[task].head)
        return path.read_text(encoding="utf-8")

    return write


PAWSX_DE = "id\tsentence1\tsentence2\tlabel\n7\tein Satz\tSatz ein\t1\n8\tNS\tNS\t1\n9\tzwei Wörter\tWörter zwei\t0\n"


def test_rows_that_were_not_translated_are_scored_as_xtreme_scores_them(finished, tmp_path) -> None:
    """Every line counts: one of three is wrong, in the result as in the submission."""
    files, predictions = {"x-final/de/test_2k.tsv": PAWSX_DE}, ["1", "0", "0"]
    records = [{"id": name, "prediction": label} for name, label in zip("789", predictions, strict=True)]
    assert finished("pawsx", records, files) == "1\n0\n0\n"
    (tmp_path / "gold").write_text("1\n1\n0\n", encoding="utf-8")
    official = score_files("pawsx", "de", tmp_path / "out" / file_name("pawsx", "de"), tmp_path / "gold")
    examples = data.read(TASKS["pawsx"], "test", "de", data.Folder(tmp_path / "data")).examples
    found = aggregate.language("pawsx", predictions, examples, "de")
    assert official == {"accuracy": pytest.approx(200 / 3)} and found == {**official, "n": 3}


def test_a_row_without_a_prediction_is_not_filled_in(finished) -> None:
    with pytest.raises(UserError, match=r"submission: pawsx \(de\): 1 of 3 rows have no prediction, the first is 8"):
        finished("pawsx", [{"id": name, "prediction": "1"} for name in "79"], {"x-final/de/test_2k.tsv": PAWSX_DE})


QUESTIONS_DE = json.dumps({"data": [{"paragraphs": [{"context": "x y", "qas": [
    {"id": name, "question": "?", "answers": [{"text": "x", "answer_start": 0}]} for name in ("q", "r")]}]}]})  # fmt: skip
ADDED = [  # as by the how-to: a task of each head, with the format of a task there is
    ("xnli", "xnli/test-de.tsv", "a\tb\tneutral\nc\td\tentailment\n", {"1": "neutral", "2": "neutral"}, "neutral\nneutral\n"),
    ("panx", "panx/test-de.tsv", "Bo\tB-PER\nlacht\tO\n\nAnn\tB-PER\n", {"1": ["O", "O"], "2": ["B-PER"]}, "O\nO\n\nB-PER\n"),
    ("xquad", "xquad/xquad.de.json", QUESTIONS_DE, {"q": "x", "r": "süß"}, {"q": "x", "r": "süß"}),
    ("mewslix", "", "", {"m1": ["Q1", "Q2"]}, {"m1": ["Q1", "Q2"]}),
    (
        "tatoeba", "tatoeba/v1/tatoeba.deu-eng.deu", "d0\nd1\n",
        {"english-0": "foreign-1", "english-1": "foreign-0"}, "1\n0\n",
    ),
    (
        "xcopa", "xcopa/de/test.de.jsonl",
        '{"premise": "p", "choice1": "a", "choice2": "b", "question": "cause", "label": 1, "idx": 0}\n',
        {"0": 1}, '{"label": 1}\n',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("like", "file", "text", "predictions", "expected"), ADDED, ids=[like for like, *_ in ADDED])
def test_a_task_that_is_added_is_written_by_its_head(finished, monkeypatch, like, file, text, predictions, expected) -> None:
    added = replace(TASKS[like], name="added", languages=("de",))
    monkeypatch.setitem(TASKS, "added", added)
    files = {file: text} if file else {}
    if like == "tatoeba":
        files["tatoeba/v1/tatoeba.deu-eng.eng"] = "b\na\n"  # in its own order: only Tatoeba's is sorted
    found = finished("added", [{"id": name, "prediction": one} for name, one in predictions.items()], files)
    assert (json.loads(found) if isinstance(expected, dict) else found) == expected


def test_what_nobody_hands_in_is_refused() -> None:
    with pytest.raises(UserError, match="no file format for the head mlm"):
        file_name("text", "de", "mlm")


def test_the_benchmarks_tasks_have_the_heads_that_their_files_are_written_by() -> None:
    assert {task: TASKS[task].head for task in HEADS} == HEADS
    assert {task.head for task in TASKS.values()} - {"mlm"} == set(EXTENSIONS)


@pytest.mark.parametrize("task", LABELS)
def test_the_labels_that_a_submission_may_hold_are_those_of_the_task(task) -> None:
    labels = TASKS[task].labels or ("0", "1")  # XCOPA has choices
    assert LABELS[task] - {"_"} == set(labels)


def test_tatoeba_is_in_the_order_of_the_sorted_english_side(finished) -> None:
    files = {"tatoeba/v1/tatoeba.deu-eng.deu": "d0\nd1\nd2\n", "tatoeba/v1/tatoeba.deu-eng.eng": "b\nc\na\n"}
    records = [{"id": f"english-{i}", "prediction": f"foreign-{j}"} for i, j in ((0, 0), (1, 2), (2, 1))]
    assert finished("tatoeba", records, files) == "1\n0\n2\n"  # of a, b, c


def test_questions_keep_the_ids_of_the_release(finished) -> None:
    questions = [{"id": name, "question": "?", "answers": [{"text": "x", "answer_start": 0}]} for name in ("q", "q", "r")]
    file = json.dumps({"data": [{"paragraphs": [{"context": "x y", "qas": questions}]}]})
    records = [{"id": "q", "prediction": "x"}, {"id": "q-2", "prediction": "y"}, {"id": "r", "prediction": "süß"}]
    assert json.loads(finished("xquad", records, {"xquad/xquad.de.json": file})) == {"q": "x", "r": "süß"}


def test_only_pairs_above_the_threshold_are_handed_in(finished) -> None:
    records = [{"foreign": "de-1", "english": "en-4", "score": 1.2, "kept": True},
               {"foreign": "de-2", "english": "en-3", "score": 0.9, "kept": False}]  # fmt: skip
    assert finished("bucc2018", records, {}) == "de-1\ten-4\n"


@pytest.mark.parametrize(
    ("task", "answers", "gold", "scores"),
    [
        ("xcopa", [0, 1], '{"label": 0}\n{"label": 0}\n', {"accuracy": 50}),
        ("mewslix", {"m1": ["Q1", "Q2"], "m2": ["Q3"]}, '{"m1": ["Q2"], "m2": ["Q3"]}', {"map@20": 75}),
        ("lareqa", {"q1": ["s1", "s2"]}, '{"q1": ["s1", "s2"]}', {"map@20": 100}),
    ],
)
def test_formats_of_xtreme_r(tmp_path, task, answers, gold, scores) -> None:
    (tmp_path / "predicted").write_text(format_predictions(TASKS[task].head, answers), encoding="utf-8")
    (tmp_path / "gold").write_text(gold, encoding="utf-8")
    assert score_files(task, "tr", tmp_path / "predicted", tmp_path / "gold") == scores
