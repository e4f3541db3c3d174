import json
import multiprocessing
from pathlib import Path

import pytest

from stilts_xtreme import results
from stilts_xtreme.pipeline import plan
from stilts_xtreme.store import Store, manifest

STAGE = plan.Train(plan.Random(8, 1, 1, 16, 32, 100), ("text",), plan.Recipe(), 1, ())
RESULT = {
    "schema": results.TRAINING, "address": plan.address(STAGE), "plan": {"tasks": ["text"]}, "steps": {"planned": 1, "done": 1},
    "dev": {}, "examples": {}, "collapsed": False, "collapse": {}, "provenance": {},
}  # fmt: skip


def finish(scratch: Path) -> None:
    (scratch / "log.jsonl").write_text("{}\n")
    results.write(scratch / "result.json", RESULT)


def test_a_finished_stage_is_found_and_not_claimed_again(tmp_path) -> None:
    store = Store(tmp_path)
    assert not store.done(STAGE)
    with store.claim(STAGE) as scratch:
        assert not store.done(STAGE)
        finish(scratch)
    assert store.done(STAGE) and store.result(STAGE) == RESULT
    with store.claim(STAGE) as again:
        assert again is None
    assert json.loads((store.path(STAGE) / "stage.json").read_text()) == json.loads(json.dumps(plan.identity(STAGE)))


def test_the_manifest_names_every_other_file_by_its_digest(tmp_path) -> None:
    store = Store(tmp_path)
    with store.claim(STAGE) as scratch:
        finish(scratch)
    told = json.loads((store.path(STAGE) / "manifest.json").read_text())
    found = manifest(store.path(STAGE))
    del found["manifest.json"]
    assert told == found and set(told) == {"stage.json", "log.jsonl", "result.json"}


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_nothing(tmp_path, fault) -> None:
    store = Store(tmp_path)
    with pytest.raises(fault), store.claim(STAGE) as scratch:
        finish(scratch)
        raise fault
    assert not store.done(STAGE)
    assert [file.name for file in (tmp_path / "train").iterdir() if not file.name.endswith(".lock")] == []


def test_a_stage_without_a_result_is_a_fault_of_ours(tmp_path) -> None:
    with pytest.raises(RuntimeError, match="without a result"), Store(tmp_path).claim(STAGE):
        pass


def test_what_a_killed_process_left_is_cleared_away(tmp_path) -> None:
    store = Store(tmp_path)
    left = store.path(STAGE).with_name(f".{plan.address(STAGE)}.part")
    left.mkdir(parents=True)
    (left / "half").write_text("x")
    with store.claim(plan.Train(STAGE.start, ("text",), plan.Recipe(), 2, ())) as other:
        assert store.sweep() == [left]  # and not the one that is being worked in
        finish(other)
    left.mkdir()
    (left / "half").write_text("x")
    with store.claim(STAGE) as scratch:
        assert not (scratch / "half").exists()
        finish(scratch)
    assert store.sweep() == [] and store.remove("0" * 12) == []
    assert store.remove(plan.address(STAGE)) == [store.path(STAGE)] and not store.done(STAGE)


def _count(root: Path, log: Path) -> None:
    with Store(root).claim(STAGE) as scratch:
        if scratch is not None:
            with open(log, "a") as file:
                file.write("did\n")
            finish(scratch)


def test_two_processes_do_a_stage_once(tmp_path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_count, args=(tmp_path, tmp_path / "log")) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert (tmp_path / "log").read_text() == "did\n"


def test_a_result_of_another_schema_is_refused(tmp_path) -> None:
    results.write(tmp_path / "x.json", {"schema": "stilts/study@1"})
    with pytest.raises(results.UserError, match="expected stilts/training@1, found 'stilts/study@1'"):
        results.read(tmp_path / "x.json", results.TRAINING)


def test_not_a_number_cannot_be_written(tmp_path) -> None:
    with pytest.raises(ValueError):
        results.write(tmp_path / "x.json", {"score": float("nan")})
