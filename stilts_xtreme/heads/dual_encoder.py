"""Queries and candidates as vectors of one encoder: the nearer by cosine, the better the match (XTREME-R's retrieval tasks)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from stilts_xtreme.heads.shared import Feature, Limits, Rows, token_ids
from stilts_xtreme.scoring import retrieval
from stilts_xtreme.tasks.examples import Candidate, Query
from stilts_xtreme.tasks.metrics import RANKED

SCALE = 100.0  # cosines are multiplied by it; where XTREME-R's code starts its own, which training hardly moves


def encode(
    examples: Sequence[Query | Candidate], tokenizer: Any, labels: tuple[str, ...], limits: Limits, training: bool
) -> list[Feature]:
    """Rows `<s> query </s>` and `<s> text </s></s> second text </s>` or `<s> text </s>`, the longer text cut first.

    A query that comes with its candidate is one feature of both rows, in this order; every other example is one row.
    `match` is the candidate's id.
    """
    rows = _rows([example.text for example in examples if isinstance(example, Query)], tokenizer, limits)
    candidates = [e.candidate if isinstance(e, Query) else e for e in examples]
    paired = iter(_candidate_rows([candidate for candidate in candidates if candidate], tokenizer, limits))
    features, queries = [], iter(rows)
    for i, (example, candidate) in enumerate(zip(examples, candidates, strict=True)):
        own = [next(queries)] if isinstance(example, Query) else []
        own += [next(paired)] if candidate else []
        features.append({"rows": own, "example": i, "match": candidate.id if candidate else None})
    return features


def _rows(texts: Sequence[str], tokenizer: Any, limits: Limits) -> list[list[int]]:
    return token_ids(tokenizer, texts, truncation=True, max_length=limits.max_length)


def _candidate_rows(candidates: Sequence[Candidate], tokenizer: Any, limits: Limits) -> list[list[int]]:
    alone = iter(_rows([candidate.text for candidate in candidates if not candidate.second], tokenizer, limits))
    placed = [candidate for candidate in candidates if candidate.second]
    texts, seconds = [candidate.text for candidate in placed], [candidate.second for candidate in placed]
    within = iter(token_ids(tokenizer, texts, seconds, truncation="longest_first", max_length=limits.max_length))
    return [next(within if candidate.second else alone) for candidate in candidates]


def collate(features: Sequence[Feature], rows: Rows, generator: torch.Generator | None, tokenizer: Any) -> dict[str, Tensor]:
    """`matches` [B]: equal numbers for equal candidates."""
    numbers = {match: number for number, match in enumerate(dict.fromkeys(feature["match"] for feature in features))}
    return {"matches": torch.tensor([numbers[feature["match"]] for feature in features])}


def across(features: Sequence[Feature], everyone: Any) -> dict[str, Any]:
    """What takes the place of entries of `collate` where several processes share a batch: `matches` of all their features, and
    `everyone`, who knows which are ours and gathers the others' vectors."""
    return {**collate(features, {}, None, None), "everyone": everyone}


class Output(nn.Module):
    """Hidden states [R, H] of the rows' first tokens to unit vectors [R, H]; nothing here is trained."""

    reads = "offsets"

    def __init__(self, hidden_size: int, labels: tuple[str, ...], dropout: float, table: nn.Embedding | None, kind: str = ""):
        super().__init__()

    def forward(self, hidden: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        return normalize(hidden.float(), dim=-1)

    def loss(self, vectors: Tensor, batch: Mapping[str, Tensor]) -> tuple[Tensor, int]:
        """Sum over the queries of the softmax loss of their candidate among those of the batch, and their number.

        For training batches, where every query (even rows) has its candidate (odd rows). Another row of the same candidate is
        no wrong answer: it is left out.
        """
        queries, candidates, begin = vectors[0::2], vectors[1::2], 0
        if everyone := batch.get("everyone"):
            queries, candidates, begin = everyone.own(queries), everyone.gather(candidates), everyone.begin
        with torch.autocast(vectors.device.type, enabled=False):  # half precision cannot tell cosines near 1 apart
            scores = SCALE * queries @ candidates.T
        matches, own = batch["matches"], torch.arange(begin, begin + len(scores), device=scores.device)
        again = (matches[own, None] == matches[None, :]).scatter_(1, own[:, None], False)
        return cross_entropy(scores.masked_fill(again, -torch.inf), own, reduction="sum"), len(scores)


def unpack(vectors: Tensor, features: Sequence[Feature], batch: Mapping[str, Tensor]) -> list[np.ndarray]:
    """Vectors [rows, H] per feature."""
    ends = np.cumsum([len(feature["rows"]) for feature in features])
    return np.split(vectors.float().cpu().numpy(), ends[:-1])


def decode(
    outputs: Sequence[np.ndarray], features: Sequence[Feature], examples: Sequence[Query], labels: tuple[str, ...], limits: Limits
) -> list[list[str]]:
    """Ids of each query's 20 best among the candidates that came with these examples, best first."""
    if not all(np.isfinite(output).all() for output in outputs):
        return [[] for _ in examples]  # the training is lost: nothing is found, and it is reported as collapsed
    pool = {feature["match"]: output[1] for feature, output in zip(features, outputs, strict=True)}
    names = list(pool)
    best = retrieval.nearest_k(np.stack([output[0] for output in outputs]), [np.stack(list(pool.values()))], RANKED)
    return [[names[i] for i in row if i >= 0] for row in best]
