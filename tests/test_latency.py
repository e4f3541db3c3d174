"""Latency: its spec, its stage through the real command, its statistics and its report. Times themselves are never judged."""

import copy
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from stilts_xtreme import report, results, spec
from stilts_xtreme.analysis import latency as gathered
from stilts_xtreme.engine import encoder, footprint, latency, machine, variants
from stilts_xtreme.pipeline import grid, plan
from stilts_xtreme.scoring import timing
from stilts_xtreme.utils.errors import UserError

ROOT = Path(__file__).parent.parent
SPEC = ROOT / "experiments" / "studies" / "latency.yaml"
TINY = [
    "setup.encoder.random.hidden_size=16", "setup.encoder.random.layers=1", "setup.encoder.random.heads=2",
    "setup.encoder.random.intermediate_size=32", "setup.encoder.random.vocab_size=1200",
    "setup.pretraining.recipe.steps=4", "setup.pretraining.languages=[en,xa]", "setup.retrieval.layer=1",
    "setup.recipes={default: {steps: 3, examples: 64, dev_limit: 24, batch_size: 8, max_length: 128}}",
    "models=[none,qqp]", "languages=[en,xa]", "variants=[eager,sorted,packed,int8,onnx]", "batch_sizes=[1,4]", "lengths=[32]",
    "calls=8", "block=1", "warmup=1", "passes=2", "pool=16", "examples=20",
]  # fmt: skip
CPU = torch.device("cpu")


def stilts(*words: object, code: int = 0) -> subprocess.CompletedProcess:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "stilts_xtreme", *map(str, words)], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> tuple[Path, Path]:
    """A finished tiny study and its store."""
    store = tmp_path_factory.mktemp("runs")
    done = stilts("latency", SPEC, *TINY, "--device", "cpu", "--store", store, "--jobs", 1)
    assert done.stdout.count("\n") == 1
    return Path(done.stdout.strip()), store


@pytest.fixture(scope="module")
def model() -> encoder.Model:
    shape = plan.Random(hidden_size=16, layers=2, heads=2, intermediate_size=32, max_positions=40, vocab_size=50)
    made = encoder.Model(encoder.random_encoder(shape, words(), 1), {"t": "classification"}, {"t": ("a", "b", "c")}, 0.0)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        for value in made.parameters():
            if value.dim() == 2:
                value.normal_(std=0.4)
        logits = latency.logits(latency.Lane("m", "eager", variants.build("eager", made, "t", words(), CPU, 1)), rows())
        made.heads["t"].classify.projection.bias -= torch.from_numpy(logits.mean(0))  # so that labels differ
    return made


def words() -> PreTrainedTokenizerFast:
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = [*special, *(f"w{i}" for i in range(45)), "<mask>"]
    backend = Tokenizer(models.WordLevel({piece: i for i, piece in enumerate(pieces)}, unk_token="<unk>"))
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>", mask_token="<mask>"
    )


def rows(count: int = 24) -> list[np.ndarray]:
    drawn = np.random.default_rng(3)
    return [np.array([0, *drawn.integers(4, 49, drawn.integers(3, 20)), 2]) for _ in range(count)]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("models=[mnli,squad]", "'none' is missing"),
        ("models=[none,mnlli]", "did you mean 'mnli'"),
        ("models=[none,none]", "twice"),
        ("target=panx", "text pairs"),
        ("variants=[int8]", "'eager' is missing"),
        ("variants=[eager,int4]", "int8"),
        ("lengths=[256]", "do not fit"),
        ("calls=79", "fewer than 8 blocks"),
        ("threads=0", "at least 1"),
        ("languages=[en,en]", "twice"),
        ("cals=3", "did you mean 'calls'"),
    ],
)
def test_faults_of_a_spec_are_told(override, told) -> None:
    with pytest.raises(UserError) as fault:
        spec.load(SPEC, [override])
    assert told in str(fault.value) and "\n" not in str(fault.value)


@pytest.mark.parametrize("setup", ["small", "paper"])
def test_other_scales_are_a_setup_away(setup) -> None:
    path = ROOT / "experiments" / "setups" / f"{setup}.yaml"
    assert spec.load(SPEC, [f"setup={path}"]).setup.name == setup


