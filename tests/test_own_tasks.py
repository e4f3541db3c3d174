"""Tasks of one's own without code: descriptions are read with every fault, and stand wherever a task's name can."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from own_tasks import EVERY, SIZES, reviews, write
from typer.testing import CliRunner

from stilts_xtreme import spec
from stilts_xtreme.cli import app
from stilts_xtreme.data import read as data
from stilts_xtreme.pipeline import compatibility, grid, plan, planner
from stilts_xtreme.spec.names import described
from stilts_xtreme.stages import execution, submission
from stilts_xtreme.store import Store
from stilts_xtreme.store.heads import read_notes
from stilts_xtreme.tasks import examples
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.errors import UserError

SETUP = """\
kind: setup
name: tiny
data: {miniature: {seed: 0}}
encoder: {random: {hidden_size: 16, layers: 1, heads: 2, intermediate_size: 32, max_positions: 130, vocab_size: 1200}}
pretraining: {languages: [en, xa], recipe: {steps: 4}}
retrieval: {layer: 1}
recipes: {default: {steps: 3, examples: 64, dev_limit: 24, batch_size: 8, max_length: 128}}
"""
KINDS = {"reviews": "Pair", "claims": "Pair", "riddles": "Choices", "beasts": "Tagged", "asked": "Question"}


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(Path("setup.yaml"), SETUP)
    return tmp_path


def stilts(*words: object, code: int = 0) -> subprocess.CompletedProcess:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "stilts_xtreme", *map(str, words)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def checked(path: Path) -> str:
    """What `stilts check` says of a file; "" if nothing is wrong."""
    try:
        spec.load(path, (), None, compatibility.problems)
        return ""
    except UserError as fault:
        return str(fault)


def loaded(text: str):
    write(Path("spec.yaml"), text)
    return spec.load(Path("spec.yaml"), (), None, compatibility.problems)


def runner(*words: object, code: int = 0):
    """A command in this process."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, (done.output, done.exception)
    return done


@pytest.mark.parametrize("name", EVERY)
def test_every_kind_of_head_is_read(name, here) -> None:
    path = EVERY[name](here)
    assert checked(path) == ""
    task, where = TASKS[name], data.Miniature(0)  # which has no such task: its files are read all the same
    kind = getattr(examples, KINDS[name])
    sizes = {split: len(data.read(task, split, "en", where).examples) for split in ("train", "dev", "test")}
    assert sizes["train"] + sizes["dev"] == SIZES["train"] + SIZES["dev"] if name != "riddles" else SIZES["train"]
    assert sizes["test"] == len(data.read(task, "test", "de", where).examples) == SIZES["test"]
    assert data.languages(task, where) == ("en", "de")
    first = data.read(task, "test", "de", where).examples[0]
    assert type(first) is kind and "Katze" in json.dumps(examples.plain([first]), ensure_ascii=False)


def test_files_may_go_by_flores_codes(here) -> None:
    path = reviews(here)
    write(Path("reviews/test-swh_Latn.tsv"), Path("reviews/test-de.tsv").read_text())
    write(Path("reviews/test-ace_Arab.tsv"), Path("reviews/test-de.tsv").read_text())
    assert checked(path) == "" and set(data.languages(TASKS["reviews"], data.Miniature(0))) == {"en", "de", "sw", "ace_Arab"}


def test_macro_f1_stands_beside_accuracy(here) -> None:
    path = reviews(here)
    path.write_text(path.read_text().replace("labels:", "metric: accuracy_and_macro_f1\nlabels:"))
    task = TASKS[spec.described(path)]
    gold = data.read(task, "test", "en", data.Miniature(0)).examples
    assert task.metric(["good"] * len(gold), gold, "en") == {"accuracy": 50.0, "macro_f1": pytest.approx(100 / 3)}
    assert task.headline == ("accuracy",)


def test_a_single_text_has_no_second_one(here) -> None:
    reviews(here)
    spec.described(Path("reviews.yaml"))
    first = data.read(TASKS["reviews"], "dev", "en", data.Miniature(0)).examples[0]
    assert (first.first, first.second, first.label) == ("number 100: the fox is lovely", None, "good")
    assert examples.restored(examples.plain([first])) == (first,)


