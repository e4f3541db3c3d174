"""Several processes: the losses, weights and predictions of one; one that dies, signals, launchers.

Run as a program, this file is one of the processes: it does every case and writes what came of it.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stilts_xtreme.engine.parallel import deal
from stilts_xtreme.pipeline import plan
from stilts_xtreme.utils import ranks
from stilts_xtreme.utils.errors import UserError

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
FIRST = EXPERIMENTS / "first"
RECIPE = plan.Recipe(
    epochs=None, steps=8, batch_size=6, learning_rate=5e-3, dropout=0.0, evaluate_every=3, max_length=32, mask_rate=0.3
)
CASES = {  # heads, what the recipe has else, whether the table of words is narrowed
    "fp32": ("pair text", {}, False),
    "bf16": ("pair", {"precision": "bf16"}, True),
    "pair": ("pair", {}, True),
    "micro-batches, the last of one example": ("pair", {"batch_size": 7, "micro_batch": 3}, True),
    "batches of one example": ("pair", {"batch_size": 1}, True),
    "text": ("text", {"micro_batch": 4}, False),
    "mixture": ("pair text", {}, False),
    "dual encoder": ("query", {"batch_size": 5}, True),
    "dual encoder, one example": ("query", {"batch_size": 3, "micro_batch": 2}, True),
}
SHARDED = ("micro-batches, the last of one example", "mixture", "dual encoder")
ROUNDING = {"fp32": 1e-5, "bf16": 2e-2}  # relative; all other cases are computed in double precision
EXACT = 1e-8


def case(name: str, shard: bool = False, short: int | None = None, saved=None, border=None) -> dict[str, np.ndarray]:
    """Losses, dev scores, weights and predictions of a training; the examples that this process computed with.

    `short`: the step before which memory runs out on the last process.
    """
    import torch

    from stilts_xtreme.engine import predict, sharding, tokenizer
    from stilts_xtreme.engine.encoder import Model, random_encoder
    from stilts_xtreme.engine.optimizer import AdamW
    from stilts_xtreme.engine.train import Stream, accelerator, train
    from stilts_xtreme.models.heads import HEADS, Limits
    from stilts_xtreme.tasks.examples import Candidate, Pair, Query, Text

    torch.set_num_threads(1)
    heads, changed, narrowed = CASES[name]
    recipe, limits, labels = replace(RECIPE, **changed), Limits(32, mask_rate=0.3), ("0", "1")
    words = ["red", "blue", "green", "tall", "small"]
    pairs = [
        Pair(
            str(i), f"a {words[i % 5]} house" + " very" * (i % 7), f"a {words[(i // 5) % 5]} house", labels[i % 5 == (i // 5) % 5]
        )
        for i in range(40)
    ]
    queries = [
        Query(str(i), f"{words[i % 5]} man", (f"c{i % 6}",), Candidate(f"c{i % 6}", f"a {words[i % 3]} {words[i % 2]}", "house"))
        for i in range(24)
    ]
    lines = [Text(str(i), f"the {words[i % 5]} man saw a {words[i % 3]} house") for i in range(30)]
    texts = [f"{pair.first} {pair.second}" for pair in pairs] * 5 + [line.text for line in lines]
    pieces, streams = tokenizer.train(texts, 300), {}
    kinds = {"pair": ("classification", pairs), "text": ("mlm", lines), "query": ("dual_encoder", queries)}
    for task in heads.split():
        kind, examples = kinds[task]
        features = HEADS[kind].encode(examples, pieces, labels, limits, True)
        streams[task] = Stream(kind, features, {"en": range(len(features))}, {"en": 1.0})
    torch.manual_seed(0)
    kinds = {task: stream.head for task, stream in streams.items()}
    model = Model(random_encoder(plan.Random(16, 2, 2, 32, 66, 300), pieces, 0), kinds, dict.fromkeys(kinds, labels), 0.0)
    single = torch.Tensor.float
    if name not in ROUNDING:
        model.double()
    met = np.unique(np.concatenate([row for one in streams.values() for f in one.features for row in f["rows"]]))
    sharding.shard(model, torch.device("cpu"), shard)
    rows, forward, gradients, update = [], Model.forward, {}, AdamW.step

    def kept(self, rate, factor, clip, total):
        if not gradients:
            gradients.update({name: sharding.whole(p.grad).clone() for name, p in model.named_parameters() if p.grad is not None})
        update(self, rate, factor, clip, total)

    def counted(self, task, batch):
        if short is not None and len(rows) == short and ranks.rank() == ranks.count() - 1:
            rows.append(0)
            raise torch.OutOfMemoryError("CUDA out of memory")
        rows.append(0 if batch.get("idle") else len(batch["lengths"]))
        return forward(self, task, batch)

    def score(model):
        first, stream = next(iter(streams.items()))
        if stream.head == "mlm":
            return predict.masked_accuracy(model, first, stream.features, pieces, torch.device("cpu"))
        made = predict.outputs(model, first, stream.features, pieces, torch.device("cpu"))
        return ranks.broadcast(lambda: float(np.mean([np.abs(one).mean() for one in made])))

    order = [list(streams)[n % len(streams)] for n in range(recipe.steps)]
    budget, predict.TOKENS, Model.forward, AdamW.step = predict.TOKENS, {"cpu": 100}, counted, kept
    try:
        if name not in ROUNDING:
            torch.Tensor.float = lambda self: self if self.ndim else single(self)  # heads round to single precision otherwise
        steps = list(
            train(
                model,
                streams,
                order,
                recipe,
                1,
                pieces,
                accelerator(recipe.precision, "cpu"),
                score,
                met if narrowed else None,
                saved,
                border,
            )  # fmt: skip
        )
        final = score(model)
    finally:
        predict.TOKENS, Model.forward, AdamW.step, torch.Tensor.float = budget, forward, update, single
    if shard:
        sharding.gather(model)
    assert type(model.encoder).__name__ == "XLMRobertaModel"
    if ranks.first():  # whoever saves a model computes with it, alone
        model.encoder.config._attn_implementation = "sdpa"
        assert model.encoder(input_ids=torch.arange(9)[None]).last_hidden_state.shape == (1, 9, 16)
    weights = {f"weight {key}": value.numpy() for key, value in model.state_dict().items()}
    weights |= {f"gradient {key}": value.numpy() for key, value in gradients.items()}
    return {
        "losses": np.array([step.loss for step in steps]),
        "tokens": np.array([step.tokens for step in steps]),
        "scores": np.array([step.score for step in steps if step.score is not None] + [final]),
        "halved": np.array([step.micro_batch or 0 for step in steps]),
        "rows": np.array(rows),
        **(weights if ranks.first() else {}),
    }


def everything(to: Path) -> None:
    """As one of several: do all cases."""
    ranks.join("cpu")
    for name in CASES:
        np.savez(to / f"{name}.{ranks.rank()}.npz", **case(name))
    for name in SHARDED:
        np.savez(to / f"{name}, sharded.{ranks.rank()}.npz", **case(name, shard=True))
    np.savez(to / f"short.{ranks.rank()}.npz", **case("pair", short=3))
    np.savez(to / f"short, dual.{ranks.rank()}.npz", **case("dual encoder", short=3))
    (to / f"faults.{ranks.rank()}.json").write_text(json.dumps(faults()))
    ranks.leave()


def faults() -> dict[str, list]:
    """What is heard where one of them has a fault, wherever the others meet it; and that they still understand each other."""
    heard: dict[str, list] = {"faults": [], "told": [], "collected": []}
    for culprit in range(ranks.count()):
        for meet in (lambda: ranks.totals(1), lambda: ranks.broadcast(lambda: 1), lambda: ranks.gather(b"1"), lambda: None):
            try:
                with ranks.together():
                    if ranks.rank() == culprit:
                        raise UserError(f"of {culprit}")
                    meet()
                    ranks.totals(2)
            except UserError as fault:
                heard["faults"].append(str(fault))
    heard["told"] = ranks.broadcast(lambda: [ranks.rank(), 0.1, None])
    heard["collected"] = [part.decode() for part in ranks.gather(b"" if ranks.rank() == 1 else b"x" * (ranks.rank() + 1))]
    return heard


def started(count: int, *words: object, **options) -> list[subprocess.Popen]:
    """As `launch` does, for any program."""
    from stilts_xtreme.stages.launcher import _environment

    environment = {**_environment(count), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(EXPERIMENTS.parent)}
    del environment[ranks.LAUNCHED]
    return [
        subprocess.Popen(
            [sys.executable, *map(str, words)], env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)}, **options
        )
        for rank in range(count)
    ]


@pytest.fixture(scope="module", params=[2, pytest.param(3, marks=pytest.mark.slow)])
def found(request, tmp_path_factory) -> tuple[int, Callable[[str], list[dict]], Path]:
    """How many processes did every case, and what each of them found."""
    folder = tmp_path_factory.mktemp("cases")
    processes = started(request.param, __file__, folder)
    assert [process.wait() for process in processes] == [0] * request.param
    return request.param, lambda name: [dict(np.load(folder / f"{name}.{rank}.npz")) for rank in range(request.param)], folder


@pytest.mark.parametrize("name", [*CASES, *(f"{name}, sharded" for name in SHARDED)])
def test_several_processes_train_and_score_as_one(found, name) -> None:
    count, results, _ = found
    one, several = case(name.removesuffix(", sharded")), results(name)
    loose = ROUNDING.get(name, EXACT)
    for each in several:
        assert np.array_equal(each["tokens"], one["tokens"])
        assert each["losses"] == pytest.approx(one["losses"], rel=loose) and np.array_equal(each["losses"], several[0]["losses"])
        assert each["scores"] == pytest.approx(one["scores"], rel=100 * loose)
        assert np.array_equal(each["scores"], several[0]["scores"])
        assert len(each["rows"]) == len(one["rows"])
    assert sum(each["rows"] for each in several).tolist() == one["rows"].tolist()  # shared out, not done twice
    if one["rows"][0] >= 2 * count:
        assert all(each["rows"].max() < one["rows"].max() for each in several)
    assert several[0].keys() == one.keys()
    largest = max(np.abs(one[key]).max() for key in one if key.startswith("gradient"))
    for key in one:
        if key.startswith("gradient"):
            assert np.allclose(one[key], several[0][key], rtol=0, atol=loose * largest), key
        if (
            key.startswith("weight") and name not in ROUNDING
        ):  # Adam makes steps of what is zero but for rounding: a few may differ
            assert np.mean(np.abs(one[key] - several[0][key]) > EXACT) < 0.05, key


@pytest.mark.parametrize(("name", "wanted"), [("short", "pair"), ("short, dual", "dual encoder")])
def test_where_one_runs_out_of_memory_all_halve_the_micro_batch(found, name, wanted) -> None:
    several = found[1](name)
    for each in several:
        assert [size for size in each["halved"].tolist() if size] == [3]
        assert np.array_equal(each["losses"], several[0]["losses"])
    if name == "short":  # a dual encoder's loss is over a micro-batch
        assert several[0]["losses"] == pytest.approx(case(wanted)["losses"], rel=EXACT)


def test_a_fault_of_one_is_heard_by_all(found) -> None:
    count, folder = found[0], found[2]
    heard = [json.loads((folder / f"faults.{rank}.json").read_text()) for rank in range(count)]
    assert heard[0]["collected"] == ["x" * (rank + 1) if rank != 1 else "" for rank in range(count)]
    for each in heard:
        assert each["faults"] == [f"of {culprit}" for culprit in range(count) for _ in range(4)]
        assert each["told"] == [0, 0.1, None]


def test_batches_are_dealt_by_tokens() -> None:
    assert deal([5, 1, 1, 1, 1, 1], 2) == [[0], [1, 2, 3, 4, 5]]
    assert deal([7], 3) == [[0], [], []]
    sizes = np.random.default_rng(0).integers(5, 129, 64).tolist()
    loads = [sum(sizes[i] for i in share) for share in deal(sizes, 4)]
    assert sorted(i for share in deal(sizes, 4) for i in share) == list(range(64))
    assert max(loads) < 1.02 * sum(sizes) / 4


TINY = [
    "setup.encoder.random.hidden_size=16", "setup.encoder.random.layers=2", "setup.encoder.random.heads=2",
    "setup.encoder.random.intermediate_size=32", "setup.encoder.random.vocab_size=1200",
    "setup.pretraining.recipe={steps: 4, dropout: 0.0}", "setup.pretraining.languages=[en,xa]", "setup.retrieval.layer=1",
    "setup.recipes={default: {steps: 6, examples: 64, dev_limit: 24, batch_size: 8, max_length: 128, dropout: 0.0}}",
]  # fmt: skip
LONG, STEPS = ["recipe={steps: 400, learning_rate: 1e-5}"], 400
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(EXPERIMENTS.parent)}


def stilts(*words: object, code: int = 0, before: tuple[object, ...] = ("-m", "stilts_xtreme")) -> subprocess.CompletedProcess:
    done = subprocess.run([sys.executable, *map(str, before + words)], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def training(store: Path, *words: object) -> tuple[object, ...]:
    return ("train-intermediate", FIRST / "1-intermediate.yaml", *TINY, "--store", store, *words)


@pytest.fixture(scope="module")
def ready(tmp_path_factory) -> Path:
    """A store with the encoder that trainings start from, and one training by one process."""
    store = tmp_path_factory.mktemp("ready")
    stilts(*training(store))
    return store


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def begun(store: Path, count: int = 2) -> tuple[subprocess.Popen, list[int]]:
    """A long training that has kept a first state; its process and those that share the work."""
    words = training(store, *LONG, "--processes", count, "--checkpoint-every", 0)
    process = subprocess.Popen(
        [sys.executable, "-m", "stilts_xtreme", *map(str, words)], env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list(store.glob("train/.*.saved/[0-9]*")):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.05)
    return process, children(process.pid)


def kept(store: Path) -> int:
    """Steps of the last state that was kept; nothing else may be left."""
    states = sorted(store.glob("train/.*.saved/[0-9]*"))
    assert states and not list(store.glob("*/.*.part")) and len(list(store.glob("train/[0-9a-f]*"))) == 2
    return int(states[-1].name)


def resumed(store: Path, step: int, *words: object) -> list[float]:
    """Losses of the whole training, which went on from a step."""
    done = stilts(*training(store, *LONG, *words))
    assert f"going on after step {step}" in done.stderr
    found = losses(Path(done.stdout.strip()).parent)
    assert len(found) == STEPS
    return found


def test_one_that_is_killed_ends_the_others(ready, tmp_path) -> None:
    store = shutil.copytree(ready, tmp_path / "runs")
    process, workers = begun(store)
    began = time.monotonic()
    os.kill(workers[1], signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 3 and time.monotonic() - began < 20 and not stdout
    assert stderr.count("was killed (SIGKILL)") == 1 and "process 1 of the 2" in stderr and "Run the same command again" in stderr
    assert "Traceback" not in stderr and not any(Path(f"/proc/{worker}").exists() for worker in workers)
    kept(store)


@pytest.mark.slow
def test_any_number_goes_on_from_where_others_stopped(ready, tmp_path) -> None:
    store = shutil.copytree(ready, tmp_path / "runs")
    process, workers = begun(store)
    process.terminate()
    assert process.wait() == 75
    step, more = kept(store), (("--processes", 3), ("--processes", 2, "--shard"))
    others = [shutil.copytree(store, tmp_path / str(n)) for n in range(len(more))]
    alone = resumed(store, step)
    for other, words in zip(others, more, strict=True):
        assert resumed(other, step, *words) == pytest.approx(alone, rel=1e-4)


@pytest.mark.slow
def test_the_first_one_killed_or_the_launcher(ready, tmp_path) -> None:
    store, other = (shutil.copytree(ready, tmp_path / name) for name in ("first", "launcher"))
    process, workers = begun(store)
    os.kill(workers[0], signal.SIGKILL)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 3 and stderr.count("failed") == 1 and "process 0 of the 2" in stderr
    shutil.rmtree(next(store.glob("train/.*.part")), ignore_errors=True)  # a killed process cannot: the next one does
    kept(store)
    process, workers = begun(other)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    kept(other)


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["launcher", "first", "last"])
def test_a_signal_stops_all_at_the_same_step(ready, tmp_path, whom) -> None:
    store = shutil.copytree(ready, tmp_path / "runs")
    process, workers = begun(store)
    os.kill({"launcher": process.pid, "first": workers[0], "last": workers[1]}[whom], signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 75 and not stdout
    assert stderr.count("stopped; what was done is kept") == 1 and "Traceback" not in stderr
    resumed(store, kept(store), "--processes", 2)


@pytest.mark.slow
def test_a_second_interrupt_stops_at_once(ready, tmp_path) -> None:
    store = shutil.copytree(ready, tmp_path / "runs")
    process, _ = begun(store)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode in (75, 130) and stderr.count("Run the same command again") == 1, stderr
    kept(store)


LAUNCHERS = {
    "--processes 2": ("-m", "stilts_xtreme"),
    "--processes 2 --shard": ("-m", "stilts_xtreme"),
    "torchrun": ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2, "-m", "stilts_xtreme"),
    "accelerate launch": (
        "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", 2, "--num_machines", 1, "--mixed_precision", "no",
        "--dynamo_backend", "no", "-m", "stilts_xtreme",
    ),
}  # fmt: skip


def study(store: Path, before: tuple[object, ...], *words: object) -> dict:
    """A study of a classification, a retrieval by sentence vectors, and a span task; its result."""
    axes = ("intermediate=[none]", "targets=[xnli,tatoeba,xquad]", "seeds=[1]")
    done = stilts("study", EXPERIMENTS / "studies" / "main.yaml", *axes, *TINY, "--store", store, *words, before=before)
    assert done.stdout == f"{store / 'study' / 'main.json'}\n" and "Traceback" not in done.stderr
    return json.loads(Path(done.stdout.strip()).read_text())


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> tuple[Path, dict]:
    """The study by one process."""
    store = tmp_path_factory.mktemp("alone")
    return store, study(store, ("-m", "stilts_xtreme"), "--jobs", 1)


@pytest.mark.slow
@pytest.mark.parametrize("how", LAUNCHERS)
def test_a_study_by_several(alone, tmp_path, how) -> None:
    there, wanted = alone
    found = study(tmp_path, LAUNCHERS[how], *(how.split() if how.startswith("--") else ()))
    logs = list(there.glob("train/*/log.jsonl"))
    assert len(logs) == 3 and len(wanted["evaluations"]) == len(found["evaluations"]) == 3
    for log in logs:
        folder = tmp_path / "train" / log.parent.name
        assert losses(folder) == pytest.approx(losses(log.parent), rel=1e-5)
        assert json.loads((folder / "result.json").read_text())["provenance"]["processes"] == 2
    for one, other in zip(wanted["evaluations"], found["evaluations"], strict=True):
        assert one["address"] == other["address"] and other["score"] == pytest.approx(one["score"], abs=0.5)
    stilts("verify", "--store", tmp_path)


def test_two_processes_by_the_command(ready, tmp_path) -> None:
    one = Path(stilts(*training(ready)).stdout.strip())
    store = shutil.copytree(ready, tmp_path / "runs")
    shutil.rmtree(store / "train" / one.parent.name)
    two = Path(stilts(*training(store, "--processes", 2)).stdout.strip())
    assert two == store / "train" / one.parent.name / one.name
    assert losses(two.parent) == pytest.approx(losses(one.parent), rel=1e-5) and losses(two.parent)
    first, second = (json.loads(path.read_text()) for path in (one, two))
    assert first["dev"] == second["dev"] and second["provenance"]["processes"] == 2
    assert stilts(*training(store, "--processes", 2)).stdout.strip() == str(two)  # found again, and nobody is started


def test_bad_input_is_one_line(tmp_path) -> None:
    bad = [
        (("nothing=1",), "nothing"),
        (("recipe.max_length=4",), "max_length"),
        (("--jobs", 2), "No such option"),
    ]
    for words, told in bad:
        done = stilts(*training(tmp_path, *words, "--processes", 2), code=2)
        assert told in done.stderr and "Traceback" not in done.stderr
    for words in (("--shard",), ("--processes", 2, "--jobs", 2)):
        done = stilts("study", EXPERIMENTS / "studies" / "main.yaml", *TINY, "--store", tmp_path, *words, code=2)
        assert done.stderr.count("\n") == 1 and re.match(r"--(shard|jobs)", done.stderr)


if __name__ == "__main__":
    everything(Path(sys.argv[1]))
    ranks.end("", 0)  # as a command does
