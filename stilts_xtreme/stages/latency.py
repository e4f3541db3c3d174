"""Run a Latency stage: models and variants timed in turns, and what each variant costs in accuracy."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from stilts_xtreme import results
from stilts_xtreme.engine import encoder, footprint, machine, variants
from stilts_xtreme.engine import latency as timing
from stilts_xtreme.engine.latency import Lane, Part
from stilts_xtreme.models.heads import HEADS, Limits
from stilts_xtreme.models.heads.common import Tokenizer
from stilts_xtreme.pipeline import plan
from stilts_xtreme.scoring.timing import percentiles
from stilts_xtreme.stages import model_cache
from stilts_xtreme.stages.aggregate import headline
from stilts_xtreme.stages.events import Options, Progress, ProgressCallback
from stilts_xtreme.stages.feature_cache import EncodedSplit, FeatureCache
from stilts_xtreme.stages.lineage import lineage
from stilts_xtreme.store import Store, whole
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Pair
from stilts_xtreme.utils.bounded_io import Record
from stilts_xtreme.utils.errors import UserError
from stilts_xtreme.utils.sanitize import visible

if TYPE_CHECKING:
    import torch

AGAIN = "again"  # the first model, loaded once more: what two copies of the same weights differ by is the method's own noise
UNSPACED = {"ja", "my", "th", "zh"}  # written without spaces between words: tokens per word cannot be counted
RowsByLanguage = Mapping[str, Sequence[np.ndarray]]  # ids of each pair


def run(stage: plan.Latency, store: Store, scratch: Path, options: Options, callback: ProgressCallback) -> None:
    """Measure, and write `calls.jsonl` and the result into `scratch`; UserError if a length is more than the encoder reads."""
    import torch

    began = time.monotonic()
    model_cache.forget()
    progress, device = Progress(stage, callback), torch.device(stage.device)
    progress.note("loading the models")
    loaded = _loaded(stage, store, device)
    tokenizer, notes = loaded[AGAIN][1:]
    source, limits = stage.models[0].tasks[0], Limits(**notes["limits"])
    if too_long := [length for length in stage.lengths if length > encoder.longest(loaded[AGAIN][0].encoder)]:
        raise UserError(f"lengths: {too_long[0]} tokens are more than this encoder reads")
    cache = FeatureCache(store, stage.where, tokenizer, limits, progress)
    labels = loaded[AGAIN][0].labels[source]
    splits = {
        code: cache.encoded(stage.task, "test", code, head=notes["head"], labels=labels, training=False)
        for code in stage.languages
    }
    rows = {code: [np.array(feature["rows"][0]) for feature in part.features] for code, part in splits.items()}
    texts = {
        code: [(pair.first, pair.second or "") for pair in cast(Sequence[Pair], part.examples())] for code, part in splits.items()
    }

    with machine.pinned(stage.threads) as cpus:
        lanes, skipped, preparation = _lanes(stage, loaded, source, device, progress)
        watch = machine.Watch()
        latency = _single(stage, lanes, rows, device, progress, scratch)
        throughput = _throughput(stage, lanes, rows, device, progress)
        tokenised = _tokenised(stage, texts, tokenizer, limits)
        load = watch.load_since(cpus)
        answers = _answers(stage, lanes, splits, rows, labels, limits, progress)
        ran = [variant for variant in stage.variants if variant not in skipped]
        folder, some = store.path(stage.models[0]), rows[stage.languages[0]][: max(stage.batch_sizes)]
        memory = {}
        for variant in ran:
            progress.note(f"memory: {variant}")
            memory[variant] = footprint.measure(variant, folder, source, some, device, stage.threads)

    collapsed = [link for link in plan.chain(stage)[:-1] if store.result(link)["collapsed"]]
    result = {
        "schema": results.LATENCY,
        "address": plan.address(stage),
        "plan": plan.identity(stage),
        "chain": lineage(stage),
        "data": [part.stats for part in splits.values()],
        "task": stage.task,
        "languages": {code: _fertility(code, rows[code], texts[code]) for code in stage.languages},
        "variants": ran,
        "skipped": skipped,
        "answers": answers,
        "parameters": sum(p.numel() for p in loaded[AGAIN][0].parameters()),
        "collapsed": bool(collapsed),
        "collapse": {plan.address(link): store.result(link)["collapse"] for link in collapsed},
        "provenance": results.provenance(stage.device, time.monotonic() - began),
        "measured": {
            "environment": {**machine.environment(device, stage.threads), "pinned_to": cpus, **load},
            "latency": latency,
            "throughput": throughput,
            "tokenisation": tokenised,
            "memory": memory,
            "preparation": preparation,
        },
    }
    results.write(scratch / "result.json", result)


def _loaded(stage: plan.Latency, store: Store, device: "torch.device") -> dict[str, model_cache.LoadedModel]:
    """Load the models, by address; the first once more, from disk, as a control."""
    models_by_address: dict[str, model_cache.LoadedModel] = {}
    for name, link in [*((plan.address(link), link) for link in stage.models), (AGAIN, stage.models[0])]:
        model, tokenizer, notes = encoder.load_model(whole(store.path(link)), link.tasks[0])
        models_by_address[name] = model.to(device), tokenizer, notes
    return models_by_address


def _lanes(
    stage: plan.Latency, loaded: Mapping[str, model_cache.LoadedModel], source: str, device: "torch.device", progress: Progress
) -> tuple[list[Lane], dict[str, str], dict[str, float]]:
    """Prepare every model in every variant; also return why variants cannot run here, and the first model's seconds for each."""
    lanes, skipped, seconds = list[Lane](), dict[str, str](), dict[str, float]()
    for variant in stage.variants:
        built = []
        try:
            for name, (model, tokenizer, _) in loaded.items():
                progress.note(f"preparing {variant}")
                began = time.monotonic()
                built.append(Lane(name, variant, variants.build(variant, model, source, tokenizer, device, stage.threads)))
                seconds.setdefault(variant, time.monotonic() - began)
        except variants.Unavailable as why:
            skipped[variant] = visible(str(why))  # libraries colour what they say
            seconds.pop(variant, None)
        else:
            lanes += built
    return lanes, skipped, seconds


