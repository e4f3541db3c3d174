"""Dual encoder: queries and candidates as vectors of the same encoder, matched by cosine (XTREME-R's retrieval tasks)."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from stilts_xtreme.models.heads.common import Feature, Limits, Rows, TaskHead, Tokenizer, token_ids
from stilts_xtreme.scoring import retrieval
from stilts_xtreme.tasks.examples import Candidate, Query
from stilts_xtreme.tasks.metrics import RANKED

SCALE = 100.0  # inverse temperature of cosines: the start value of XTREME-R's code, which training hardly changes


def encode(
    examples: Sequence[Query | Candidate], tokenizer: Tokenizer, labels: tuple[str, ...], limits: Limits, training: bool
) -> list[Feature]:
    """Return a feature per example with rows `<s> query </s>`, `<s> text </s></s> second text </s>` or `<s> text </s>`.

    The longer text is truncated first. A query with its candidate is a feature of both rows, in this order; every other example
    has a single row. `match` is the candidate's id.
    """
    candidates = [example.candidate if isinstance(example, Query) else example for example in examples]
    queries = iter(_rows([example.text for example in examples if isinstance(example, Query)], tokenizer, limits))
    candidate_rows = iter(_candidate_rows([candidate for candidate in candidates if candidate], tokenizer, limits))
    features: list[Feature] = []
    for i, (example, candidate) in enumerate(zip(examples, candidates, strict=True)):
        rows = [next(queries)] if isinstance(example, Query) else []
        rows += [next(candidate_rows)] if candidate else []
        features.append({"rows": rows, "example": i, "match": candidate.id if candidate else None})
    return features


def _rows(texts: Sequence[str], tokenizer: Tokenizer, limits: Limits) -> list[list[int]]:
    return token_ids(tokenizer, texts, truncation=True, max_length=limits.max_length)


def _candidate_rows(candidates: Sequence[Candidate], tokenizer: Tokenizer, limits: Limits) -> list[list[int]]:
    singles = iter(_rows([candidate.text for candidate in candidates if not candidate.second], tokenizer, limits))
    with_second = [candidate for candidate in candidates if candidate.second]
    texts, seconds = [candidate.text for candidate in with_second], [candidate.second for candidate in with_second]
    pairs = iter(token_ids(tokenizer, texts, seconds, truncation="longest_first", max_length=limits.max_length))
    return [next(pairs if candidate.second else singles) for candidate in candidates]


def collate(
    features: Sequence[Feature], rows: Rows, generator: torch.Generator | None, tokenizer: Tokenizer
) -> dict[str, Tensor]:
    """Return `matches` [B]: equal numbers for equal candidates."""
    return {"matches": _matches(features)}


class BatchShares(Protocol):
    """The shares of a batch that several processes hold: which rows are ours, and the vectors of all."""

    @property
    def begin(self) -> int:
        """Index of our first query among those of all processes."""

    def own(self, rows: Tensor) -> Tensor:
        """Return our rows without padding."""

    def gather(self, rows: Tensor) -> Tensor:
        """Return the rows of all processes, in their order."""


def across(features: Sequence[Feature], everyone: BatchShares) -> Rows:
    """Return the entries that replace those of `collate` where several processes share a batch.

    `features`: those of all processes; "everyone" gives the loss the other processes' vectors.
    """
    return {"matches": _matches(features), "everyone": everyone}


def _matches(features: Sequence[Feature]) -> Tensor:
    numbers = {match: number for number, match in enumerate(dict.fromkeys(feature["match"] for feature in features))}
    return torch.tensor([numbers[feature["match"]] for feature in features])


class Head(TaskHead):
    """Map hidden states [R, H] of the rows' first tokens to unit vectors [R, H]; has no parameters."""

    reads = "offsets"

    def __init__(self, hidden_size: int, labels: tuple[str, ...], dropout: float, table: nn.Embedding | None, kind: str = ""):
        super().__init__()

    def forward(self, hidden: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        return normalize(hidden.float(), dim=-1)

    def loss(self, vectors: Tensor, batch: Rows) -> tuple[Tensor, int]:
        """Return the sum over queries of the softmax loss with in-batch negatives, and the number of queries.

        For training batches, where every query (even rows) has its candidate (odd rows). Another row of the same candidate is no
        negative: it is masked.
        """
        queries, candidates, begin = vectors[0::2], vectors[1::2], 0
        if everyone := batch.get("everyone"):
            queries, candidates, begin = everyone.own(queries), everyone.gather(candidates), everyone.begin
        with torch.autocast(vectors.device.type, enabled=False):  # half precision cannot distinguish cosines near 1
            scores = SCALE * queries @ candidates.T
        matches, own = batch["matches"], torch.arange(begin, begin + len(scores), device=scores.device)
        duplicates = (matches[own, None] == matches[None, :]).scatter_(1, own[:, None], False)
        return cross_entropy(scores.masked_fill(duplicates, -torch.inf), own, reduction="sum"), len(scores)


def unpack(vectors: Tensor, features: Sequence[Feature], batch: Mapping[str, Tensor]) -> list[np.ndarray]:
    """Return vectors [rows, H] per feature."""
    ends = np.cumsum([len(feature["rows"]) for feature in features])
    return np.split(vectors.float().cpu().numpy(), ends[:-1])


def decode(
    outputs: Sequence[np.ndarray], features: Sequence[Feature], examples: Sequence[Query], labels: tuple[str, ...], limits: Limits
) -> list[list[str]]:
    """Return the ids of each query's 20 nearest candidates among those of these examples, best first."""
    if not all(np.isfinite(output).all() for output in outputs):
        return [[] for _ in examples]  # the training diverged: nothing is retrieved, and it is reported as collapsed
    pool = {feature["match"]: output[1] for feature, output in zip(features, outputs, strict=True)}
    names = list(pool)
    best = retrieval.nearest_k(np.stack([output[0] for output in outputs]), [np.stack(list(pool.values()))], RANKED)
    return [[names[i] for i in row if i >= 0] for row in best]
