"""What is looked at before anything is trained: the data that will be read only then, and room for what will be written."""

import json
import subprocess
import sys
from pathlib import Path

import kinds
import pytest
from typer.testing import CliRunner

from stilts_xtreme import spec
from stilts_xtreme.cli import app
from stilts_xtreme.data.read import Folder
from stilts_xtreme.engine import flops
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.stages import feature_cache, preflight
from stilts_xtreme.stages.events import Progress
from stilts_xtreme.stages.feature_cache import FeatureCache
from stilts_xtreme.stages.preflight import readings
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils import atomic_io
from stilts_xtreme.utils.errors import RunFailed, UserError
from stilts_xtreme.utils.languages import MANY

NO_ANSWERS = json.dumps(
    {"data": [{"paragraphs": [{"context": "a b", "qas": [{"id": f"q{i}", "question": "x?", "answers": []} for i in range(60)]}]}]}
)
BROKEN = {  # a file that is read only after the first training, what it holds, and what is said of it
    "empty": ("xquad/xquad.de.json", "", "xquad.de.json"),
    "garbled": ("xquad/xquad.de.json", '{"data": [', "xquad.de.json"),
    "blanked": ("xquad/xquad.de.json", NO_ANSWERS, "none of 60 questions has an answer"),
    "without examples": ("panx/test-de.tsv", "\n\n", "no test examples in 'de'"),
    "a training file": ("squad_v1/train-v1.1.json", "[]", "train-v1.1.json"),
}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    return kinds.save("xlm-r", tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def study(tmp_path, encoder) -> Path:
    """A study over small release files; nothing here trains."""
    return kinds.study(tmp_path / "data", encoder, "none, hellaswag", "xquad, panx")


def stages(study: Path) -> list[plan.Stage]:
    return plan.ordered([cell.stage for cell in grid.study(spec.load(study, [], {"study"}))])


def spoil(tmp_path: Path, case: str) -> str:
    name, content, said = BROKEN[case]
    (tmp_path / "data" / name).write_text(content)
    return said


def nothing(note: str) -> None:
    pass


@pytest.mark.parametrize("case", BROKEN)
def test_data_that_would_be_refused_after_a_training_is_refused_before(tmp_path, study, case) -> None:
    store = Store(tmp_path / "runs")
    expected = spoil(tmp_path, case)
    todo = stages(study)
    (fault,) = readings.faults(todo, store, nothing, keep=False)
    assert expected in fault and not store.root.exists()
    with pytest.raises(UserError) as refused:
        preflight.check(todo, store, nothing)
    assert str(refused.value) == fault


def test_every_fault_is_told(tmp_path, study) -> None:
    expected = [spoil(tmp_path, case) for case in ("garbled", "without examples")]
    faults = readings.faults(stages(study), Store(tmp_path / "runs"), nothing, keep=False)
    assert len(faults) == 2 and all(any(one in fault for fault in faults) for one in expected)


def evaluation(task: str, folder: Path, *readings: tuple[str, str]) -> plan.Predict:
    where = Folder(folder, cut=True)
    reads = tuple(plan.Reads(task, split, code, TASKS[task].version, "0") for split, code in readings)
    return plan.Predict(plan.Random(16, 1, 2, 32, 66, 300), task, ("de",), reads, where=where)


def refused(stage: plan.Predict, store: Store) -> str:
    """The same with and without writing, and again where its readings are in the cache."""
    ((fault,),) = {tuple(readings.faults([stage], store, nothing, keep)) for keep in (False, True, True)}
    return fault


def test_right_answers_that_are_not_in_the_pool_are_told(tmp_path) -> None:
    context = {"language": "de", "text": "Vik.", "sentence_spans": [{"start": 0, "end": 4}]}
    mention = {"example_id": "m", "entity_id": "Q1", "mention_span": {"start": 0, "end": 3, "text": "Vik"}}
    (tmp_path / "mewslix").mkdir()
    (tmp_path / "mewslix/wikinews_mentions-test.jsonl").write_text(json.dumps({"context": context, "mentions": [mention]}))
    (tmp_path / "mewslix/candidate_set_entities.jsonl").write_text(json.dumps({"entity_id": "Q2", "description": "A hen."}))
    stage = evaluation("mewslix", tmp_path, ("test", "de"), ("pool", MANY))
    assert "1 right answers are not among the 1 candidates" in refused(stage, Store(tmp_path / "runs"))


def test_bitext_whose_dev_data_is_no_use_is_told(tmp_path) -> None:
    (tmp_path / "bucc2018").mkdir()
    rows = {"de": "de-1\tEine Henne.\n", "en": "en-1\tA hen.\n", "gold": "de-1\ten-1\n"}
    for split in ("dev", "test"):
        for end, content in rows.items():
            (tmp_path / f"bucc2018/de-en.{split}.{end}").write_text(content)
    stage = evaluation("bucc2018", tmp_path, ("test", "de"), ("dev", "de"))
    assert "dev and test are the same sentences" in refused(stage, Store(tmp_path / "runs"))
    others = range(2, 22)
    (tmp_path / "bucc2018/de-en.dev.gold").write_text("".join(f"de-{i}\ten-{i}\n" for i in others))
    (tmp_path / "bucc2018/de-en.dev.de").write_text("".join(f"de-{i}\tHahn {i}.\n" for i in others))
    (tmp_path / "bucc2018/de-en.dev.en").write_text("".join(f"en-{i}\tCock {i}.\n" for i in others))
    assert readings.faults([stage], Store(tmp_path / "other"), nothing, keep=False) == []


def test_what_was_read_before_is_not_read_again(tmp_path, study, monkeypatch) -> None:
    todo, store, read = stages(study), Store(tmp_path / "runs"), []
    checked = feature_cache.read_checked

    def counted(*asked):
        read.append(asked[:3])
        return checked(*asked)

    monkeypatch.setattr(feature_cache, "read_checked", counted)
    notes: list[str] = []
    preflight.check(todo, store, notes.append)
    assert len(set(read)) == len(read) and {("xquad", "test", "de"), ("panx", "test", "en"), ("squad", "dev", "en")} < set(read)
    assert len(notes) == 1 and notes[0].startswith("reading the data that is needed after a training")
    preflight.check(todo, store, notes.append)
    predict = next(stage for stage in todo if isinstance(stage, plan.Predict) and stage.task == "xquad")
    desk = FeatureCache(store, predict.where, None, None, Progress(predict, lambda event: None))  # as the stage asks
    assert desk.facts("xquad", "test", "de")["examples"] == 12
    assert len(set(read)) == len(read) and len(notes) == 1
    (tmp_path / "data/xquad/xquad.de.json").write_text("{}")  # changed since
    with pytest.raises(UserError, match=r"xquad\.de\.json"):
        preflight.check(todo, store, notes.append)


def test_only_what_is_to_be_done_is_read(tmp_path, study) -> None:
    todo = stages(study)
    spoil(tmp_path, "garbled")
    some = [stage for stage in todo if not (isinstance(stage, plan.Predict) and stage.task == "xquad")]
    assert readings.faults(some, Store(tmp_path / "runs"), nothing, keep=False) == []


def test_a_check_loads_no_torch() -> None:
    program = (
        "import sys; from stilts_xtreme.stages import preflight; sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def said(*words: object) -> str:
    """What a command in this process refuses; empty where it does not."""
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exception is None or isinstance(done.exception, UserError), done.exception
    return str(done.exception or "")


def test_the_commands_say_so(tmp_path, study, monkeypatch) -> None:
    runs, setup = tmp_path / "runs", study.read_text().split("setup:\n")[1].split("mixtures:")[0]
    target, evaluation_ = tmp_path / "target.yaml", tmp_path / "evaluation.yaml"
    target.write_text(f"kind: target\nseed: 1\ntask: xquad\nsetup:\n{setup}")
    evaluation_.write_text(f"kind: evaluation\nseed: 1\nmodel: target.yaml\nsetup:\n{setup}")
    commands = [("study", study), ("evaluate", evaluation_), ("finetune-target", target)]
    assert not any(said(*words, "--store", runs, "--dry-run") for words in commands)
    expected = spoil(tmp_path, "garbled")
    for words in commands[:2]:
        assert expected in said(*words, "--store", runs, "--dry-run")
    assert not runs.exists()
    for words in commands[:2]:
        assert expected in said(*words, "--store", runs)
    assert not list(runs.glob("train/*"))
    monkeypatch.setattr(atomic_io, "free", lambda path: 1000)
    for words in commands:
        assert "1 kB are free" in said(*words, "--store", runs, "--dry-run")


def test_weights_that_do_not_fit_are_told_before_anything_is_trained(tmp_path, study, monkeypatch) -> None:
    todo, store, notes = stages(study), Store(tmp_path / "runs"), []
    one = flops.shape(plan.root(todo[0])).bytes
    trainings = sum(isinstance(stage, plan.Train) for stage in todo)
    monkeypatch.setattr(atomic_io, "free", lambda path: one * (trainings + 1))
    preflight.check(todo, store, nothing)
    monkeypatch.setattr(atomic_io, "free", lambda path: one * 2)
    preflight.check(todo, store, notes.append)
    assert notes == [note for note in notes if f"the weights of {trainings} trainings take" in note] and len(notes) == 1
    preflight.check(todo, store, pytest.fail, drop=True)
    monkeypatch.setattr(atomic_io, "free", lambda path: one - 1)
    with pytest.raises(RunFailed, match=r"the weights of one training take .* kB, and .* kB are free"):
        preflight.check(todo, store, nothing)
