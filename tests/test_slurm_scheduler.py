"""The launcher for clusters, without one: what is submitted when, and what becomes of that which goes wrong."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stilts_xtreme import spec
from stilts_xtreme.cli import watching
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.slurm import job, scheduler, submissions
from stilts_xtreme.slurm.batches import batch_stages
from stilts_xtreme.slurm.queue import REQUEUE, Job, Queue, Refused
from stilts_xtreme.slurm.settings import SlurmSettings, settings, time_limit
from stilts_xtreme.stages import last_step
from stilts_xtreme.stages.events import Event, Options
from stilts_xtreme.store import Store
from stilts_xtreme.utils.errors import RunFailed, UserError
from tests.test_end_to_end import EXPERIMENTS, stilts

FIRST = plan.Train(plan.Random(8, 1, 1, 16, 32, 100), ("text",), plan.Recipe(), 1, ())
MIDDLE = plan.Train(FIRST, ("mnli",), plan.Recipe(), 1, ())
LAST = [plan.Train(MIDDLE, (name,), plan.Recipe(), 1, ()) for name in ("xnli", "squad")]
MODELS = {"xnli": LAST[0], "xquad": LAST[1], "mlqa": LAST[1], "tatoeba": MIDDLE}
PREDICTIONS = [plan.Predict(model, name, ("en",), ()) for name, model in MODELS.items()]
ALL = [FIRST, MIDDLE, *LAST, *PREDICTIONS]


def finish(stage: plan.Stage, store: Store) -> None:
    with store.claim(stage) as scratch:
        if scratch is not None:
            (scratch / "result.json").write_text("{}")


class Fake:
    """A Slurm whose jobs are done, at most `side_by_side` at every look, as `fate` says: "done" by finishing their stages."""

    name = "stilts-test"

    def __init__(self, store: Store, fate: Callable[[str, int], str], limit: int | None = None, side_by_side: int = 2):
        self.store, self.fate, self.settings, self.side_by_side = store, fate, SlurmSettings(limit=limit), side_by_side
        self.stages = {plan.address(stage): stage for stage in ALL}
        self.queue: list[tuple[str, int]] = []
        self.submitted: list[list[str]] = []
        self.most = 0
        self.begun: dict[str, int] = {}

    def submit(self, folder: Path, count: int) -> str:
        self.submitted += submissions.read_batches(folder)
        self.queue += [(folder.name, index) for index in range(count)]
        return str(len(self.submitted))

    def jobs(self) -> list[Job]:
        self.most = max(self.most, len(self.queue))
        for _ in range(min(self.side_by_side, len(self.queue))):
            name, index = self.queue.pop(0)
            for address in submissions.of_store(self.store).batches(name)[index]:
                stage = self.stages[address]
                self.begun[address] = self.begun.get(address, 0) + 1
                fate = self.fate(stage.label, self.begun[address])
                if fate == "done":
                    finish(stage, self.store)
                elif fate in ("input", "run"):
                    folder = self.store.root.absolute() / "slurm" / name
                    submissions.write_failures(folder, index, {address: {"kind": fate, "said": f"{stage.label} is bad"}})
                    break
                else:
                    if fate == "got on":
                        (self.store.checkpoints(stage).folder / f"{self.begun[address]:09}").mkdir(parents=True)
                    (self.store.root / "slurm" / name / f"7_{index}_0_log.out").write_text("first\nkilled by somebody\n")
                    break
        return [Job(name, index, "PENDING", f"1_{index}", "Priority") for name, index in self.queue]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch) -> None:
    monkeypatch.setattr(scheduler, "MIN_PAUSE", 0.0)


def drive(fake: Fake, todo=ALL) -> list[Event]:
    told: list[Event] = []
    scheduler.run(todo, fake.store, told.append, fake)  # type: ignore[arg-type]
    return told


def names(pack: list[plan.Stage]) -> list[str]:
    return [stage.label for stage in pack]


def test_a_job_is_a_training_and_its_predictions_or_predictions_of_one_model() -> None:
    assert [names(pack) for pack in batch_stages(LAST, [*LAST, *PREDICTIONS])] == [["xnli", "xnli"], ["squad", "xquad", "mlqa"]]
    assert [names(pack) for pack in batch_stages(PREDICTIONS, PREDICTIONS)] == [["xnli"], ["xquad", "mlqa"], ["tatoeba"]]
    assert [names(pack) for pack in batch_stages([FIRST], ALL)] == [["text"]]


def test_what_is_ready_is_submitted_once_and_nothing_else(tmp_path) -> None:
    fake = Fake(Store(tmp_path), lambda label, time: "done")
    told = drive(fake)
    assert [len(pack) for pack in fake.submitted] == [1, 2, 3, 2] and all(fake.store.done(stage) for stage in ALL)
    assert sum(event.state == "done" for event in told) == len(ALL)
    assert not list((tmp_path / "slurm").glob("2*"))  # nothing is left to look at
    drive(fake)
    assert len(fake.submitted) == 4


def test_jobs_of_an_earlier_driver_count(tmp_path) -> None:
    store = Store(tmp_path)
    fake = Fake(store, lambda label, time: "done", side_by_side=0)
    folder = submissions.of_store(store).create([[plan.address(FIRST)]])
    fake.submit(folder, 1)
    looks = iter([0, 0, 0])
    jobs = fake.jobs

    def slowly() -> list[Job]:
        fake.side_by_side = next(looks, 2)
        return jobs()

    fake.jobs = slowly  # type: ignore[method-assign]
    drive(fake)
    assert [len(pack) for pack in fake.submitted] == [1, 2, 3, 2]


def test_a_job_that_is_gone_is_submitted_again_and_one_that_gets_on_for_as_long_as_it_does(tmp_path) -> None:
    fates = {"text": ["gone", "done"], "mnli": ["got on"] * 8 + ["done"], "squad": ["gone", "got on", "gone", "gone"] + ["done"]}
    fake = Fake(Store(tmp_path), lambda label, time: fates[label][time - 1] if label in fates else "done")
    told = drive(fake)
    assert fake.begun[plan.address(MIDDLE)] == 9
    notes = [event.note for event in told if "submitted again" in event.note]
    assert len(notes) == 1 + 8 + 4 and all("'killed by somebody'" in note and "_log.out" in note for note in notes)


def test_one_that_never_gets_on_has_failed_and_what_needs_it_is_named(tmp_path) -> None:
    fake = Fake(Store(tmp_path), lambda label, time: "gone" if label == "squad" else "done")
    with pytest.raises(RunFailed) as told:
        drive(fake)
    assert fake.begun[plan.address(LAST[1])] == scheduler.MAX_TRIES
    assert f"train squad ({plan.address(LAST[1])}): 3 jobs in a row" in str(told.value) and "killed by somebody" in str(
        told.value
    )
    assert "2 stages that need what failed were not begun" in str(told.value)
    assert fake.store.done(PREDICTIONS[0]) and not fake.store.done(PREDICTIONS[1])
    assert list((tmp_path / "slurm").glob("2*/*_log.out"))  # there to be read


def test_what_stood_behind_one_that_kills_its_job_is_not_blamed(tmp_path) -> None:
    fake = Fake(Store(tmp_path), lambda label, time: "gone" if label == "xquad" else "done")
    with pytest.raises(RunFailed) as told:
        drive(fake)
    assert "predict xquad" in str(told.value) and "mlqa" not in str(told.value)
    assert fake.begun[plan.address(PREDICTIONS[1])] == scheduler.MAX_TRIES and fake.store.done(PREDICTIONS[2])


@pytest.mark.parametrize(("kind", "fault"), [("input", UserError), ("run", RunFailed)])
def test_what_a_job_says_of_a_failure_is_what_is_raised(tmp_path, kind, fault) -> None:
    store = Store(tmp_path)
    fake = Fake(store, lambda label, time: kind if label == "mlqa" else "done")
    with pytest.raises(fault, match="predict mlqa .*: mlqa is bad"):
        drive(fake)
    assert fake.begun[plan.address(PREDICTIONS[2])] == 1 and store.done(PREDICTIONS[1])
    seen = watching.look(ALL, store)
    assert seen.states[plan.address(PREDICTIONS[2])] == "failed" and watching.line(seen) == "7 done, 1 failed"


def test_no_more_jobs_than_the_limit_are_in_the_queue(tmp_path) -> None:
    fake = Fake(Store(tmp_path), lambda label, time: "done", limit=1)
    drive(fake)
    assert fake.most == 1 and [len(pack) for pack in fake.submitted] == [1, 2, 3, 2]


def test_a_stage_that_a_job_found_damaged_is_done_again(tmp_path) -> None:
    store = Store(tmp_path)

    def fate(label: str, time: int) -> str:
        if label == "squad" and time == 1:
            store.discard(MIDDLE)
            return "gone"
        return "done"

    fake = Fake(store, fate)
    drive(fake)
    assert fake.begun[plan.address(MIDDLE)] == 2 and store.done(MIDDLE)


def test_a_slurm_that_does_not_answer_is_waited_for_but_not_for_ever(tmp_path, monkeypatch) -> None:
    fake = Fake(Store(tmp_path), lambda label, time: "done")
    jobs, silent = fake.jobs, iter([True, True, False])

    def sometimes() -> list[Job]:
        if next(silent, False):
            raise OSError("Unable to contact slurm controller")
        return jobs()

    fake.jobs = sometimes  # type: ignore[method-assign]
    told = drive(fake)
    assert [event.note for event in told if "Unable" in event.note] == [
        "Slurm does not answer: Unable to contact slurm controller"
    ]
    monkeypatch.setattr(scheduler, "MAX_SILENCE", -1.0)
    other, silent = Fake(Store(tmp_path / "other"), fake.fate), iter([True])
    other.jobs = sometimes  # type: ignore[method-assign]
    with pytest.raises(RunFailed, match="run the same command again"):
        drive(other)


def test_what_slurm_does_not_take_is_tried_later_while_jobs_of_ours_run_and_else_told(tmp_path) -> None:
    fake = Fake(Store(tmp_path), lambda label, time: "done", side_by_side=1)
    submit, refused = fake.submit, []

    def full(folder: Path, count: int) -> str:
        if fake.queue and len(refused) < 2 or count > 2:
            refused.append(count)
            raise Refused("QOSMaxSubmitJobPerUserLimit")
        return submit(folder, count)

    fake.submit = full  # type: ignore[method-assign]
    drive(fake)

    def never(folder: Path, count: int) -> str:
        raise Refused("invalid partition specified: fast")

    other = Fake(Store(tmp_path / "other"), lambda label, time: "done")
    other.submit = never  # type: ignore[method-assign]
    with pytest.raises(UserError, match="Slurm takes no job of ours: invalid partition"):
        drive(other)
    assert not list((tmp_path / "other" / "slurm").glob("2*"))


@pytest.mark.parametrize("written", ["", "{", "[]", "{}", '[["../../x"]]', "[[1]]", '["0123456789ab"]'])
def test_a_damaged_round_is_none(tmp_path, written) -> None:
    (tmp_path / submissions.BATCHES).write_text(written)
    assert (
        submissions.read_batches(tmp_path) == [] and submissions.Submissions(tmp_path.parent).batches(f"../{tmp_path.name}") == []
    )


def test_a_job_does_what_its_round_says_and_tells_what_failed(tmp_path, monkeypatch) -> None:
    folder = submissions.of_store(Store(tmp_path)).create([[plan.address(FIRST)], [plan.address(MIDDLE)]])
    with pytest.raises(UserError, match="no job of a Slurm array"):
        job.stages(ALL, folder)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    assert job.stages(ALL, folder) == [MIDDLE]
    with pytest.raises(UserError, match="was changed after the job was submitted"):
        job.stages([FIRST], folder)
    told = submissions.of_store(Store(tmp_path)).failures(submissions.ArrayTask(folder.name, 1))
    assert told[plan.address(MIDDLE)]["kind"] == "input"

    def fail(todo, store, options, tell) -> None:
        assert (
            submissions.of_store(store).failures(submissions.ArrayTask(folder.name, 1)) == {}
        )  # what it said before is forgotten
        tell(Event(plan.address(MIDDLE), "failed", "mnli", note="the disk is full"))
        raise RunFailed("all of it")

    monkeypatch.setattr(job.running, "run", fail)
    with pytest.raises(RunFailed):
        job.run([MIDDLE], Store(tmp_path), Options(), lambda event: None, folder)
    told = submissions.of_store(Store(tmp_path)).failures(submissions.ArrayTask(folder.name, 1))
    assert told == {plan.address(MIDDLE): {"kind": "run", "said": "the disk is full"}}
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    with pytest.raises(UserError, match="no job 2"):
        job.stages(ALL, folder)


def test_where_a_training_stands_is_read_from_its_log(tmp_path) -> None:
    store = Store(tmp_path)
    assert last_step.read_last_step(FIRST, store, time.time()) is None
    store.scratch(FIRST).mkdir(parents=True)
    for text, expected in [
        ("", None),
        ('{"step": 1}', None),
        ('{"step": 3, "loss": NaN}\n{"st', 3),
        ('{"step": "x"}\n', None),
        ("[]\n", None),
    ]:
        (store.scratch(FIRST) / "log.jsonl").write_text(text)
        found = last_step.read_last_step(FIRST, store, time.time())
        assert (found and found.step) == expected


def test_faults_of_settings_are_told_all_at_once() -> None:
    with pytest.raises(UserError) as told:
        settings(None, None, None, "much", "soon", None, ["array=1", "--qos", "qos=", "a b=c", "Mail=x", "nice=5\n#SBATCH --x"])
    lines = str(told.value).split("\n")
    assert [line.split(":")[0].split("=")[0] for line in lines[:3]] == ["--mem much", "--time soon", "--slurm array"]
    assert "\n".join(lines).count("give an option of sbatch") == 4
    found = settings("gpu", 1, 8, "32G", "1-12:00:00", 5, ["qos=long", "--exclusive"])
    assert found == SlurmSettings("gpu", 1, 8, "32G", "1-12:00:00", 5, {"qos": "long", "exclusive": True})


def test_the_script_asks_for_what_was_said_and_unpickles_nothing(tmp_path, monkeypatch) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed")
    for name, line in [
        ("sbatch", f"cp $1 {tmp_path}/script; echo Submitted batch job 42"),
        ("srun", ":"),
        ("squeue", f"cat {tmp_path}/told"),
    ]:
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    asked = settings("gpu", 1, 8, "32G", "1-12", None, ["qos=long", "exclusive"])
    queue = Queue(asked, ["python", "-m", "stilts_xtreme", "study", "a b.yaml", "--job"], "stilts-main")
    queue.check()
    folder = submissions.of_store(Store(tmp_path)).create([["0" * 12], ["1" * 12]])
    assert queue.submit(folder, 2) == "42"
    script = (tmp_path / "script").read_text()
    options = dict(
        line.removeprefix("#SBATCH --").partition("=")[::2] for line in script.splitlines() if line.startswith("#SBATCH")
    )
    assert options == {
        "array": "0-1%2", "comment": folder.name, "cpus-per-task": "8", "exclusive": "", "gpus-per-node": "1",
        "job-name": "stilts-main", "mem": "32G", "nodes": "1", "ntasks-per-node": "1", "open-mode": "append",
        "output": f"{folder}/%A_%a_0_log.out", "partition": "gpu", "qos": "long", "requeue": "",
        "signal": "USR2@120", "time": "1-12",
    }  # fmt: skip
    (command,) = [line for line in script.splitlines() if line.startswith("srun")]
    assert command.endswith(f"--open-mode=append --cpus-per-task=8 python -m stilts_xtreme study 'a b.yaml' --job {folder}")
    assert not list(tmp_path.rglob("*.pkl"))
    (tmp_path / "told").write_text(
        f"{folder.name}|1|PENDING|42_1|Resources\n(null)|N/A|RUNNING|43|None\n{folder.name}|0|RUNNING\n|||\n"
    )
    assert queue.jobs() == [Job(folder.name, 1, "PENDING", "42_1", "Resources"), Job(folder.name, 0, "RUNNING", "", "")]
    said = ["invalid partition specified: gpu", "Batch job submission failed: Invalid partition"]
    (tmp_path / "sbatch").write_text("#!/bin/sh\n" + "".join(f"echo 'sbatch: error: {one}' >&2\n" for one in said) + "exit 1\n")
    with pytest.raises(Refused, match="^Batch job submission failed: Invalid partition$"):
        queue.submit(folder, 1)
    (tmp_path / "squeue").write_text("#!/bin/sh\necho 'slurm_load_jobs error: Unable to contact' >&2\nexit 1\n")
    with pytest.raises(OSError, match="Unable to contact"):
        queue.jobs()


@pytest.mark.parametrize(
    ("code", "restarts", "asked"),
    [(75, "", "requeue 40_2\n"), (75, "9", "requeue 40_2\n"), (75, "10", ""), (0, "", ""), (1, "", "")],
)
def test_a_stopped_job_puts_itself_alone_back_into_the_queue(tmp_path, code, restarts, asked) -> None:
    """Element 2 of array 40, with the array's own id, as the last element of every array has it."""
    (tmp_path / "scontrol").write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n')
    (tmp_path / "scontrol").chmod(0o755)
    names = {"SLURM_JOB_ID": "40", "SLURM_ARRAY_JOB_ID": "40", "SLURM_ARRAY_TASK_ID": "2"}
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    script = "\n".join([f"(exit {code})", *REQUEUE])
    done = subprocess.run(["bash", "-c", script], env={**names, "PATH": path, "SLURM_RESTART_COUNT": restarts})
    said = tmp_path / "asked"
    assert done.returncode == code and (said.read_text() if said.exists() else "") == asked


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("90", 5400), ("2:30", 150), ("8:00:00", 28800), ("1-12", 129600), ("1-0:30", 88200), ("0-0:0:59", 59), ("0", 0)],
)
def test_a_time_limit_is_read_as_sbatch_reads_it(time, seconds) -> None:
    assert time_limit(time) == seconds


