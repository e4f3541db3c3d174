"""The encoder that is handed from stage to stage, and the model that puts task heads on it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase, XLMRobertaConfig, XLMRobertaModel

from stilts_xtreme.engine import attention, bf16, top_layer, transformers_checkpoint
from stilts_xtreme.engine import tokenizer as saving
from stilts_xtreme.engine.loading import load, longest
from stilts_xtreme.models.heads import HEADS
from stilts_xtreme.models.heads.common import Rows, TaskHead
from stilts_xtreme.pipeline.plan import Random
from stilts_xtreme.store.heads import read_notes
from stilts_xtreme.utils.bounded_io import Record

# The position number of a row's first token, by kind of encoder: those that take packed rows.
FIRST_POSITION = {
    "xlm-roberta": lambda config: config.pad_token_id + 1,
    "bert": lambda config: 0,
    "eurobert": lambda config: 0,
    "modernbert": lambda config: 0,
}


def random_encoder(shape: Random, tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    """Return an XLM-R of random weights in this shape, drawn from the seed; its vocabulary is the tokenizer's."""
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.intermediate_size,
        max_position_embeddings=shape.max_positions,
        type_vocab_size=1,
        bos_token_id=tokenizer.bos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return XLMRobertaModel(config, add_pooling_layer=False)


def can_pack(encoder: PreTrainedModel) -> bool:
    """Return whether `states` can feed this kind of encoder a packed row; others get padded rows."""
    return encoder.config.model_type in FIRST_POSITION


def fallback(encoder: PreTrainedModel, device: torch.device) -> str:
    """Return in words what is slower on the device with this kind of encoder than with XLM-R; empty if nothing is."""
    if can_pack(encoder) and (device.type == "cpu" or _on_gpu(encoder)):
        return ""
    where = "" if device.type == "cpu" else " on a GPU"
    return (
        f"packed rows are not known for encoders of kind {encoder.config.model_type}{where}: rows are padded, which takes longer"
    )


def _on_gpu(encoder: PreTrainedModel) -> bool:
    """Return whether packed rows of this kind were tried on a GPU: those with rotary positions were not."""
    return hasattr(encoder, "encoder")


def states(
    encoder: PreTrainedModel, batch: Rows, packed: bool, layer: int | None = None, read: Tensor | None = None
) -> Tensor:
    """Compute hidden states [N, width] of a batch's tokens: of a packed row without any padding, or of padded rows.

    Those of the last layer, or of `layer` (0: the embeddings). `read` [M]: only of the tokens at these positions, in this order,
    as [M, width]; where `top_layer` can, the last layer computes no others.
    """
    ids, row, place = batch["input_ids"], batch["row"], batch["place"]
    if packed and keeps_apart(encoder, ids.device):
        last = None if read is None or ids.device.type != "cpu" else _last(encoder, layer)
        encoder.config._attn_implementation = attention.NAME
        shape = encoder.config.hidden_size, encoder.config.num_attention_heads
        cut = attention.groups(batch["falling"], *shape) if ids.device.type == "cpu" else ()
        segments = attention.Segments(batch["bounds"], batch["longest"], cut)
        positions = place + FIRST_POSITION[encoder.config.model_type](encoder.config)
        inputs = {"input_ids": ids[None], "position_ids": positions[None], "segments": segments}
        if last is None or read is None:
            return _chosen(_run(encoder, layer, **inputs).squeeze(0), read)
        rising, order = read.sort()
        with top_layer.only(last, encoder.config.model_type, top_layer.Read(rising, batch["falling"])):
            hidden = _run(encoder, layer, **inputs).squeeze(0)
        return hidden[order.argsort()]
    encoder.config._attn_implementation = transformers_checkpoint.attention(encoder)
    size = (len(batch["lengths"]), batch["longest"])
    padded = ids.new_full(size, encoder.config.pad_token_id or 0).index_put((row, place), ids)
    mask = torch.zeros_like(padded).index_put((row, place), torch.ones_like(ids))
    if read is not None:
        row, place = row[read], place[read]
    return _run(encoder, layer, input_ids=padded, attention_mask=mask)[row, place]


