"""My encoder, my data, no setup file: options of every command, setups over a base, new specs, and what a wheel holds."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from kinds import save
from test_verify import FILES
from typer.main import get_command
from typer.testing import CliRunner

from stilts_xtreme import spec
from stilts_xtreme.cli import app, options
from stilts_xtreme.models import published
from stilts_xtreme.models.sources import SOURCES
from stilts_xtreme.pipeline import loading, planner
from stilts_xtreme.spec.base import Option
from stilts_xtreme.utils import command_line, shipped
from stilts_xtreme.utils.errors import UserError

ROOT = Path(__file__).parent.parent
SMALL = shipped.file("setups", "small")
XNLI = "kind: target\ntask: xnli\n"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    return save("mmbert", tmp_path_factory.mktemp("encoders") / "tiny")


@pytest.fixture
def here(tmp_path, monkeypatch, encoder) -> Path:
    """An empty working directory with a link to a tiny encoder, `e`, and a folder of small release files, `d`."""
    monkeypatch.chdir(tmp_path)
    Path("e").symlink_to(encoder)
    for name, content in FILES.items():
        Path("d", name).parent.mkdir(parents=True, exist_ok=True)
        Path("d", name).write_text(content, encoding="utf-8")
    return tmp_path


def run(*words: str) -> str:
    """What a command prints on stdout; a UserError is raised."""
    return CliRunner().invoke(app, list(words), catch_exceptions=False).stdout


def over(**given) -> options.Over:
    return options.over(**given)


def loaded(path: str, *overrides: str, **given):
    return loading.load(Path(path), over(**given).laid(Path(path), overrides), None)


MINE = "encoder", "data", "cut", "setup"


@pytest.mark.parametrize(
    "words",
    ["train-intermediate", "train-multitask", "finetune-target", "evaluate", "study", "latency", "check", "calibrate", "verify",
     "runs watch", "new"],
)  # fmt: skip
def test_every_command_of_specs_takes_an_encoder_and_data(words) -> None:
    command = get_command(app)
    for word in words.split():
        command = command.commands[word]
    assert set(MINE) <= {parameter.name for parameter in command.params}


def test_a_spec_without_a_setup_takes_small_with_my_encoder_and_data(here) -> None:
    Path("t.yaml").write_text(XNLI)
    found, small = loaded("t.yaml", encoder="e", data="d"), spec.load(SMALL)
    assert found.setup.encoder.pretrained.name == str(here / "e") and found.setup.data.files.path == str(here / "d")
    assert found.setup.recipes == small.recipes and found.setup.data.files.cut  # small's
    assert found.setup.retrieval.layer is None
    over = loaded("t.yaml", "setup.recipes.default.epochs=7", "setup.data.files.cut=false", encoder="e", data="d").setup
    assert over.recipes.default.epochs == 7 and not over.data.files.cut  # overrides come last
    assert loaded("t.yaml", encoder="a/b", data="hub").setup.data.hub is not None


def test_what_belongs_to_the_setups_own_encoder_and_data_gives_way(here) -> None:
    Path("t.yaml").write_text(f"{XNLI}setup: miniature\nstart: first.yaml\n")
    Path("first.yaml").write_text("kind: intermediate\nsetup: miniature\ntask: mnli\n")
    own = spec.load(Path("t.yaml")).setup
    assert own.pretraining and own.retrieval.layer == 2 and own.note
    found = loaded("t.yaml", encoder="e", data="d", cut=True)
    setup = found.setup
    assert (setup.encoder.random, setup.pretraining, setup.retrieval.layer, setup.note) == (None, None, None, "")
    assert setup.data.miniature is None and setup.data.files.cut and found.start.setup == setup
    assert setup.recipes == own.recipes and setup.retrieval.max_length == 64 and setup.name == "miniature"
    assert loaded("t.yaml", "setup.retrieval.layer=1", encoder="e").setup.retrieval.layer == 1
    alone = loaded("t.yaml", data="d").setup  # the encoder and what belongs to it stay
    assert alone.encoder == own.encoder and alone.pretraining == own.pretraining and alone.retrieval == own.retrieval


def test_a_pinned_revision_is_not_that_of_another_encoder(here) -> None:
    pinned = "setup: {base: small, encoder: {pretrained: {name: a/b, revision: abc}}}\n"
    Path("t.yaml").write_text(XNLI + pinned)
    assert spec.load(Path("t.yaml")).setup.encoder.pretrained.revision == "abc"
    assert loaded("t.yaml", encoder="c/d").setup.encoder.pretrained == spec.setup.PretrainedEncoder(name="c/d")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"encoder": "./no"}, "--encoder ./no: there is no such folder"),
        ({"encoder": "d"}, "--encoder d: .*d/config.json: cannot be read"),
        ({"encoder": "e5-small"}, "--encoder e5-small: is not in encoders/e5-small .*stilts encoder fetch e5-small --to"),
        ({"encoder": "encoders/e5-small"}, "--encoder encoders/e5-small: is not in .*stilts encoder fetch e5-small --to"),
        ({"data": "no"}, "--data no: there is no such folder"),
        ({"cut": True}, "--cut: goes with --data FOLDER"),
        ({"data": "hub", "cut": True}, "--cut: goes with --data FOLDER"),
        ({"setup": "smal"}, "--setup smal: .* one of .*miniature, paper, small"),
    ],
)
def test_faults_name_the_option(given, told, here) -> None:
    Path("t.yaml").write_text(XNLI)
    with pytest.raises(UserError, match=f"^{told}"):
        loaded("t.yaml", **given)


def test_a_fault_of_an_options_value_names_the_option_and_no_key() -> None:
    with pytest.raises(UserError) as fault:
        spec.load(SMALL, [Option("--encoder X", {"encoder": {"pretrained": {"name": 3}}})])
    assert str(fault.value).startswith("--encoder X: must be text, is 3")


def test_the_command_in_a_result_has_the_options_and_no_paths(here) -> None:
    given = over(setup="small", encoder="e", data="d", cut=True)
    assert given.words() == ["--setup", "small", "--encoder", "e", "--data", "d", "--cut"]
    shown = command_line.recorded("study", Path("main"), [*given.words(shown=True), "seeds=[1]"])
    assert shown == "stilts study main --setup small --encoder FOLDER --data FOLDER --cut seeds=[1]"
    assert over(encoder="a/b", data="hub").words(shown=True) == ["--encoder", "a/b", "--data", "hub"]


def test_a_base_is_laid_under(here) -> None:
    Path("mine.yaml").write_text("kind: setup\nbase: small\nname: mine\nrecipes: {default: {learning_rate: 2e-5}}\n")
    Path("more.yaml").write_text("kind: setup\nbase: mine.yaml\nnote: x\nencoder: {pretrained: {name: ./e}}\n")
    found, small = spec.load(Path("more.yaml")), spec.load(SMALL)
    assert (found.name, found.note) == ("mine", "x") and found.encoder.pretrained.name == str(here / "e")
    default = found.recipes.default
    assert default.learning_rate == 2e-5 and default.batch_size == small.recipes.default.batch_size
    assert found.data == small.data


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("base: smal\n", "there is no such file"),
        ("base: x.yaml\n", "this file names itself"),
        ("base: {name: small}\n", "base must be the name of a setup, or its file"),
        ("base: small\nrecipes: {default: {lerning_rate: 1}}\n", r"x.yaml:3:\d+: recipes.default.lerning_rate: unknown key"),
    ],
)
def test_faults_of_a_base(text, told, here) -> None:
    Path("x.yaml").write_text(f"kind: setup\n{text}")
    with pytest.raises(UserError, match=told):
        spec.load(Path("x.yaml"))


def test_names_of_what_comes_with_stilts() -> None:
    assert {"main", "order"} <= set(shipped.names("studies")) and {"small", "paper"} <= set(shipped.names("setups"))
    assert loading.spec_file(Path("main"), {"study"}).name == "main.yaml"
    with pytest.raises(UserError, match=r"mian: there is no such file, .*did you mean 'main'\? studies: .*order"):
        loading.spec_file(Path("mian"), {"study"})
    assert loading.spec_file(Path("x/main"), {"study"}) == Path("x/main")


def test_short_names_of_encoders_have_a_place(here, encoder) -> None:
    assert set(published.FETCHED) == set(SOURCES)
    assert spec.load(SMALL).encoder.pretrained.name in published.FETCHED
    text = f"kind: evaluation\nmodel: none\ntask: tatoeba\nsetup: {{base: {SMALL}, data: {{miniature: {{}}}}}}\n"
    Path("r.yaml").write_text(text)
    with pytest.raises(UserError, match="^encoder e5-small: is not in .*stilts encoder fetch e5-small --to encoders/e5-small"):
        planner.resolve(spec.load(Path("r.yaml")))
    Path("encoders").mkdir()
    Path("encoders/e5-small").symlink_to(encoder)
    assert planner.resolve(spec.load(Path("r.yaml"))).model.name == "encoders/e5-small"


NEW = {
    "study": ("--targets", "xnli,panx", "--intermediate", "mnli"),
    "intermediate": ("--intermediate", "mnli"),
    "multitask": ("--intermediate", "mnli,squad"),
    "target": ("--targets", "xnli", "--intermediate", "mnli"),
    "evaluation": ("--targets", "panx", "--languages", "de"),
}


@pytest.mark.parametrize("kind", NEW)
def test_a_new_spec_is_sound_and_asks_for_what_was_named(kind, here) -> None:
    Path("below").mkdir()
    file = f"below/my-{kind}.yaml"
    assert run("new", kind, file, "--encoder", "e", "--data", "d", "--cut", *NEW[kind]) == f"{file}\n"
    assert run("check", file) == f"{file}: {kind}, sound\n"
    found = spec.load(Path(file))
    assert found.kind == kind and found.setup.recipes == spec.load(SMALL).recipes
    assert found.setup.encoder.pretrained.name == str(here / "e") and found.setup.data.files.path == str(here / "d")
    text = Path(file).read_text()
    assert "{name: ../e}" in text and "{path: ../d, cut: true}" in text and text.count("#") > 5
    shutil.rmtree("below")


def test_what_new_specs_hold(here) -> None:
    mine = ("--encoder", "e", "--data", "d")
    run("new", "study", "rows", *mine, "--targets", "xnli", "--intermediate", "mnli,squad>mnli")
    rows = spec.load(Path("rows.yaml"))
    assert rows.name == "rows" and rows.targets == ["xnli"] and rows.seeds == [1]
    assert rows.intermediate == ["none", "mnli", ["squad", "mnli"]]
    run("new", "target", "after", *mine, "--targets", "panx", "--intermediate", "mnli,squad")
    after = spec.load(Path("after.yaml"))
    assert (after.task, after.start.kind, after.start.tasks) == ("panx", "multitask", ["mnli", "squad"])
    run("new", "evaluation", "looked", "--encoder", "a/b", "--data", "hub", "--targets", "tatoeba", "--setup", "paper")
    looked = spec.load(Path("looked.yaml"))
    assert (looked.task, looked.model) == ("tatoeba", "none") and looked.setup.data.hub is not None
    assert looked.setup.recipes == spec.load(shipped.file("setups", "paper")).recipes and looked.setup.retrieval.layer is None


def test_languages_of_a_new_study(here) -> None:
    run("new", "study", "mine", "--encoder", "e", "--data", "d", "--targets", "xnli", "--languages", "de")
    assert spec.load(Path("mine.yaml")).languages == ["de"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("studies", "x"), "studies: is no kind of spec that can be written"),
        (("study", "X Y", "--targets", "xnli"), "X Y: a study's name has small letters"),
        (("study", "x"), "--targets: say which"),
        (("study", "x", "--targets", "xnly"), r"--targets: there is no xnly \(did you mean xnli\?\)"),
        (("study", "x", "--targets", "xnli", "--intermediate", "mnli,mnli"), "--intermediate: mnli is named twice"),
        (("target", "x", "--targets", "tatoeba"), "--targets: there is no tatoeba"),
        (("target", "x", "--targets", "xnli,panx"), "--targets: a spec of kind target has one"),
        (("target", "x", "--targets", "xnli", "--languages", "de"), "--languages: a spec of kind target names none"),
        (("multitask", "x", "--intermediate", "mnli"), "--intermediate: a spec of kind multitask names two tasks or more"),
        (("intermediate", "x", "--intermediate", "sqad"), r"--intermediate: there is no sqad \(did you mean squad\?\)"),
        (("intermediate", "x", "--intermediate", "mnli", "--targets", "xnli"), "--targets: a spec of kind intermediate has none"),
        (("evaluation", "x", "--targets", "xnli", "--languages", "sw"), r"languages\[0\]: .*xnli"),
    ],
)
def test_what_no_spec_is_written_of(words, told, here) -> None:
    with pytest.raises(UserError, match=f"^{told}"):
        run("new", *words, "--encoder", "e", "--data", "d")
    assert not Path("x.yaml").exists()


def test_a_file_that_is_there_is_left_alone(here) -> None:
    Path("x.yaml").write_text("mine")
    with pytest.raises(UserError, match="^x.yaml: is there already"):
        run("new", "study", "x", "--targets", "xnli")
    assert Path("x.yaml").read_text() == "mine"


def installed(folder: Path) -> Path:
    """What a wheel would install, by the lists in pyproject.toml."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    for source, target in {**{name: name for name in wheel["packages"]}, **wheel["force-include"]}.items():
        if (ROOT / source).is_file():
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / source, folder / target)
            continue
        shutil.copytree(ROOT / source, folder / target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    return folder


def test_an_installed_package_has_setups_and_studies_and_runs_in_an_empty_folder(here, tmp_path_factory) -> None:
    site = installed(tmp_path_factory.mktemp("site"))
    for kind in shipped.KINDS:
        there = {path.name for path in (site / "stilts_xtreme" / "resources" / "experiments" / kind).iterdir()}
        assert there == {path.name for path in (ROOT / "experiments" / kind).iterdir()}
    data, encoder = Path("d").rename(site / "d"), os.readlink("e")
    Path("e").unlink()
    words = ["study", "main", "--setup", "small", "--encoder", encoder, "--data", str(data), "--dry-run", "--json"]
    words += ["intermediate=[none,mnli]", "targets=[xnli,panx]", "mixtures={}"]
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "stilts_xtreme", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told and not list(here.iterdir())
    where = [sys.executable, "-c", "from stilts_xtreme.utils import shipped; print(shipped.file('setups', 'small'))"]
    found = subprocess.run(where, env=environment, capture_output=True, text=True, check=True).stdout
    assert found.startswith(str(site))


def test_my_encoder_and_my_data_in_three_commands(here) -> None:
    """A study that `stilts new` wrote is run to its result."""
    run("new", "study", "mine", "--encoder", "e", "--data", "d", "--targets", "xnli", "--intermediate", "mnli")
    quick = "setup.recipes={default: {steps: 2, batch_size: 8, max_length: 64, learning_rate: 1e-3}}"
    mine = ("--encoder", "e", "--data", "d", "--languages", "de")
    path = run("study", "mine.yaml", quick, *mine, "--jobs", "1", "--threads", "1").strip()
    content = json.loads(Path(path).read_text())
    assert content["command"] == f"stilts study mine.yaml --encoder FOLDER --data FOLDER '{quick}' languages=[de]"
    assert content["name"] == "mine" and {one["target"] for one in content["evaluations"]} == {"xnli"}
    assert set(content["evaluations"][0]["languages"]) == {"en", "de"}