@pytest.mark.parametrize("time", ["2", "3", "3:59", "0:03:59", "0-0:2"])
def test_a_time_limit_in_which_no_job_gets_on_is_refused(time) -> None:
    told = f"--time {time}: is .* seconds; a job is signalled 120 to 180 seconds before .* 4 minutes"
    with pytest.raises(UserError, match=told):
        settings(None, None, None, None, time, None, [])
    for long in ("4", "0"):  # 0: no limit
        assert settings(None, None, None, None, long, None, []).time == long


MAIN = EXPERIMENTS / "studies" / "main.yaml"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--launcher", "kubernetes"], "--launcher kubernetes: give local or slurm"),
        (["--partition", "gpu", "--slurm", "qos=x"], "--partition, --slurm: only for --launcher slurm"),
        (["--launcher", "slurm", "--jobs", 2, "--memory", 3], "--jobs, --memory: only for --launcher local"),
        (["--launcher", "slurm", "--time", "soon"], "--time soon"),
        (["--launcher", "slurm"], "there is no sbatch here"),
    ],
)
def test_options_that_cannot_be_are_answered_in_one_line(tmp_path, words, told) -> None:
    done = stilts("study", MAIN, *words, "--store", tmp_path / "runs", code=2, PATH=str(tmp_path))
    assert told in done.stderr and done.stderr.count("\n") == 1 and not (tmp_path / "runs").exists()


