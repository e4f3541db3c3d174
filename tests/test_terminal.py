"""What users see in a terminal: every command in a pseudo-terminal of 80 and 200 columns, and the lines where there is none."""

import io
import re
from pathlib import Path

import pytest
from pty_screen import Shown, run
from rich.console import Console
from test_end_to_end import EXPERIMENTS, FIRST, TINY

from stilts_xtreme.pipeline import plan
from stilts_xtreme.stages import progress
from stilts_xtreme.stages.events import Event
from stilts_xtreme.stages.pace import Pace
from stilts_xtreme.stages.progress import Row, drawn
from stilts_xtreme.utils.sanitize import clock

LONG = "train anli+mnli+qqp+squad+squad_v2+hellaswag+ccg+cosmosqa+commonsenseqa 48c11fbff87c"
RECIPE = plan.Recipe(epochs=None, steps=100)
ENCODER = plan.Random(16, 1, 2, 32, 130, 1200)
TEXT = plan.Train(ENCODER, ("text",), RECIPE, 1, ())
MNLI = plan.Train(TEXT, ("mnli",), RECIPE, 1, ())
SQUAD = plan.Train(TEXT, ("squad",), RECIPE, 1, ())
XNLI = plan.Predict(MNLI, "xnli", ("en",), ())
STAGES = [TEXT, MNLI, SQUAD, XNLI]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """A store that the commands share, so that each trains little."""
    return tmp_path_factory.mktemp("runs")


def sound(shown: Shown, columns: int) -> list[str]:
    """The final screen of a command that ended well; no line was ever wider than the terminal, and the cursor is there again."""
    assert shown.code == 0 and "Traceback" not in shown.written, shown.written
    text = [line for line in shown.lines if not re.match("(next:| +) stilts ", line)]  # a command is there to be copied
    assert max(map(len, text), default=0) <= columns
    assert shown.written.rfind("\x1b[?25h") >= shown.written.rfind("\x1b[?25l")
    left = shown.screen(columns)
    assert not any("━" in line for line in left), "a bar is left on the screen"
    return left


def evaluate(store: Path, *more: object) -> list[object]:
    return ["evaluate", FIRST / "4-evaluate.yaml", *TINY, "--store", store, *more]


def test_the_readmes_first_command_ends_with_its_table(store) -> None:
    """80 columns; the total is not known before the first step."""
    shown = run(evaluate(store), 80)
    screen = "\n".join(sound(shown, 80))
    assert "xnli  accuracy  n" in screen and "mean" in screen and shown.out.strip().endswith("result.json")
    assert screen.count("English dev") >= 3 and "train text" in screen  # a line for each finished training
    live = "\n".join(shown.lines)
    assert "0/4 stages" in live and "3/4 stages" in live and "training a tokenizer" in live


def test_bars_have_steps_loss_speed_and_time_left(store) -> None:
    """200 columns, and a training that is long enough to be seen."""
    shown = run(["train-multitask", FIRST / "2-multitask.yaml", *TINY, "recipe.steps=1500", "--store", store], 200)
    screen = sound(shown, 200)
    assert any(line.startswith("English dev") for line in screen)
    (first, *_) = [line for line in shown.lines if "/1,500 " in line or "/1500 " in line and "left" in line]
    for part in ("train mnli+squad+hellaswag", "/1", "loss ", "tok/s", " left"):
        assert part in first, first
    assert any(line.startswith("all, 0:") and "tok/s" in line for line in shown.lines)


def test_ctrl_c_in_a_study_with_two_processes_keeps_what_was_done_and_the_screen(tmp_path) -> None:
    words = ["study", EXPERIMENTS / "studies" / "main.yaml", "intermediate=[none]", "targets=[xnli,panx]", *TINY,
             "setup.pretraining.recipe.steps=100000", "--store", tmp_path, "--jobs", "2"]  # fmt: skip
    shown = run(words, 80, interrupt=lambda written: "tok/s" in written)
    assert shown.code == 75 and "Traceback" not in shown.written
    assert any(line.startswith("stopping") and "at the next step; Ctrl-C again stops at once" in line for line in shown.lines)
    *lasting, last = shown.screen(80)
    assert last == "stopped; what was done is kept. Run the same command again to go on from there."
    assert not any("━" in line or "tok/s" in line or line.startswith("stopping") for line in lasting)  # no bars are left
    assert shown.written.rfind("\x1b[?25h") > shown.written.rfind("\x1b[?25l")
    assert len(list(tmp_path.glob("train/.*.saved/*"))) == 1


