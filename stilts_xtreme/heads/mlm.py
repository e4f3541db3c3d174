"""Masked language modelling on running text."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu

from stilts_xtreme.heads.shared import Feature, Limits, linear, padded, single
from stilts_xtreme.tasks.examples import Text

MASKED, SWAPPED = 0.8, 0.1  # of the chosen tokens: replaced by <mask>, by a random token; the rest stay (BERT, section 3.1)


def encode(examples: Sequence[Text], tokenizer: Any, labels: tuple[str, ...], limits: Limits, training: bool) -> list[Feature]:
    """One row `<s> line </s>` per example, cut at the maximum length; what is masked is drawn at each collation."""
    features = single([example.text for example in examples], tokenizer, limits.max_length)
    return [feature | {"mask_rate": limits.mask_rate} for feature in features]


def collate(features: Sequence[Feature], generator: torch.Generator | None, tokenizer: Any) -> dict[str, Tensor]:
    """`input_ids` [R, T] with masks, `positions` [M] of the chosen tokens counted through R * T, `targets` [M] their ids.

    Special tokens are neither chosen nor put in; all chance comes from `generator`.
    """
    ids = padded([feature["rows"][0] for feature in features], tokenizer.pad_token_id)
    rates = torch.tensor([[feature["mask_rate"]] for feature in features])
    special = torch.tensor(tokenizer.all_special_ids)
    chosen = (torch.rand(ids.shape, generator=generator) < rates) & ~torch.isin(ids, special)
    positions = chosen.flatten().nonzero().squeeze(1)
    targets = ids.flatten()[positions]
    fate = torch.rand(len(targets), generator=generator)
    other = torch.randint(len(tokenizer), targets.shape, generator=generator)
    other = torch.where(torch.isin(other, special), targets, other)
    shown = torch.where(fate < MASKED, tokenizer.mask_token_id, torch.where(fate < MASKED + SWAPPED, other, targets))
    return {"input_ids": ids.flatten().index_copy(0, positions, shown).view_as(ids), "positions": positions, "targets": targets}


class Output(nn.Module):
    """Hidden states [R, T, H] to logits [M, V] at the chosen positions only: dense, gelu, norm, the input table transposed."""

    def __init__(self, hidden_size: int, labels: tuple[str, ...], dropout: float, embeddings: nn.Embedding):
        super().__init__()
        self.dense = linear(hidden_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size, eps=1e-5)
        self.bias = nn.Parameter(torch.zeros(embeddings.num_embeddings))
        self._tied = [embeddings]  # in a list, so that the encoder's table does not count as this module's own

    def forward(self, hidden: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        chosen = hidden.flatten(0, 1)[batch["positions"]]
        return nn.functional.linear(self.norm(gelu(self.dense(chosen))), self._tied[0].weight, self.bias)

    def loss(self, logits: Tensor, batch: Mapping[str, Tensor]) -> tuple[Tensor, int]:
        """Sum over the chosen tokens, and their number."""
        return cross_entropy(logits.float(), batch["targets"], reduction="sum"), len(logits)
