"""LogME of targets' labels on features of an encoder that was trained shortly on each intermediate task.

    python -m experiments.benchmarks.logme RESULT --encoder FOLDER --data FOLDER --out FILE.json

Every candidate gets a training of about the same number of tokens, in the recipe of the setup `small` but for batches of 8;
scores are of the hidden states that the target's head reads, of `EXAMPLES` English training examples. What stands in FILE is not
done again. `selection --logme FILE` sets the ranking beside the others.
"""

import argparse
import gc
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stilts_xtreme import results
from stilts_xtreme.data import read as data
from stilts_xtreme.engine import loading
from stilts_xtreme.engine.encoder import Model
from stilts_xtreme.engine.features import lengths
from stilts_xtreme.engine.train import Stream, accelerator, train
from stilts_xtreme.models.heads import HEADS, Limits
from stilts_xtreme.pipeline import plan
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.sample import sampled
from stilts_xtreme.tasks.task import Task
from stilts_xtreme.transferability import measures
from stilts_xtreme.transferability.features import labelled
from stilts_xtreme.transferability.past_gains import of_study

TOKENS = 40_000  # of each short training, all rows of its examples counted
EXAMPLES = 150  # of a target
RECIPE = plan.Recipe(
    epochs=1, batch_size=8, learning_rate=1e-4, max_length=128, precision="bf16", group_by_length=True, evaluate_every=0
)
LONG = ("squad", "squad_v2", "cosmosqa", "tydiqa")  # as in the setup `small`: 256 tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=Path)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    gains = of_study(results.read(given.result, results.STUDY)).gains
    targets = {target: TASKS[target].source_task for target in gains if TASKS[target].source_task}
    candidates = sorted({name for column in gains.values() for name in column})
    where = data.Folder(Path(given.data), cut=True)
    content: dict[str, Any] = json.loads(given.out.read_text()) if given.out.exists() else {}
    content |= {"tokens": TOKENS, "examples": EXAMPLES, "batch_size": RECIPE.batch_size}
    for candidate in candidates:
        if candidate in content.get("seconds", {}):
            continue
        began = time.process_time()
        model, tokenizer, steps = shortly_trained(given.encoder, TASKS[candidate], where)
        trained = time.process_time()
        for source in dict.fromkeys(targets.values()):
            score = evidence(model, tokenizer, TASKS[source], where)
            for target in [target for target, other in targets.items() if other == source]:
                content.setdefault("scores", {}).setdefault(target, {})[candidate] = score
        content.setdefault("steps", {})[candidate] = steps
        seconds = {"training": round(trained - began, 1), "features": round(time.process_time() - trained, 1)}
        content.setdefault("seconds", {})[candidate] = seconds
        given.out.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
        print(candidate, steps, seconds, flush=True)
        del model, tokenizer
        gc.collect()


def shortly_trained(encoder: str, task: Task, where: data.Where) -> tuple[Model, Any, int]:
    """The encoder after a training of about `TOKENS` tokens on English examples of a task; tokenizer, number of steps."""
    start, tokenizer = loading.load(encoder)
    read = data.read(task, "train", "en", where)
    labels = task.labels or tuple(sorted(label for label in read.labels)) if task.head == "tagging" else task.labels
    examples, features, tokens = sampled(task, read.examples, 1500), [], 0
    for feature in HEADS[task.head].encode(examples, tokenizer, labels, limits(task), True):
        features.append(feature)
        tokens += sum(len(row) for row in feature["rows"])
        if tokens >= TOKENS:
            break
    steps = -(-len(features) // RECIPE.batch_size)
    torch.manual_seed(1)
    model = Model(start, {task.name: task.head}, {task.name: labels}, RECIPE.dropout)
    model.bf16 = True
    stream = Stream(task.head, features, {"en": range(len(features))}, {"en": 1.0})
    vocabulary = np.unique(np.concatenate([np.asarray(row) for feature in features for row in feature["rows"]]))
    runner = accelerator(RECIPE.precision, "cpu")
    losses = [
        step.loss
        for step in train(model, {task.name: stream}, [task.name] * steps, RECIPE, 1, tokenizer, runner, None, vocabulary)
    ]
    third = max(1, steps // 3)
    print(f"{task.name}: {tokens} tokens, longest {lengths(features).max()}, loss {np.mean(losses[:third]):.3f} to "
          f"{np.mean(losses[-third:]):.3f}", flush=True)  # fmt: skip
    return model, tokenizer, steps


def evidence(model: Model, tokenizer: Any, task: Task, where: data.Where) -> float:
    """LogME of a target's labels."""
    read = data.read(task, "train", "en", where)
    labels = task.labels or tuple(sorted(read.labels))
    features = HEADS[task.head].encode(sampled(task, read.examples, EXAMPLES), tokenizer, labels, limits(task), True)
    return measures.logme(*labelled(model, task.head, features, tokenizer))


def limits(task: Task) -> Limits:
    """Lengths as in the setup `small`."""
    return Limits(256 if task.name in LONG else RECIPE.max_length)


if __name__ == "__main__":
    main()
