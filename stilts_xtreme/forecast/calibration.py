"""The measurements of a calibration, in a process of its own."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from threading import Barrier
from typing import TYPE_CHECKING

from stilts_xtreme.data import read as data
from stilts_xtreme.engine.flops import BACKWARD, Shape
from stilts_xtreme.forecast.throughput import CalibrationRequest
from stilts_xtreme.pipeline import plan
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Example, Text

if TYPE_CHECKING:
    from accelerate import Accelerator
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from stilts_xtreme.engine.encoder import Model
    from stilts_xtreme.models.heads import Feature, Limits

WHERE = data.Miniature(0)
TASK_OF = {
    "classification": "mnli", "multiple_choice": "commonsenseqa", "tagging": "panx", "span_qa": "tydiqa", "mlm": "text",
    "dual_encoder": "mewslix",
}  # a task for each head that trains  # fmt: skip
SHORT, LONG = 24, 96  # tokens of a row, for the cost of a FLOP
SMALL_BATCH = 8  # rows, for the cost of a row
LINES, VOCABULARY, TRAIN_EXAMPLES, DEV_EXAMPLES = 5000, 2600, 2000, 200  # text lines and vocabulary of the tokenizer; per task
SENTENCES = 3000  # on each side, for mining
TIMEOUT = 1800.0  # seconds that children wait for each other, and the parent for a child
MAX_STEPS = 4096  # more than there is time for
Figures = Iterator[tuple[str, object]]  # fields of `Throughput`

now: Callable[[], float] = time.process_time  # seconds; see `child`


def child(pipe: Connection, barrier: Barrier, request: CalibrationRequest, began: float) -> None:
    """Send a text before each measurement, then the figures as {field of `Throughput`: value}.

    With one thread on a CPU, seconds are processor time: other programs on the machine do not count, but processes side by side
    still slow each other down. `began`: when the parent started this process.
    """
    global now
    single_thread = request.machine.device == "cpu" and request.machine.threads == 1
    import torch

    from stilts_xtreme.engine.third_party_output import quiet
    from stilts_xtreme.stages import predict, train  # noqa: F401  imported by a worker before its first stage

    process = time.process_time() if single_thread else time.time() - began
    now = time.process_time if single_thread else time.perf_counter
    quiet()  # as in a stage
    torch.set_num_threads(request.machine.threads)
    with tempfile.TemporaryDirectory() as folder:
        barrier.wait(TIMEOUT)
        figures = dict(_measure(request, Path(folder), pipe.send))
        barrier.wait(TIMEOUT)  # so that no process is alone while another still measures
    pipe.send({"process": process, **figures})
    time.sleep(TIMEOUT)  # the parent ends this process, after it has read what was sent


@dataclass(frozen=True)
class EncodedTask:
    """Examples, features and labels of a task's split."""

    examples: Sequence[Example]
    features: Sequence["Feature"]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Bench:
    """The encoder and its inputs; `encoded`: (head, split) -> data."""

    request: CalibrationRequest
    tokenizer: "PreTrainedTokenizerBase"
    limits: "Limits"
    start: "PreTrainedModel"
    runner: "Accelerator"
    shape: Shape
    encoded: Mapping[tuple[str, str], EncodedTask]

    def model(self, head: str) -> "Model":
        """Build the encoder with one head on the device."""
        from stilts_xtreme.engine import encoder

        recipe, task = self.request.recipe, TASK_OF[head]
        model = encoder.Model(self.start, {task: head}, {task: self.encoded[head, "train"].labels}, recipe.dropout)
        model.bf16 = recipe.precision == "bf16"
        return model.to(self.runner.device)

    def flops(self, head: str, rows: float, tokens: float) -> float:
        """Return the FLOPs of a forward pass."""
        labels, mask_rate = len(TASKS[TASK_OF[head]].labels), self.request.recipe.mask_rate
        read = self.shape.read(head, rows, tokens, mask_rate)
        return self.shape.forward(tokens, tokens / rows, read=read) + self.shape.head(head, rows, tokens, labels, mask_rate)

    def flops_of(self, head: str, features: Sequence["Feature"]) -> float:
        """Return the FLOPs of a forward pass over these features."""
        rows = [row for feature in features for row in feature["rows"]]
        return self.flops(head, len(rows), sum(map(len, rows)))