@pytest.mark.parametrize("columns", [80, 200])
def test_what_is_checked_and_what_is_downloaded_is_shown_whether_a_total_is_known_or_not(columns) -> None:
    program = """
import time
from stilts_xtreme.stages import progress
with progress.checks() as tell:
    for done in range(3):
        for total in (3, None):
            tell(f"files {total}", done, total)
            time.sleep(0.06)
with progress.downloads() as tell:
    for done in range(3):
        tell("squad/a-file-with-a-name-much-longer-than-any-line-of-a-terminal-which-has-but-eighty-columns.json", done, 3)
        tell("without a total", done * 1000, None)
        time.sleep(0.06)
"""
    shown = run([], columns, program=program)
    assert sound(shown, columns) == []
    live = "\n".join(shown.lines)
    assert "/3" in live and "/?" in live and "without a total" in live and "kB" in live


def test_a_study_is_verified_and_fetching_says_that_nothing_answers(store, tmp_path) -> None:
    run(evaluate(store), 80)
    shown = run(["verify", "--store", store], 80)
    sound(shown, 80)
    assert "all of it is as it should be" in shown.out
    nothing = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    shown = run(["data", "fetch", "xnli", "--to", tmp_path], 80, environment=nothing)
    assert shown.code == 2 and "Traceback" not in shown.written


def test_libraries_draw_no_bars_of_their_own() -> None:
    program = """
import sys
from stilts_xtreme.cli import main
sys.argv = ["stilts", "--version"]
try:
    main()
except SystemExit:
    pass
import datasets, huggingface_hub
datasets.utils.tqdm(range(9)).refresh()
huggingface_hub.utils.tqdm(range(9)).refresh()
"""
    shown = run([], 80, program=program)
    assert shown.code == 0 and "/9" not in shown.written, shown.written


