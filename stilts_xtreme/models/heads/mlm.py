"""Masked language modelling on running text."""

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn.functional import gelu

from stilts_xtreme.models.heads.common import Feature, Limits, Rows, TaskHead, Tokenizer, concatenate, encode_texts, linear
from stilts_xtreme.tasks.examples import Text
from stilts_xtreme.utils import system
from stilts_xtreme.utils.errors import UserError

MAX_LOGITS = {"cpu": 2**24, "cuda": 2**28}  # in memory at once: 64 MiB in single precision; 1 GiB on a GPU, for large products
BLOCK = 2**18  # numbers of a matrix that are worked on at once: 1 MiB in single precision, which a core's cache holds
MASKED, SWAPPED = 0.8, 0.1  # of the chosen tokens: replaced by <mask>, by a random token; the rest stay (BERT, section 3.1)


def encode(
    examples: Sequence[Text], tokenizer: Tokenizer, labels: tuple[str, ...], limits: Limits, training: bool
) -> list[Feature]:
    """Return a feature per example with the row `<s> line </s>`, truncated at the maximum length; collation draws the masks.

    Raises UserError for a tokenizer without mask token.
    """
    if tokenizer.mask_token_id is None:
        raise UserError("this encoder's tokenizer has no mask token: masked language modelling needs one; leave text out")
    features = encode_texts([example.text for example in examples], tokenizer, limits.max_length)
    return [{**feature, "mask_rate": limits.mask_rate} for feature in features]


def collate(
    features: Sequence[Feature], rows: Rows, generator: torch.Generator | None, tokenizer: Tokenizer
) -> dict[str, Tensor]:
    """Return `input_ids` [N] with masks, `positions` [M] of the chosen tokens, and `targets` [M], their ids.

    Special tokens are neither chosen nor inserted; all randomness comes from `generator`. Features from `with_masks` keep theirs.
    """
    ids = rows["input_ids"]
    if "positions" in features[0]:
        own, sizes = (
            concatenate([feature["positions"] for feature in features]),
            [len(feature["positions"]) for feature in features],
        )
        positions = own + rows["offsets"].repeat_interleave(torch.tensor(sizes))
        return {"positions": positions, "targets": concatenate([feature["targets"] for feature in features])}
    rates = torch.tensor([float(feature["mask_rate"]) for feature in features])[rows["row"]]
    special = torch.tensor(tokenizer.all_special_ids)
    chosen = (torch.rand(ids.shape, generator=generator) < rates) & ~torch.isin(ids, special)
    positions = chosen.nonzero().squeeze(1)
    targets = ids[positions]
    draw = torch.rand(len(targets), generator=generator)
    other = torch.randint(len(tokenizer), targets.shape, generator=generator)
    other = torch.where(torch.isin(other, special), targets, other)
    inputs = torch.where(draw < MASKED, tokenizer.mask_token_id, torch.where(draw < MASKED + SWAPPED, other, targets))
    return {"input_ids": ids.index_copy(0, positions, inputs), "positions": positions, "targets": targets}


def with_masks(features: Sequence[Feature], batch: Rows) -> list[Feature]:
    """Return the features of a batch with its masks in their rows, so that parts of the batch can be collated separately."""
    positions, targets, ids = (batch[name].numpy() for name in ("positions", "targets", "input_ids"))
    begins = batch["offsets"].numpy()
    ends = begins + batch["lengths"].numpy()
    firsts, lasts = np.searchsorted(positions, begins), np.searchsorted(positions, ends)  # positions are ascending
    result: list[Feature] = []
    for feature, begin, end, first, last in zip(features, begins, ends, firsts, lasts, strict=True):
        masked = {"positions": positions[first:last] - begin, "targets": targets[first:last]}
        result.append({**feature, "rows": [ids[begin:end]], **masked})
    return result


