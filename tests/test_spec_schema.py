"""`stilts check --schema`: shipped specs hold to it, and what it can see of a faulty one it refuses as `stilts check` does."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_spec import CASES, EXPERIMENTS, SETUP, attempt, here  # noqa: F401

from stilts_xtreme.spec import schema
from stilts_xtreme.spec.about import ABOUT, about
from stilts_xtreme.spec.nodes import Node, Place, parse

SHIPPED = [path for path in sorted(EXPERIMENTS.glob("*/*.yaml")) if path.parent.name in ("first", "setups", "studies")]
SEEN = re.compile(  # of a fault in the file itself: what one field or its neighbours show
    r"^spec\.yaml:\S+ .*("
    r"unknown key|: must (be|have|match|not be)|: is missing$|is not (a target|a task with|an intermediate task)(?! or)"
    r"|stands in the list twice|already has a meaning|the key must|is said too: keep one of|give one of|is not a kind of spec)",
    re.M,
)
BLIND = re.compile(  # numbers that YAML and JSON take for whole, and what stands in other files
    r"must be a whole number, is [0-9.e+]+: write"
)


@pytest.fixture(scope="module")
def valid():
    jsonschema = pytest.importorskip("jsonschema")
    told = schema.schema()
    jsonschema.Draft202012Validator.check_schema(told)
    return jsonschema.Draft202012Validator(told).is_valid


def plain(node: Node):
    if isinstance(node.value, dict):
        return {name: plain(child) for name, child in node.value.items()}
    return [plain(child) for child in node.value] if isinstance(node.value, list) else node.value


def content(text: str):
    node = parse(text, Path(), Place("", "spec.yaml"))
    return None if node.broken else plain(node)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_shipped_specs_hold_to_it(path, valid) -> None:
    assert valid(content(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_it_can_see_it_refuses_as_check_does(case, here, valid) -> None:  # noqa: F811
    for name, text in case.get("files", {}).items():
        Path(name).write_text(text)
    written, said = content(case["spec"]), attempt(case["spec"])
    if not said:
        assert valid(written)
    elif any(SEEN.search(line) and not BLIND.search(line) for line in said.splitlines()):
        assert not valid(written), said


STUDY = (EXPERIMENTS / "studies" / "main.yaml").read_text(encoding="utf-8")


def mutations():
    """Each of the shipped main study and a setup with one thing wrong."""
    for old, new in [
        ("targets:", "tagets:"), ("kind: study", "kind: stady"), ("kind: study", "kind: target"), ("seeds: [1]", "seeds: [-1]"),
        ("seeds: [1]", "seeds: one"), ("seeds: [1]", "seeds: [1, 1]"), ("pawsx", "pawxs"), ("[anli,", "[snlu,"),
        ("name: main", "name: Main Study"), ("rates: proportional", "rates: proportionate"), ("cap: 131072", "cap: 0"),
    ]:  # fmt: skip
        yield STUDY, old, new
    for old, new in [
        ("epochs: 1", "epochs: 0"), ("epochs: 1", "epochs: 1, steps: 3"), ("epochs: 1", "learning_rate: high"),
        ("layer: 1", "layer: -1"), ("miniature: {seed: 3}", "miniature: {seed: 3}, files: {path: x}"),
        ("miniature: {seed: 3}", ""),
        ("target: {default: {epochs: 2}}", "target: {xnli: {epochs: 2}}"), ("kind: setup", "kind: study"), ("name: tiny\n", ""),
    ]:  # fmt: skip
        yield SETUP, old, new


@pytest.mark.parametrize(("text", "old", "new"), list(mutations()))
def test_a_mutated_spec_is_refused_by_both(text, old, new, here, valid) -> None:  # noqa: F811
    setups = str(EXPERIMENTS / "setups")
    text = text.replace("../setups", setups)
    assert old in text and attempt(text) == "" and valid(content(text))
    broken = text.replace(old, new, 1)
    assert attempt(broken) and not valid(content(broken))


def test_every_field_is_described_once() -> None:
    used = set()
    for name, model in schema.schema()["$defs"].items():
        for field in model["properties"]:
            assert about(name, field), f"spec/about.py says nothing of {name}.{field}"
            used.add(f"{name}.{field}" if f"{name}.{field}" in ABOUT else field)
    assert used == set(ABOUT)


def test_the_command_prints_it() -> None:
    words = [sys.executable, "-m", "stilts_xtreme", "check", "--schema"]
    told = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert told == schema.schema() and told["$schema"].endswith("2020-12/schema")
    nothing = subprocess.run(words[:-1], capture_output=True, text=True)
    assert nothing.returncode == 2 and nothing.stderr == "give a SPEC to check, or --schema\n"
