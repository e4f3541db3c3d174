"""One study at several scales: what its spec says for a setup is laid over its own keys; committed results keep to it."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from stilts_xtreme import results, spec
from stilts_xtreme.cli import app
from stilts_xtreme.pipeline import grid, loading
from stilts_xtreme.utils import command_line
from stilts_xtreme.utils.errors import UserError

ROOT = Path(__file__).parent.parent
STUDIES = sorted((ROOT / "experiments" / "studies").glob("*.yaml"))
RESULTS = sorted((ROOT / "experiments" / "results").glob("*.json"))


def scaled(study: Path, setup: str, *overrides: str) -> spec.Spec:
    return spec.load(study, loading.with_setup(study, setup, list(overrides)))


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.stem)
def test_every_study_is_sound_at_every_setup(study) -> None:
    plain = spec.load(study)
    assert plain.name == study.stem and plain == scaled(study, "miniature")
    for setup in ("small", "paper"):
        found = scaled(study, setup)
        assert found.setup.name == setup and found.kind == plain.kind
        assert found.name == f"{study.stem}-{setup}"  # no scale's result takes the place of another's
        if plain.kind == "study":
            assert found.seeds == plain.seeds and found.benchmark == plain.benchmark
            assert grid.rows(found)[0].name == "none"


def test_keys_are_laid_over_the_studys_own_and_overrides_over_them() -> None:
    study = ROOT / "experiments" / "studies" / "order.yaml"
    at = scaled(study, "small")
    assert list(at.mixtures) == ["mixed"] and at.mixtures["mixed"].tasks == ["mnli", "squad"]
    assert at.mixtures["mixed"].recipe.steps == 443 and at.orders.tasks == ["mnli", "squad"]
    changes = ["targets=[xnli]", "languages=null", "test_examples=5", "mixtures.mixed.recipe.steps=7", "name=mine"]
    over = scaled(study, "small", *changes)
    assert (over.targets, over.mixtures["mixed"].recipe.steps, over.name) == (["xnli"], 7, "mine")
    named = spec.load(study, ["setup.name=small"])  # it goes by the setup's name, wherever that comes from
    assert named.name == "order-small" and named.setup.data.miniature is not None
    changed = spec.load(study, ["at.miniature={targets: [tatoeba]}"])
    assert changed.targets == ["tatoeba"] and changed.name == "order"


def test_a_latency_study_has_sections_too() -> None:
    study = ROOT / "experiments" / "studies" / "latency.yaml"
    at = scaled(study, "small")
    assert (at.name, at.models, at.batch_sizes, at.pool) == ("latency-small", ["none", "mnli"], [1, 32], 32)
    assert spec.load(study).pool == 128
    with pytest.raises(UserError, match="at.small.poll.*did you mean 'pool'"):
        spec.load(study, ["at.small.poll=3"])


def test_check_looks_at_every_scale(tmp_path) -> None:
    (tmp_path / "setups").mkdir()
    (tmp_path / "studies").mkdir()
    (tmp_path / "setups" / "small.yaml").write_text((ROOT / "experiments" / "setups" / "miniature.yaml").read_text())
    study = tmp_path / "studies" / "x.yaml"
    head = f"kind: study\nname: x\nsetup: {ROOT}/experiments/setups/paper.yaml\nintermediate: [none]\ntargets: [xnli]\n"
    for at, told in (("medium: {}", "setup"), ("smal: {}", "small"), ("paper: {targets: [xnly]}", "xnli")):
        study.write_text(f"{head}at:\n  {at}\n", encoding="utf-8")
        with pytest.raises(UserError, match=told):
            CliRunner().invoke(app, ["check", str(study)], catch_exceptions=False)


def of_command(command: str) -> spec.Spec:
    """What a result's command asks for, but for folders of one machine."""
    _, kind, *words = shlex.split(re.sub(r" (--encoder|--data) FOLDER( --cut)?| \S+=FOLDER", "", command))
    given = get_command(app).commands[kind].make_context(kind, words).params
    file = loading.spec_file(given["spec"], {kind})
    return spec.load(file, loading.with_setup(file, given["setup"], given["overrides"]))


def test_a_command_with_options_asks_for_its_setup() -> None:
    asked = of_command("stilts study main --setup small --encoder FOLDER --data FOLDER --cut seeds=[1,2]")
    assert (asked.name, asked.setup.name, asked.seeds) == ("main-small", "small", [1, 2])


@pytest.mark.parametrize("words", [["seeds=[1,2]", "test_examples={xnli: 150, panx: 100}"], ["name=a-b", "targets=[xnli]"]])
def test_the_command_of_a_result_is_one_that_a_shell_takes(words) -> None:
    written = command_line.recorded("study", Path("main.yaml"), [*words, "setup.data.files.path=/of/one machine"])
    split = subprocess.run(["bash", "-c", f"printf '%s\\n' {written}"], capture_output=True, text=True, check=True).stdout
    assert split.splitlines() == ["stilts", "study", "main.yaml", *words, "setup.data.files.path=FOLDER"]
    assert "[1,2]" not in " ".join(words) or " seeds=[1,2] " in written


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_the_command_in_a_committed_result_asks_for_what_it_holds(path, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    content = results.read(path, results.STUDY, results.LATENCY_STUDY)
    asked = of_command(content["command"])
    assert (asked.name, asked.question, asked.seeds) == (content["name"], content["question"], content["seeds"])
    assert asked.setup.name == content["setup"] and content["command"].startswith(f"stilts {asked.kind} ")
    if asked.kind == "study":
        assert [row.record() for row in grid.rows(asked)] == content["rows"] and asked.targets == content["targets"]
        assert {name: mixture.model_dump(exclude_none=True) for name, mixture in asked.mixtures.items()} == content["mixtures"]
        assert json.dumps(asked.training_languages) == json.dumps(content["training_languages"])
        assert {name: recipe.model_dump(exclude_none=True) for name, recipe in asked.recipes.items()} == content["recipes"]
