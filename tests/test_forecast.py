"""What a study will take: FLOPs, tokens, seconds, the order of stages and the disk, each against a case worked out by hand."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stilts_xtreme import spec
from stilts_xtreme.data import read as data
from stilts_xtreme.engine import flops
from stilts_xtreme.forecast import throughput, timeline
from stilts_xtreme.forecast.finished_runs import FinishedRuns
from stilts_xtreme.forecast.sizes import RowLengths, SplitSize, SplitSizes, Truncation, encoded_size
from stilts_xtreme.forecast.workload import Unknown, Workload, WorkPart, workload
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.utils.errors import UserError

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
STUDIES = sorted(path for path in (EXPERIMENTS / "studies").glob("*.yaml") if path.stem != "latency")
WORLD = data.Miniature(0)
SHAPE = flops.Shape(32, 2, 64, 66, 500)
TEXT = plan.Train(plan.Random(32, 2, 2, 64, 66, 500), ("text",), plan.Recipe(epochs=None, steps=10), 1, ())


def reads(task: str, *parts: tuple[str, str]) -> tuple[plan.Reads, ...]:
    return tuple(plan.Reads(task, *part, TASKS[task].version, data.digest(TASKS[task], *part, WORLD)) for part in parts)


def tuned(name: str, start: object = TEXT, seed: int = 1, **recipe) -> plan.Train:
    return plan.Train(start, (name,), plan.Recipe(**recipe), seed, reads(name, ("train", "en"), ("dev", "en")), where=WORLD)


# FLOPs


@pytest.mark.parametrize("head", ["classification", "multiple_choice", "tagging", "span_qa", "mlm"])
def test_flops_are_those_that_torch_counts(head) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from stilts_xtreme.engine import batches, encoder, muon, tokenizer

    lines = [example.text for example in data.read(TASKS["text"], "dev", "en", WORLD).examples]
    words = tokenizer.train(lines, 500)
    model = encoder.Model(encoder.random_encoder(TEXT.start, words, 1), {"x": head}, {"x": ("a", "b", "c")}, 0.0)
    rows = [[0, *(5 + (i + j) % 300 for j in range(30)), 2] for i in range(16)]
    own = {
        "mlm": {"mask_rate": 0.5},
        "tagging": {"positions": list(range(32)), "targets": [0] * 32},
        "span_qa": {"start": 1, "end": 2},
    }
    each = [{"rows": [row], "target": 1, **own.get(head, {})} for row in rows]
    if head == "multiple_choice":
        each = [{"rows": rows[i : i + 4], "target": 1} for i in range(0, 16, 4)]
    batch = batches.collate(head, each, words, torch.Generator().manual_seed(1))
    shape = flops.Shape(32, 2, 64, 66, len(words))
    expected = shape.forward(16 * 32, 32, read=shape.read(head, 16, 16 * 32, 0.5)) + shape.head(head, 16, 16 * 32, 3, 0.5)
    with FlopCounterMode(display=False) as counted, torch.no_grad():
        states = model.logits("x", batch)
        if head == "mlm":
            model.heads["x"].predict(states)
    assert expected == pytest.approx(counted.get_total_flops(), rel=0.03)
    with FlopCounterMode(display=False) as counted:
        model("x", batch)[0].backward()
    assert expected * (1 + flops.BACKWARD) == pytest.approx(counted.get_total_flops(), rel=0.03)
    optimizer = muon.optimizer(model, model.encoder, "muon", 0.01, 0.98, 1e-6)
    with FlopCounterMode(display=False) as counted:
        optimizer.step(1e-3, 1.0, 1.0, torch.tensor(1.0))
    assert shape.muon() == counted.get_total_flops()
    assert shape.parameters == sum(p.numel() for p in model.encoder.parameters())


def test_published_shapes_have_as_many_weights_as_published() -> None:
    assert flops.PUBLISHED["xlm-roberta-large"].parameters + 1024**2 + 1024 == 559_890_432  # with the pooler, as released
    assert flops.PUBLISHED["xlm-roberta-base"].parameters + 768**2 + 768 == 278_043_648
    assert flops.shape(plan.Pretrained("FacebookAI/xlm-roberta-large")).layers == 24
    assert flops.shape(plan.Pretrained("somebody/else")) is None


# SplitSizes


def test_committed_sizes_are_those_of_the_world() -> None:
    known = SplitSizes(None, WORLD)
    for task, split, code in (("commonsenseqa", "dev", "en"), ("xnli", "test", "xa"), ("tatoeba", "test", "xb")):
        found = known.of(task, split, code, "", Truncation(128, 64), False)
        assert found and found.examples == len(data.read(TASKS[task], split, code, WORLD).examples)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_everything_is_known_of_the_miniature_studies(path) -> None:
    stages = plan.ordered([cell.stage for cell in grid.study(spec.load(path, []))])
    known = SplitSizes(None, WORLD)
    works = [workload(stage, SHAPE, known) for stage in stages]
    assert not [found for found in works if isinstance(found, Unknown) or found.missing]


def test_long_rows_are_cut_or_become_windows() -> None:
    even = RowLengths(1, 100, 0.0)
    assert encoded_size("classification", 10, even, Truncation(60, 20), "").tokens == 600
    windows = encoded_size("span_qa", 10, even, Truncation(60, 20), "")
    assert (windows.features, windows.tokens) == (30, 1800)  # (100 - 60) / 20 steps, and the first
    assert encoded_size("multiple_choice", 10, RowLengths(4, 30, 0.0), Truncation(60, 20), "").rows == 40


# Workload


def test_updates_of_muon_are_work() -> None:
    class Known:
        def of(self, task, split, code, digest, cut, training):
            return SplitSize(100, 100, 100, 2000, "counted")

    plain, more = (workload(tuned("mnli", epochs=2, batch_size=8, optimizer=name), SHAPE, Known()) for name in ("adamw", "muon"))
    assert [(a.doing, b.flops - a.flops) for a, b in zip(plain.parts, more.parts, strict=True)] == [
        ("train", pytest.approx(26 * SHAPE.muon())), ("score", 0)
    ]  # fmt: skip


def test_steps_and_tokens_of_a_training_by_hand() -> None:
    class Known:
        def of(self, task, split, code, digest, cut, training):
            return SplitSize(100, 100, 100, 2000, "counted") if split == "train" else SplitSize(50, 50, 50, 500, "counted")

    stage = tuned("mnli", epochs=2, batch_size=8, evaluate_every=10, dev_limit=20)
    found = workload(stage, SHAPE, Known())  # 13 batches an epoch
    assert found.steps == 26 and found.tokens("train") == 26 * 8 * 20
    assert found.tokens("score") == 3 * 20 * 10  # after 10, 20 and 26 steps
    train = found.parts[0]
    assert (train.calls, train.rows) == (26, 208)
    whole, top = 4160 * (8 * 32**2 + 4 * 32 * 64 + 4 * 20 * 32), 208 * (8 * 32**2 + 4 * 32 * 64)
    both = whole + top + 4160 * 4 * 32  # of the top layer, less
    assert train.flops == pytest.approx(3 * (both + 208 * 2 * 32 * (32 + 3)))
    assert found.loads == 4 * SHAPE.parameters


def test_a_reading_without_a_known_size_is_said_and_not_guessed() -> None:
    class Known:
        def of(self, task, split, code, digest, cut, training):
            return None if code == "xa" else SplitSize(10, 10, 10, 100, "counted")

    stage = plan.Predict(TEXT, "xnli", ("en", "xa"), reads("xnli", ("test", "en"), ("test", "xa")), where=WORLD)
    found = workload(stage, SHAPE, Known())
    assert found.missing == ("xnli test xa",) and list(found.languages) == ["en"]
    lost = plan.Train(TEXT, ("mnli@xa",), plan.Recipe(), 1, reads("mnli", ("translated", "xa"), ("dev", "en")))
    assert workload(lost, SHAPE, Known()) == Unknown("the size of mnli translated xa")


# Seconds


SPEED = throughput.Throughput(
    step=1.0, row=0.1, train=100.0, factors={"span_qa": 2.0}, score={"classification": 0.5, "embedding": 0.25}, predict=200.0,
    training=7.0, prediction=3.0, reading=0.5, process=4.0, encode=0.01, learn=0.001, save=0.002, load=0.003, mine=0.0001,
)  # fmt: skip


def test_seconds_add_up_by_hand() -> None:
    parts = (WorkPart("train", "span_qa", 10, 20, 20, 0, 1000), WorkPart("score", "classification", 0, 8, 8, 0, 400))
    found = Workload(parts, steps=10, lines=1000, weights=500, loads=100)
    assert SPEED.seconds(found) == pytest.approx(2 * (10 + 2 + 10) + 4 + 2 + 7 + 1 + 1 + 0.3)
    assert SPEED.seconds(found, layers=2) == pytest.approx(2 * (20 + 4 + 10) + 4 + 2 + 7 + 1 + 1 + 0.3)
    assert SPEED.seconds(Workload((WorkPart("score", "tagging", 0, 8, 8, 0, 0),), pairs=1e4)) == pytest.approx(8 * 0.5 + 3 + 1)


def made(**changed) -> throughput.Calibration:
    told = dict(machine=MACHINE, shape=SHAPE, precision="fp32", measured=2, date="2026-11-21", torch="2.13.0", speeds={1: SPEED})
    return throughput.Calibration(**{**told, **changed})


MACHINE = throughput.Machine("cpu", "some processor", 2, 1)


def test_calibrations_are_kept_by_machine_shape_and_precision(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("STILTS_CALIBRATION", str(tmp_path / "sub/calibration.json"))
    assert throughput.user_calibrations() == []
    wide = flops.Shape(64, 2, 128, 66, 500)
    for one in (made(date="2026-01-01"), made(shape=wide), made()):
        throughput.save(one)
    saved = throughput.user_calibrations()
    assert sorted(one.shape.hidden for one in saved) == [32, 64] and {one.date for one in throughput.user_calibrations()} == {
        "2026-11-21"
    }
    assert throughput.nearest_size(saved, MACHINE, flops.Shape(60, 2, 128, 66, 500), "fp32").shape == wide
    assert throughput.nearest_size(saved, MACHINE, SHAPE, "bf16") is None
    assert throughput.nearest_machine(saved, throughput.Machine("cpu", "other", 8, 4), SHAPE, "bf16").shape == SHAPE
    assert made(speeds={1: SPEED, 4: SPEED}).throughput(3) is made(speeds={1: SPEED, 4: SPEED}).throughput(4)


@pytest.mark.parametrize("text", ["", "[]", '{"calibrations": [{}]}', '{"calibrations": 3}', "{" * 2000])
def test_a_file_that_holds_no_calibrations_is_told(tmp_path, monkeypatch, text) -> None:
    file = tmp_path / "calibration.json"
    file.write_text(text)
    monkeypatch.setenv("STILTS_CALIBRATION", str(file))
    with pytest.raises(UserError, match="holds no calibrations .*stilts calibrate"):
        throughput.user_calibrations()


def test_committed_figures_can_be_read() -> None:
    assert {one.machine.device for one in throughput.packaged_calibrations()} == {"cpu"}


def test_stages_that_differ_in_the_seed_alone_are_twins(tmp_path) -> None:
    store, old, new = Store(tmp_path), tuned("mnli", seed=1), tuned("mnli", seed=2)
    folder = store.path(old)
    folder.mkdir(parents=True)
    told = {
        "plan": plan.identity(old),
        "chain": [plan.identity(TEXT)],
        "provenance": {"device": "cpu", "seconds": 12.5, "threads": 1},
    }
    (folder / "result.json").write_text(json.dumps(told))
    twins = FinishedRuns(store, "cpu", 1)
    assert twins.seconds(new) == 12.5 and twins.seconds(tuned("mnli", seed=2, epochs=5)) is None
    assert FinishedRuns(store, "cuda", 1).seconds(new) is None and FinishedRuns(store, "cpu", 2).seconds(new) is None


# The order of stages


A, B = tuned("mnli"), tuned("qqp")
A1, A2 = (plan.Predict(A, "xnli", ("en",), reads("xnli", ("test", code))) for code in ("en", "xa"))
B1 = plan.Predict(B, "xnli", ("en",), reads("xnli", ("test", "en")))
NAMES = {plan.address(stage): name for name, stage in {"T": TEXT, "A": A, "B": B, "A1": A1, "A2": A2, "B1": B1}.items()}
TAKES = {"T": 10.0, "A": 6.0, "B": 4.0, "A1": 2.0, "A2": 2.0, "B1": 1.0}


def test_stages_follow_one_another_as_processes_are_free() -> None:
    def seconds(stage: plan.Stage | None, running: int) -> float:
        return TAKES[NAMES[plan.address(stage)]] if stage else 1.0

    todo = [TEXT, A, B, A1, A2, B1]
    found = timeline.simulate(todo, seconds, 2)
    assert {NAMES[name]: when for name, when in found.begins.items()} == {"T": 0, "A": 11, "B": 11, "B1": 16, "A1": 17, "A2": 17}
    assert found.seconds == 19  # the second process starts with B: 11 + 1 + 4
    assert timeline.simulate(todo, seconds, 1).seconds == 26
    assert timeline.simulate([A1, A2], seconds, 2).seconds == 3  # what they need is done


def test_processes_slow_one_another_down_while_both_run() -> None:
    def seconds(stage: plan.Stage | None, running: int) -> float:
        return 10.0 * running if stage else 0.0

    assert timeline.simulate([A, B], seconds, 2).seconds == pytest.approx(20)
    assert timeline.simulate([A, B], lambda stage, running: (8 if stage is A else 4) * running if stage else 0, 2).seconds == (
        pytest.approx(12)  # B ends at 8, when A has 4 of its 8 left, alone
    )


def test_disk_at_peak_with_weights_kept_and_dropped() -> None:
    todo = [TEXT, A, B, A1, A2, B1]

    def of(stage: plan.Stage) -> timeline.DiskUse:
        train = isinstance(stage, plan.Train)
        return timeline.DiskUse(
            cache=5 if stage is A else 0, scratch=30 if stage is B else 0, weights=100 if train else 0, rest=1
        )

    def seconds(stage: plan.Stage | None, running: int) -> float:
        return TAKES[NAMES[plan.address(stage)]] if stage else 0.0

    kept = timeline.simulate(todo, seconds, 1)
    assert timeline.disk_use(kept, todo, of, drop=False) == (3 * 100 + 5 + 30 + 3, 300 + 5 + 6)
    dropped = timeline.simulate(todo, seconds, 1, drop=True)
    order = sorted(dropped.begins, key=dropped.begins.get)
    assert [NAMES[name] for name in order] == ["T", "A", "A1", "A2", "B", "B1"]
    # T and A; A goes after A2; then T, B and its checkpoints
    assert timeline.disk_use(dropped, todo, of, drop=True) == (200 + 30 + 5 + 5, 5 + 6)


# A whole study


def forecast(*words: object, code: int = 0, **extra: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **extra}
    command = [sys.executable, "-m", "stilts_xtreme", "study", *map(str, words), "--dry-run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done


def test_the_papers_study_is_forecast_without_its_data(tmp_path) -> None:
    done = forecast(EXPERIMENTS / "studies/main.yaml", "--setup", "paper", "--store", tmp_path, "--device", "cpu", "--json")
    told = json.loads(done.stdout)
    assert told["kinds"] == {"trainings": [76, 0, 21], "evaluations": [99, 0, 0]}
    assert 1e18 < told["flops"]["train"] < 1e19  # MNLI alone: 2 x 392,702 x 39 tokens x 6 x 302 million weights = 5.6e16
    one = next(stage for stage in told["stages"] if stage["label"] == "mnli" and stage["steps"] == 2 * 16363)
    assert one["flops"] == pytest.approx(5.6e16, rel=0.1) and one["weights_bytes"] == pytest.approx(2.25e9, rel=0.02)
    assert told["missing"] == ["udpos test fr", "udpos test ru", "udpos test zh"] and told["unknown"] == {}
    assert told["disk"]["peak_drop"] < told["disk"]["peak_keep"] / 3
    assert all("assumed, not measured" in time["source"] for time in told["times"][1:]) and len(told["times"]) == 3
    assert "committed figures of another machine" in told["times"][0]["source"]
    assert "planned as if the full releases were here" in done.stderr and "ccg" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_main_study_is_forecast_in_words(tmp_path) -> None:
    none = str(tmp_path / "none")
    done = forecast(EXPERIMENTS / "studies/main.yaml", "--store", tmp_path, "--device", "cpu", STILTS_CALIBRATION=none)
    for said in ("82     0      23", "35,574 steps", "6 languages", "weights: drop", "run `stilts calibrate` for your own"):
        assert said in done.stdout, said
    assert "[to do" not in done.stdout
    assert len(done.stdout.splitlines()) < 30
    asked = EXPERIMENTS / "studies/main.yaml", "--plan", "--store", tmp_path, "--device", "cpu"
    planned = forecast(*asked, STILTS_CALIBRATION=none)
    assert planned.stdout.startswith(done.stdout.partition("every stage")[0]) and planned.stdout.count("[to do") == 190
    assert planned.stdout.endswith("0 done, 190 to do, 108 asked for\n")


@pytest.mark.slow
def test_this_machine_is_calibrated_and_the_forecast_says_so(tmp_path) -> None:
    file = tmp_path / "calibration.json"
    environment = {**os.environ, "STILTS_CALIBRATION": str(file)}
    setup = EXPERIMENTS / "setups/miniature.yaml"
    command = [sys.executable, "-m", "stilts_xtreme", "calibrate", "--device", "cpu", "--jobs", "1", "--seconds", "0"]
    done = subprocess.run([*command, "--setup", setup], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(file) and "whole stages" in done.stderr
    (found,) = json.loads(file.read_text())["calibrations"]
    told = found["speeds"]["1"]
    assert set(told["factors"]) | {"embedding"} == set(told["score"])
    assert all(0.3 < factor < 3 for factor in told["factors"].values())
    assert 1e9 < told["train"] < 1e12 and 1e9 < told["predict"] < 1e12 and told["process"] > 0.5 and told["reading"] > 0
    how = ("--store", tmp_path, "--device", "cpu", "--json")
    main = forecast(EXPERIMENTS / "studies/main.yaml", *how, STILTS_CALIBRATION=str(file))
    (time,) = json.loads(main.stdout)["times"]
    assert time["source"].startswith("calibrated on this machine") and 0.05 < time["wall"] < time["busy"] < 10
