"""The real commands in a subprocess, on the miniature world with next to no training."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stilts_xtreme.store import faults

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
FIRST = EXPERIMENTS / "first"
TINY = [
    "setup.encoder.random.hidden_size=16", "setup.encoder.random.layers=1", "setup.encoder.random.heads=2",
    "setup.encoder.random.intermediate_size=32", "setup.encoder.random.vocab_size=1200",
    "setup.pretraining.recipe.steps=4", "setup.pretraining.languages=[en,xa]",
    "setup.retrieval.layer=1", "setup.recipes={default: {steps: 3, examples: 64, dev_limit: 24, batch_size: 8, max_length: 128}}",
]  # fmt: skip


def stilts(*words: object, cwd: Path | None = None, code: int = 0, **extra: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **extra}
    done = subprocess.run(
        [sys.executable, "-m", "stilts_xtreme", *map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("runs")


def evaluate(store: Path) -> tuple[object, ...]:
    return ("evaluate", FIRST / "4-evaluate.yaml", *TINY, "--store", store)


def test_the_chain_of_the_readme_runs_and_is_found_again(store) -> None:
    done = stilts(*evaluate(store))
    path = Path(done.stdout.strip())
    assert done.stdout.count("\n") == 1 and path.is_file()
    result = json.loads(path.read_text())
    assert result["schema"] == "stilts/evaluation@1"
    assert [link["tasks"] for link in result["chain"]] == [["text"], ["mnli"], ["mnli"], ["xnli"]]
    assert all(scores["n"] > 0 for scores in result["languages"].values())
    assert result["score"] == pytest.approx(sum(s["accuracy"] for s in result["languages"].values()) / len(result["languages"]))
    assert list(result)[-1] == "provenance"
    assert result["chance"]["languages"].keys() == result["languages"].keys() and 30 < result["chance"]["score"] < 50
    trained = json.loads((path.parents[2] / "train" / result["chain"][-2]["address"] / "result.json").read_text())
    assert trained["chance"].keys() == trained["dev"].keys() and 30 < trained["chance"]["mnli"] < 70
    folders = {file: file.stat().st_mtime_ns for file in store.rglob("result.json")}
    assert len(folders) == 4
    again = stilts(*evaluate(store))
    assert again.stdout == done.stdout
    assert {file: file.stat().st_mtime_ns for file in store.rglob("result.json")} == folders


def test_xcopa_comes_after_social_iqa_and_copa(store) -> None:
    done = stilts(*evaluate(store), "model={kind: target, task: xcopa}")
    result = json.loads(Path(done.stdout.strip()).read_text())
    assert [link["tasks"] for link in result["chain"]] == [["text"], ["siqa"], ["copa"], ["xcopa"]]
    assert result["score"] == pytest.approx(sum(s["accuracy"] for s in result["languages"].values()) / len(result["languages"]))


def test_an_evaluation_is_handed_in(store, tmp_path) -> None:
    done = stilts(*evaluate(store), "--submission", tmp_path / "out")
    result = Path(done.stdout.strip())
    assert done.stdout.count("\n") == 1 and f"submission: {tmp_path / 'out'} (6 files)" in done.stderr
    for file in result.parent.glob("test-*.jsonl"):
        labels = [json.loads(line)["prediction"] for line in file.read_text().splitlines()]
        assert (tmp_path / "out" / "xnli" / f"{file.stem}.tsv").read_text().splitlines() == labels


def test_features_that_are_there_give_the_result_that_encoding_gives(store, tmp_path) -> None:
    first = Path(stilts(*evaluate(store)).stdout.strip())
    shutil.copytree(store / "features", tmp_path / "features")
    there = sorted(path.name for path in tmp_path.glob("features/*"))
    again = Path(stilts(*evaluate(tmp_path)).stdout.strip())
    assert sorted(path.name for path in tmp_path.glob("features/*")) == there  # nothing was encoded
    files = [*first.parent.glob("test-*.jsonl"), *store.glob("train/*/log.jsonl"), *store.glob("train/*/*.safetensors")]
    chain = {link["address"] for link in json.loads(first.read_text())["chain"]}
    files = [file.relative_to(store) for file in files if file.parent.name in chain]
    assert len(files) > 12 and all((store / file).read_bytes() == (tmp_path / file).read_bytes() for file in files)
    told = [file.relative_to(store) for file in store.glob("*/*/result.json") if file.parent.name in chain]
    assert len(told) == 4 and again.is_file()
    for file in told:
        cold, warm = ((root / file).read_text().split('"provenance"')[0] for root in (store, tmp_path))
        assert cold == warm


@pytest.mark.parametrize(
    ("command", "spec", "tasks"),
    [
        ("train-intermediate", "1-intermediate.yaml", ["mnli"]),
        ("train-multitask", "2-multitask.yaml", None),
        ("finetune-target", "3-target.yaml", ["mnli"]),
    ],
)
def test_every_training_command_writes_its_result(store, command, spec, tasks) -> None:
    result = json.loads(stilts(command, FIRST / spec, *TINY, "--store", store, "--json").stdout)
    assert result["schema"] == "stilts/training@1"
    assert tasks is None or result["plan"]["tasks"] == tasks
    assert result["data"] and all(len(reading["digest"]) == 64 and reading["rows"] for reading in result["data"])
    folder = store / "train" / result["address"]
    assert {"model.safetensors", "tokenizer.json", "heads.json", "log.jsonl", "manifest.json"} <= {
        f.name for f in folder.iterdir()
    }
    assert len((folder / "log.jsonl").read_text().splitlines()) == result["steps"]["done"]


def test_dry_run_shows_the_plan_and_does_nothing(store, tmp_path) -> None:
    shown = stilts(*evaluate(tmp_path / "none"), "--dry-run").stdout
    assert "0 done, 4 to do" in shown and shown.count("[to do") == 4
    assert not (tmp_path / "none").exists()
    stilts(*evaluate(store))
    assert "4 done, 0 to do" in stilts(*evaluate(store), "--dry-run").stdout


AXES = ["intermediate=[none,qqp,squad_v2,commonsenseqa]", "targets=[xnli,pawsx,panx,xquad,tatoeba,bucc2018]", "seeds=[1]"]


def test_a_study_shares_stages_runs_in_processes_and_draws_its_report(store, tmp_path) -> None:
    words = ("study", EXPERIMENTS / "studies" / "main.yaml", *AXES, *TINY, "--store", store)
    path = Path(stilts(*words, "--jobs", 2).stdout.strip())
    study = json.loads(path.read_text())
    assert len(study["evaluations"]) == 4 * 6
    assert {training["label"] for training in study["trainings"]} >= {
        "text",
        "qqp",
        "squad_v2",
        "commonsenseqa",
        "squad",
        "mnli",
        "panx",
    }
    before = path.read_bytes()
    stilts(*words)
    assert path.read_bytes() == before
    shown = Path(stilts("report", path, "--to", tmp_path / "pages").stdout.strip())
    assert shown.is_file() and (tmp_path / "pages" / "index.html").is_file()


def test_a_study_over_training_languages_with_text_in_a_mixture(store, tmp_path) -> None:
    axes = ["intermediate=[none,mixed]", "targets=[xnli,tatoeba]", "training_languages=[[en],[en,xa]]", "benchmark=xtreme-r"]
    mixed = "mixtures={mixed: {tasks: [mnli@xa], text: {share: 0.5, exponent: 0.5, languages: [en, xb]}}}"
    words = (
        "study",
        EXPERIMENTS / "studies" / "main.yaml",
        *axes,
        mixed,
        *TINY,
        "--store",
        store,
        "--out",
        tmp_path / "study.json",
    )
    study = json.loads(Path(stilts(*words).stdout.strip()).read_text())
    assert [row["row"] for row in study["rows"]] == ["none", "none (en+xa)", "mixed", "mixed (en+xa)"]
    assert study["training_languages"] == [["en"], ["en", "xa"]] and study["benchmark"] == "xtreme-r"
    assert {name: told["trains_on"] for name, told in study["tasks"].items()} == {"xnli": "mnli", "tatoeba": "squad"}
    made = {training["label"]: training for training in study["trainings"]}
    assert {"mnli@xa+text", "mnli", "mnli@en+xa", "squad", "squad@en+xa"} <= set(made)
    told = json.loads((store / "train" / made["mnli@xa+text"]["address"] / "result.json").read_text())
    seen = {(reading["task"], reading["split"], reading["language"]) for reading in told["data"]}
    assert seen == {("mnli", "translated", "xa"), ("mnli", "dev", "en"), ("text", "train", "en"), ("text", "train", "xb"),
                    ("text", "dev", "en")}  # fmt: skip
    assert told["rates"] == {"mnli@xa": 0.5, "text": 0.5} and set(told["collapse"]) <= {"mnli@xa"}
    page = Path(stilts("report", tmp_path / "study.json", "--to", tmp_path / "pages").stdout.strip()).read_text()
    gains = page.split("*Gains over “none” (points)*")[1].split("Scores are 0 to 100")[0]
    assert "\n| mixed (en+xa) |" in gains and "\n| none" not in gains  # compared with its own kind; a baseline is no gain
    assert "| tatoeba | accuracy | – | squad |" in page and "Nothing is trained for" not in page
    assert "trained on (en and en+xa)" in page and "mixed > mnli" in page


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGKILL])
def test_a_study_that_is_ended_keeps_a_checkpoint_and_leaves_no_process(tmp_path, how) -> None:
    words = [sys.executable, "-m", "stilts_xtreme", "study", str(EXPERIMENTS / "studies" / "main.yaml"), *AXES, *TINY,
             "setup.pretraining.recipe.steps=100000", "--store", str(tmp_path), "--jobs", "2"]  # fmt: skip
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not any(log.stat().st_size for log in tmp_path.glob("train/.*.part/log.jsonl")) and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(how)
    _, told = process.communicate(timeout=120)
    if how != signal.SIGKILL:
        assert process.returncode == 75 and "Run the same command again" in told and "Traceback" not in told
    deadline = time.monotonic() + 60
    while list(tmp_path.glob("*/.*.part")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not list(tmp_path.glob("*/.*.part")) and not list(tmp_path.rglob("result.json"))
    (kept,) = tmp_path.glob("train/.*.saved/*")  # a worker whose parent was killed keeps what it has, too
    assert faults(kept) == []


@pytest.mark.parametrize(
    ("sent", "held", "code"),
    [(["SIGINT"], False, 75), (["SIGTERM"], False, 75), (["SIGTERM", "SIGUSR1"], True, 75), (["SIGINT", "SIGINT"], True, 130)],
)
def test_a_signal_ends_it_at_once_where_nothing_would_be_lost_and_a_second_ctrl_c_always(tmp_path, sent, held, code) -> None:
    """A command whose work is to send itself signals."""
    program = f"""
