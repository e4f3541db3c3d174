"""Every command of the READMEs and of the how-tos is run, in a fresh copy of the repository's files.

Indented lines (and inline code with a file or a setting) that begin with `stilts` or `make` are run as they stand, in order.
Of a how-to, blocks with a title are written to that file, ```diff is applied, ```bash is run. `stilts` is that of the copy, and
its miniature setup is a tiny one, so that a command takes seconds. What cannot be run so is in `OTHERWISE`, with the reason.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from stilts_xtreme.scoring.benchmarks import XTREME

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "experiments/README.md", "experiments/howto/data.md")
HOWTOS = sorted(path.stem for path in (ROOT / "experiments" / "howto").glob("*.md"))
TINY = """\
kind: setup
name: miniature
note: A tiny setup for tests.
data: {miniature: {seed: 0}}
encoder:
  random: {hidden_size: 16, layers: 2, heads: 2, intermediate_size: 32, max_positions: 130, vocab_size: 1200}
pretraining: {languages: [en, xa], recipe: {steps: 4}}
retrieval: {layer: 1, max_length: 64}
recipes:
  default:
    {steps: 3, examples: 64, dev_limit: 24, batch_size: 8, learning_rate: 1e-3, max_length: 128, doc_stride: 64}
"""


@dataclass(frozen=True)
class Otherwise:
    """How a command is run instead: with `changed` words, with `code` as its exit code; `why`."""

    command: str  # a regular expression of the whole line
    why: str
    changed: tuple[tuple[str, str], ...] = ()
    code: int = 0


OTHERWISE = (
    Otherwise(r"make .*", "would install packages and take hours: what it would run is printed", (("make", "make -n"),)),
    Otherwise(r"stilts data check .*path/to/data", "a small folder is not the whole release, and it has to say so", code=2),
    Otherwise(
        r"stilts data fetch .*",
        "tests do not download: it has to say that nothing answers",
        (("--to path/to/data", "--to fetched"),),
        code=2,
    ),
    Otherwise(
        r"stilts encoder fetch .*",
        "tests do not download: it has to say that the hub cannot be reached",
        (("--to", "--from hub --to"),),
        code=3,
    ),
    Otherwise(r"stilts new .*encoders/e5-small.*", "tests have no such encoder: it has to say how to fetch it", code=2),
    Otherwise(r"stilts study mine.yaml .*", "its spec is the one that was not written", code=2),
    Otherwise(
        r"stilts study .*path/to/data.*",
        "the folder is small: all that is missing has to be told before anything runs",
        code=2,
    ),
)  # fmt: skip
LONG = re.compile(r"stilts (study|latency|calibrate|verify experiments)\b(?!.*--(dry-run|plan))")  # minutes even so


def files() -> list[str]:
    """What git has or would add; without git, all that is not made here."""
    try:
        asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        return [name for name in listed if name and (ROOT / name).is_file()]
    except (OSError, subprocess.CalledProcessError):
        made = {".venv", "runs", "__pycache__", ".git", ".hypothesis"}
        return [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file() and not made & set(path.parts)]


@dataclass(frozen=True)
class House:
    """A copy of the repository, with its own `stilts`."""

    root: Path

    def run(self, script: str, code: int = 0) -> str:
        """Run it with `bash -e`; what it printed."""
        nothing = "http://127.0.0.1:9"  # no network, whatever there is
        environment = {
            **os.environ, "PATH": f"{self.root / '.bin'}:{os.environ['PATH']}", "PYTHONPATH": str(self.root),
            "HOME": str(self.root / ".home"),
            "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false",
            "http_proxy": nothing, "https_proxy": nothing, "HTTPS_PROXY": nothing, "HTTP_PROXY": nothing,
        }  # fmt: skip
        for name in [name for name in environment if name.startswith(("STILTS_", "PYTEST_"))]:
            del environment[name]
        done = subprocess.run(["bash", "-e", "-c", script], cwd=self.root, env=environment, capture_output=True, text=True)
        assert done.returncode == code, f"{script}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        assert path.resolve().is_relative_to(self.root.resolve())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def copied(root: Path) -> House:
    """A fresh copy there."""
    for name in files():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    made = House(root)
    for name, words in (("stilts", "-m stilts_xtreme"), ("python", "")):
        made.write(f".bin/{name}", f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (root / ".bin" / name).chmod(0o755)
    return made


def built(root: Path) -> House:
    """A fresh copy there, with a tiny miniature setup and with what placeholders of commands stand for."""
    made = copied(root)
    made.write("experiments/setups/miniature.yaml", TINY)
    made.write("path/to/data/xnli/test-en.tsv", "A man sleeps.\tSomebody sleeps.\tentailment\n" * 3)
    for folder, code in ((folder, code) for folder in ("PREDICTIONS", "LABELS") for code in XTREME.languages["xnli"]):
        made.write(f"{folder}/xnli/test-{code}.tsv", "neutral\n" * 3)
    return made


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> House:
    return built(tmp_path_factory.mktemp("house"))


def commands(page: str) -> list[str]:
    """Those of a README, in order, each once."""
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.S | re.M)
    indented = r"^    ((?:stilts|make) .+)$"
    inline = r"`((?:stilts|make) [^`\n]*[/=][^`\n]*)`"  # a bare name is no command line
    return list(dict.fromkeys(one or other for one, other in re.findall(f"{indented}|{inline}", text, re.M)))


def treated(command: str) -> tuple[str, int]:
    """The command as it is run here, and the exit code it has to have."""
    for way in OTHERWISE:
        if re.fullmatch(way.command, command):
            for old, new in way.changed:
                assert old in command, f"{way.why}: {old} does not stand in {command}"
                command = command.replace(old, new, 1)
            return command, way.code
    return command, 0


LISTED = [(page, command) for page in READMES for command in commands(page)]


@pytest.mark.parametrize(
    ("page", "command"),
    [pytest.param(*one, id=one[1][:90], marks=pytest.mark.slow if LONG.match(treated(one[1])[0]) else ()) for one in LISTED],
)
def test_a_readmes_command_runs(page, command, house) -> None:
    if command.startswith("make") and not shutil.which("make"):
        pytest.skip("there is no make here")
    done, code = treated(command)
    house.run(done, code)


def test_the_readmes_have_commands_and_no_way_around_them_is_stale() -> None:
    assert len(LISTED) > 25
    for way in OTHERWISE:
        assert any(re.fullmatch(way.command, command) for _, command in LISTED), f"no command needs: {way.command}"


QUICK = ("read-a-report",)  # without trainings; the others are run by `make test-all`
BLOCK = re.compile(r"^```(\S+)(?: +(.*?))?\n(.*?)^```$", re.S | re.M)
WRITTEN = ("yaml", "python", "json", "jsonl", "csv")


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Of a page: language, what follows it, content."""
    return [(kind, more or "", body) for kind, more, body in BLOCK.findall(page.read_text(encoding="utf-8"))]