def test_without_submitit_it_says_how_to_get_it(tmp_path) -> None:
    for name in ("sbatch", "squeue", "srun"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "submitit.py").write_text("raise ImportError\n")
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', EXPERIMENTS.parent)}"
    done = stilts("study", MAIN, "--launcher", "slurm", "--store", tmp_path / "runs", code=2, PATH=str(tmp_path), PYTHONPATH=path)
    assert 'pip install "stilts-xtreme[slurm]"' in done.stderr


def test_a_study_is_watched(tmp_path) -> None:
    """Elsewhere than on a terminal: a line where anything changed; and it ends where all is done."""
    study, store = [MAIN, "intermediate=[none]", "targets=[tatoeba]"], Store(tmp_path)
    cells = grid.study(spec.load(study[0], study[1:], {"study"}))
    shown = watch("--watch", *study, "--store", tmp_path)
    assert shown.stdout.readline() == "2 to do\n"
    for stage, line in zip(plan.chain(cells[0].stage), ["1 done, 1 to do\n", "2 done\n"]):
        finish(stage, store)
        assert shown.stdout.readline() == line
    assert shown.wait(timeout=60) == 0
    whole = watch("watch", "--store", tmp_path)
    assert whole.stdout.readline() == "train: 1 done, 0 begun, 0 with checkpoints; predict: 1 done, 0 begun, 0 with checkpoints\n"
    whole.send_signal(signal.SIGINT)
    assert whole.wait(timeout=60) == 0