FAULTS = [  # what is written instead of what, and the line that says what is wrong
    ("name: reviews", "name: mnli", "2:7: name: 'mnli' already has a meaning"),
    ("name: reviews", "name: My Task", "2:7: name: must match"),
    ("head: classification", "head: clasification", "(did you mean 'classification'?)"),
    ("head: classification", "head: tagging", "6:9: format: tagging is read from conll, jsonl, not from tsv"),
    ("head: classification", "heads: classification", "unknown key (did you mean 'head'?)"),
    ("format: tsv", "format: xls", "6:9: format: must be 'tsv', 'csv', 'jsonl', 'conll' or 'squad', is 'xls'"),
    ("{text: text,", "{txt: text,", "7:11: columns.txt: unknown key (did you mean 'text'?)"),
    ("{text: text,", "{first: text,", "columns.first: 'first' is not a part of classification; one of: text, label, id"),
    ("label: stars", "label: 2", "columns.label: either all columns have names, as the header says, or all have numbers"),
    ("label: stars", "label: true", "columns.label: must be the name of a column, or its number"),
    ("[good, bad]", "[good]", "8:9: labels: name all labels of the task, two at least"),
    ("[good, bad]", "[good, good]", "labels[1]: 'good' stands in the list twice"),
    ("labels: [good, bad]\n", "", "labels: name all labels of the task, two at least"),
    ("[good, bad]", "[good, ugly]", "train-en.tsv:3: stars: 'bad' is not one of good, ugly"),
    ("labels:", "metric: f1\nlabels:", "8:9: metric: 'f1' is not a metric of classification; one of: accuracy, accuracy_and_"),
    ("labels:", "unanswerable: true\nlabels:", "unanswerable: goes with head: span_qa only"),
    ("labels:", "trains_on: squad\nlabels:", "trains_on: 'squad' is not a task of the package for classification"),
    ("labels:", "trains_on: qqp\nlabels:", "trains_on: 'qqp' is not a task of the package for classification"),
    ("  train: reviews/train-en.tsv\n", "", "files: train: is missing; or say trains_on"),
    ("train: reviews/train-en.tsv", "train: {de: reviews/train-en.tsv}", "files.train: en: is missing: a model is trained"),
    ("train: reviews/train-en.tsv", "train: {english: a.tsv}", "files.train.english: the key must match"),
    ("train: reviews/train-en.tsv", "train: reviews/*.tsv", "10:10: files.train: wildcards are not read: name each file"),
    ("train: reviews/train-en.tsv", "train: reviews/{split}.tsv", "files.train: {split} is not read: a pattern has {language}"),
    ("reviews/train-en.tsv", "reviews/trian-en.tsv", "or mend the description's `files`"),
    ("test-{language}.tsv", "tset-{language}.tsv", "files.test: there is no file"),
    ("{text: text,", "{text: txt,", "train-en.tsv:1: header: no column 'txt' (there are: stars, text)"),
    ("kind: task", "kind: tusk", "'tusk' is not a kind of spec (did you mean 'task'?)"),
    ("files:", "files: [", "not YAML"),
    ("[good, bad]", '["good ", bad]', "labels[0]: has blanks around it"),
    ("reviews/train-en.tsv", "x" * 250, "10:10: files.train: has a name of 250 bytes"),
    ("test-{language}.tsv", "test-{language}{x}.tsv", "12:9: files.test: {x} is not read: a pattern has {language}"),
]


@pytest.mark.parametrize(("old", "new", "line"), FAULTS, ids=[f"{old} -> {new}"[:60] for old, new, _ in FAULTS])
def test_every_fault_of_a_description_is_told_with_its_place(old, new, line, here) -> None:
    path = reviews(here)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    said = checked(Path("reviews.yaml"))
    assert line in said
    assert all(one.startswith("reviews.yaml:") for one in said.splitlines()), said


VALUES = ("", "null", "[]", "{}", "3", "-1", "x", "true", "[[]]", "{a: b}", "[1, x]", "1e9", "a.yaml", "../..", "/dev/zero")


@pytest.mark.parametrize("name", EVERY)
def test_whatever_a_description_says_is_answered(name, here) -> None:
    path = EVERY[name](here)
    text = path.read_text().splitlines()
    for i, line in enumerate(text):
        key = line.partition(":")[0]
        for new in [None, *(f"{key}: {value}" for value in VALUES)]:
            path.write_text("\n".join([*text[:i], *([] if new is None else [new]), *text[i + 1 :]]) + "\n")
            assert checked(path).replace("\n", "").isprintable()  # any other exception than UserError fails


