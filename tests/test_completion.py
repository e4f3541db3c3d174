"""What bash offers behind a Tab, asked as its completion script asks; and that the answer comes at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stilts_xtreme.cli import completion
from stilts_xtreme.spec.load import ALONE, COMMANDS
from stilts_xtreme.stages.tracking import TRACKERS

ROOT = Path(__file__).parent.parent
ENTRY = "import sys; sys.argv = ['stilts']; from stilts_xtreme.cli import main; main()"


def offered(line: str, **extra: str) -> list[str]:
    """The words for the last one of the line, which may be empty."""
    asked = {"_STILTS_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **asked, **extra}
    done = subprocess.run([sys.executable, "-c", ENTRY], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    for name in ("train/aaa111aaa111", "train/.bbb.part", "predict/aab222222222", "latency/ccc333333333"):
        (root / name).mkdir(parents=True)
        (root / name / "result.json").write_text("{}")
    (root / "train" / "aad444444444").mkdir()  # not finished
    return root


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stilts tasks xq", ["xquad"]),
        ("stilts data check xnli mlq", ["mlqa"]),
        ("stilts data fetch ccg --to out commons", ["commonsenseqa"]),
        ("stilts recommend main.json --target t", ["tydiqa", "tatoeba"]),
        ("stilts recommend --before-training --method s", ["same-head"]),
        ("stilts study experiments/studies/mai", ["experiments/studies/main.yaml"]),
        ("stilts latency ", ["experiments/studies/latency.yaml"]),
        ("stilts evaluate ./exp", ["./experiments/first/4-evaluate.yaml"]),
        ("stilts study experiments/studies/main.yaml --setup mi", ["miniature"]),
        ("stilts tasks --setup experiments/setups/p", ["experiments/setups/paper.yaml"]),
        ("stilts evaluate x.yaml --track t", ["tensorboard", "trackio"]),
        ("stilts evaluate x.yaml --device ", ["auto", "cpu"]),
        ("stilts score a b --benchmark ", ["xtreme", "xtreme-r"]),
        ("stilts fin", ["finetune-target"]),
    ],
)
def test_names_are_offered(line, words) -> None:
    assert sorted(offered(line)) == sorted(words)


def test_addresses_are_those_of_the_store(store) -> None:
    assert offered(f"stilts runs show --store {store} ") == ["aaa111aaa111", "aab222222222", "ccc333333333"]
    assert offered("stilts runs clean aa", STILTS_STORE=str(store)) == ["aaa111aaa111", "aab222222222"]
    assert offered(f"stilts runs show --store {store}/none aa") == []


def test_it_imports_nothing_heavy() -> None:
    """So that it answers at once: 0.2 s of processor time, of which Python and Typer take 0.1."""
    heavy = "import stilts_xtreme.cli.completion as c, sys; c.tasks(''); c.benchmarks(''); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", heavy], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not any(f"'{name}'" in loaded for name in ("torch", "numpy", "pydantic", "transformers", "datasets", "rich.table"))


def test_its_short_lists_are_those_of_the_house() -> None:
    """They are written again there, so that nothing heavy is imported."""
    assert {kind: f"stilts {command}" for command, kind in completion.KINDS.items() if command not in ("verify", "watch")} == {
        kind: command for kind, command in COMMANDS.items() if kind not in ALONE
    }
    assert tuple(completion.trackers("")) == TRACKERS


def test_bash_itself_is_offered_them(tmp_path) -> None:
    stilts = tmp_path / "stilts"
    stilts.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{ENTRY}" "$@"\n')
    stilts.chmod(0o755)
    script = """
        eval "$(_STILTS_COMPLETE=source_bash stilts)"
        COMP_WORDS=(stilts tasks xq) COMP_CWORD=2
        $(complete -p stilts | sed 's/.*-F \\([^ ]*\\).*/\\1/') stilts xq tasks
        echo "${COMPREPLY[@]}"
    """
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("xquad\n", "")
