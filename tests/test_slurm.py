"""A study on a real Slurm of one node: `export SLURM_CONF=$(tests/slurm/start.sh)` starts one."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stilts_xtreme import results
from stilts_xtreme.slurm.queue import Queue
from stilts_xtreme.slurm.settings import settings
from tests.test_end_to_end import EXPERIMENTS, TINY, stilts

STUDY = (
    EXPERIMENTS / "studies" / "main.yaml", "intermediate=[none,qqp]", "targets=[xnli,panx,udpos,tatoeba,xquad]", "seeds=[1]",
    *TINY, "setup.pretraining.recipe.steps=3000",
)  # fmt: skip
PATIENCE = 300.0  # seconds for anything to happen


def slurm(*words: object) -> str:
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True).stdout


@pytest.fixture
def _slurm() -> None:
    try:
        told = subprocess.run(["sinfo", "--noheader", "--format=%P"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        pytest.skip("no Slurm: say export SLURM_CONF=$(tests/slurm/start.sh)")
    if told.returncode or {name.strip("*") for name in told.stdout.split()} != {"low", "high"}:
        pytest.skip("no Slurm for tests answers: say export SLURM_CONF=$(tests/slurm/start.sh)")
    pytest.importorskip("submitit", reason="submitit is not installed")


def start(store: Path, told: Path) -> subprocess.Popen:
    words = ["study", *STUDY, "--launcher", "slurm", "--store", store, "--cpus", 1, "--mem", "1500M", "--partition", "low"]
    with open(told, "a") as file:
        command = [sys.executable, "-m", "stilts_xtreme", *map(str, words)]
        return subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ, "OMP_NUM_THREADS": "1"})


def jobs(state: str) -> list[str]:
    """Ids of the study's jobs in a state."""
    return slurm("squeue", "--array", "--noheader", "--name=stilts-main", f"--states={state}", "--format=%i").split()


def until(there: Callable[[], object], driver: subprocess.Popen | None, told: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not there():
        assert time.monotonic() < end and (driver is None or driver.poll() is None), told.read_text()
        time.sleep(0.1)


@pytest.mark.slow
def test_a_study_with_a_job_cancelled_one_preempted_and_the_driver_killed_ends_as_a_local_one(_slurm, tmp_path) -> None:
    store, told = tmp_path / "slurm", tmp_path / "told"
    assert not jobs("pending,running")

    def lines() -> int:
        return sum(path.read_bytes().count(b"\n") for path in store.glob("train/.*.part/log.jsonl"))

    def logs() -> str:
        return "".join(path.read_text() for path in sorted(store.glob("slurm/*/*_log.out")))

    driver = start(store, told)
    try:
        until(lambda: lines() > 50 and jobs("running"), driver, told)
        (first,) = jobs("running")
        slurm("scancel", first)
        until(lambda: "it is submitted again" in told.read_text(), driver, told)
        until(lambda: "going on after step" in logs() and jobs("running"), driver, told)
        (second,) = jobs("running")
        assert second != first
        cpus = slurm("sinfo", "--noheader", "--format=%c", "--partition=high").strip()
        asked = ["--parsable", "--partition=high", f"--ntasks={cpus}", "--output=/dev/null", "--wrap=sleep 1"]
        preemptor = slurm("sbatch", *asked).strip()
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        until(lambda: jobs("pending") == [second], None, told)
        until(lambda: not slurm("squeue", "--noheader", f"--jobs={preemptor}", "--states=pending,running"), None, told)
        until(lambda: "stopped; what was done is kept" in logs(), None, told)
        before = logs().count("going on after step")

        driver = start(store, told)
        time.sleep(3.0)
        assert jobs("pending,running") == [second]  # it is in the queue: nothing is submitted beside it
        slurm("scontrol", "update", f"JobId={second}", "StartTime=now")  # Slurm lets a job that was put back wait for two minutes
        until(lambda: logs().count("going on after step") > before, driver, told)
        assert driver.wait(timeout=2 * PATIENCE) == 0, told.read_text()
    finally:
        driver.kill()
        subprocess.run(["scancel", "--name=stilts-main"])
    local = Path(stilts("study", *STUDY, "--store", tmp_path / "local").stdout.strip())
    path = Path(told.read_text().strip().splitlines()[-1])
    assert path == store / "study" / "main.json"
    assert results.stable(path.read_text()) == results.stable(local.read_text())
    stages = sorted(file.relative_to(store) for file in store.glob("*/*/result.json"))
    assert len(stages) == 20 and stages == sorted(
        file.relative_to(tmp_path / "local") for file in tmp_path.glob("local/*/*/result.json")
    )
    for stage in stages:
        one, other = (results.stable((root / stage).read_text()) for root in (store, tmp_path / "local"))
        assert one == other
    assert not list(store.glob("slurm/2*")) and not list(store.glob("train/.*.saved"))
    dry = stilts("study", *STUDY, "--store", store, "--dry-run").stdout
    to_do = re.findall(r"^(?:trainings|evaluations) +(\d+) +(\d+) ", dry, re.MULTILINE)
    assert to_do == [("0", "10"), ("0", "10")], dry


def test_one_element_that_is_stopped_goes_back_into_the_queue_alone(_slurm, tmp_path) -> None:
    """Of four, the last one has the array's own id; one has failed and one has ended before it is stopped."""
    (tmp_path / "job.sh").write_text(
        'echo "$SLURM_ARRAY_TASK_ID $SLURM_JOB_ID $SLURM_ARRAY_JOB_ID ${SLURM_RESTART_COUNT:-0}" >>$1/began\n'
        "case $SLURM_ARRAY_TASK_ID in 0) exit 0;; 1) exit 1;; 2) sleep 8;; esac\nsleep 4; exit 75\n"
    )
    asked = settings("low", None, 1, "100M", None, None, [])
    queue = Queue(asked, ["bash", str(tmp_path / "job.sh")], "stilts-requeue")
    began = tmp_path / "round" / "began"
    (tmp_path / "round").mkdir()
    number = queue.submit(tmp_path / "round", 4)

    def restarts() -> dict[str, int]:
        told = re.findall(r"ArrayTaskId=(\d+) .*?Restarts=(\d+)", slurm("scontrol", "show", "job", number), re.DOTALL)
        return {task: int(count) for task, count in told}

    try:
        until(lambda: restarts().get("3"), None, tmp_path / "job.sh")
        assert restarts() == {"0": 0, "1": 0, "2": 0, "3": 1}
        rows = [line.split() for line in began.read_text().splitlines()]
        assert sorted(row[0] for row in rows) == list("0123")  # none began twice
        assert {row[0] for row in rows if row[1] == row[2]} == {"3"}
    finally:
        subprocess.run(["scancel", "--name=stilts-requeue"])
