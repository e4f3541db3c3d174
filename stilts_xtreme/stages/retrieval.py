"""Rank a pool of candidates for queries in several languages (LAReQA, Mewsli-X), with bounded memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from stilts_xtreme.engine import predict, similarity_kernels
from stilts_xtreme.engine.features import Chosen, Feature, Joined
from stilts_xtreme.models.heads import Limits
from stilts_xtreme.pipeline import plan
from stilts_xtreme.scoring import retrieval
from stilts_xtreme.stages import model_cache
from stilts_xtreme.stages.events import Progress
from stilts_xtreme.stages.feature_cache import FeatureCache
from stilts_xtreme.stages.prediction_checkpoint import PredictionCheckpoint
from stilts_xtreme.stages.predictions import LanguagePredictions, records_by_id
from stilts_xtreme.stages.retrieval_splits import build_pool
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.examples import Candidate, Query
from stilts_xtreme.tasks.metrics import RANKED
from stilts_xtreme.tasks.sample import sampled
from stilts_xtreme.utils import ranks
from stilts_xtreme.utils.errors import RunFailed

if TYPE_CHECKING:
    import torch

CHUNK = 10_000  # candidates encoded at a time: their vectors are compared and forgotten


def predict_languages(
    stage: plan.Predict, store: Store, device: "torch.device", progress: Progress, checkpoint: PredictionCheckpoint
) -> Iterator[LanguagePredictions]:
    """Predict with a trained dual encoder: each query's best candidates by name, best first.

    Everything is ranked first, the pool read once. RunFailed where vectors are not finite.
    """
    assert isinstance(stage.model, plan.Train)
    source = model_cache.source(stage)
    model, tokenizer, notes = model_cache.trained(stage, store, device)
    task, cache = TASKS[stage.task], FeatureCache(store, stage.where, tokenizer, Limits(**notes["limits"]), progress)
    queries_by_language, candidates_by_language = (
        {code: cache.encoded(stage.task, split, code, head=task.head, labels=(), training=False, noise=noise) for code in codes}
        for split, codes, noise in (("test", stage.languages, stage.noise), ("pool", task.pools(stage.languages), None))
    )
    pool = build_pool(
        task,
        {code: cast(Sequence[Query], part.examples()) for code, part in queries_by_language.items()},
        {code: cast(Sequence[Candidate], part.examples()) for code, part in candidates_by_language.items()},
    )
    own = {code: sampled(task, queries, stage.test_examples) for code, queries in pool.queries.items()}
    candidates = Joined(part.features for part in candidates_by_language.values())
    queries: Joined | Chosen = Joined(part.features for part in queries_by_language.values())
    if stage.test_examples is not None:
        queries = Chosen(queries, _places(pool.queries, own))

    def vectors(features: Sequence[Feature], advance: Callable[[int], None]) -> np.ndarray:
        outputs = predict.outputs(model, source, features, tokenizer, device, advance, checkpoint.next_pass())
        if not ranks.first():
            return np.zeros((0, 0))
        computed = np.concatenate(outputs)
        if not np.isfinite(computed).all():
            raise RunFailed(f"{stage.task}: the encoder's vectors are not finite: its training was lost")
        return computed

    def chunks() -> Iterator[np.ndarray]:
        advance = progress.through(len(candidates), "candidates")
        for begin in range(0, len(candidates), CHUNK):
            yield vectors(candidates[begin : begin + CHUNK], advance)

    asked_vectors = vectors(queries, progress.through(len(queries), "queries"))
    if not ranks.first():
        for _ in chunks():
            pass
        return
    best = retrieval.nearest_k(asked_vectors, chunks(), RANKED, similarity_kernels.fastest())
    lists = iter([[pool.names[i] for i in row if i >= 0] for row in best])
    pool_records = [part.stats for part in candidates_by_language.values()]  # in a result after the records of all queries
    for code, examples in own.items():
        ranked = [next(lists) for _ in examples]
        query_record = (
            queries_by_language[code].stats
            if stage.test_examples is None
            else {**queries_by_language[code].stats, "sampled": len(examples)}
        )
        records = [query_record, *(pool_records if code == stage.languages[-1] else ())]
        yield LanguagePredictions(code, ranked, records_by_id(examples, ranked), examples, records)


def _places(queries: Mapping[str, Sequence[Query]], chosen: Mapping[str, Sequence[Query]]) -> list[int]:
    """Return the positions of the chosen queries among all of them; a query is a feature."""
    names = {(code, query.id) for code, own in chosen.items() for query in own}
    return [i for i, name in enumerate((code, query.id) for code, own in queries.items() for query in own) if name in names]