def _single(
    stage: plan.Latency, lanes: Sequence[Lane], rows: RowsByLanguage, device: "torch.device", progress: Progress, scratch: Path
) -> list[Record]:
    """Time calls at batch 1: in every language at natural lengths, and in the first language filled up to each of `lengths`."""
    first, calls = stage.languages[0], []
    natural = [lane for lane in lanes if lane.variant != "sorted"]  # a single row is sorted
    filled = [lane for lane in natural if lane.variant not in variants.UNPADDED]
    jobs = [(natural, [Part(code, rows[code]) for code in stage.languages])]
    if stage.lengths:
        jobs.append((filled, [Part(first, rows[first], length) for length in stage.lengths]))
    rounds = -(-stage.calls // stage.block)
    more = progress.through(sum(len(ours) * len(parts) for ours, parts in jobs) * rounds, "batch 1")
    with open(scratch / "calls.jsonl", "w", encoding="utf-8", newline="\n") as file:
        for ours, parts in jobs:
            times = timing.single(ours, parts, stage.calls, stage.warmup, stage.block, device, more)
            for (i, j), blocks in times.items():
                key: Record = {"model": ours[i].model, "variant": ours[i].variant, "language": parts[j].language}
                key |= {} if parts[j].length is None else {"length": parts[j].length}
                seconds = [second for block in blocks for second in block]
                file.write(json.dumps({**key, "seconds": [round(second, 7) for second in seconds]}) + "\n")
                medians = timing.medians(times, (i, j))
                calls.append({**key, **percentiles(seconds), "calls": len(seconds), "rounds": medians})
    return calls


def _throughput(
    stage: plan.Latency, lanes: Sequence[Lane], rows: RowsByLanguage, device: "torch.device", progress: Progress
) -> list[Record]:
    """Time passes over the first `pool` rows of every language at each batch size above 1 (at 1, calls say it)."""
    sizes = [size for size in stage.batch_sizes if size > 1]
    parts = [Part(code, rows[code][: stage.pool]) for code in stage.languages]
    more = progress.through(len(lanes) * len(parts) * len(sizes) * stage.passes, "throughput")
    throughput = []
    for size in sizes:
        for (i, j), blocks in timing.passes(lanes, parts, size, stage.passes, device, more).items():
            key = {"model": lanes[i].model, "variant": lanes[i].variant, "language": parts[j].language, "batch": size}
            throughput.append({**key, "pairs": len(parts[j].rows), "seconds": [block[0] for block in blocks]})
    return throughput


def _tokenised(
    stage: plan.Latency, texts: Mapping[str, Sequence[tuple[str, str]]], tokenizer: Tokenizer, limits: Limits
) -> dict[str, dict[str, float]]:
    """Time the tokenizer by language: percentiles of single calls, and `together`, milliseconds a pair in a batch of all."""
    tokenised = {}
    for code in stage.languages:
        seconds, each = timing.tokenisation(tokenizer, texts[code][: stage.pool], limits.max_length, stage.calls, stage.warmup)
        tokenised[code] = {**percentiles(seconds), "together": 1e3 * each}
    return tokenised


def _answers(
    stage: plan.Latency, lanes: Sequence[Lane], splits: Mapping[str, EncodedSplit], rows: RowsByLanguage,
    labels: tuple[str, ...], limits: Limits, progress: Progress,
) -> dict[str, Record]:  # fmt: skip
    """Return by model and variant: accuracy by language, and agreement with the model's own eager answers."""
    task, count = TASKS[stage.task], stage.examples
    examples = {code: part.examples()[:count] for code, part in splits.items()}
    sizes = {code: len(own) for code, own in examples.items()}
    ours = [lane for lane in lanes if lane.model != AGAIN]
    more = progress.through(len(ours) * sum(sizes.values()), "answers")
    base: dict[str, np.ndarray] = {}
    answers: dict[str, Record] = {}
    for lane in sorted(ours, key=lambda lane: lane.variant != "eager"):
        outputs = {}
        for code in stage.languages:
            outputs[code] = timing.logits(lane, rows[code][:count])
            more(sizes[code])
        together = np.concatenate(list(outputs.values()))
        eager = base.setdefault(lane.model, together)
        scores = {}
        for code, logits in outputs.items():
            decoded = HEADS[task.head].decode(list(logits), splits[code].features, examples[code], labels, limits)
            scores[code] = {"accuracy": headline(stage.task, task.metric(decoded, examples[code], code)), "n": sizes[code]}
        mean = math.fsum(score["accuracy"] for score in scores.values()) / len(scores)
        answers.setdefault(lane.model, {})[lane.variant] = {
            "accuracy": mean, "languages": scores, **timing.agreement(together, eager)
        }  # fmt: skip
    return answers


def _fertility(code: str, rows: Sequence[np.ndarray], texts: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Return tokens per pair with special tokens; without them, tokens per word (if words are spaced) and per character."""
    tokens = sum(map(len, rows))
    ordinary = tokens - 4 * len(rows)  # <s> a </s></s> b </s>
    figures = {"n": len(rows), "tokens_per_pair": tokens / len(rows), "longest": max(map(len, rows))}
    figures["tokens_per_character"] = ordinary / max(1, sum(len(text.replace(" ", "")) for pair in texts for text in pair))
    if code not in UNSPACED:
        figures["tokens_per_word"] = ordinary / max(1, sum(len(text.split()) for pair in texts for text in pair))
    return figures
