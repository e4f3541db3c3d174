"""The encoder that goes from stage to stage, and the model that puts task heads on it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase, XLMRobertaConfig, XLMRobertaModel

from stilts_xtreme.errors import UserError
from stilts_xtreme.heads import HEADS


def random_encoder(shape: Any, tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    """An XLM-R of random weights in the given shape, its vocabulary the tokenizer's."""
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


def load(name: str | Path, revision: str | None = None) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A published encoder (hub id or local folder) and its tokenizer, in fp32; safetensors only, no remote code."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
        encoder = AutoModel.from_pretrained(
            name, revision=revision, dtype=torch.float32, use_safetensors=True, add_pooling_layer=False
        )
    except (OSError, ValueError) as fault:
        raise UserError(f"encoder {name}: cannot be loaded: {str(fault).splitlines()[0]}") from None
    return encoder, tokenizer


def longest(encoder: PreTrainedModel) -> int:
    """Tokens of the longest row the encoder can read; RoBERTa's kind counts positions from the padding index + 1."""
    config = encoder.config
    return config.max_position_embeddings - (config.pad_token_id + 1 if "roberta" in config.model_type else 0)


class Model(nn.Module):
    """One encoder under the heads of the tasks being trained."""

    def __init__(self, encoder: PreTrainedModel, heads: Mapping[str, str], labels: Mapping[str, tuple[str, ...]], dropout: float):
        super().__init__()
        self.encoder = encoder
        for module in encoder.modules():
            if isinstance(module, nn.Dropout):
                module.p = dropout
            elif hasattr(module, "dropout") and isinstance(module.dropout, float):
                module.dropout = dropout  # scaled-dot-product attention takes its rate from here
        self.kinds = dict(heads)
        self.labels = dict(labels)
        width, table = encoder.config.hidden_size, encoder.get_input_embeddings()
        self.heads = nn.ModuleDict(
            {task: HEADS[kind].Output(width, labels[task], dropout, table) for task, kind in heads.items()}
        )

    def forward(self, task: str, batch: Mapping[str, Tensor]) -> tuple[Tensor, int]:
        """Sum of the batch's losses and the number of terms in it."""
        return self.heads[task].loss(self.logits(task, batch), batch)

    def logits(self, task: str, batch: Mapping[str, Tensor]) -> Tensor:
        return self.heads[task](self.hidden(batch), batch)

    def hidden(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Top hidden states [rows, tokens, width]."""
        return self.encoder(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state

    def save(self, folder: Path, tokenizer: PreTrainedTokenizerBase, notes: Mapping[str, Any]) -> None:
        """Write encoder, tokenizer and heads; `notes` are kept per task in heads.json."""
        self.encoder.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        for task, head in self.heads.items():
            save_file(
                {name: value.contiguous() for name, value in head.state_dict().items()}, folder / f"head-{task}.safetensors"
            )
        told = {task: {"head": self.kinds[task], "labels": list(self.labels[task]), **notes.get(task, {})} for task in self.heads}
        (folder / "heads.json").write_text(
            json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def load_model(folder: Path, task: str) -> tuple[Model, PreTrainedTokenizerBase, dict[str, Any]]:
    """The model of a finished stage with the head of one of its tasks; and what was noted of that task."""
    encoder, tokenizer = load(folder)
    notes = json.loads((folder / "heads.json").read_text(encoding="utf-8"))[task]
    model = Model(encoder, {task: notes["head"]}, {task: tuple(notes["labels"])}, dropout=0.0)
    model.heads[task].load_state_dict(load_file(folder / f"head-{task}.safetensors"))
    return model, tokenizer, notes
