"""The other side: transformers' Trainer with its defaults, its steps timed by a callback."""

import tempfile
from typing import Any

import torch
import transformers
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.initialization import no_init_weights

from experiments.benchmarks import ours, setting
from experiments.benchmarks.setting import Job
from stilts_xtreme.engine import batches, transformers_checkpoint
from stilts_xtreme.models.heads.common import IGNORE

CLASSES = {
    "classification": transformers.XLMRobertaForSequenceClassification,
    "multiple_choice": transformers.XLMRobertaForMultipleChoice,
    "tagging": transformers.XLMRobertaForTokenClassification,
    "span_qa": transformers.XLMRobertaForQuestionAnswering,
    "mlm": transformers.XLMRobertaForMaskedLM,
}


class PaddingMasked:
    """Put before a class for question answering, for parity only: the stock loss gives padding a share of the probability."""

    def forward(self, input_ids: Any, attention_mask: Any, start_positions: Any, end_positions: Any) -> Any:
        found = super().forward(input_ids=input_ids, attention_mask=attention_mask)
        padding = ~attention_mask.bool()
        starts, ends = found.start_logits.masked_fill(padding, -torch.inf), found.end_logits.masked_fill(padding, -torch.inf)
        found.loss = (cross_entropy(starts, start_positions) + cross_entropy(ends, end_positions)) / 2
        return found


def _class(job: Job, kind: Any) -> Any:
    """The class that is trained: transformers' own, but in a parity run of span QA."""
    return type(kind.__name__, (PaddingMasked, kind), {}) if job.parity and job.head == "span_qa" else kind


def _published(job: Job, tokenizer: Any) -> Any:
    """transformers' class on a published encoder, read from a checkpoint of the first weights."""
    start, head = setting.first_modules(job, tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        with transformers_checkpoint.transformers_model(start, job.head, head, setting.names(job)) as whole:
            whole.save_pretrained(folder)
            kind = type(whole)
        del whole, start, head
        model = _class(job, kind).from_pretrained(
            folder, attn_implementation=job.attention, dtype=torch.float64 if job.precision == "fp64" else torch.float32,
            hidden_dropout_prob=job.dropout, attention_probs_dropout_prob=job.dropout,
        )  # fmt: skip
    assert model.config._attn_implementation == job.attention
    return model


def _model(job: Job, tokenizer: Any) -> Any:
    if job.encoder:
        return _published(job, tokenizer)
    shape = setting.SHAPES[job.shape]
    start, head = setting.first_weights(job, tokenizer)
    config = transformers.XLMRobertaConfig(
        **{name: value for name, value in start.config.to_dict().items() if not name.startswith("_attn")},
        attn_implementation=job.attention,
    )
    config.num_labels = 2 if job.head == "span_qa" else job.labels
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = job.dropout
    kind = _class(job, CLASSES[job.head])
    with no_init_weights():
        model = kind(config)
    state = {f"roberta.{name}": tensor for name, tensor in start.state_dict().items()} | ours.renamed(job.head, head)
    missing = model.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys and all("decoder" in name for name in missing.missing_keys), missing
    model.tie_weights()
    if job.precision == "fp64":  # for parity only
        model.double()
    if job.head == "mlm":
        model.lm_head.layer_norm.eps = 1e-5  # as in published XLM-R and in our head; a fresh configuration says 1e-12
    assert model.config._attn_implementation == job.attention and model.config.vocab_size == shape.vocab_size
    return model


def _row(head: str, feature: dict[str, Any]) -> dict[str, Any]:
    """A feature as transformers' collators read it."""
    if head == "multiple_choice":
        masks = [[1] * len(row) for row in feature["rows"]]
        return {"input_ids": feature["rows"], "attention_mask": masks, "label": feature["target"]}
    row = feature["rows"][0]
    found = {"input_ids": row, "attention_mask": [1] * len(row)}
    if head == "tagging":
        labels = [IGNORE] * len(row)
        for position, tag in zip(feature["positions"], feature["targets"], strict=True):
            labels[position] = tag
        return found | {"labels": labels}
    if head == "span_qa":
        return found | {"start_positions": feature["start"], "end_positions": feature["end"]}
    return found if head == "mlm" else found | {"label": feature["target"]}


def _collator(job: Job, tokenizer: Any) -> Any:
    if job.head == "mlm":
        return transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=job.mask_rate)
    if job.head == "tagging":
        return transformers.DataCollatorForTokenClassification(tokenizer)
    if job.head == "multiple_choice":
        return transformers.DataCollatorForMultipleChoice(tokenizer)
    padding = {"padding": "max_length", "max_length": 128} if job.variant == "xtreme" else {}
    return transformers.DataCollatorWithPadding(tokenizer, **padding)