ROWS = [  # of which file, what is written instead of what, what is said
    ("claims", "claims/train/en.csv", ",1\n", "\n", ": columns: 2 instead of at least 3, divided by commas: mend the line"),
    ("claims", "claims/train/en.csv", ",1\n", ",7\n", ": 3: '7' is not one of 0, 1"),
    ("riddles", "riddles/test.de.jsonl", '"answer": "A"', '"answer": "C"', ": answer: 'C' is not one of A, B"),
    ("riddles", "riddles/test.de.jsonl", '"options": [', '"options": "x", "other": [', "options: expected a list of two texts"),
    ("riddles", "riddles/test.de.jsonl", "{", "", "JSON: cannot be read"),
    ("beasts", "beasts/en-dev.conll", " x B-BEAST", " x B-BEST", ": tag: 'B-BEST' is not one of O B-BEAST I-BEAST"),
    ("beasts", "beasts/en-dev.conll", " x B-BEAST", "", ": columns: 1, and column 3 is named"),
    ("asked", "asked/dev-en.json", '"context"', '"contex"', "context: missing"),
]


@pytest.mark.parametrize(("name", "file", "old", "new", "line"), ROWS, ids=[f"{row[0]}: {row[3]}"[:40] for row in ROWS])
def test_faults_of_the_files_are_told_with_theirs(name, file, old, new, line, here) -> None:
    path = EVERY[name](here)
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new, 1))
    said = checked(path)
    assert line in said and f"{file}:" in said


def test_all_rows_with_a_fault_are_told(here) -> None:
    path = reviews(here)
    write(Path("reviews/dev-en.tsv"), "stars\ttext\nmeh\tone\ngood\ttwo\nno\tthree\textra\n")
    lines = checked(path).splitlines()
    assert len(lines) == 2 and "dev-en.tsv:2: stars: 'meh'" in lines[0] and "dev-en.tsv:4: columns: 3 instead of 2" in lines[1]


STUDY = """\
kind: study
name: own
setup: setup.yaml
mixtures: {both: {tasks: [mnli, claims.yaml], rates: {mnli: 1, claims: 2}}}
intermediate: [none, reviews.yaml, both, [mnli, claims.yaml]]
targets: [xnli, reviews.yaml]
languages: {reviews: [de]}
recipes: {usual: {}}
"""


def test_it_stands_wherever_a_name_can(here) -> None:
    for make in EVERY.values():
        make(here)
    study = loaded(STUDY)
    assert study.intermediate == ["none", "reviews", "both", ["mnli", "claims"]] and study.targets == ["xnli", "reviews"]
    assert study.mixtures["both"].tasks == ["mnli", "claims"]
    nested = "{kind: target, task: reviews.yaml, start: {kind: multitask, tasks: [beasts.yaml, asked.yaml]}}"
    evaluation = loaded(f"kind: evaluation\nsetup: setup.yaml\nmodel: {nested}\n")
    stage = planner.resolve(evaluation)
    assert stage.task == "reviews" and stage.languages == ("en", "de")
    assert [link.label for link in plan.chain(stage)] == ["text", "beasts+asked", "reviews", "reviews"]
    recipes = SETUP.replace("recipes: {", "recipes: {target: {reviews: {steps: 2}}, intermediate: {claims: {steps: 1}}, ")
    write(Path("setup.yaml"), recipes)
    both = planner.resolve(
        loaded("kind: target\nsetup: setup.yaml\ntask: reviews.yaml\nstart: {kind: intermediate, task: claims.yaml}\n")
    )
    assert both.recipe.steps == 2 and both.start.recipe.steps == 1
    order = loaded(STUDY.replace("recipes: {usual: {}}", "orders: {tasks: [reviews.yaml, claims.yaml]}"))
    assert order.orders.tasks == ["reviews", "claims"]


def test_an_override_names_it_from_the_working_directory(here) -> None:
    reviews(here / "own")
    write(Path("specs/spec.yaml"), "kind: intermediate\nsetup: ../setup.yaml\ntask: mnli\n")
    assert spec.load(Path("specs/spec.yaml"), ["task=own/reviews.yaml"]).task == "reviews"
    with pytest.raises(UserError, match=r"override 'task=own/review.yaml': own/review.yaml: there is no such file \(did you"):
        spec.load(Path("specs/spec.yaml"), ["task=own/review.yaml"])