class Head(TaskHead):
    """Map hidden states [M, H] of the chosen positions to states [M, H]: dense, gelu, norm.

    Logits [M, V] are their product with the transposed input embeddings, computed in parts that are never all in memory.
    """

    reads = "positions"

    def __init__(self, hidden_size: int, labels: tuple[str, ...], dropout: float, embeddings: nn.Embedding, kind: str = ""):
        super().__init__()
        self.dense = linear(hidden_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size, eps=1e-7 if kind == "deberta-v2" else 1e-5)  # as in the published encoders
        self.bias = nn.Parameter(torch.zeros(embeddings.num_embeddings))
        self._workspace = Workspace()
        self._tied = [embeddings]  # in a list, so that the encoder's table is no parameter of this module

    def forward(self, hidden: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        return self.norm(gelu(self.dense(hidden)))

    def loss(self, states: Tensor, batch: Mapping[str, Tensor]) -> tuple[Tensor, int]:
        """Return the sum over the chosen tokens, and their number."""
        return TiedCrossEntropy.apply(states, self._tied[0].weight, self.bias, batch["targets"], self._workspace), len(states)

    def predict(self, states: Tensor) -> Tensor:
        """Return the most probable tokens [M]."""
        table = self._tied[0].weight.to(states.dtype)
        best = [torch.addmm(self.bias.to(states.dtype), part, table.T).argmax(1) for part in _parts(states, len(table))]
        return torch.cat(best) if best else states.new_zeros(0, dtype=torch.long)


class _CrossEntropyContext(FunctionCtx):
    gradients: tuple[Tensor, Tensor, Tensor] | None


class Workspace:
    """Memory for large intermediate results on a CPU, by name; the next step uses it again.

    The C library returns blocks of this size to the kernel as soon as they are free, and the kernel zeroes each page of the next
    ones: on a virtual machine that was more than half of this head's time. On a GPU, PyTorch's allocator keeps its memory itself.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
        """Return a tensor of any content; it is overwritten through the next that is taken by this name."""
        size, buffer = math.prod(shape), self._buffers.get(name)
        if buffer is None or buffer.dtype != dtype or len(buffer) < size:
            buffer = torch.empty(size, dtype=dtype, device=device)
            if device.type == "cpu":
                self._buffers[name] = buffer
        return buffer[:size].view(shape)


class TiedCrossEntropy(torch.autograd.Function):
    """Sum of -log softmax(states @ table.T + bias)[target]; the forward pass computes the gradient too, in parts."""

    @staticmethod
    def forward(
        ctx: "_CrossEntropyContext", states: Tensor, table: Tensor, bias: Tensor, targets: Tensor, workspace: Workspace
    ) -> Tensor:
        kind, device = states.device.type, states.device
        half = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else table.dtype
        # Where bfloat16 products are slow, those of the rounded factors in single precision: see engine/bf16.py.
        wide = torch.float32 if half == torch.bfloat16 and kind == "cpu" and system.fast_bf16() is False else half
        single = torch.promote_types(half, torch.float32)
        with torch.autocast(kind, enabled=False):
            narrow = table if half == table.dtype else _round(table, half, workspace.take("table", table.shape, wide, device))
            total = torch.zeros((), dtype=single, device=device)
            d_states, d_table, d_bias = torch.empty_like(states), torch.zeros_like(table), torch.zeros_like(bias)
            begin = 0
            for part in _parts(states, len(table)):
                rows, end = part.to(half).to(wide), begin + len(part)
                take = partial(workspace.take, shape=(len(part), len(table)), device=device)
                products = torch.addmm(bias.to(half).to(wide), rows, narrow.T, out=take("products", dtype=wide))
                logits = _round(products, half, products if wide == single else take("logits", dtype=single))
                gold = targets[begin:end, None]
                gradient = torch.softmax(logits, 1, out=take("gradient", dtype=single))
                # log-sum-exp from the largest probability, which is never 0, so that exponentials are computed only once
                total += (logits.amax(1) - gradient.amax(1).log()).sum() - logits.gather(1, gold).sum()
                gradient.scatter_add_(1, gold, gradient.new_full(gold.shape, -1.0))  # probabilities become the logits' gradient
                d_bias += gradient.sum(0)
                gradient = _round(gradient, half, gradient if wide == single else products)
                d_states[begin:end] = gradient @ narrow
                size = _block(table)
                for columns, sums in zip(gradient.T.split(size), d_table.split(size), strict=True):
                    sums += (columns @ rows).to(half)
                begin = end
        ctx.gradients = d_states, d_table, d_bias
        return total

    @staticmethod
    def backward(ctx: "_CrossEntropyContext", gradient: Tensor) -> tuple[Tensor | None, ...]:
        gradients, ctx.gradients = ctx.gradients, None  # drop the reference: autograd need not copy a gradient it owns alone
        assert gradients is not None  # of a first backward pass
        if gradient.device.type == "cpu" and gradient == 1:  # as in training: saves multiplying a whole table
            return *gradients, None, None
        return *(part * gradient.to(part.dtype) for part in gradients), None, None


def _parts(states: Tensor, vocabulary: int) -> Sequence[Tensor]:
    limit = MAX_LOGITS.get(states.device.type, MAX_LOGITS["cpu"])
    return states.split(max(1, limit // vocabulary)) if len(states) else ()


def _round(values: Tensor, half: torch.dtype, out: Tensor) -> Tensor:
    """Return `out` with the values rounded to the precision `half`; it may be `values` itself."""
    if not (half == values.dtype and out is values):
        size = _block(values)
        for block, result in zip(values.split(size), out.split(size), strict=True):
            result.copy_(block.to(half))
    return out


def _block(matrix: Tensor) -> int:
    """Return how many rows of it to work on at a time: on a CPU few enough for their copies to be cheap."""
    return max(1, BLOCK // matrix.shape[1]) if matrix.device.type == "cpu" else max(1, len(matrix))