def test_a_stage_of_its_own_shares_the_trainings_of_the_main_study() -> None:
    (timed,) = grid.latency(spec.load(SPEC, ["models=[squad,none]"]), "cpu")
    main = ROOT / "experiments" / "studies" / "main.yaml"
    cells = grid.study(spec.load(main, ["intermediate=[none,squad]", "targets=[xnli]"]))
    assert timed.names == ("none", "squad")  # what the others are held against comes first
    assert [plan.address(one) for one in timed.stage.models] == [plan.address(cell.stage.model) for cell in cells]
    stages = plan.ordered([timed.stage])
    assert [plan.kind(one) for one in stages] == ["train"] * 4 + ["latency"] and stages[-1] is timed.stage
    other = [
        grid.latency(spec.load(SPEC, ["models=[squad,none]", change]), "cpu")[0].stage for change in ("calls=300", "threads=2")
    ]
    gpu = grid.latency(spec.load(SPEC, ["models=[squad,none]"]), "cuda")[0].stage
    assert len({plan.address(one) for one in (timed.stage, *other, gpu)}) == 4


def test_percentiles_are_numpys() -> None:
    seconds = np.random.default_rng(0).exponential(size=203)
    told = timing.percentiles(seconds.tolist())
    for share in (50, 90, 95, 99):
        assert told[f"p{share}"] == pytest.approx(1e3 * np.percentile(seconds, share))
    assert told["mean"] == pytest.approx(1e3 * seconds.mean())


def test_a_ratio_is_that_of_turns_and_its_interval_knows_their_noise() -> None:
    random = np.random.default_rng(1)
    drift = np.exp(random.normal(size=(20, 1)))  # of the machine: it meets both sides
    base = drift * np.exp(0.01 * random.normal(size=(20, 3)))
    same = timing.ratio(drift * np.exp(0.01 * random.normal(size=(20, 3))), base)
    slow = timing.ratio(1.2 * base, base)
    rough = timing.ratio(base * np.exp(0.5 * random.normal(size=(20, 3))), base)
    assert timing.verdict(same) == "equal" and timing.verdict(slow) == "differs" and timing.verdict(rough) == "open"
    assert slow["ratio"] == pytest.approx(1.2) and same["low"] < same["ratio"] < same["high"]
    few = timing.ratio(1.2 * base[:3], base[:3])
    assert "low" not in few and timing.verdict(few) == "open"
    assert timing.ratio(base, base[::-1]) == timing.ratio(base, base[::-1])


def test_several_seeds_are_one_mean_and_the_interval_of_what_they_scatter() -> None:
    seeds = [{"ratio": 0.98, "low": 0.97, "high": 0.99}, {"ratio": 1.01}, {"ratio": 1.02}]
    told = timing.over_seeds(seeds)
    logs = np.log([0.98, 1.01, 1.02])
    half = 4.302653 * logs.std(ddof=1) / np.sqrt(3)  # Student's t, two degrees of freedom
    assert told["ratio"] == pytest.approx(np.exp(logs.mean())) and told["seeds"] == 3
    assert told["deviation"] == pytest.approx(np.std([0.98, 1.01, 1.02], ddof=1))
    assert (told["low"], told["high"]) == pytest.approx((np.exp(logs.mean() - half), np.exp(logs.mean() + half)))
    assert timing.over_seeds(seeds[:1]) == seeds[0]


def test_models_over_all_variants_are_a_seeds_geometric_mean() -> None:
    def row(variant: str, ratio: float, model: str = "squad") -> dict:
        return {"variant": variant, "model": model, "of": "latency", "ratio": ratio, "rounds": 20}

    runs = [
        {"models": [row("eager", 1.0), row("int8", 1.21), row("onnx", 3.0)], "savings": []},
        {"models": [row("eager", 1.1), row("int8", 1.1)], "savings": []},  # onnx could not run
    ]
    told = gathered.together(runs)["models"]
    assert [one["variant"] for one in told] == ["eager", "int8", "all"] and all("rounds" not in one for one in told)
    assert (
        told[-1]["ratio"] == pytest.approx(1.1) and told[-1]["deviation"] == pytest.approx(0) and told[-1]["verdict"] == "differs"
    )
    assert told[0]["ratio"] == pytest.approx(1.1**0.5) and told[0]["verdict"] == "open"
    assert [one["variant"] for one in gathered.together(runs[1:])["models"]] == ["eager", "int8"]