def test_a_spec_stands_for_itself(here) -> None:
    reviews(here)
    bare = "kind: intermediate\nsetup: setup.yaml\ntask: reviews\n"
    assert loaded(bare.replace("reviews", "reviews.yaml")).task == "reviews"
    write(Path("spec.yaml"), bare)
    assert "spec.yaml:3:7: task: 'reviews' is not an intermediate task" in checked(Path("spec.yaml"))


def test_of_two_specs_each_has_its_own(here) -> None:
    target = "kind: target\nsetup: ../setup.yaml\ntask: reviews.yaml\n"
    loaded_specs, readings = [], []
    for name in ("one", "two"):
        path = reviews(here / name)
        path.write_text(path.read_text().replace("[good, bad]", "[good, bad]" if name == "one" else "[bad, good]"))
        write(here / name / "spec.yaml", target)
        loaded_specs.append(spec.load(here / name / "spec.yaml"))
    for one in loaded_specs:  # planned only when both are loaded
        stage = planner.resolve(one)
        readings.append((stage.reads[0].digest, TASKS["reviews"].labels))
    assert readings[0][0] != readings[1][0] and [labels for _, labels in readings] == [("good", "bad"), ("bad", "good")]


def test_stages_keep_the_tasks_they_were_planned_with(here) -> None:
    """Two specs describe different tasks of one name, and both are planned before either runs."""
    evaluation = "kind: evaluation\nsetup: ../setup.yaml\nmodel: {kind: target, task: reviews.yaml}\n"
    order, stages, store = {"one": ("good", "bad"), "two": ("bad", "good")}, {}, Store(here / "runs")
    for name, labels in order.items():
        path = reviews(here / name)
        path.write_text(path.read_text().replace("[good, bad]", f"[{', '.join(labels)}]"))
        if name == "two":
            write(here / name / "reviews/test-de.tsv", "stars\ttext\ngood\tdie Henne\n")
        write(here / name / "spec.yaml", evaluation)
        stages[name] = planner.resolve(spec.load(here / name / "spec.yaml"))
    said = "reviews: two specs describe a task of this name differently: run one after the other, or rename one"
    with pytest.raises(UserError, match=said):
        execution.run(plan.ordered([*stages.values()]), store, execution.options("cpu", 1), 1)
    assert not list(here.glob("runs/*/*/result.json"))
    plan.declare([stages["one"], planner.resolve(spec.load(here / "one" / "spec.yaml"))])  # the same task, read twice
    for name, stage in stages.items():
        execution.run(plan.chain(stage), store, execution.options("cpu", 1), 1)
        assert read_notes(store.path(stage.model))["reviews"]["labels"] == list(order[name])
        result = store.result(stage)
        assert result["languages"]["de"]["n"] == (1 if name == "two" else SIZES["test"])
        assert {record["description"] for record in result["data"]} == {stage.own_tasks[0].described}
    for name in ("one", "two"):  # when the other was the last that was looked at
        handed_in = submission.write(stages[name], store, here / "handed-in" / name)
        assert len(handed_in[1].read_text().splitlines()) == (1 if name == "two" else SIZES["test"])


def test_faults_of_a_description_stand_beside_those_of_the_spec(here) -> None:
    path = reviews(here)
    path.write_text(path.read_text().replace("kind: task", "kind: setup"))
    write(Path("spec.yaml"), "kind: intermediate\nsetup: setup.yaml\ntask: reviews.yaml\nseed: -1\n")
    assert checked(Path("spec.yaml")).splitlines() == [
        "reviews.yaml:1:7: kind: must be task: a spec names it as a task here",
        "spec.yaml:3:7: task: reviews.yaml: the task that it describes has faults",
        "spec.yaml:4:7: seed: must be at least 0, is -1 (a whole number of 32 bits, without a sign)",
    ]


def test_what_has_no_test_files_is_no_target(here) -> None:
    path = reviews(here)
    text = path.read_text()
    path.write_text(text.replace("  test: reviews/test-{language}.tsv\n", ""))
    write(Path("spec.yaml"), "kind: target\nsetup: setup.yaml\ntask: reviews.yaml\n")
    why = ": the file that describes it names no test files"
    assert f"task: 'reviews' is not a target that is trained{why}" in checked(Path("spec.yaml"))
    write(Path("spec.yaml"), "kind: study\nname: s\nsetup: setup.yaml\nintermediate: [none]\ntargets: [reviews.yaml]\n")
    assert f"targets[0]: 'reviews' is not a target{why}" in checked(Path("spec.yaml"))