def watch(*words: object) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "stilts_xtreme", "runs", *map(str, words)], stdout=subprocess.PIPE, text=True)


def test_the_grid_counts_what_is_done_and_what_runs(tmp_path) -> None:
    from stilts_xtreme.pipeline.grid import Cell
    from stilts_xtreme.results.rows import Row

    store = Store(tmp_path)
    cells = [
        Cell(Row(()), "xnli", 1, PREDICTIONS[0]),
        Cell(Row(()), "xquad", 1, PREDICTIONS[1]),
        Cell(Row(("mnli",)), "tatoeba", 1, PREDICTIONS[3]),
    ]
    for stage in (FIRST, MIDDLE, LAST[0], PREDICTIONS[0]):
        finish(stage, store)
    with store.claim(LAST[1]) as scratch:
        (scratch / "log.jsonl").write_text('{"step": 7, "loss": 1.5}\n')
        seen = watching.look(ALL, store)
        assert watching.line(seen) == "4 done, 1 running, 3 to do"
        (table,) = watching.grid(cells, seen, 80)
        assert [list(column.cells) for column in table.columns] == [["none", "mnli"], ["1/1", ""], ["0/1 (1)", ""], ["", "0/1"]]
        (_, running) = watching.under_way(seen, store)
        assert list(running.columns[2].cells) == ["7"] and list(running.columns[3].cells) == ["1.500"]
        (scratch / "result.json").write_text("{}")
    (store.checkpoints(PREDICTIONS[1]).folder / "000000001").mkdir(parents=True)
    assert watching.line(watching.look(ALL, store)) == "5 done, 1 stopped, 2 to do"