def _measure(request: CalibrationRequest, folder: Path, callback: Callable[[str], None]) -> Figures:
    bench, figures = _bench(request, callback)
    yield from figures.items()
    yield from _training(bench, request.seconds, callback)
    yield from _scoring(bench, request.seconds, callback)
    callback("whole stages")
    yield from _stages(folder, request)
    callback("weights and mining")
    yield from _weights(folder)
    yield "mine", _mining(request.shape.hidden)


def _bench(request: CalibrationRequest, callback: Callable[[str], None]) -> tuple[Bench, dict[str, float]]:
    """Train a tokenizer, encode the tasks and build an encoder; also return the figures `learn` and `encode`."""
    from stilts_xtreme.engine import encoder, tokenizer
    from stilts_xtreme.engine.train import accelerator
    from stilts_xtreme.models.heads import HEADS, Limits

    callback("learning a tokenizer")
    texts = data.read(TASKS["text"], "train", "en", WHERE).examples[:LINES]
    lines = [example.text for example in texts if isinstance(example, Text)]
    began = now()
    trained = tokenizer.train(lines, VOCABULARY)
    learn = (now() - began) / len(lines)

    callback("reading and encoding")
    limits, tokens, spent = Limits(request.recipe.max_length, request.recipe.doc_stride), 0, 0.0
    encoded: dict[tuple[str, str], EncodedTask] = {}
    for head, task in TASK_OF.items():
        for split, limit in (("train", TRAIN_EXAMPLES), ("dev", DEV_EXAMPLES)):
            began = now()
            reading = data.read(TASKS[task], split, "en", WHERE)
            labels = TASKS[task].labels or tuple(sorted(reading.labels))
            features = HEADS[head].encode(reading.examples, trained, labels, limits, split == "train")
            spent += now() - began
            tokens += sum(len(row) for feature in features for row in feature["rows"])
            few = [feature for feature in features if feature.get("example", 0) < limit][: 4 * limit]
            encoded[head, split] = EncodedTask(reading.examples[:limit], few, labels)

    shape = replace(request.shape, layers=request.layers, vocabulary=len(trained))
    # Heads of width 64 as in XLM-R, or the next wider that divides the hidden size.
    heads = next(count for count in range(max(1, shape.hidden // 64), 0, -1) if not shape.hidden % count)
    random = plan.Random(shape.hidden, shape.layers, heads, shape.intermediate, shape.positions, shape.vocabulary)
    start, runner = encoder.random_encoder(random, trained, 1), accelerator(request.recipe.precision, request.machine.device)
    return Bench(request, trained, limits, start, runner, shape, encoded), {"learn": learn, "encode": spent / tokens}


def _training(bench: Bench, seconds: float, callback: Callable[[str], None]) -> Figures:
    """Measure the cost of a step, a row and a FLOP from batches of one head in three shapes, and a factor for each head."""
    callback("training")
    batch = bench.request.recipe.batch_size
    many, long = max(batch, 2 * SMALL_BATCH), min(LONG, bench.request.recipe.max_length)
    short = min(SHORT, long // 2)
    small, wide, tall = (
        _step(bench, "classification", _equal_features(count, size), count, seconds)
        for count, size in ((SMALL_BATCH, short), (many, short), (many, long))
    )
    rate = (tall.flops - wide.flops) / max(tall.seconds - wide.seconds, 1e-9)
    row = max(0.0, (wide.seconds - small.seconds - (wide.flops - small.flops) / rate) / (many - SMALL_BATCH))
    step = max(0.0, small.seconds - SMALL_BATCH * row - small.flops / rate)
    factors = {}
    for head in TASK_OF:
        callback(f"training: {head}")
        cost = _step(bench, head, bench.encoded[head, "train"].features, batch, seconds)
        factors[head] = cost.seconds / (step + row * cost.rows + cost.flops / rate)
    yield from {"step": step, "row": row, "train": rate, "factors": factors}.items()


@dataclass(frozen=True)
class StepCost:
    """Means of a training step."""

    seconds: float
    rows: float
    flops: float


def _step(bench: Bench, head: str, features: Sequence["Feature"], batch: int, seconds: float) -> StepCost:
    """Time training steps and average; the first ones, which allocate memory and compile kernels, do not count."""
    from stilts_xtreme.engine.embedding_subset import restore_embeddings
    from stilts_xtreme.engine.train import LAG, Stream, train

    task = TASK_OF[head]
    stream = Stream(head, features, {"en": range(len(features))}, {"en": 1.0})
    recipe = replace(bench.request.recipe, batch_size=batch, group_by_length=False)
    if head == "dual_encoder":
        recipe = replace(recipe, micro_batch=None)
    lag = 1 if bench.runner.device.type == "cpu" else LAG  # steps whose losses a GPU hands over together
    warmup, began, tokens, count, spent = max(2, lag), 0.0, 0, 0, 0.0
    schedule = [task] * MAX_STEPS
    for step in train(bench.model(head), {task: stream}, schedule, recipe, 1, bench.tokenizer, bench.runner, None):
        tokens += step.tokens
        if step.number == warmup:
            began, tokens = now(), 0
        elif step.number > warmup and step.number % lag == 0:
            spent, count = now() - began, step.number - warmup
            if spent > seconds and (count >= 4 or spent > 4 * seconds):
                break
    rows = batch * len(features[0]["rows"])
    restore_embeddings(bench.start, 1.0)
    return StepCost(spent / count, rows, (1 + BACKWARD) * bench.flops(head, rows, tokens / count))


def _equal_features(count: int, size: int) -> list["Feature"]:
    """Return `count` features with a row of `size` tokens each."""
    rows = [[0, *(5 + (i + j) % 1000 for j in range(size - 2)), 2] for i in range(count)]
    return [{"rows": [row], "example": i, "target": i % 3} for i, row in enumerate(rows)]


def _scoring(bench: Bench, seconds: float, callback: Callable[[str], None]) -> Figures:
    """Measure the cost of a FLOP from rows of two lengths, and for each head the rest of a feature: collate, decode, metric."""
    from stilts_xtreme.engine import predict
    from stilts_xtreme.stages.dev_evaluation import Dev, dev_scores

    callback("scoring")
    device, limits, tokenizer = bench.runner.device, bench.limits, bench.tokenizer
    long = min(LONG, bench.request.recipe.max_length)
    model, times, flops = bench.model("classification"), [], []
    for size in (long // 4, long):
        features: Sequence[Feature] = _equal_features(DEV_EXAMPLES, size)
        times.append(_median_seconds(partial(predict.outputs, model, "mnli", features, tokenizer, device), seconds))
        flops.append(bench.flops("classification", DEV_EXAMPLES, DEV_EXAMPLES * size))
    rate = (flops[1] - flops[0]) / max(times[1] - times[0], 1e-9)
    score = {}
    for head, task in TASK_OF.items():
        data_of = bench.encoded[head, "dev"]
        dev = Dev({}, data_of.examples, data_of.features)
        spent = _median_seconds(partial(dev_scores, bench.model(head), task, dev, tokenizer, limits, device), seconds)
        score[head] = max(0.0, (spent - bench.flops_of(head, data_of.features) / rate) / len(data_of.features))
    features = bench.encoded["mlm", "dev"].features
    embed = partial(predict.vectors, bench.start, features, tokenizer, bench.shape.layers, "mean", device)
    spent = _median_seconds(embed, seconds)
    score["embedding"] = max(0.0, (spent - bench.flops_of("classification", features) / rate) / len(features))
    yield from {"predict": rate, "score": score}.items()


def _median_seconds(call: Callable[[], object], seconds: float) -> float:
    """Return the median seconds of a call, without the first; three calls or more, for `seconds` in all."""
    call()
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        began = now()
        call()
        times.append(now() - began)
    return median(times)


def _stages(folder: Path, request: CalibrationRequest) -> Figures:
    """Measure the overhead of a stage, from whole stages with next to no work, whose features are in the cache."""
    from stilts_xtreme.stages import run
    from stilts_xtreme.stages.events import Options

    store, options = Store(folder / "runs"), Options(request.machine.device if request.machine.device == "cpu" else "auto")

    def reads(task: str, *parts: tuple[str, str]) -> tuple[plan.Reads, ...]:
        return tuple(plan.Reads(task, *part, TASKS[task].version, data.digest(TASKS[task], *part, WHERE)) for part in parts)

    def run_time(stage: plan.Stage) -> float:
        began = now()
        run.do(stage, store, options, lambda event: None)
        return now() - began

    no_steps = plan.Recipe(epochs=None, steps=0, max_length=64, dev_limit=16)
    text = reads("text", ("train", "en"), ("dev", "en"))
    first = plan.Train(plan.Random(16, 1, 2, 32, 66, 1200), ("text",), no_steps, 1, text, where=WHERE)
    english = reads("pawsx", ("train", "en"), ("dev", "en"))
    # Different learning rates, so that the stages have different fingerprints.
    recipes = [replace(no_steps, learning_rate=i / 1e6) for i in (1, 2, 3, 4)]
    models = [plan.Train(first, ("pawsx",), recipe, 1, english, where=WHERE) for recipe in recipes]
    codes = data.languages(TASKS["pawsx"], WHERE)
    tests = reads("pawsx", *(("test", code) for code in codes))
    wide = [plan.Predict(model, "pawsx", codes, tests, where=WHERE) for model in models]
    narrow = [plan.Predict(model, "pawsx", codes[:1], tests[:1], where=WHERE) for model in models]
    run_time(first)
    training = [run_time(stage) for stage in models][1:]
    all_languages, single_language = [run_time(stage) for stage in wide][1:], [run_time(stage) for stage in narrow][1:]
    reading = max(0.0, (sum(all_languages) - sum(single_language)) / 3 / (len(codes) - 1))
    yield "reading", reading
    yield "training", max(0.0, sum(training) / 3 - len(english) * reading)
    yield "prediction", max(0.0, sum(single_language) / 3 - reading)


def _weights(folder: Path) -> Figures:
    """Measure seconds a byte of weights: written and hashed; hashed and read."""
    import torch
    from safetensors.torch import load_file, save_file

    from stilts_xtreme.store import manifest
    from stilts_xtreme.utils import atomic_io

    weights, file = {"weights": torch.zeros(1 << 23)}, folder / "weights" / "model.safetensors"
    file.parent.mkdir()

    def save() -> None:
        save_file(weights, file)
        atomic_io.sync(file)
        manifest(file.parent)

    def load() -> None:
        manifest(file.parent)
        load_file(file)

    size = weights["weights"].nbytes
    yield "save", _median_seconds(save, 0.0) / size
    yield "load", _median_seconds(load, 0.0) / size


def _mining(width: int) -> float:
    import numpy as np

    from stilts_xtreme.engine import similarity_kernels
    from stilts_xtreme.scoring import retrieval

    foreign, english = np.random.default_rng(0).standard_normal((2, SENTENCES, width), np.float32)
    mine = partial(retrieval.mine, foreign, english, kernel=similarity_kernels.fastest())
    return _median_seconds(mine, 0.0) / (SENTENCES**2 * width)