def set_up(house: House, kind: str, more: str, body: str) -> str:
    """Write or apply a block that says so; the name of the file that is written."""
    title = re.search(r"title=(\S+)", more)
    if kind in WRITTEN and title:
        house.write(title[1], body)
        return title[1]
    if kind == "diff":
        house.write(".diff", body)
        house.run("git apply .diff" if shutil.which("git") else "patch -p1 < .diff")
    return ""


@pytest.mark.parametrize("name", HOWTOS)
def test_a_howtos_changes_apply_and_its_specs_are_sound(name, tmp_path) -> None:
    house = built(tmp_path)
    found = blocks(ROOT / "experiments" / "howto" / f"{name}.md")
    written = [set_up(house, *one) for one in found]
    specs = [file for file in written if file.endswith(".yaml") and re.search("^kind:", (tmp_path / file).read_text(), re.M)]
    made = any("./my-encoder" in (tmp_path / file).read_text() for file in specs)  # by a command of the page, which is not run
    if specs:
        house.run(f"stilts check {' '.join(specs)}{' --encoder some/encoder' if made else ''}")


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in HOWTOS])
def test_a_howto_does_what_it_says(name, tmp_path) -> None:
    house = built(tmp_path)
    page, ran, waiting = ROOT / "experiments" / "howto" / f"{name}.md", 0, 0
    for kind, more, body in blocks(page):
        set_up(house, kind, more, body)
        if kind == "bash" and "slurm" in more.split() and not slurm_answers():
            waiting += 1
        elif kind == "bash":
            house.run(body)
            ran += 1
    assert ran or waiting, f"{page.name} has no commands"
    if waiting:
        pytest.skip(f"{ran} blocks were run; {waiting} need a Slurm, and none answers here")


# Tests that know the tasks or the languages. Those of `make test` are the quick ones that a task or a language more could break.
KNOWING = re.compile(r"\b(TASKS|TARGETS|INTERMEDIATES|LANGUAGES|LAYOUTS|TABLE)\b|test_spec import")
ADDED = (
    "test_tasks.py", "test_noise_keyboards.py", "test_expected.py", "test_scoring_benchmarks.py", "test_fetch.py",
    "test_layers.py", "test_messages.py", "test_spec.py::test_case", "test_read.py::test_miniature",
)  # fmt: skip


def knowing() -> list[str]:
    found = [path.name for path in (ROOT / "tests").glob("test_*.py") if KNOWING.search(path.read_text(encoding="utf-8"))]
    return sorted({*found, "test_spec.py"} - {"test_howto.py"})


@pytest.mark.parametrize("tests", [pytest.param(ADDED, id="quick"), pytest.param(knowing(), id="all", marks=pytest.mark.slow)])
def test_a_task_and_a_language_more_break_no_test(tests, tmp_path) -> None:
    """Both how-tos that change the repository, to the letter, in one copy: nothing pins how many tasks or languages there are."""
    house = copied(tmp_path)
    for name in ("add-a-task", "add-a-language"):
        for one in blocks(ROOT / "experiments" / "howto" / f"{name}.md"):
            set_up(house, *one)
    told = house.run("python -c 'from stilts_xtreme.tasks.catalogue import TASKS; print(TASKS[\"xnli\"].languages, *TASKS)'")
    assert "fy" in told and "xclaims" in told
    house.run(f"python -m pytest -q -p no:xdist -p no:cacheprovider -m 'not slow' {' '.join(f'tests/{one}' for one in tests)}")


def slurm_answers() -> bool:
    return bool(shutil.which("sbatch")) and subprocess.run(["sinfo"], capture_output=True).returncode == 0