import os, signal, sys
from stilts_xtreme import cli
from stilts_xtreme.pipeline import loading
from stilts_xtreme.utils import signals
def work(*_):
    if {held}:
        signals.hold()
    for name in {sent}:
        os.kill(os.getpid(), getattr(signal, name))
    signals.check()
    print("not reached")
loading.load = work
sys.argv = ["stilts", "check", "x.yaml"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == code and "Run the same command again" in done.stderr and "Traceback" not in done.stderr
    assert "not reached" not in done.stdout


def test_what_was_stopped_ends_as_if_it_never_was(tmp_path) -> None:
    """SIGTERM in the middle of a training that must then go on, and not begin anew."""
    words = ("train-intermediate", FIRST / "1-intermediate.yaml", *TINY, "setup.pretraining.recipe.steps=300")
    whole = Path(stilts(*words, "--store", tmp_path / "whole").stdout.strip())
    process = subprocess.Popen(
        [sys.executable, "-m", "stilts_xtreme", *map(str, words), "--store", str(tmp_path / "part")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while process.poll() is None:
        if any(len(log.read_text().splitlines()) > 5 for log in (tmp_path / "part").glob("train/.*.part/log.jsonl")):
            process.send_signal(signal.SIGTERM)
            break
        time.sleep(0.01)
    process.communicate(timeout=60)
    assert process.returncode == 75
    done = stilts(*words, "--store", tmp_path / "part")
    assert "going on after step" in done.stderr
    resumed = Path(done.stdout.strip())
    for name in ("log.jsonl", "model.safetensors", "head-mnli.safetensors"):
        assert (resumed.parent / name).read_bytes() == (whole.parent / name).read_bytes()
    one, other = (json.loads(path.read_text()) for path in (whole, resumed))
    assert {**one, "provenance": 0} == {**other, "provenance": 0}
    pretraining = json.loads((resumed.parent.parent / other["chain"][0]["address"] / "result.json").read_text())
    begun = [(part["after"] > 0, part["threads"], part["device"]) for part in pretraining["provenance"]["parts"]]
    assert begun == [(False, 1, "cpu"), (True, 1, "cpu")]
    assert not list((tmp_path / "part").glob("train/.*.saved"))


def test_a_damaged_stage_is_done_again(tmp_path) -> None:
    """The weights of one that is not needed any more are not even read; what a result is read from is."""
    words = ("evaluate", FIRST / "4-evaluate.yaml", *TINY, "--store", tmp_path)
    path = Path(stilts(*words).stdout.strip())
    before, target = path.read_bytes(), json.loads(path.read_text())["chain"][-2]["address"]
    weights = tmp_path / "train" / target / "model.safetensors"
    sound = weights.read_bytes()
    weights.write_bytes(sound[:-3] + bytes([sound[-3] ^ 1]) + sound[-2:])
    assert "done again" not in stilts(*words).stderr
    answers = path.with_name("test-xb.jsonl")
    answers.write_text(answers.read_text().replace("0", "1"))
    told = stilts(*words).stderr
    assert "test-xb.jsonl is damaged: this stage is done again" in told
    assert "model.safetensors is damaged: this stage is done again" in told
    one, other = json.loads(before), json.loads(path.read_text())
    assert {**one, "provenance": 0} == {**other, "provenance": 0} and weights.read_bytes() == sound


def release_files(data: Path) -> tuple[object, ...]:
    """Text and PAN-X in the releases' own layouts below `data`; the words of a study on them."""
    lines = ["the tall man saw a red house", "a small dog met the tall man", "she gave the red ball to a dog"]
    (data / "mono").mkdir(parents=True)
    (data / "mono" / "en.txt").write_text("".join(f"{line} {i} times\n" for i in range(60) for line in lines))
    (data / "panx").mkdir()
    for split in ("train", "dev", "test"):
        sentence = "".join(f"{word}\tB-PER\n" for word in f"{split} met Ann".split())
        (data / "panx" / f"{split}-en.tsv").write_text(f"{sentence}\n" * 30)
    return (
        "study", EXPERIMENTS / "studies" / "main.yaml", *TINY, "setup.pretraining.languages=[en]",
        "setup.encoder.random.vocab_size=120", f"setup.data={{files: {{path: {data}, cut: true}}}}",
    )  # fmt: skip


def test_labelled_data_that_is_broken_is_refused_before_anything_runs(tmp_path) -> None:
    study = release_files(tmp_path / "data")
    (tmp_path / "data" / "udpos").mkdir()
    for split in ("train", "dev", "test"):
        (tmp_path / "data" / "udpos" / f"{split}-en.tsv").write_text("the\tDET\nman\tNOUN\n\nbroken line\n")
    words = (*study, "intermediate=[none]", "targets=[panx,udpos]", "--store", tmp_path / "runs")
    told = stilts(*words, code=2).stderr
    assert re.search(r"udpos.*train-en\.tsv:4: ", told) and "Traceback" not in told
    assert not list(tmp_path.glob("runs/*/*/result.json"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_stage_that_fails_does_not_stop_the_others_and_names_file_and_line(tmp_path, jobs) -> None:
    """Text, which is not read before the first stage, is broken in one language: the row that trains on it fails, the other is
    finished."""
    study = release_files(tmp_path / "data")
    (tmp_path / "data" / "mono" / "de.txt").write_bytes(b"ein Haus\nein Hund\nein Ball\nein M\xe4rz\n" * 30)
    words = (
        *study, "intermediate=[none,german]", "targets=[panx]", "--store", tmp_path / "runs", "--jobs", jobs,
        "mixtures={german: {text: {share: 1, languages: [de]}, recipe: {steps: 2}}}",
    )  # fmt: skip
    told = stilts(*words, code=2).stderr
    assert re.search(r"de\.txt:4: ", told) and "Traceback" not in told
    finished = [json.loads(file.read_text())["task"] for file in tmp_path.glob("runs/predict/*/result.json")]
    assert finished == ["panx"]
    assert not list(tmp_path.glob("runs/*/.*.part"))


def test_a_loss_that_is_not_finite_is_reported(tmp_path) -> None:
    words = ("finetune-target", FIRST / "3-target.yaml", "start=none", *TINY, "recipe.learning_rate=1.0", "recipe.clip=1e18",
             "recipe.steps=20", "--store", tmp_path, "--json")  # fmt: skip
    done = stilts(*words)
    result = json.loads(done.stdout)
    assert result["collapsed"] and "collapsed: mnli" in done.stderr


def test_broken_specs_are_answered_at_once_and_in_full(tmp_path) -> None:
    shutil.copytree(EXPERIMENTS / "setups", tmp_path / "setups")
    broken = tmp_path / "broken.yaml"
    broken.write_text(
        "kind: target\nsetup: setups/miniature.yaml\ntask: xnil\nsed: 1\nrecipe: {learning_rate: fast, epochs: -1}\n"
    )
    told = stilts("finetune-target", broken, code=2).stderr
    lines = told.strip().splitlines()
    assert len(lines) == 4 and all(re.match(rf"{re.escape(str(broken))}:\d+:\d+: ", line) for line in lines)
    assert "did you mean 'xnli'" in told and "did you mean 'seed'" in told and "Traceback" not in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["finetune-target", "nowhere.yaml"], "nowhere.yaml"),
        (["evaluate", FIRST / "1-intermediate.yaml"], "train-intermediate"),
        (["train-intermediate", FIRST / "1-intermediate.yaml", "seed=one"], "seed"),
        (["train-intermediate", FIRST / "1-intermediate.yaml", "--device", "abacus"], "abacus"),
        (["tasks", "xnil"], "xnli"),
        (["report", "nowhere.json"], "nowhere.json"),
        (["runs", "show", "abc"], "abc"),
    ],
)
def test_what_a_person_can_mend_ends_with_two_and_no_traceback(tmp_path, words, told) -> None:
    done = stilts(*words, cwd=tmp_path, code=2)
    assert told in done.stderr and "Traceback" not in done.stderr and done.stdout == ""


def test_runs_are_listed_shown_and_cleaned(store, tmp_path) -> None:
    stilts(*evaluate(store))
    assert "predict" in stilts("runs", "list", "--store", store).stdout
    address = sorted((store / "predict").glob("[0-9a-f]*"))[0].name
    assert json.loads(stilts("runs", "show", address[:8], "--store", store).stdout)["address"] == address
    left = tmp_path / "train" / "0123456789ab"
    left.mkdir(parents=True)
    assert str(left) in stilts("runs", "clean", "--store", tmp_path).stdout and not left.exists()


def test_a_submission_is_scored(tmp_path) -> None:
    for side, lines in (("predictions", "1\n1\n0\n0\n"), ("labels", "1\n1\n0\n1\n")):
        (tmp_path / side / "pawsx").mkdir(parents=True)
        for code in "de en es fr ja ko zh".split():
            (tmp_path / side / "pawsx" / f"test-{code}.tsv").write_text(lines)
    scores = json.loads(stilts("score", tmp_path / "predictions", tmp_path / "labels", "--json").stdout)
    assert scores["benchmark"] == "xtreme" and scores["tasks"]["pawsx"]["score"] == 75.0 and "overall" not in scores
    assert "75.0" in stilts("score", tmp_path / "predictions", tmp_path / "labels").stdout
    assert "--benchmark" in stilts("score", tmp_path, tmp_path, "--benchmark", "glue", code=2).stderr


def test_tasks_are_listed_and_shown() -> None:
    assert "cosmosqa" in stilts("tasks").stdout
    assert "Pair" in stilts("tasks", "xnli").stdout


@pytest.mark.parametrize(("task", "source", "pool"), [("lareqa", "squad_retrieval", 6 * 800), ("mewslix", "mewslix", 80)])
def test_trained_retrieval_ranks_its_pool(store, tmp_path, task, source, pool) -> None:
    spec = tmp_path / "evaluate.yaml"
    spec.write_text(f"kind: evaluation\nsetup: {EXPERIMENTS}/setups/miniature.yaml\nmodel: {{kind: target, task: {task}}}\n")
    path = Path(stilts("evaluate", spec, *TINY, "--store", store).stdout.strip())
    result = json.loads(path.read_text())
    assert [link["tasks"] for link in result["chain"]] == [["text"], [source], [task]]
    assert len(result["languages"]) == 6 and all(0 <= s["map@20"] <= 100 and s["n"] == 400 for s in result["languages"].values())
    assert sum(told["examples"] for told in result["data"] if told["split"] == "pool") == pool
    records = [json.loads(line) for line in (path.parent / "test-xd.jsonl").read_text().splitlines()]
    assert len(records) == 400 and all(len(set(record["prediction"])) == 20 for record in records)
    training = json.loads((store / "train" / result["chain"][1]["address"] / "result.json").read_text())
    assert training["dev"][source]["n"] == 24 and training["features"] == {source: 64}
    told = stilts("evaluate", spec, *TINY, "model.recipe.micro_batch=4", "--store", store, code=2).stderr
    assert "micro_batch" in told and "Traceback" not in told