FOLLOWS = """\
kind: task
name: follows
head: pair_classification
format: jsonl
labels: [entailment, neutral, contradiction]
trains_on: mnli
files: {test: {en: en.jsonl, de: de.jsonl}}
"""


def test_test_files_alone_are_predicted_by_the_head_of_another_task(here) -> None:
    for code in ("en", "de"):
        rows = [{"first": f"{code} {i}", "second": "so", "label": label} for i, label in enumerate(("entailment", "neutral") * 3)]
        write(Path(f"{code}.jsonl"), "".join(json.dumps(row) + "\n" for row in rows))
    write(Path("follows.yaml"), FOLLOWS)
    assert checked(Path("follows.yaml")) == ""
    evaluated = loaded("kind: evaluation\nsetup: setup.yaml\nmodel: {kind: target, task: follows.yaml}\n")
    assert [link.label for link in plan.chain(planner.resolve(evaluated))] == ["text", "mnli", "follows"]
    write(Path("spec.yaml"), "kind: intermediate\nsetup: setup.yaml\ntask: follows.yaml\n")
    assert "task: 'follows' is not an intermediate task" in checked(Path("spec.yaml"))
    write(Path("follows.yaml"), FOLLOWS.replace("neutral", "unclear"))
    assert "follows.yaml:6:12: trains_on: mnli has no label unclear: name labels as it does" in checked(Path("follows.yaml"))
    write(Path("follows.yaml"), FOLLOWS.replace("files: {test", "files: {train: en.jsonl, test"))
    assert "files.train: does not go with trains_on: it is mnli that is trained on" in checked(Path("follows.yaml"))


@pytest.mark.parametrize("kind", ["study", "evaluation", "target"])
def test_new_writes_a_spec_that_names_it(kind, here) -> None:
    reviews(here / "own")
    Path("specs").mkdir()
    words = ("new", kind, "specs/mine", "--targets", "own/reviews.yaml", "--setup", "miniature")
    runner(*words, *(("--intermediate", "mnli>own/reviews.yaml") if kind == "study" else ()))
    assert "../own/reviews.yaml" in Path("specs/mine.yaml").read_text() and checked(Path("specs/mine.yaml")) == ""
    wrong = runner(*words[:2], "specs/other", "--targets", "own/review.yaml", "--setup", "miniature", code=1).exception
    assert "own/review.yaml: there is no such file (did you mean 'reviews.yaml'?)" in str(wrong)


def test_data_check_and_tasks_take_its_file(here) -> None:
    path = reviews(here)
    records = json.loads(runner("data", "check", path, "--json").stdout)
    assert {(one["split"], one["language"]) for one in records} == {
        ("train", "en"),
        ("dev", "en"),
        ("test", "en"),
        ("test", "de"),
    }
    assert {one["state"] for one in records} == {"read"}
    shown = runner("tasks", path).stdout
    assert "good bad" in shown and "CC BY 4.0" in shown and "one's own" in shown


def fingerprint(kind: str = "target") -> str:
    with described({}):
        return plan.address(planner.resolve(loaded(f"kind: {kind}\nsetup: setup.yaml\ntask: reviews.yaml\n")))


def test_the_fingerprint_is_of_the_description_and_the_files(here) -> None:
    path = reviews(here)
    text, first = path.read_text(), fingerprint()
    write(Path("reviews/test-fr.tsv"), Path("reviews/test-de.tsv").read_text())
    path.write_text(text.replace("CC BY 4.0", "MIT").replace("about: Is", "about: is"))
    assert fingerprint() == first  # neither a language more to be evaluated in, nor words, change what is trained
    path.write_text(text.replace("labels: [good, bad]", "labels: [bad, good]"))
    assert fingerprint() != first
    path.write_text(text)
    write(Path("reviews/train-en.tsv"), Path("reviews/train-en.tsv").read_text().replace("lovely", "lovable", 1))
    assert fingerprint() != first


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Path:
    """A folder with every task, and a study of them all that ran there."""
    folder = tmp_path_factory.mktemp("ran")
    for make in EVERY.values():
        make(folder)
    write(folder / "setup.yaml", SETUP)
    targets = ", ".join(f"{name}.yaml" for name in EVERY)
    study = f"kind: study\nname: own\nsetup: setup.yaml\nintermediate: [none]\ntargets: [{targets}]\n"
    write(folder / "study.yaml", study)
    stilts("study", folder / "study.yaml", "--store", folder / "runs", "--submission", folder / "handed-in")
    return folder