@pytest.mark.parametrize(
    ("variant", "near"), [("sorted", 1e-5), ("packed", 1e-4), ("bf16", 0.5), ("packed-bf16", 0.5), ("int8", 1.5)]
)
def test_variants_give_the_answers_of_eager(model, variant, near) -> None:
    eager = latency.Lane("m", "eager", variants.build("eager", model, "t", words(), CPU, 1))
    base = latency.logits(eager, rows())
    found = latency.logits(latency.Lane("m", variant, variants.build(variant, model, "t", words(), CPU, 1)), rows())
    told = latency.agreement(found, base)
    assert len(set(base.argmax(1))) > 1 and told["largest"] <= near and told["same"] >= (100 if near < 0.1 else 70)
    assert torch.get_default_dtype() == torch.float32 and model.encoder.dtype == torch.float32
    np.testing.assert_array_equal(latency.logits(eager, rows()), base)  # whatever a variant made of the weights is its own


def test_agreement_tells_other_labels_and_the_largest_difference() -> None:
    base = np.array([[1.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 2.0]])
    other = base.copy()
    other[1] = [1.5, 1.0]
    assert latency.agreement(other, base) == {"same": 75.0, "largest": 1.5}


def test_filling_up_cuts_and_pads() -> None:
    ids, mask = variants.fill([np.array([5, 6, 7]), np.array([8])], 1, 2)
    assert ids.tolist() == [[5, 6], [8, 1]] and mask.tolist() == [[1, 1], [1, 0]]
    assert variants.fill([np.array([5, 6, 7]), np.array([8])], 1, None)[0].shape == (2, 3)


def test_every_lane_is_timed_on_the_same_rows_in_orders_that_differ() -> None:
    heard: list[tuple[str, int]] = []
    lanes = [
        latency.Lane(name, "eager", lambda rows, length, name=name: heard.append((name, len(rows[0]))))
        for name in ("a", "b", "c")
    ]
    parts = [latency.Part("en", rows(7)), latency.Part("xa", rows(5), 32)]
    found = latency.single(lanes, parts, 8, 3, 2, CPU, lambda done: None)
    assert {key: [len(block) for block in blocks] for key, blocks in found.items()} == {
        (i, j): [2] * 4 for i in range(3) for j in range(2)
    }
    by = {name: sorted(size for who, size in heard if who == name) for name in ("a", "b", "c")}
    assert by["a"] == by["b"] == by["c"]
    assert len({tuple(order) for order in latency.orders(3, 20)}) > 3 and list(latency.orders(3, 5)) == list(latency.orders(3, 5))


def test_what_is_not_there_is_a_reason(model, monkeypatch) -> None:
    monkeypatch.setattr(variants.onnx, "find_spec", lambda name: None)
    with pytest.raises(variants.Unavailable, match=r"not installed: onnx, onnxscript, onnxruntime.*stilts-xtreme\[onnx\]"):
        variants.build("onnx", model, "t", words(), CPU, 1)
    monkeypatch.setattr(variants.shutil, "which", lambda name: None)
    with pytest.raises(variants.Unavailable, match="compiler"):
        variants.build("compiled", model, "t", words(), CPU, 1)


def test_onnx_runtime_gives_the_same_answers(model) -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason="the extra `onnx` is not installed")
    base = latency.logits(latency.Lane("m", "eager", variants.build("eager", model, "t", words(), CPU, 1)), rows())
    found = latency.logits(latency.Lane("m", "onnx", variants.build("onnx", model, "t", words(), CPU, 1)), rows())
    assert latency.agreement(found, base)["same"] == 100 and np.abs(found - base).max() < 1e-4


def test_the_machine_is_told_and_let_go_again() -> None:
    told = machine.environment(CPU, 1)
    assert told["threads"] == 1 and told["processor"] and told["system"]
    if hasattr(os, "sched_getaffinity"):
        before = os.sched_getaffinity(0)
        with machine.pinned(1) as cpus:
            assert len(cpus) == 1 and os.sched_getaffinity(0) == set(cpus)
        assert os.sched_getaffinity(0) == before


def test_memory_is_the_childs_own(model, tmp_path) -> None:
    model.save(tmp_path, words(), {"t": {"limits": {"max_length": 32}, "threshold": None}})
    ballast = np.ones(200_000_000)  # 1.6 GB of the parent's
    told = footprint.measure("eager", tmp_path, "t", rows(2), CPU, 1)
    assert ballast[0] and 0 < told["peak"] < 1500
    if "libraries" in told:
        assert told["libraries"] <= told["peak"]


def test_the_child_that_measures_memory_says_nothing(model, tmp_path, capfd) -> None:
    model.save(tmp_path, words(), {"t": {"limits": {"max_length": 32}, "threshold": None}})
    capfd.readouterr()
    assert footprint.measure("eager", tmp_path, "t", rows(2), CPU, 1)
    found = capfd.readouterr()
    assert (found.out, found.err) == ("", "")