def _chosen(hidden: Tensor, read: Tensor | None) -> Tensor:
    return hidden if read is None else hidden[read]


def _last(encoder: PreTrainedModel, layer: int | None) -> nn.Module | None:
    """Return the layer whose outputs are the states of `layer`; None for the embeddings, and if more layers run after it."""
    if hasattr(encoder, "encoder"):
        return _layers(encoder, "encoder.layer")[-1 if layer is None else layer - 1] if layer != 0 else None
    return _layers(encoder, "layers")[-1] if layer is None else None


def _layers(encoder: PreTrainedModel, name: str) -> nn.ModuleList:
    return cast(nn.ModuleList, encoder.get_submodule(name))


def _run(encoder: PreTrainedModel, layer: int | None, **inputs: Tensor | attention.Segments) -> Tensor:
    if layer is None:
        return encoder(**inputs).last_hidden_state
    if can_pack(encoder) and hasattr(encoder, "encoder"):  # kinds that end with their last layer
        with _shallow(encoder, layer):
            return encoder(**inputs).last_hidden_state
    return encoder(**inputs, output_hidden_states=True).hidden_states[layer]


@contextmanager
def _shallow(encoder: PreTrainedModel, layer: int) -> Iterator[None]:
    """Inside, the encoder ends after `layer` layers (0: the embeddings): what lies above is not computed."""
    stack, whole = encoder.get_submodule("encoder"), _layers(encoder, "encoder.layer")
    stack.layer = whole[:layer]
    try:
        yield
    finally:
        stack.layer = whole


def keeps_apart(encoder: PreTrainedModel, device: torch.device) -> bool:
    """Return whether `attention` on the device can work inside the sequences of a packed row.

    On a CPU always. Of other devices only CUDA's have the variable-length kernel, which knows half precision, heads of a
    multiple of 8 up to 256 and, from NVIDIA, nothing older than Ampere.
    """
    if device.type == "cpu":
        return True
    size = encoder.config.hidden_size // encoder.config.num_attention_heads
    if device.type != "cuda" or size % 8 or size > 256 or not _on_gpu(encoder):
        return False
    low = torch.is_autocast_enabled("cuda") or encoder.dtype in (torch.bfloat16, torch.float16)
    return low and torch.cuda.get_device_capability(device) >= (8, 0)


def set_dropout(encoder: PreTrainedModel, rate: float) -> None:
    """Give every dropout of the encoder this rate."""
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = rate
        else:
            for name in ("dropout", "attention_dropout"):  # scaled-dot-product attention takes its rate from here
                if isinstance(getattr(module, name, None), float):
                    setattr(module, name, rate)


