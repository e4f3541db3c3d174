"""The benchmarks run end to end on a tiny shape, and the table says what was measured; nothing here tests a speed."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.benchmarks import checkouts, figures, first, gpu, grid, lengths, parity, setting, store, table, train
from experiments.benchmarks.groups import GROUPS, Group
from experiments.benchmarks.setting import Job
from experiments.benchmarks.targets import TARGETS, Target

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pins processes and reads their memory as Linux has it")
TINY = Job("stock", "train", "fp32", "tiny", "classification", "tiny", 2, 3, examples=30)


def test_rows_of_a_group() -> None:
    group = Group("tiny", TINY, ("stock", "ours", "ours-bf16", "peak"))
    rows = {row["row"]: row for row in train.measure(group, False, None, warmup=1)}
    assert set(rows) == {"fp32-tiny", "bf16-default-tiny", "share-tiny"}
    assert rows["fp32-tiny"]["ratio"] > 0 and rows["fp32-tiny"]["batch"] == 2 and rows["fp32-tiny"]["steps"] == 2


def test_prediction_is_the_same() -> None:
    job = replace(TINY, work="predict", batch=3)
    (row,) = train.measure(Group("tiny", job, ("stock", "ours")), False, None, warmup=1)
    assert row["outputs"]["difference"] < 1e-5 and row["outputs"]["same_label"] == 1


@pytest.mark.parametrize("head", ["classification", "span_qa", "mlm"])
def test_both_sides_train_alike(head: str) -> None:
    found = parity.gate(replace(TINY, head=head), steps=2)
    assert found["loss"][0] == pytest.approx(found["loss"][1], rel=1e-5)
    assert found["difference"] < 0.05 * found["moved"]


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """The folder of a tiny BERT."""
    from transformers import BertConfig, BertModel

    folder, shape = tmp_path_factory.mktemp("published"), setting.SHAPES["tiny"]
    config = BertConfig(
        vocab_size=shape.vocab_size, hidden_size=shape.hidden_size, num_hidden_layers=shape.layers, pad_token_id=1,
        num_attention_heads=shape.heads, intermediate_size=shape.intermediate_size, max_position_embeddings=40,
    )  # fmt: skip
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    setting.words(shape).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("head", ["classification", "span_qa", "tagging"])
def test_both_sides_train_a_published_encoder_alike(head: str, published: Path) -> None:
    found = parity.gate(replace(TINY, head=head, encoder=str(published)), steps=2)
    assert found["loss"][0] == pytest.approx(found["loss"][1], rel=1e-5)
    assert found["difference"] < 0.05 * found["moved"]


def test_rows_of_a_published_encoder(published: Path) -> None:
    job = replace(TINY, work="predict", batch=3, encoder=str(published))
    speed, memory = train.measure(Group("real-tiny", job, ("stock", "ours")), False, None, warmup=1)
    assert speed["outputs"]["difference"] < 1e-5 and memory["row"] == "memory-real-tiny" and memory["ratio"] > 0


def test_a_checkout_against_itself() -> None:
    job = replace(TINY, variant="ours", steps=5, dropout=0.0)
    row = checkouts.measure("tiny", job, checkouts.HERE)
    assert row["ratio"] > 0 and row["blocks"] == 3 and row["memory"] > 0.5
    assert row["loss"]["ours"] == row["loss"]["older"] > 0


WORK = """
import json, sys, time
from pathlib import Path
seed, folder = sys.argv[1], Path(sys.argv[3]) / "predict" / "x"
if not folder.exists():
    while time.process_time() < 0.3:
        pass
    folder.mkdir(parents=True)
    told = {"score": 50.0 + int(seed.removeprefix("seed=")), "languages": {"xa": {"accuracy": 49.0}}}
    (folder / "result.json").write_text(json.dumps(told))