STUDY = [EXPERIMENTS / "studies" / "main.yaml", "intermediate=[none,mnli]", "targets=[xnli]", *TINY]
LATENCY = [EXPERIMENTS / "studies" / "latency.yaml", *TINY, "calls=8", "warmup=1", "block=1", "passes=1", "pool=8", 
           "batch_sizes=[4]", "lengths=[]", "languages=[en]", "examples=8", "variants=[eager]"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize(
    "words",
    [
        ["train-intermediate", FIRST / "1-intermediate.yaml", *TINY],
        ["train-multitask", FIRST / "2-multitask.yaml", *TINY],
        ["finetune-target", FIRST / "3-target.yaml", *TINY],
        ["evaluate", FIRST / "4-evaluate.yaml", *TINY],
        ["study", *STUDY, "--jobs", "2"],
        ["study", *STUDY, "--jobs", "1"],
        ["latency", *LATENCY],
        ["calibrate", "--seconds", "0", "--device", "cpu"],
    ],
    ids=lambda words: words[0],
)
def test_every_command_that_runs_something_does_in_a_terminal(words, columns, tmp_path) -> None:
    where = [] if words[0] == "calibrate" else ["--store", tmp_path / "runs"]
    kept = {"STILTS_CALIBRATION": str(tmp_path / "calibration.json")}
    sound(run([*words, *where], columns, environment=kept, limit=600.0), columns)


@pytest.mark.parametrize("width", [24, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_addresses_stay(width) -> None:
    found = [
        Row("all", 3 / 36, "3/36 stages", "", "1,234,567 tok/s", ">1:02:34 left"),
        Row(LONG, 0.5, "123456/131072", "loss 12.345", "1,234,567 tok/s", "1:02:34 left"),
        Row("predict xnli 9a0e53c7dbb4", None, note="encoding xnli test en " * 10),
    ]
    lines = [line.plain for line in drawn(found, width, 40)]
    assert len(lines) == 3 and all(len(line.rstrip()) <= width for line in lines)
    assert width < 80 or ("48c11fbff87c" in lines[1] and "123456/131072" in lines[1] and lines[1].endswith("1:02:34 left"))
    assert width < 200 or LONG in lines[1]


def test_more_stages_than_lines_are_counted() -> None:
    lines = [line.plain for line in drawn([Row(f"train mnli {i}", note="running") for i in range(50)], 80, 20)]
    assert len(lines) == 20 and lines[-1].strip() == "and 31 more"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def told(stage: plan.Stage, state: str = "running", **more: object) -> Event:
    return Event(plan.address(stage), state, stage.label, **more)


def test_time_left_of_a_stage_and_of_the_whole() -> None:
    now = Clock()
    pace = Pace(STAGES, 2, now)
    assert (pace.done, pace.total, pace.left()) == (2, 6, (None, False))
    pace.add(told(TEXT, note="training a tokenizer"))
    now.now = 10.0
    pace.add(told(TEXT, step=10, steps=100, loss=1.0, speed=50.0))
    assert pace.running[plan.address(TEXT)].left(now()) is None  # one moment gives no speed
    now.now = 20.0
    pace.add(told(TEXT, step=20, steps=100, loss=1.0, speed=50.0))
    assert pace.running[plan.address(TEXT)].left(now()) == pytest.approx(80.0)  # what came before the first step does not count
    now.now = 30.0
    assert pace.running[plan.address(TEXT)].left(now()) == pytest.approx(70.0)
    pace.add(told(TEXT, note="going on", persistent=True))
    assert pace.running[plan.address(TEXT)].left(now()) == pytest.approx(70.0)  # a remark is no end of steps
    # Two more trainings, 100 s each as this one looks; of predictions nothing is known.
    assert pace.left() == (pytest.approx(70.0 + 2 * 100.0), False)
    pace.add(told(TEXT, "done"))
    for stage in (MNLI, SQUAD):
        pace.add(told(stage, step=0, steps=100))
    now.now = 45.0
    for stage in (MNLI, SQUAD):
        pace.add(told(stage, step=50, steps=100, speed=30.0))
    assert pace.speed == 60.0
    assert pace.left() == (pytest.approx(15.0), False)
    now.now = 60.0
    pace.add(told(MNLI, "done"))
    pace.add(told(SQUAD, "failed"))
    pace.add(told(XNLI, step=0, steps=10, note="features"))
    now.now = 62.0
    pace.add(told(XNLI, step=5, steps=10, note="features"))
    assert pace.left() == (pytest.approx(2.0), True) and pace.done == 5


def test_another_phase_counts_anew() -> None:
    now = Clock()
    pace = Pace([XNLI], 0, now)
    pace.add(told(XNLI, step=0, steps=10, note="sentences"))
    now.now = 100.0
    pace.add(told(XNLI, step=10, steps=10, note="sentences"))
    pace.add(told(XNLI, step=0, steps=10, note="candidates"))
    now.now = 101.0
    pace.add(told(XNLI, step=5, steps=10, note="candidates"))
    assert pace.running[plan.address(XNLI)].left(now()) == pytest.approx(1.0)


def test_lines_where_there_is_no_terminal_have_the_time_left() -> None:
    now, written = Clock(), io.StringIO()
    pace = Pace(STAGES, 0, now)
    with progress._lines(Console(file=written, width=80), pace) as tell:
        tell(told(TEXT, step=0, steps=100, loss=2.0, speed=10.0))
        now.now = 30.0
        tell(told(TEXT, step=30, steps=100, loss=1.5, speed=1234.0))
        tell(told(TEXT, "done", note="English dev 12.3, 100 steps, 1:40", persistent=True))
        tell(told(MNLI, "waiting", note="process 7 of ann on host, at it for 0:10"))
        tell(told(MNLI, "waiting", note="process 7 of ann on host, at it for 0:11"))
        now.now = 60.0
        tell(told(MNLI, "waiting", note="process 7 of ann on host, at it for 0:40"))
    first, second, third, fourth = written.getvalue().splitlines()
    text, mnli = plan.address(TEXT), plan.address(MNLI)
    assert first == f"[0/4 stages, 0:30, over 4:30 left] running train text {text} 30/100 loss 1.500 1,234 tok/s 1:10 left"
    assert second == f"[1/4 stages, 0:30, over 1:00 left] train text {text}: English dev 12.3, 100 steps, 1:40"
    assert third.endswith(f"] train mnli {mnli} waiting for process 7 of ann on host, at it for 0:10")
    assert fourth.endswith("at it for 0:40")


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0:00"), (59.6, "1:00"), (754, "12:34"), (3754, "1:02:34"), (273600, "3 d 04 h")]
)
def test_durations(seconds, said) -> None:
    assert clock(seconds) == said
