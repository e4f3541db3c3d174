"""Ranking a pool of candidates for queries in several languages (LAReQA, Mewsli-X), with bounded memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from stilts_xtreme import plan, ranks
from stilts_xtreme.engine import predict, products
from stilts_xtreme.engine.features import Chosen, Joined
from stilts_xtreme.errors import RunFailed
from stilts_xtreme.heads import Limits
from stilts_xtreme.scoring import retrieval
from stilts_xtreme.stages import models
from stilts_xtreme.stages.answers import Answer, by_id
from stilts_xtreme.stages.encoded import Desk
from stilts_xtreme.stages.events import Progress
from stilts_xtreme.stages.kept import Kept
from stilts_xtreme.stages.pool import gather
from stilts_xtreme.store import Store
from stilts_xtreme.tasks.catalogue import TASKS
from stilts_xtreme.tasks.metrics import RANKED
from stilts_xtreme.tasks.sample import sampled

CHUNK = 10_000  # candidates encoded at a time: their vectors are compared and forgotten


def answers(stage: plan.Predict, store: Store, device: Any, progress: Progress, memory: Kept) -> Iterator[Answer]:
    """From a trained dual encoder: each query's best candidates by name, best first.

    Everything is ranked first, the pool read once. RunFailed where vectors are not finite.
    """
    assert isinstance(stage.model, plan.Train)
    source = models.source(stage)
    model, words, notes = models.trained(stage, store, device)
    task, desk = TASKS[stage.task], Desk(store, stage.where, words, Limits(**notes["limits"]), progress)
    asked, candidates = (
        {code: desk.encoded(stage.task, split, code, head=task.head, labels=(), training=False, noise=noise) for code in codes}
        for split, codes, noise in (("test", stage.languages, stage.noise), ("pool", task.pools(stage.languages), None))
    )
    pool = gather(task, *({code: part.examples() for code, part in parts.items()} for parts in (asked, candidates)))
    own = {code: sampled(task, queries, stage.test_examples) for code, queries in pool.queries.items()}
    queries, found = (Joined(part.features for part in parts.values()) for parts in (asked, candidates))
    if stage.test_examples is not None:
        queries = Chosen(queries, _places(pool.queries, own))

    def vectors(features: Sequence[Any], heard: Callable[[int], None]) -> np.ndarray:
        outputs = predict.outputs(model, source, features, words, device, heard, memory.sweep())
        if not ranks.first():
            return np.zeros((0, 0))
        made = np.concatenate(outputs)
        if not np.isfinite(made).all():
            raise RunFailed(f"{stage.task}: the encoder's vectors are not finite: its training was lost")
        return made

    def chunks() -> Iterator[np.ndarray]:
        heard = progress.through(len(found), "candidates")
        for begin in range(0, len(found), CHUNK):
            yield vectors(found[begin : begin + CHUNK], heard)

    asked_vectors = vectors(queries, progress.through(len(queries), "queries"))
    if not ranks.first():
        for _ in chunks():
            pass
        return
    best = retrieval.nearest_k(asked_vectors, chunks(), RANKED, products.fastest())
    lists = iter([[pool.names[i] for i in row if i >= 0] for row in best])
    last = [part.told for part in candidates.values()]  # after what is told of all queries
    for code, examples in own.items():
        ranked = [next(lists) for _ in examples]
        read = asked[code].told if stage.test_examples is None else {**asked[code].told, "sampled": len(examples)}
        told = [read, *(last if code == stage.languages[-1] else ())]
        yield Answer(code, ranked, by_id(examples, ranked), examples, told)


def _places(queries: Mapping[str, Sequence[Any]], chosen: Mapping[str, Sequence[Any]]) -> list[int]:
    """Where the chosen queries stand among all of them; each query is one feature."""
    names = {(code, query.id) for code, own in chosen.items() for query in own}
    return [i for i, name in enumerate((code, query.id) for code, own in queries.items() for query in own) if name in names]