def test_a_study_says_what_was_measured_and_what_was_not(measured) -> None:
    path, store = measured
    study = results.read(path, results.LATENCY_STUDY)
    (run,), (times,) = study["runs"], study["measured"]["runs"]
    assert list(study)[-2:] == ["provenance", "measured"]
    ran = [name for name in ("eager", "sorted", "packed", "int8", "onnx") if name not in run["skipped"]]
    assert run["variants"] == ran and set(run["skipped"]) <= {"onnx"} and all(run["skipped"].values())
    assert set(run["answers"]) == {"none", "qqp"}
    for found in run["answers"].values():
        assert found["packed"]["same"] == 100 and set(found["eager"]["languages"]) == {"en", "xa"}
        assert all(
            one["n"] == 20 and 0 <= one["accuracy"] <= 100 for told in found.values() for one in told["languages"].values()
        )
    assert {row["model"] for row in study["measured"]["models"]} == {"qqp", "none again"}
    assert study["measured"]["models"] == times["models"]  # one seed
    assert all(row["calls"] == 8 and len(row["rounds"]) == 8 and "low" in times["models"][0] for row in times["latency"])
    assert {row.get("length") for row in times["latency"]} == {None, 32}
    assert {row["batch"] for row in times["throughput"]} == {4} and set(times["memory"]) == set(ran)
    assert set(times["tokenisation"]) == {"en", "xa"} and times["environment"]["threads"] == 1
    (stage,) = (store / "latency").glob("[0-9a-f]*")
    lines = [json.loads(line) for line in (stage / "calls.jsonl").read_text().splitlines()]
    assert len(lines) == len(times["latency"]) and all(len(line["seconds"]) == 8 for line in lines)
    assert "latency" in stilts("runs", "list", "--store", store).stdout


def test_a_second_run_measures_nothing(measured) -> None:
    path, store = measured
    before, kept = path.read_bytes(), {file: file.stat().st_mtime_ns for file in store.glob("*/*/result.json")}
    assert "5 done, 0 to do" in stilts("latency", SPEC, *TINY, "--device", "cpu", "--store", store, "--dry-run").stdout
    stilts("latency", SPEC, *TINY, "--device", "cpu", "--store", store)
    assert path.read_bytes() == before
    assert {file: file.stat().st_mtime_ns for file in store.glob("*/*/result.json")} == kept


def test_the_command_takes_its_own_kind_only() -> None:
    told = stilts("latency", ROOT / "experiments" / "studies" / "main.yaml", code=2).stderr
    assert "stilts study" in told


def test_the_report_is_drawn_from_the_result_alone(measured, tmp_path) -> None:
    path, _ = measured
    page = Path(stilts("report", path, "--to", tmp_path / "pages").stdout.strip()).read_text()
    assert {file.name for file in (tmp_path / "pages").iterdir()} == {"report.md", "index.html", "models.svg", "variants.svg"}
    for name in ("models", "variants"):
        ElementTree.fromstring((tmp_path / "pages" / f"{name}.svg").read_text())
    assert "## What can be saved, and at what price?" in page and "same labels %" in page and "none again" in page
    study = results.read(path, results.LATENCY_STUDY)
    report.write(study, tmp_path / "twice")
    assert all((tmp_path / "twice" / file.name).read_bytes() == file.read_bytes() for file in (tmp_path / "pages").iterdir())


@pytest.mark.parametrize(
    ("kind", "change", "told"),
    [
        ("models", {"low": None}, "measured.models[0]: low and high: missing"),
        ("models", {"low": None, "high": None, "verdict": "differs"}, "measured.models[0]: low and high: missing"),
        ("models", {"low": None, "high": None, "variant": "all"}, "measured.models[0]: low and high: missing"),
        ("savings", {"variant": "compiled"}, "measured.savings: compiled: not among runs[0].variants"),
    ],
)
def test_a_result_that_contradicts_itself_is_refused(measured, tmp_path, kind, change, told) -> None:
    study = copy.deepcopy(results.read(measured[0], results.LATENCY_STUDY))
    row = study["measured"][kind][0]
    row.update(change)
    study["measured"][kind][0] = {key: value for key, value in row.items() if value is not None}
    results.write(tmp_path / "study.json", study)
    with pytest.raises(UserError) as fault:
        results.read(tmp_path / "study.json", results.LATENCY_STUDY)
    assert told in str(fault.value)