class Model(nn.Module):
    """An encoder under the heads of the tasks being trained."""

    def __init__(self, encoder: PreTrainedModel, heads: Mapping[str, str], labels: Mapping[str, tuple[str, ...]], dropout: float):
        super().__init__()
        self.encoder = encoder
        set_dropout(encoder, dropout)
        self.packed = can_pack(encoder)
        self.bf16 = False  # whether the encoder's matrices multiply in bf16; the head never does when it predicts
        self.kinds = dict(heads)
        self.labels = dict(labels)
        width, kind_of, table = encoder.config.hidden_size, encoder.config.model_type, encoder.get_input_embeddings()
        self.heads = nn.ModuleDict(
            {task: HEADS[kind].Head(width, labels[task], dropout, table, kind_of) for task, kind in heads.items()}
        )

    def head(self, task: str) -> TaskHead:
        return cast(TaskHead, self.heads[task])

    def forward(self, task: str, batch: Rows) -> tuple[Tensor, int]:
        """Return the sum of the batch's losses (0-d tensor) and the number of terms in it."""
        return self.head(task).loss(self.logits(task, batch), batch)

    def logits(self, task: str, batch: Rows) -> Tensor:
        """Return what the head makes of the hidden states that it reads."""
        head = self.head(task)
        return head(self.hidden(batch, batch[head.reads] if head.reads else None), batch)

    def hidden(self, batch: Rows, read: Tensor | None = None) -> Tensor:
        """Return hidden states [N, width] of the last layer, or [M, width] of the tokens that are `read`."""
        if not self.bf16:
            return states(self.encoder, batch, self.packed, read=read)
        with bf16.autocast(batch["input_ids"].device.type):
            return states(self.encoder, batch, self.packed, read=read)

    def halve(self) -> "Model":
        """For prediction only: the matrices are rounded once, where autocast would do it again for every batch."""
        for module in self.encoder.modules():
            if isinstance(module, nn.Linear):
                module.to(torch.bfloat16)
        self.bf16 = True
        return self

    def save(self, folder: Path, tokenizer: PreTrainedTokenizerBase, notes: Mapping[str, Record]) -> None:
        """Write encoder, tokenizer and heads; `notes` of each task go into heads.json.

        The weights are a checkpoint of transformers: of a model with a single head as transformers' class for the encoder and
        that head, if it has a class that gives the same logits; else of the encoder alone, and heads.json says why. The heads
        are files of their own beside it.
        """
        written = self._checkpoint(folder)
        lengths = [note["limits"]["max_length"] for note in notes.values() if note.get("limits")]  # where the recipe cut
        saving.save(
            tokenizer, folder, min(longest(self.encoder), max(lengths, default=tokenizer.model_max_length)),
            literal="mlm" not in self.kinds.values(),  # fill-mask looks for the mask token in the text
        )  # fmt: skip
        for task, head in self.heads.items():
            save_file(
                {name: value.contiguous() for name, value in head.state_dict().items()}, folder / f"head-{task}.safetensors"
            )
        records = {
            task: {"head": self.kinds[task], "labels": list(self.labels[task]), **notes.get(task, {}), **written}
            for task in self.heads
        }
        (folder / "heads.json").write_text(
            json.dumps(records, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
        )

    def _checkpoint(self, folder: Path) -> dict[str, str]:
        """Write the weights; returns the `class` they are of, and why it has no head (`alone`)."""
        (task, kind), *more = self.kinds.items()
        why = f"one of {len(self.kinds)} heads" if more else ""
        if not more and kind in transformers_checkpoint.NAMES:
            try:
                with transformers_checkpoint.transformers_model(self.encoder, kind, self.head(task), self.labels[task]) as whole:
                    whole.save_pretrained(folder)
                    return {"class": type(whole).__name__}
            except transformers_checkpoint.NoMatch as error:
                why = str(error)
        self.encoder.save_pretrained(folder)
        return {"class": type(self.encoder).__name__, **({"alone": why} if why else {})}


def load_model(folder: Path, task: str) -> tuple[Model, PreTrainedTokenizerBase, Record]:
    """Load the model of a finished stage with the head of one task, its tokenizer, and the task's notes in heads.json."""
    model, tokenizer, notes = load_models(folder, [task])
    return model, tokenizer, notes[task]


def load_models(folder: Path, tasks: Sequence[str] = ()) -> tuple[Model, PreTrainedTokenizerBase, dict[str, Record]]:
    """Load the model with the heads of these tasks, or of all; notes by task."""
    encoder, tokenizer = load(folder)
    notes = read_notes(folder)
    tasks = tasks or list(notes)
    heads, labels = {task: notes[task]["head"] for task in tasks}, {task: tuple(notes[task]["labels"]) for task in tasks}
    model = Model(encoder, heads, labels, dropout=0.0)
    for task in tasks:
        model.heads[task].load_state_dict(load_file(folder / f"head-{task}.safetensors"))
    return model, tokenizer, notes