class _SameMasks:
    """For parity of masked LM: the masks that our engine draws, on padded rows with labels at every position."""

    def __init__(self, features: list[dict[str, Any]], chosen: list[int], tokenizer: Any):
        self._features, self._chosen, self._tokenizer, self._at = features, chosen, tokenizer, 0
        self._generator = torch.Generator().manual_seed(setting.SEED)

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        step = [self._features[i] for i in self._chosen[self._at : self._at + len(rows)]]
        self._at += len(rows)
        batch = batches.collate("mlm", step, self._tokenizer, self._generator)
        ids = batch["input_ids"]
        labels = torch.full_like(ids, IGNORE).index_copy(0, batch["positions"], batch["targets"])
        lengths, starts = [len(row["input_ids"]) for row in rows], batch["offsets"].tolist()
        padded = {"input_ids": (ids, self._tokenizer.pad_token_id), "labels": (labels, IGNORE)}
        found = {
            name: torch.nn.utils.rnn.pad_sequence(
                [flat[start : start + size] for start, size in zip(starts, lengths, strict=True)], True, filler
            )
            for name, (flat, filler) in padded.items()
        }
        return found | {"attention_mask": (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()}


def arguments(job: Job, folder: str) -> TrainingArguments:
    """The Trainer's defaults with our hyperparameters; `setting.recipe` is the same for our side."""
    same = setting.recipe(job)
    return TrainingArguments(
        folder,
        max_steps=job.steps,
        per_device_train_batch_size=job.batch,
        learning_rate=same.learning_rate,
        weight_decay=same.weight_decay,
        adam_beta2=same.beta2,
        adam_epsilon=same.epsilon,
        max_grad_norm=same.clip,
        warmup_steps=same.warmup,
        bf16=job.precision == "bf16",
        use_cpu=job.device == "cpu",
        dataloader_pin_memory=job.device != "cpu",  # without a GPU it does nothing but warn
        torch_compile=job.compiled,
        seed=setting.SEED,
        train_sampling_strategy="sequential",  # the examples are given in the order in which our engine takes them
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


class _Timed(TrainerCallback):
    """A step lasts from being let go to `on_step_end`; its data are loaded inside."""

    def __init__(self, turn: Any, steps: int):
        self._turn, self._steps, self.trainer = turn, steps, None

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._turn.begin()

    def on_step_end(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
        self._turn.end(self.trainer.loss)  # as a tensor: to read it is to wait for a GPU
        if state.global_step < self._steps:
            self._turn.begin()


class _Remembering(Trainer):
    """Keeps the loss of the last step."""

    def training_step(self, *given: Any, **named: Any) -> torch.Tensor:
        self.loss = super().training_step(*given, **named)
        return self.loss

    def log(self, *_: Any, **__: Any) -> None:
        """The one line at the end of a run is left out."""


def train(job: Job, turn: Any) -> dict[str, Any]:
    """Train over the job's steps."""
    tokenizer = setting.tokenizer(job)
    model = _model(job, tokenizer)
    features, chosen = setting.data(job), setting.order(job)
    same = job.parity and job.head == "mlm"
    collator = _SameMasks(features, chosen, tokenizer) if same else _collator(job, tokenizer)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()} if job.parity else {}
    timed = _Timed(turn, job.steps)
    with tempfile.TemporaryDirectory() as folder:
        rows = [_row(job.head, features[i]) for i in chosen]
        trainer = timed.trainer = _Remembering(
            model, arguments(job, folder), collator, rows, processing_class=tokenizer, callbacks=[timed]
        )
        trainer.remove_callback(transformers.PrinterCallback)
        turn.ready()
        trainer.train()
    if not job.parity:
        return {}
    state = {name: tensor for name, tensor in model.state_dict().items() if "decoder" not in name}
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, job.parity)
    return {"moved": max(float((tensor - before[name]).abs().max()) for name, tensor in state.items())}


def predict(job: Job, turn: Any) -> dict[str, Any]:
    """`Trainer.predict` of the job's steps in batches of `eval_batch`, 8 by default; bf16 as its `bf16_full_eval`."""
    tokenizer = setting.tokenizer(job)
    model = _model(job, tokenizer)
    steps = [[_row(job.head, feature) for feature in step] for step in setting.texts(job)]
    with tempfile.TemporaryDirectory() as folder:
        given = TrainingArguments(
            folder,
            per_device_eval_batch_size=job.eval_batch,
            bf16_full_eval=job.precision == "bf16",
            use_cpu=job.device == "cpu",
            dataloader_pin_memory=job.device != "cpu",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = Trainer(model, given, _collator(job, tokenizer), processing_class=tokenizer)
        found = []
        turn.ready()
        for step in steps:
            turn.begin()
            found += list(trainer.predict(step).predictions)
            turn.end()
    return {"outputs": found}