def test_a_study_of_every_head_is_scored_and_handed_in(ran) -> None:
    result = json.loads((ran / "runs/study/own.json").read_text())
    scored = {(one["target"], code): scores for one in result["evaluations"] for code, scores in one["languages"].items()}
    assert scored.keys() == {(name, code) for name in EVERY for code in ("en", "de")}
    for scores in scored.values():
        assert scores["n"] == SIZES["test"] and 0 <= scores["f1" if "f1" in scores else "accuracy"] <= 100
    handed_in = ran / "handed-in/none/seed-1"
    assert len((handed_in / "reviews/test-de.tsv").read_text().splitlines()) == SIZES["test"]
    assert len(json.loads((handed_in / "asked/test-de.json").read_text())) == SIZES["test"]
    trained = [json.loads(path.read_text()) for path in (ran / "runs/train").glob("*/result.json")]
    licences = {record["licence"] for result in trained for record in result["data"] if record["task"] == "reviews"}
    assert licences == {"CC BY 4.0"}


def test_it_is_verified_and_reported(ran) -> None:
    done = runner("verify", ran / "study.yaml", "--store", ran / "runs")
    assert "all of it is as it should be" in done.stdout
    runner("report", ran / "runs/study/own.json", "--to", ran / "pages")
    assert "| reviews |" in (ran / "pages/report.md").read_text()


def test_its_model_card_names_its_licence(ran, tmp_path) -> None:
    stilts("export", trained(ran, "reviews"), tmp_path / "exported")  # a process that never saw the description
    card = (tmp_path / "exported" / "README.md").read_text()
    assert "| reviews | train | en |" in card and "CC BY 4.0" in card


def test_the_forecast_knows_it(ran) -> None:
    done = runner("study", ran / "study.yaml", "--store", ran / "none", "--dry-run")
    assert "predicting" in done.stdout and "not known" not in done.stdout


FILES = {
    "reviews": "reviews/test-de.tsv",
    "claims": "claims/test/de.csv",
    "riddles": "riddles/test.de.jsonl",
    "beasts": "beasts/de-test.conll",
    "asked": "asked/test-de.json",
}


def trained(ran: Path, name: str) -> Path:
    return next(
        path.parent for path in ran.glob("runs/train/*/result.json") if (path.parent / f"head-{name}.safetensors").exists()
    )


@pytest.mark.parametrize("name", EVERY)
def test_predict_answers_as_the_evaluation_did(name, ran) -> None:
    run = trained(ran, name)
    evaluated = next(
        path.parent for path in ran.glob("runs/predict/*/result.json") if json.loads(path.read_text())["task"] == name
    )
    stored = [json.loads(line) for line in (evaluated / "test-de.jsonl").read_text().splitlines()]
    done = runner("predict", run, ran / FILES[name], "--probabilities", "--format", "jsonl")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [{"id": one["id"], "prediction": one["prediction"]} for one in records] == stored
    for one in records:
        shares = one["probability"] if name == "beasts" else [one["probability"]]
        assert all(0 < share <= 1 for share in shares)
        if name == "beasts":
            assert len(shares) == len(one["tokens"]) == len(one["prediction"])
        elif name == "asked":
            assert one["start"] is None or one["prediction"]
        else:
            assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)
            assert one["probability"] == max(one["probabilities"].values())
            assert one["probabilities"][str(one["prediction"])] == one["probability"]


@pytest.fixture(scope="module")
def sure(ran) -> Path:
    """The store, after the same study with probabilities."""
    words = ("--store", ran / "runs", "--out", ran / "sure.json", "--submission", ran / "handed-in-sure", "--jobs", 1)
    before = {path: path.stat().st_mtime_ns for path in ran.glob("runs/*/*/result.json")}
    runner("study", ran / "study.yaml", "probabilities=true", *words)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())  # trainings are shared, no evaluation is lost
    return ran / "runs"


def evaluations(store: Path, name: str) -> dict[bool, Path]:
    """The folders of a target's evaluations, by whether they hold probabilities."""
    found = {path.parent: json.loads(path.read_text()) for path in store.glob("predict/*/result.json")}
    return {one["plan"].get("probabilities", False): folder for folder, one in found.items() if one["task"] == name}


