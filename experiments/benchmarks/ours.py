"""Our side: the engine, driven a step at a time through its public ways in."""

import os
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from experiments.benchmarks import setting
from experiments.benchmarks.setting import TASK, Job
from stilts_xtreme.engine import encoder, transformers_checkpoint
from stilts_xtreme.engine import predict as prediction
from stilts_xtreme.engine import train as training
from stilts_xtreme.stages.run import PRODUCT_CACHES

# Our heads' weights under the names of transformers' models.
STOCK_NAMES = {
    "classification": {"classify.dense.": "classifier.dense.", "classify.projection.": "classifier.out_proj."},
    "span_qa": {"project.": "qa_outputs."},
    "mlm": {"dense.": "lm_head.dense.", "norm.": "lm_head.layer_norm.", "bias": "lm_head.bias"},
    "tagging": {"classify.": "classifier."},
    "multiple_choice": {"score.dense.": "roberta.pooler.dense.", "score.projection.": "classifier."},
}


def renamed(head: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A head's state under transformers' names."""
    found = {}
    for name, tensor in state.items():
        old = next(prefix for prefix in STOCK_NAMES[head] if name.startswith(prefix))
        found[STOCK_NAMES[head][old] + name.removeprefix(old)] = tensor
    return found


def _model(job: Job) -> tuple[encoder.Model, Any]:
    for name, count in PRODUCT_CACHES.items():  # as in a stage
        os.environ.setdefault(name, count)
    tokenizer = setting.tokenizer(job)
    start, head = setting.first_weights(job, tokenizer)
    model = encoder.Model(start, {TASK: job.head}, {TASK: setting.names(job)}, job.dropout)
    model.heads[TASK].load_state_dict(head)
    if job.without == "packing":
        model.packed = False
    return model, tokenizer


def train(job: Job, turn: Any) -> dict[str, Any]:
    """Train over the job's steps; each block of them is timed from being let go to the loop's last yield.

    On a GPU the loop does `training.LAG` steps before it yields the first of them: blocks are as long.
    """
    model, tokenizer = _model(job)
    features = setting.data(job)
    streams = {TASK: training.Stream(job.head, features, {"en": range(len(features))}, {"en": 1.0})}
    runner = training.accelerator(job.precision, job.device)
    whole = job.head == "mlm" or job.without == "vocabulary"
    met = None if whole else np.unique(np.concatenate([row for feature in features for row in feature["rows"]]))
    turn.ready()
    loop = training.train(model, streams, [TASK] * job.steps, setting.recipe(job), setting.SEED, tokenizer, runner, None, met)
    for _ in range(job.steps):
        turn.begin()
        step = next(loop)
        turn.end(step.loss)
    for _ in loop:  # to its end, where the weights are put back into the whole model
        pass
    if job.parity and job.encoder:
        with transformers_checkpoint.transformers_model(model.encoder, job.head, model.heads[TASK], setting.names(job)) as whole:
            save_file({name: tensor.clone().contiguous() for name, tensor in whole.state_dict().items()}, job.parity)
    elif job.parity:
        state = {f"roberta.{name}": tensor for name, tensor in model.encoder.state_dict().items()}
        state |= renamed(job.head, model.heads[TASK].state_dict())
        save_file({name: tensor.detach().clone().contiguous() for name, tensor in state.items()}, job.parity)
    return {}


def predict(job: Job, turn: Any) -> dict[str, Any]:
    """Predict the job's steps; bf16 means the encoder's matrices in bf16, as a stage predicts with a model trained so."""
    model, tokenizer = _model(job)
    steps = setting.texts(job)
    if job.precision == "bf16":
        model.halve()
    device = torch.device(job.device)
    model.to(device)
    found = []
    turn.ready()
    for step in steps:
        turn.begin()
        found += prediction.outputs(model, TASK, step, tokenizer, device)
        turn.end()
    return {"outputs": found}