"""


def test_first_results_side_by_side(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(first, "COMMAND", ("-c", WORK))
    roots, core = dict.fromkeys(first.SIDES, first.HERE), max(os.sched_getaffinity(0))
    found = first.run(roots, 3, tmp_path, core)
    assert set(found) == set(first.SIDES)
    assert all(0.3 <= told["seconds"] < 3 and told["score"] == 53 for told in found.values())
    assert found["ours"]["languages"] == {"xa": 49.0}
    again = first.run(roots, 3, tmp_path, core)
    assert [told["seconds"] for told in again.values()] == [None, None] and again["ours"]["score"] == 53
    monkeypatch.setattr(first, "COMMAND", ("-c", "raise SystemExit('out of luck')"))
    with pytest.raises(RuntimeError, match="ours, seed 4: out of luck"):
        first.run({"ours": first.HERE}, 4, tmp_path, core)


def test_the_row_of_first_results() -> None:
    def told(seconds: float | None, score: float) -> dict:
        return {"seconds": seconds, "score": score}

    seeds = {"1": {"ours": told(2.0, 60.0), "older": told(4.0, 61.0)}, "10": {"ours": told(1.0, 64.0), "older": told(3.0, 63.0)}}
    made = first.row({"2": {"ours": told(3.0, 50.0), "older": told(None, 56.0)}, **seeds})
    assert made["ratio"] == pytest.approx(7 / 3) and list(made["seeds"]) == ["1", "2", "10"]  # seed 2 was not timed
    assert made["interval"][0] < 2 and made["interval"][1] > 3
    assert made["scores"]["older"] == {"mean": 60.0, "deviation": pytest.approx(13**0.5), "seeds": 3}
    assert made["scores"]["difference"]["mean"] == pytest.approx(-2)
    half = first.row({"1": {"older": told(4.0, 61.0)}})
    assert half["ratio"] is None and half["interval"] is None and half["scores"]["older"]["deviation"] is None


def test_a_ratio_has_its_place_in_its_interval() -> None:
    found = figures.compared([1.0, 1.1, 0.9, 1.0], [2.0, 2.3, 1.7, 2.0])
    assert found["ratio"] == pytest.approx(2.0) and found["interval"][0] <= 2.0 <= found["interval"][1]


def test_a_stage_touches_about_35_000_words() -> None:
    for name in ("mnli", "squad"):
        rows = lengths.rows(lengths.LENGTHS[name], setting.STAGE, 250_002, setting.SEED)
        assert 32_000 < len({token for row in rows for token in row}) < 38_100


def test_work_counts_real_tokens() -> None:
    job = replace(TINY, batch=30, steps=1)
    sizes = [len(feature["rows"][0]) for feature in setting.data(job)]
    assert setting.work(job) == [(sum(sizes), sum(size * size for size in sizes))]
    body = 4 * 16 * 16 + 2 * 16 * 32
    assert setting.operations(job, 10, 60) == 6 * body * 10 + 12 * 60 * 16


def row(ratio: float, passed: bool = True) -> dict:
    gate = {"passed": passed, "difference": 1e-7, "allowed": 2e-7, "moved": 1e-3}
    return {"row": "fp32-base-mnli", "batch": 8, "ratio": ratio, "interval": [1.0, 9.0], "parity": gate}


@pytest.mark.parametrize(("ratio", "passed", "told"), [(5, True, "aim"), (3, True, "must"), (1, True, "no"), (5, False, "void")])
def test_met(ratio: float, passed: bool, told: str) -> None:
    assert table.met(TARGETS[0], row(ratio, passed)) == told


def test_less_is_more_where_a_target_is_a_limit() -> None:
    target = Target("memory", "memory", must=0.6, most=True)
    assert [table.met(target, {"ratio": value}) for value in (0.5, 0.7)] == ["must", "no"]


def test_table_of_what_is_there(tmp_path: Path) -> None:
    store.add(tmp_path / "train.json", [row(1.17)], 1.0)
    store.add(tmp_path / "train.json", [row(3.21)], 1.0)  # in place of the first
    store.add(tmp_path / "mining.json", [{"row": "mining-fp32", "ratio": 1.9}], 1.0)
    written = table.table(store.every(tmp_path))
    assert "| 3.21 |" in written and "| 1.9 |" in written and "| 1.17 |" not in written
    assert written.count(table.ABSENT) == len(TARGETS) - 2


def test_the_committed_rows_make_a_table() -> None:
    rows = store.every(store.RESULTS)
    assert {"checkout-miniature-mlm", "fp32-base-mnli"} <= {row["row"] for row in rows} and table.table(rows)


def test_every_row_that_is_measured_stands_in_the_table() -> None:
    known = {target.row for target in TARGETS}
    for group in GROUPS:
        for kind, sides in train.SPEED.items():
            if set(sides) <= set(group.variants + group.more):
                assert f"{kind}-{train._kept(group)}" in known


def test_the_grid_counts_what_each_way_trains() -> None:
    def told(address: str, task: str, steps: int, start: str | None) -> dict:
        return {"address": address, "start": start, "steps": steps, "examples": {task: 100}}

    def cell(target: str, *chain: str) -> dict:
        return {"target": target, "chain": list(chain), "languages": {"en": {"n": 10}, "xa": {"n": 10}}}

    main = {
        "trainings": [told("p", "text", 1000, None), told("i", "mnli", 50, "p"), told("s", "squad", 30, "i")],
        "evaluations": [cell("xquad", "p", "i", "s"), cell("mlqa", "p", "i", "s"), cell("tatoeba", "p", "i")],
        "tasks": {
            "xquad": {"head": "span_qa", "trains_on": "squad"},
            "mlqa": {"head": "span_qa", "trains_on": "squad"},
            "tatoeba": {"head": "embedding", "trains_on": None},
        },
    }
    ways = grid.counted(main)
    assert ways["ours"][0] == {"mlm": 1000, "classification": 50, "span_qa": 30}
    assert ways["whole-table-shared"][0] == {"mlm": 1000, "classification": 50, "span_qa": 60}
    assert ways["whole-table"][0] == {"mlm": 1000, "classification": 150, "span_qa": 60}
    assert ways["ours"][1] == {"classification": grid.DEV, "span_qa": grid.DEV + 40}
    same = {kind: {"ours": [1.0], "stock": [2.0]} for kind in grid.KINDS}
    first, second = grid.rows(main, same, same)
    assert first["ratio"] > second["ratio"] > 2 and first["ratio"] == pytest.approx(2 * first["sharing"])


def test_the_gpu_script_rehearsed_on_a_cpu(tmp_path: Path) -> None:
    to = tmp_path / "gpu.json"
    names = ["mnli", "predict", "compiled-mnli"]
    assert gpu.main(["--device", "cpu", "--shape", "tiny", "--compiling", "0", "--to", str(to), "--only", *names]) == 0
    rows = {row["row"].removeprefix("rehearsal-"): row for row in store.every(tmp_path)}
    assert set(rows) == {"tiny-mnli", "memory-tiny-mnli", "share-tiny-mnli", "floor-tiny-mnli"} | {
        "tiny-predict", "share-tiny-predict", "skipped",
    }  # fmt: skip
    assert rows["tiny-mnli"]["steps"] == 4 and set(rows["tiny-mnli"]["loss"]) == {"ours", "stock"}
    assert 0 < rows["floor-tiny-mnli"]["ratio"] < 1
    assert list(rows["skipped"]["parts"]) == ["compiled-mnli"]


def test_without_a_gpu_the_script_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert gpu.main([]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_no_part_begins_without_time(tmp_path: Path) -> None:
    made, skipped = gpu.measure(gpu.parts("cpu", "tiny"), "cpu", tmp_path / "gpu.json", budget=0)
    assert not made and len(skipped) == len(gpu.parts("cpu", "tiny"))
    assert store.every(tmp_path)[0]["parts"] == skipped


def test_the_floor_of_a_large_step() -> None:
    job = Job("stock", "train", "bf16", "large", "classification", "mnli", 32, 16)
    least = gpu.floor(job, 1300, 0, 35_000, 790e12, 4.3e12)
    assert setting.SHAPES["large"].body == 301_989_888
    assert least.arithmetic == pytest.approx(2.98e-3, rel=0.01)
    assert least.optimizer == pytest.approx(2.2e-3, rel=0.01) and least.dense == pytest.approx(3.63e-3, rel=0.01)


def test_every_gpu_row_with_a_target_is_measured() -> None:
    known = {f"large-{part.name}" for part in gpu.parts("cpu", "large") if "compiled" not in part.name}
    known |= {f"compiled-large-{name}" for name in ("mnli", "squad", "mnli-4")}
    for target in TARGETS:
        if target.row.startswith("gpu-"):
            name = target.row.removeprefix("gpu-")
            assert name in known or name.partition("-")[2] in known
