"""Every command line in the README and in the specs' headers parses, and every spec that ships loads."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from stilts_xtreme import results, spec
from stilts_xtreme.cli import app
from stilts_xtreme.pipeline import loading

ROOT = Path(__file__).parent.parent
SPECS = sorted((ROOT / "experiments").glob("*/*.yaml"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "experiments" / "README.md", *SPECS]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


WRITTEN: set[str] = set()  # by `stilts new`, in the lines before


def commands(program: str) -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            if match := re.match(rf"(?:# |\$ |    )?({program} [^#`]+)", line):
                found.append((page.name, match.group(1).strip()))
    return found


@pytest.mark.parametrize(("page", "line"), commands("stilts"))
def test_command_parses(page: str, line: str) -> None:
    if (new := re.search(r"stilts new \w+ (\S+)", line)) is not None:
        WRITTEN.add(f"{new[1]}.yaml")
    command = typer.main.get_command(app)
    words = shlex.split(line)[1:]
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands, f"{page}: no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    context = command.make_context("stilts", list(words), resilient_parsing=False)
    path = context.params.get("spec")
    if path is not None and str(path) not in WRITTEN:
        assert loading.spec_file(ROOT / path if path.suffix else path, None).is_file(), f"{page}: {path} is not there"


def test_there_are_commands_to_check() -> None:
    assert len(commands("stilts")) >= 8 and len(commands("make")) >= 3


@pytest.mark.parametrize(("page", "line"), commands("make"))
def test_make_target_is_there(page: str, line: str) -> None:
    targets = [word for word in shlex.split(line)[1:] if "=" not in word]
    assert targets and all(re.search(rf"^{re.escape(target)}:", MAKEFILE, re.M) for target in targets)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_spec_loads(path: Path) -> None:
    assert spec.load(path).kind


def test_the_readmes_gains_are_those_of_the_committed_results() -> None:
    study = results.read(ROOT / "experiments" / "results" / "main-small.json", results.STUDY)
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    gains = {(run["row"], run["target"]): run for run in study["comparisons"]}
    (best,) = [run for run in study["comparisons"] if run["target"] == "average" and run["q"] < 0.05 and run["gain"] > 0]
    low, high = best["interval"]
    assert best["row"] == "squad" and f"average of these {len(study['targets'])} targets".replace("8", "eight") in text
    assert f"by {best['gain']:+.1f} points (95 % interval {low:+.1f} to {high:+.1f})" in text
    phrases = {"most (%+.1f)": "squad tydiqa", "XNLI (%+.1f)": "mnli xnli", "tagging (%+.1f)": "ccg udpos",
               "costs %.0f": "ccg tatoeba"}  # fmt: skip
    for phrase, key in phrases.items():
        row, target = key.split()
        gain = gains[row, target]["gain"]
        assert phrase % (abs(gain) if "costs" in phrase else gain) in text and gains[row, target]["q"] < 0.05
    chosen = study["best"]["english-dev"]["average"]
    low, high = chosen["interval"]
    assert f"gains {chosen['gain']:.1f} points on average (95 % interval {low:.1f} to {high:.1f})" in text
    assert ("One seed" in text) == (len(study["seeds"]) == 1)
    report = (ROOT / "experiments" / "reports" / "main-small" / "report.md").read_text(encoding="utf-8")
    collapsed = re.search(r"(\d+ of \d+) trainings collapsed", report)
    assert collapsed and f"of which {collapsed[1]} collapsed" in text


def test_the_readmes_gains_of_multitask_training_are_those_of_the_committed_results() -> None:
    study = results.read(ROOT / "experiments" / "results" / "multitask-small.json", results.STUDY)
    gain = {run["row"]: run["gain"] for run in study["comparisons"] if run["target"] == "average"}
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"by {gain['joint']:+.1f} points on average, mixed before it by {gain['mix']:+.1f};" in text


def test_the_readmes_loss_by_text_is_that_of_the_committed_results() -> None:
    study = results.read(ROOT / "experiments" / "results" / "mlm-small.json", results.STUDY)
    means = {run["target"]: run["gain"] for run in study["pooled"]}
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"changes four targets by {means['average']:+.1f}, most of it in retrieval" in text
    assert means["tatoeba"] == min(means.values()) and means["tatoeba"] < 4 * means["average"] / 2


def test_the_readmes_losses_on_sib200_are_those_of_the_committed_results() -> None:
    study = results.read(ROOT / "experiments" / "results" / "low_resource-sib-small.json", results.STUDY)
    gains = [run["gain"] for run in study["comparisons"] if run["target"] == "sib200"]
    languages = set(study["evaluations"][0]["languages"]) - {"en"}
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"sentences in {len(languages)} languages" in text
    assert f"every intermediate task costs {-max(gains):.1f} to {-min(gains):.1f} points" in text and max(gains) < 0
    groups = [effect for effect in study["language_groups"]["groups"] if effect["group"] in ("seen", "unseen")]
    assert len(groups) == 2 * len(gains) and all(effect["gain"] < 0 for effect in groups)
