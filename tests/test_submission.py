"""Predictions of the nine tasks, written as XTREME takes them, score as the evaluations they come from."""

import json
from pathlib import Path

import pytest
from test_end_to_end import EXPERIMENTS, TINY, stilts

from stilts_xtreme import plan
from stilts_xtreme.data import read as data
from stilts_xtreme.scoring.benchmarks import XTREME
from stilts_xtreme.scoring.submission import file_name, score_files
from stilts_xtreme.scoring.submission_write import written
from stilts_xtreme.stages import submission
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.metrics import gold_pairs

SEED, WORLD = 3, data.Miniature(1)


def gold(task: str, code: str) -> str:
    """The labels in the submission layout, from the examples."""
    examples = data.read(TASKS[task], "test", code, WORLD).examples
    match task:
        case "xquad" | "mlqa" | "tydiqa":
            questions = [{"id": e.id, "answers": [{"text": answer} for answer in e.answers]} for e in examples]
            return json.dumps({"data": [{"paragraphs": [{"qas": questions}]}]}, ensure_ascii=False)
        case "panx" | "udpos":
            return written(task, [e.tags for e in examples])
        case "bucc2018":
            return written(task, sorted(gold_pairs(examples)))
        case "tatoeba":
            places = {e.id: place for place, e in enumerate(e for e in examples if e.side == "foreign")}
            english = sorted((e for e in examples if e.side == "english"), key=lambda e: e.text)
            return written(task, [places[e.match] for e in english])
        case _:
            return written(task, [e.label for e in examples])


@pytest.fixture(scope="module")
def submitted(tmp_path_factory) -> tuple[Path, dict]:
    root = tmp_path_factory.mktemp("submission")
    axes = ["intermediate=[[qqp,mnli]]", f"targets=[{','.join(XTREME.tasks)}]", f"seeds=[{SEED}]"]
    words = ("study", EXPERIMENTS / "studies" / "main.yaml", *axes, *TINY, f"setup.data={{miniature: {{seed: {WORLD.seed}}}}}")
    done = stilts(*words, "--store", root / "runs", "--jobs", 2, "--submission", root / "out", "--json")
    assert done.stderr.strip().splitlines()[-1] == f"submission: {root / 'out'} ({7 * 6 + 2 * 5} files)"
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
        assert path == tmp_path / "out" / file_name(task, "de")
        return path.read_text(encoding="utf-8")

    return write


def test_rows_that_are_not_scored_here_keep_their_line(finished) -> None:
    rows = ["7\tein Satz\tSatz ein\t1", "8\tNS\tNS\t1", "9\tzwei Wörter\tWörter zwei\t0"]
    file = "\n".join(["id\tsentence1\tsentence2\tlabel", *rows]) + "\n"
    found = finished("pawsx", [{"id": "7", "prediction": "1"}, {"id": "9", "prediction": "1"}], {"x-final/de/test_2k.tsv": file})
    assert found == "1\n0\n1\n"


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
    (tmp_path / "predicted").write_text(written(task, answers), encoding="utf-8")
    (tmp_path / "gold").write_text(gold, encoding="utf-8")
    assert score_files(task, "tr", tmp_path / "predicted", tmp_path / "gold") == scores