@pytest.mark.parametrize("name", EVERY)
def test_an_evaluation_stores_probabilities_where_they_are_asked_for(name, ran, sure) -> None:
    plain, asked = ([json.loads(line) for line in (folder / "test-de.jsonl").read_text().splitlines()]
                    for _, folder in sorted(evaluations(sure, name).items()))  # fmt: skip
    assert [{key: one[key] for key in ("id", "prediction")} for one in asked] == plain
    done = runner("predict", trained(ran, name), ran / FILES[name], "--probabilities", "--format", "jsonl")
    for one, predicted in zip(asked, map(json.loads, done.stdout.splitlines()), strict=True):
        assert {key: one[key] for key in one if key in predicted} == {key: predicted[key] for key in predicted if key in one}
        assert one.keys() == {"id", "prediction", "probability", *(["probabilities"] if name != "asked" else [])}
        if name == "beasts":
            assert list(one["probabilities"]) == ["O", "B-BEAST", "I-BEAST"]
            for i, tag in enumerate(one["prediction"]):
                shares = {label: values[i] for label, values in one["probabilities"].items()}
                assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
                assert shares[tag] == max(shares.values()) == one["probability"][i]


def test_scores_and_what_is_handed_in_do_not_change_with_probabilities(ran, sure) -> None:
    one, other = (json.loads(path.read_text()) for path in (sure / "study/own.json", ran / "sure.json"))
    assert [run["languages"] for run in one["evaluations"]] == [run["languages"] for run in other["evaluations"]]
    assert {name: how.get("probabilities") for name, how in other["predictions"].items()} == dict.fromkeys(EVERY, True)
    for path in (ran / "handed-in").rglob("test-*"):
        assert (ran / "handed-in-sure" / path.relative_to(ran / "handed-in")).read_bytes() == path.read_bytes()
    done = runner("verify", ran / "study.yaml", "probabilities=true", "--store", sure, "--result", ran / "sure.json")
    assert "all of it is as it should be" in done.stdout


def test_evaluate_has_an_option_for_it(ran, sure) -> None:
    write(ran / "evaluate.yaml", "kind: evaluation\nsetup: setup.yaml\nmodel: {kind: target, task: reviews.yaml}\n")
    before = set(sure.glob("predict/*"))
    for words, asked in (((), False), (("--probabilities",), True), (("probabilities=true",), True)):
        done = runner("evaluate", ran / "evaluate.yaml", *words, "--store", sure)
        assert Path(done.stdout.splitlines()[-1]).parent == evaluations(sure, "reviews")[asked]
    assert set(sure.glob("predict/*")) == before


def test_retrieval_has_no_probabilities(here) -> None:
    """An evaluation of it is refused; in a study its predictions are as they were."""
    said = "tatoeba is retrieval, whose predictions have none: leave it out"
    write(Path("evaluate.yaml"), "kind: evaluation\nsetup: setup.yaml\nmodel: none\ntask: tatoeba\n")
    fault = runner("evaluate", "evaluate.yaml", "--probabilities", code=1).exception
    assert isinstance(fault, UserError) and str(fault) == f"override 'probabilities=true': {said}"
    text = "kind: study\nname: x\nsetup: setup.yaml\nintermediate: [none]\ntargets: [tatoeba, xquad]\n"
    with pytest.raises(UserError, match="all targets are retrieval, whose predictions have none"):
        loaded(text.replace(", xquad", "") + "probabilities: true\n")
    plain, asked = (grid.study(loaded(text + more)) for more in ("", "probabilities: true\n"))
    assert not any("probabilities" in plan.identity(cell.stage) for cell in plain)
    assert plain[0].stage == asked[0].stage and plain[1].stage != asked[1].stage and asked[1].stage.probabilities


def test_predict_writes_tables(ran) -> None:
    def lines(name: str, *words: str) -> list[list[str]]:
        done = runner("predict", trained(ran, name), ran / FILES[name], *words)
        return [line.split("\t") for line in done.stdout.splitlines()]

    reviewed = lines("reviews", "--probabilities")
    assert reviewed[0] == ["id", "prediction", "probability", "p(good)", "p(bad)"]
    assert all(float(row[3]) + float(row[4]) == pytest.approx(1, abs=1e-5) for row in reviewed[1:])
    assert lines("reviews")[0] == ["id", "prediction"] and len(reviewed) == 1 + SIZES["test"]
    assert lines("riddles")[0] == ["id", "prediction", "text"] and lines("asked")[0] == ["id", "prediction", "start"]
    tagged = lines("beasts", "--probabilities")
    assert [row[0] for row in tagged[:7]] == [*"number 200: the Katze is lieb".split(), ""] and len(tagged[0]) == 3


