"""The measurements of a calibration, in a process of its own."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from stilts_xtreme import plan
from stilts_xtreme.data import read as data
from stilts_xtreme.flops import BACKWARD, Shape
from stilts_xtreme.forecast.speed import Asked
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS

WHERE = data.Miniature(0)
OF = {
    "classification": "mnli", "multiple_choice": "commonsenseqa", "tagging": "panx", "span_qa": "tydiqa", "mlm": "text",
    "dual_encoder": "mewslix",
}  # a task for each head that trains  # fmt: skip
SHORT, LONG = 24, 96  # tokens of a row, for the cost of a FLOP
FEW = 8  # rows of a batch, for the cost of a row
LINES, PIECES, TRAINED, SCORED = 5000, 2600, 2000, 200  # of text, for the tokenizer; examples of a task
SENTENCES = 3000  # a side, for mining
PATIENCE = 1800.0  # seconds that one child waits for another, and we for one
STEPS = 4096  # more than there is time for


now: Callable[[], float] = time.process_time  # seconds; see `child`


def child(pipe: Any, barrier: Any, asked: Asked, began: float) -> None:
    """Send what is about to be done as texts, then the figures as `Speed` names them.

    With one thread on a CPU seconds are those of the processor: what others do on the machine meanwhile does not count, what
    processes side by side cost one another does.
    """
    global now
    alone = asked.machine.device == "cpu" and asked.machine.threads == 1
    import torch

    from stilts_xtreme.engine.quiet import quiet
    from stilts_xtreme.stages import predict, train  # noqa: F401  what a worker imports for its first stage

    process = time.process_time() if alone else time.time() - began
    now = time.process_time if alone else time.perf_counter
    quiet()  # as in a stage
    torch.set_num_threads(asked.machine.threads)
    with tempfile.TemporaryDirectory() as folder:
        barrier.wait(PATIENCE)
        found = dict(_parts(asked, Path(folder), pipe.send))
        barrier.wait(PATIENCE)  # nobody is alone while another still measures
    pipe.send({"process": process, **found})
    time.sleep(PATIENCE)  # until we are ended: what we sent may not have been read


def _parts(asked: Asked, folder: Path, tell: Callable[[str], None]) -> Iterator[tuple[str, Any]]:
    bench = yield from _bench(asked, tell)
    yield from _training(bench, asked.seconds, tell)
    yield from _scoring(bench, asked.seconds, tell)
    tell("whole stages")
    yield from _stages(folder, asked)
    tell("weights and mining")
    yield from _weights(folder)
    yield "mine", _mining(asked.shape.hidden)


@dataclass(frozen=True)
class Bench:
    """The encoder, what it reads, and how: examples, features and labels by head and split."""

    asked: Asked
    words: Any
    limits: Any
    start: Any
    runner: Any
    shape: Shape
    read: dict[tuple[str, str], tuple[Sequence[Any], Sequence[Any], tuple[str, ...]]]

    def model(self, head: str) -> Any:
        from stilts_xtreme.engine import encoder

        recipe = self.asked.recipe
        model = encoder.Model(self.start, {OF[head]: head}, {OF[head]: self.read[head, "train"][2]}, recipe.dropout)
        model.half = recipe.precision == "bf16"
        return model.to(self.runner.device)

    def flops(self, head: str, rows: float, tokens: float) -> float:
        """Of a forward pass."""
        labels, mask_rate = len(TASKS[OF[head]].labels), self.asked.recipe.mask_rate
        read = self.shape.read(head, rows, tokens, mask_rate)
        return self.shape.forward(tokens, tokens / rows, read=read) + self.shape.head(head, rows, tokens, labels, mask_rate)


def _bench(asked: Asked, tell: Callable[[str], None]) -> Any:
    from stilts_xtreme.engine import encoder, tokenizer
    from stilts_xtreme.engine.train import accelerator
    from stilts_xtreme.heads import HEADS, Limits

    tell("learning a tokenizer")
    lines = [example.text for example in data.read(TASKS["text"], "train", "en", WHERE).examples[:LINES]]
    began = now()
    words = tokenizer.train(lines, PIECES)
    yield "learn", (now() - began) / len(lines)

    tell("reading and encoding")
    limits, tokens, spent, read = Limits(asked.recipe.max_length, asked.recipe.doc_stride), 0, 0.0, {}
    for head, task in OF.items():
        for split, most in (("train", TRAINED), ("dev", SCORED)):
            began = now()
            reading = data.read(TASKS[task], split, "en", WHERE)
            labels = TASKS[task].labels or tuple(sorted(reading.labels))
            made = HEADS[head].encode(reading.examples, words, labels, limits, split == "train")
            spent += now() - began
            tokens += sum(len(row) for feature in made for row in feature["rows"])
            read[head, split] = reading.examples[:most], [one for one in made if one.get("example", 0) < most][: 4 * most], labels
    yield "encode", spent / tokens

    shape = replace(asked.shape, layers=asked.layers, vocabulary=len(words))
    heads = next(count for count in range(max(1, shape.hidden // 64), 0, -1) if not shape.hidden % count)  # of 64, as XLM-R's
    random = plan.Random(shape.hidden, shape.layers, heads, shape.intermediate, shape.positions, shape.vocabulary)
    start, runner = encoder.random_encoder(random, words, 1), accelerator(asked.recipe.precision, asked.machine.device)
    return Bench(asked, words, limits, start, runner, shape, read)


def _training(bench: Bench, seconds: float, tell: Callable[[str], None]) -> Iterator[tuple[str, Any]]:
    """The cost of a step, a row and a FLOP from batches of one head in three shapes; how the heads differ from that."""
    tell("training")
    batch = bench.asked.recipe.batch_size
    many, long = max(batch, 2 * FEW), min(LONG, bench.asked.recipe.max_length)
    short = min(SHORT, long // 2)
    small, wide, tall = (_step(bench, "classification", _alike(count, size), count, seconds) for count, size in
                         ((FEW, short), (many, short), (many, long)))  # fmt: skip
    rate = (tall.flops - wide.flops) / max(tall.seconds - wide.seconds, 1e-9)
    row = max(0.0, (wide.seconds - small.seconds - (wide.flops - small.flops) / rate) / (many - FEW))
    step = max(0.0, small.seconds - FEW * row - small.flops / rate)
    factors = {}
    for head in OF:
        tell(f"training: {head}")
        took = _step(bench, head, bench.read[head, "train"][1], batch, seconds)
        factors[head] = took.seconds / (step + row * took.rows + took.flops / rate)
    yield from {"step": step, "row": row, "train": rate, "factors": factors}.items()


@dataclass(frozen=True)
class Took:
    seconds: float
    rows: float
    flops: float


def _step(bench: Bench, head: str, features: Sequence[Any], batch: int, seconds: float) -> Took:
    """A mean training step; the first ones, in which memory and kernels are made, do not count."""
    from stilts_xtreme.engine.train import LAG, Stream, train
    from stilts_xtreme.engine.vocabulary import widen

    task = OF[head]
    stream = Stream(head, features, {"en": range(len(features))}, {"en": 1.0})
    recipe = replace(bench.asked.recipe, batch_size=batch, group_by_length=False)
    if head == "dual_encoder":
        recipe = replace(recipe, micro_batch=None)
    lag = 1 if bench.runner.device.type == "cpu" else LAG  # steps that a GPU is told of together
    warm, began, tokens, count = max(2, lag), 0.0, 0, 0
    for step in train(bench.model(head), {task: stream}, [task] * STEPS, recipe, 1, bench.words, bench.runner, None):
        tokens += step.tokens
        if step.number == warm:
            began, tokens = now(), 0
        elif step.number > warm and step.number % lag == 0:
            spent, count = now() - began, step.number - warm
            if spent > seconds and (count >= 4 or spent > 4 * seconds):
                break
    rows = batch * len(features[0]["rows"])
    widen(bench.start, 1.0)
    return Took(spent / count, rows, (1 + BACKWARD) * bench.flops(head, rows, tokens / count))


def _alike(count: int, size: int) -> list[dict[str, Any]]:
    """Features of equal rows."""
    rows = [[0, *(5 + (i + j) % 1000 for j in range(size - 2)), 2] for i in range(count)]
    return [{"rows": [row], "example": i, "target": i % 3} for i, row in enumerate(rows)]


def _scoring(bench: Bench, seconds: float, tell: Callable[[str], None]) -> Iterator[tuple[str, Any]]:
    """The cost of a FLOP from rows of two lengths; for each head what else a feature costs: collating, decoding, the metric."""
    from stilts_xtreme.engine import predict
    from stilts_xtreme.stages.train import Dev, dev_scores

    tell("scoring")
    device, limits = bench.runner.device, bench.limits
    long = min(LONG, bench.asked.recipe.max_length)
    model, times, flops = bench.model("classification"), [], []
    for size in (long // 4, long):
        features = _alike(SCORED, size)
        times.append(_often(lambda f=features: predict.outputs(model, "mnli", f, bench.words, device), seconds))
        flops.append(bench.flops("classification", SCORED, SCORED * size))
    rate = (flops[1] - flops[0]) / max(times[1] - times[0], 1e-9)
    score = {}
    for head, task in OF.items():
        examples, features, _ = bench.read[head, "dev"]
        model, dev = bench.model(head), Dev({}, examples, features)
        took = _often(lambda m=model, t=task, d=dev: dev_scores(m, t, d, bench.words, limits, device), seconds)
        score[head] = max(0.0, (took - _flops(bench, head, features) / rate) / len(features))
    features = bench.read["mlm", "dev"][1]
    took = _often(lambda: predict.vectors(bench.start, features, bench.words, bench.shape.layers, "mean", device), seconds)
    score["embedding"] = max(0.0, (took - _flops(bench, "classification", features) / rate) / len(features))
    yield from {"predict": rate, "score": score}.items()


def _flops(bench: Bench, head: str, features: Sequence[Any]) -> float:
    rows = [row for feature in features for row in feature["rows"]]
    return bench.flops(head, len(rows), sum(map(len, rows)))


def _often(do: Callable[[], Any], seconds: float) -> float:
    """Median seconds of a call, the first not counted."""
    do()
    took: list[float] = []
    while len(took) < 3 or sum(took) < seconds:
        began = now()
        do()
        took.append(now() - began)
    return median(took)


def _stages(folder: Path, asked: Asked) -> Iterator[tuple[str, Any]]:
    """What a stage costs beside its work, from whole stages with next to none, whose features are in the cache."""
    from stilts_xtreme.stages import run
    from stilts_xtreme.stages.events import Options

    store, options = Store(folder / "runs"), Options(asked.machine.device if asked.machine.device == "cpu" else "auto")

    def reads(task: str, *parts: tuple[str, str]) -> tuple[plan.Reads, ...]:
        return tuple(plan.Reads(task, *part, TASKS[task].version, data.digest(TASKS[task], *part, WHERE)) for part in parts)

    def took(stage: plan.Stage) -> float:
        began = now()
        run.do(stage, store, options, lambda event: None)
        return now() - began

    none = plan.Recipe(epochs=None, steps=0, max_length=64, dev_limit=16)
    text = reads("text", ("train", "en"), ("dev", "en"))
    first = plan.Train(plan.Random(16, 1, 2, 32, 66, 1200), ("text",), none, 1, text, where=WHERE)
    english = reads("pawsx", ("train", "en"), ("dev", "en"))
    tuned = [plan.Train(first, ("pawsx",), replace(none, learning_rate=i / 1e6), 1, english, where=WHERE) for i in (1, 2, 3, 4)]
    codes = data.languages(TASKS["pawsx"], WHERE)
    tests = reads("pawsx", *(("test", code) for code in codes))
    wide = [plan.Predict(model, "pawsx", codes, tests, where=WHERE) for model in tuned]
    narrow = [plan.Predict(model, "pawsx", codes[:1], tests[:1], where=WHERE) for model in tuned]
    took(first)
    training = [took(stage) for stage in tuned][1:]
    six, one = [took(stage) for stage in wide][1:], [took(stage) for stage in narrow][1:]
    reading = max(0.0, (sum(six) - sum(one)) / 3 / (len(codes) - 1))
    own = len(english)
    yield "reading", reading
    yield "training", max(0.0, sum(training) / 3 - own * reading)
    yield "prediction", max(0.0, sum(one) / 3 - reading)


def _weights(folder: Path) -> Iterator[tuple[str, Any]]:
    """A byte of weights: written to disk and hashed; hashed and read."""
    import torch
    from safetensors.torch import load_file, save_file

    from stilts_xtreme import disk
    from stilts_xtreme.store import manifest

    weights, file = {"weights": torch.zeros(1 << 23)}, folder / "weights" / "model.safetensors"
    file.parent.mkdir()

    def save() -> None:
        save_file(weights, file)
        disk.sync(file)
        manifest(file.parent)

    def load() -> None:
        manifest(file.parent)
        load_file(file)

    size = weights["weights"].nbytes
    yield "save", _often(save, 0.0) / size
    yield "load", _often(load, 0.0) / size


def _mining(width: int) -> float:
    import numpy as np

    from stilts_xtreme.engine import products
    from stilts_xtreme.scoring import retrieval

    vectors = np.random.default_rng(0).standard_normal((2, SENTENCES, width), np.float32)
    return _often(lambda: retrieval.mine(*vectors, kernel=products.fastest()), 0.0) / (SENTENCES**2 * width)
