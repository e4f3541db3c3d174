"""Tasks of one's own without code: descriptions are read with every fault, and stand wherever a task's name can."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from own_tasks import EVERY, SIZES, reviews, write

from stilts_xtreme import compatibility, plan, planner, spec
from stilts_xtreme.data import read as data
from stilts_xtreme.errors import UserError
from stilts_xtreme.spec.names import described
from stilts_xtreme.tasks import examples
from stilts_xtreme.tasks.catalogue import TASKS

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
    ("labels:", "metric: f1\nlabels:", "8:9: metric: 'f1' is not a metric of classification; one of: accuracy"),
    ("labels:", "unanswerable: true\nlabels:", "unanswerable: goes with head: span_qa only"),
    ("labels:", "trains_on: squad\nlabels:", "trains_on: 'squad' is not a task with a classification head and training data"),
    ("labels:", "trains_on: qqp\nlabels:", "trains_on: qqp has no label good: name labels as it does"),
    ("  train: reviews/train-en.tsv\n", "", "files: train: is missing; or say trains_on"),
    ("train: reviews/train-en.tsv", "train: {de: reviews/train-en.tsv}", "files.train: en: is missing: a model is trained"),
    ("train: reviews/train-en.tsv", "train: {english: a.tsv}", "files.train.english: the key must match"),
    ("train: reviews/train-en.tsv", "train: reviews/*.tsv", "10:10: files.train: wildcards are not read: name each file"),
    ("train: reviews/train-en.tsv", "train: reviews/{split}.tsv", "files.train: {split} is not read: a pattern has {language}"),
    ("reviews/train-en.tsv", "reviews/trian-en.tsv", "files.train: reviews: no train data in 'en' below"),
    ("test-{language}.tsv", "tset-{language}.tsv", "files.test: there is no file"),
    ("{text: text,", "{text: txt,", "train-en.tsv:1: header: no column 'txt' (there are: stars, text)"),
    ("kind: task", "kind: tusk", "'tusk' is not a kind of spec (did you mean 'task'?)"),
    ("files:", "files: [", "not YAML"),
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


def test_faults_of_a_description_stand_beside_those_of_the_spec(here) -> None:
    path = reviews(here)
    path.write_text(path.read_text().replace("kind: task", "kind: setup"))
    write(Path("spec.yaml"), "kind: intermediate\nsetup: setup.yaml\ntask: reviews.yaml\nseed: -1\n")
    assert checked(Path("spec.yaml")).splitlines() == [
        "reviews.yaml:1:7: kind: must be task: a spec names it as a task here",
        "spec.yaml:3:7: task: reviews.yaml: the task that it describes has faults",
        "spec.yaml:4:7: seed: must be at least 0, is -1 (a whole number of 32 bits, without a sign)",
    ]


def test_what_has_no_test_files_is_no_target_and_what_is_elsewhere_trained_no_intermediate(here) -> None:
    path = reviews(here)
    text = path.read_text()
    path.write_text(text.replace("  test: reviews/test-{language}.tsv\n", ""))
    write(Path("spec.yaml"), "kind: target\nsetup: setup.yaml\ntask: reviews.yaml\n")
    assert "task: 'reviews' is not a target that is trained" in checked(Path("spec.yaml"))
    lines = [line for line in text.splitlines() if "train:" not in line and "dev:" not in line]
    named = (
        "\n".join(lines)
        .replace("[good, bad]", "[entailment, neutral, contradiction]")
        .replace("labels", "trains_on: mnli\nlabels")
    )
    path.write_text(named + "\n")
    assert loaded("kind: target\nsetup: setup.yaml\ntask: reviews.yaml\n").task == "reviews"
    write(Path("spec.yaml"), "kind: intermediate\nsetup: setup.yaml\ntask: reviews.yaml\n")
    assert "task: 'reviews' is not an intermediate task" in checked(Path("spec.yaml"))


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


def test_a_study_of_every_head_runs_is_verified_and_handed_in(here) -> None:
    for make in EVERY.values():
        make(here)
    targets = ", ".join(f"{name}.yaml" for name in EVERY)
    write(Path("study.yaml"), f"kind: study\nname: own\nsetup: setup.yaml\nintermediate: [none]\ntargets: [{targets}]\n")
    dry = stilts("study", "study.yaml", "--dry-run", "--json").stdout
    assert json.loads(dry)
    stilts("study", "study.yaml", "--submission", "handed-in")
    result = json.loads(Path("runs/study/own.json").read_text())
    scored = {(one["target"], code): scores for one in result["evaluations"] for code, scores in one["languages"].items()}
    assert scored.keys() == {(name, code) for name in EVERY for code in ("en", "de")}
    assert all(
        scores["n"] == SIZES["test"] and 0 <= scores["f1" if "f1" in scores else "accuracy"] <= 100 for scores in scored.values()
    )
    assert len(Path("handed-in/none/seed-1/reviews/test-de.tsv").read_text().splitlines()) == SIZES["test"]
    assert len(json.loads(Path("handed-in/none/seed-1/asked/test-de.json").read_text())) == SIZES["test"]
    assert "all of it is as it should be" in stilts("verify", "study.yaml").stdout
    stilts("report", "runs/study/own.json", "--to", "pages")
    assert "| reviews |" in Path("pages/report.md").read_text()
    trained = [json.loads(path.read_text()) for path in Path("runs/train").glob("*/result.json")]
    licences = {record["licence"] for result in trained for record in result["data"] if record["task"] == "reviews"}
    assert licences == {"CC BY 4.0"}


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
    said = stilts("recommend", committed, "--target", "reviews.yaml").stdout
    assert "reviews" in said and "pawsx" in said  # the nearest targets: those with a head of the same kind