def test_predict_reads_files_of_other_layouts(ran, tmp_path) -> None:
    run = trained(ran, "reviews")
    write(tmp_path / "plain.txt", "the hen is lovely\nthe eel is nasty\n")
    write(tmp_path / "named.csv", 'name,words\na,"the hen is lovely"\nb,"the eel is nasty"\n')
    first = runner("predict", run, tmp_path / "plain.txt", "--probabilities").stdout.splitlines()
    second = runner(
        "predict", run, tmp_path / "named.csv", "--probabilities", "--columns", "text=words,id=name"
    ).stdout.splitlines()
    assert [line.split("\t")[1:] for line in first] == [line.split("\t")[1:] for line in second]
    assert [line.split("\t")[0] for line in second] == ["id", "a", "b"]
    unlabelled = {"data": [{"paragraphs": [{"context": "the hen is lovely", "qas": [{"question": "how is it?"}]}]}]}
    write(tmp_path / "unlabelled.json", json.dumps(unlabelled))
    to = tmp_path / "spans.tsv"
    assert runner("predict", trained(ran, "asked"), tmp_path / "unlabelled.json", "--to", to).stdout.strip() == str(to)
    assert len(to.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("file", "content", "words", "said"),
    [
        ("rows.xls", "x", (), "rows.xls: a file for reviews (classification) ends in one of .tsv, .csv, .jsonl, .txt"),
        ("rows.tsv", "words\nx\n", (), "rows.tsv:1: header: no column 'text' (there are: words); name the right one"),
        ("rows.tsv", "text\nx\ty\n", (), "rows.tsv:2: columns: 2 instead of 1, divided by tabs: mend the line"),
        ("rows.tsv", "text\n", (), "rows.tsv: holds no rows; give a file with one at least"),
        ("rows.tsv", "", (), "rows.tsv:1: header: no column 'text' (there are: none: the file is empty)"),
        ("rows.jsonl", '{"text": 3}\n', (), "rows.jsonl:1: text: int instead of text"),
        ("rows.tsv", "text\nx\n", ("--columns", "txt=text"), "--columns txt: is no part of a row for reviews; one of: text, id"),
        ("rows.tsv", "text\nx\n", ("--columns", "text"), "--columns text: give PART=COLUMN"),
        ("rows.tsv", "text\nx\n", ("--format", "xml"), "--format xml: give tsv or jsonl"),
        ("rows.tsv", "text\nx\n", ("--task", "mnli"), "--task mnli: this training has no such head, only: reviews"),
        (None, "", (), "gone.tsv"),
    ],
)
def test_predict_says_what_is_wrong(file, content, words, said, ran, tmp_path) -> None:
    path = tmp_path / (file or "gone.tsv")
    if file:
        write(path, content)
    fault = runner("predict", trained(ran, "reviews"), path, *words, code=1).exception
    assert isinstance(fault, UserError) and said in str(fault)


def test_predict_needs_a_head(ran) -> None:
    text = next(path.parent for path in ran.glob("runs/train/*/result.json") if (path.parent / "head-text.safetensors").exists())
    fault = runner("predict", text, ran / FILES["reviews"], code=1).exception
    assert isinstance(fault, UserError) and "has no head that predicts labels, choices, tags or spans, only: mlm" in str(fault)


@pytest.mark.slow
def test_processes_side_by_side_know_it(here) -> None:
    reviews(here)
    write(
        Path("study.yaml"),
        "kind: study\nname: own\nsetup: setup.yaml\nintermediate: [none, mnli]\ntargets: [reviews.yaml]\n",
    )
    stilts("study", "study.yaml", "--jobs", 2)


def test_recommend_takes_one(here) -> None:
    reviews(here)
    committed = Path(__file__).parent.parent / "experiments" / "results" / "main-small.json"
    said = runner("recommend", committed, "--target", "reviews.yaml").stdout
    assert "reviews" in said and "pawsx" in said  # the nearest targets: those with a head of the same kind