@pytest.mark.parametrize(
    ("ratio", "low", "high", "verdict", "told"),
    [
        (1.003, 0.995, 1.011, "equal", "Equal latency held"),
        (1.01, 0.9, 1.1, "open", "not every comparison is narrow enough"),
        (1.07, 1.03, 1.12, "differs", "beyond, no more than the same weights do"),
        (1.3, 1.2, 1.4, "differs", "Equal latency did not hold"),
    ],
)
def test_the_page_says_whether_equal_latency_held(measured, tmp_path, ratio, low, high, verdict, told) -> None:
    study = copy.deepcopy(results.read(measured[0], results.LATENCY_STUDY))
    for row in study["measured"]["models"]:
        row |= {"ratio": 1.0, "low": 0.99, "high": 1.01, "verdict": "equal"}
        if row["model"] == "qqp":
            row |= {"ratio": ratio, "low": low, "high": high, "verdict": verdict}
        elif row["model"].endswith(" again"):
            row["ratio"] = 1.05
    report.write(study, tmp_path)
    assert told in (tmp_path / "report.md").read_text()


def test_the_page_of_several_seeds_shows_them_together(measured, tmp_path) -> None:
    study = copy.deepcopy(results.read(measured[0], results.LATENCY_STUDY))
    (run,), (times,) = study["runs"], study["measured"]["runs"]
    other, slower = copy.deepcopy(run) | {"seed": 2}, copy.deepcopy(times)
    other["variants"].remove("int8")
    other["skipped"]["int8"] = "no engine"
    other["answers"]["none"]["eager"]["accuracy"] = run["answers"]["none"]["eager"]["accuracy"] + 10
    for row in slower["models"]:
        row["ratio"] *= 1.02
    for row in slower["savings"]:
        row["ratio"] *= 4
    for key in ("models", "savings"):
        slower[key] = [row for row in slower[key] if row["variant"] != "int8"]
    for row in slower["latency"]:
        row["p50"] *= 3
    times["environment"]["taken_by_others"], slower["environment"]["taken_by_others"] = 0.01, 0.5
    study["runs"], study["seeds"] = [run, other], [1, 2]
    study["measured"] = {"runs": [times, slower], **gathered.together([times, slower])}
    results.write(tmp_path / "study.json", study)
    report.write(results.read(tmp_path / "study.json", results.LATENCY_STUDY), tmp_path)
    page = (tmp_path / "report.md").read_text()
    assert "(2 seeds)" in page and "*all variants*" in page
    assert "Other work took up to 50 %" in page and f"{run['answers']['none']['eager']['accuracy'] + 5:.1f} ± 7.1" in page
    eager = next(row["p50"] for row in times["latency"] if (row["model"], row["variant"]) == ("none", "eager"))
    (english,) = (
        line for line in page.splitlines() if line.startswith("| en English |") and " ± " in line and line.count("|") > 12
    )
    assert english.split("|")[5].strip() == f"{2 * eager:.2f}" and "Seed after seed" in page
    (packed,) = (line for line in page.splitlines() if line.startswith("| packed | ") and line.count("|") > 12)
    told = next(row["ratio"] for row in times["savings"] if (row["variant"], row["batch"]) == ("packed", 1))
    assert packed.split("|")[6].split()[0] == f"{1 / (2 * told):.2f}×"
    assert "int8: seed 2: no engine" in page and not any(line.startswith("| int8 |") for line in page.splitlines())
    assert "*int8*" not in page


@pytest.mark.parametrize(
    ("ratio", "low", "verdict", "again", "told"),
    [
        (1.0, 0.99, "equal", 1.004, "Equal latency held"),
        (1.05, 1.03, "differs", 1.004, "Equal latency did not hold"),  # though every single variant is equal
        (1.05, 1.03, "differs", 1.03, "Nothing here speaks against"),  # the copy is as far away as its nearer end
    ],
)
def test_all_variants_together_can_deny_equal_latency(measured, tmp_path, ratio, low, verdict, again, told) -> None:
    study = copy.deepcopy(results.read(measured[0], results.LATENCY_STUDY))
    for row in study["measured"]["models"]:
        row |= {"ratio": 1.0, "low": 0.99, "high": 1.01, "verdict": "equal"}
    same = {"variant": "all", "of": "latency", "low": low, "high": 1.07, "verdict": verdict}
    study["measured"]["models"] += [{**same, "model": "qqp", "ratio": ratio}, {**same, "model": "none again", "ratio": again}]
    report.write(study, tmp_path)
    assert told in (tmp_path / "report.md").read_text()
